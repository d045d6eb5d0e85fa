"""What the Secrets of links hold: whether a router could present it and check others by it.

Which files must be there is a rule between resources (``site.state``). Whether they are what they are called, belong together
and are still good is seen with the certificates opened; it is told with every other mistake in the declarations, at the line of
the Secret's entry, because a link with such credentials fails for ever and says so only in the router's log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from skupper_local.namespace.resource_files import CredentialFiles
from skupper_local.resources import Link, Problem, Resource, Secret
from skupper_local.site.state import LINK_FILES, problem_at


def place_in_secret(secret: Secret, file: str) -> str:
    """Where one entry of a Secret was declared, for messages."""
    return str(problem_at(secret, f"data.{file}", None, ""))


def problems_of_link_secrets(
    resources: Iterable[Resource],
    now: datetime,
    directories: Mapping[str, CredentialFiles] | None = None,
) -> list[Problem]:
    """One problem for each complete Secret of a link that the link cannot use, and for each of the ``directories`` below
    ``input/certs`` that stands for one."""
    resources = tuple(resources)
    users: dict[str, str] = {}
    for link in resources:
        if isinstance(link, Link):
            users.setdefault(link.tls_credentials, link.title)
    if not users:
        return []
    secrets = {item.name: item for item in resources if isinstance(item, Secret) and item.name in users}
    found: list[Problem] = []
    for secret in secrets.values():
        if all(secret.data.get(name) for name in LINK_FILES):

            def in_secret(file: str, why: str, secret: Secret = secret) -> Problem:
                return problem_at(secret, f"data.{file}", None, why)

            found += _problems(secret.data, users[secret.name], now, in_secret)
    for name in sorted(users.keys() & (directories or {}).keys() - secrets.keys()):
        files = (directories or {})[name]
        if all(files.files.get(file) for file in LINK_FILES):

            def in_file(file: str, why: str, files: CredentialFiles = files) -> Problem:
                return Problem(str(files.path / file), 0, "", "", "", why)

            found += _problems(files.files, users[name], now, in_file)
    return found


def _problems(
    files: Mapping[str, bytes], user: str, now: datetime, place: Callable[[str, str], Problem]
) -> list[Problem]:
    from skupper_local.pki.certificates import CLIENT_AUTH, is_expired, usages
    from skupper_local.pki.credentials import CERTIFICATE_FILE, CredentialsSource
    from skupper_local.pki.pairs import UnusableError, read_pair

    def problem(file: str, why: str) -> Problem:
        return place(file, f"cannot be used by {user}: {why}")

    try:
        certificate = read_pair(CredentialsSource("credentials", files)).certificate
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
