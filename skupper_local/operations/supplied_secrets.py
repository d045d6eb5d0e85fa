"""What the Secrets of links hold: whether a router could present it and check others by it.

Which files must be there is a rule between resources (``site.state``). Whether they are what they are called, belong together
and are still good is seen with the certificates opened; it is told with every other mistake in the declarations, at the line of
the Secret's entry, because a link with such credentials fails for ever and says so only in the router's log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from skupper_local.resources import Link, Problem, Resource, Secret
from skupper_local.site.state import LINK_FILES, problem_at


def place_in_secret(secret: Secret, file: str) -> str:
    """Where one entry of a Secret was declared, for messages."""
    return str(problem_at(secret, f"data.{file}", None, ""))


def problems_of_link_secrets(resources: Iterable[Resource], now: datetime) -> list[Problem]:
    """One problem for each complete Secret of a link that the link cannot use."""
    resources = tuple(resources)
    users: dict[str, str] = {}
    for link in resources:
        if isinstance(link, Link):
            users.setdefault(link.tls_credentials, link.title)
    if not users:
        return []
    secrets = (item for item in resources if isinstance(item, Secret) and item.name in users)
    complete = (secret for secret in secrets if all(secret.data.get(name) for name in LINK_FILES))
    return [problem for secret in complete for problem in _problems(secret, users[secret.name], now)]


def _problems(secret: Secret, user: str, now: datetime) -> list[Problem]:
    from skupper_local.pki.certificates import CLIENT_AUTH, is_expired, usages
    from skupper_local.pki.credentials import CERTIFICATE_FILE, CredentialsSource
    from skupper_local.pki.pairs import UnusableError, read_pair

    def problem(file: str, why: str) -> Problem:
        return problem_at(secret, f"data.{file}", None, f"cannot be used by {user}: {why}")

    try:
        certificate = read_pair(CredentialsSource(secret.title, secret.data)).certificate
    except UnusableError as error:
        return [problem(error.file, str(error))]
    found = []
    if is_expired(certificate, now):
        found.append(
            problem(CERTIFICATE_FILE, f"it has expired at {certificate.not_valid_after_utc:%Y-%m-%d}")
        )
    allowed = usages(certificate)
    if allowed and CLIENT_AUTH not in allowed:
        found.append(problem(CERTIFICATE_FILE, "it must not be used by a client (extended key usage)"))
    return found
