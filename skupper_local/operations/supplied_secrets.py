"""What the Secrets of links hold: whether a router could present it and check others by it.

Which files must be there is a rule between resources (``site.state``). Whether they are what they are called, belong together
and are still good is seen with the certificates opened; it is told with every other mistake in the declarations, at the line of
the Secret's entry, because a link with such credentials fails for ever and says so only in the router's log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from skupper_local.namespace.resource_files import CredentialFiles
from skupper_local.pki.credentials import CA_FILE, CERTIFICATE_FILE, FILES, CredentialsSource
from skupper_local.resources import Certificate, Link, Problem, Resource, RouterAccess, Secret, Site
from skupper_local.site.certificates import LOCAL_CA, SERVICE_CA, SITE_CA
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


def problems_of_supplied(
    resources: Iterable[Resource],
    certificates: Mapping[str, CredentialFiles],
    issuers: Mapping[str, CredentialFiles],
    now: datetime,
) -> list[Problem]:
    """What is wrong with the sets of a user that the declarations name, whatever they are for.

    A start that has nothing else to refuse tells it with all that the certificates show; this is for one that ends before. The
    sets of links are left to :func:`problems_of_link_secrets`.
    """
    resources = tuple(resources)
    of_links = {item.tls_credentials for item in resources if isinstance(item, Link)}
    named = {str(getattr(item, "tls_credentials", "")) for item in resources}
    named |= {item.name for item in resources if isinstance(item, (Site, RouterAccess, Certificate))}
    named |= {f"client-{name}" for name in named}
    signing = {SITE_CA, SERVICE_CA, LOCAL_CA}
    signing |= {str(getattr(item, field, "")) for item in resources for field in ("issuer", "ca")}
    signing |= {item.name for item in resources if isinstance(item, Certificate)}
    found: list[Problem] = []
    for name in sorted(certificates.keys() & named - of_links):
        found += _problems_of_set(certificates[name].files, now, _in_directory(certificates[name]))
    for name in sorted(issuers.keys() & signing):
        found += _problems_of_set(issuers[name].files, now, _in_directory(issuers[name]))
    there = {*certificates, *issuers} | of_links  # files count before a Secret of the same name
    for secret in resources:
        if isinstance(secret, Secret) and secret.name in (named | signing) - there:
            found += _problems_of_set(secret.data, now, _in_secret(secret))
    return found


_Place = Callable[[str, str], Problem]
"""A problem with one file of a set, or with all of it, and why."""


def _in_directory(item: CredentialFiles) -> _Place:
    return lambda file, why: Problem(str(item.path / file), 0, "", "", "", why)


def _in_secret(secret: Secret) -> _Place:
    return lambda file, why: problem_at(secret, f"data.{file}" if file else "data", None, why)


def _problems_of_set(files: Mapping[str, bytes], now: datetime, problem: _Place) -> list[Problem]:
    from skupper_local.pki.certificates import is_expired
    from skupper_local.pki.pairs import UnusableError, expired_trust, read_pair

    source = CredentialsSource("", files)
    missing = source.missing()
    if missing and len(missing) == len(FILES) - 1 and CA_FILE not in missing:
        return []  # who shows no certificate needs a CA alone
    if missing:
        return [problem("", f"{', '.join(missing)} missing or empty")]
    try:
        pair = read_pair(source)
    except UnusableError as error:
        return [problem(error.file, str(error))]
    if is_expired(pair.certificate, now):
        end = pair.certificate.not_valid_after_utc
        return [problem(CERTIFICATE_FILE, f"it has expired at {end:%Y-%m-%d}")]
    why = expired_trust(pair.trust, now)
    return [problem(CA_FILE, why)] if why else []


def _problems(
    files: Mapping[str, bytes], user: str, now: datetime, place: Callable[[str, str], Problem]
) -> list[Problem]:
    from skupper_local.pki.certificates import CLIENT_AUTH, is_expired, usages
    from skupper_local.pki.pairs import UnusableError, expired_trust, read_pair

    def problem(file: str, why: str) -> Problem:
        return place(file, f"cannot be used by {user}: {why}")

    try:
        pair = read_pair(CredentialsSource("credentials", files))
    except UnusableError as error:
        return [problem(error.file, str(error))]
    certificate = pair.certificate
    found = []
    if is_expired(certificate, now):
        found.append(
            problem(CERTIFICATE_FILE, f"it has expired at {certificate.not_valid_after_utc:%Y-%m-%d}")
        )
    elif why := expired_trust(pair.trust, now):
        found.append(problem(CA_FILE, why))
    allowed = usages(certificate)
    if allowed and CLIENT_AUTH not in allowed:
        found.append(problem(CERTIFICATE_FILE, "it must not be used by a client (extended key usage)"))
    return found
