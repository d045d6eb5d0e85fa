"""Every certificate of a namespace: what it is for, who signed it, which names it bears, how long it lasts.

Read from the files that the router reads, not from what should be in them: that is the question a person has when a
link does not come up. Nothing is changed, no lock is taken, and no key is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.resource_files import CredentialFiles, read_credential_directories
from skupper_local.operations.errors import NotDeclaredError
from skupper_local.operations.preparation import read_configuration
from skupper_local.operations.spelling import meant, no_site
from skupper_local.operations.target import Target
from skupper_local.pki.certificates import CertificateDescription

_CA_FILE, _CERTIFICATE_FILE, _KEY_FILE = "ca.crt", "tls.crt", "tls.key"

_USERS = {
    "listener": "access",
    "connector": "link",
    "tcpListener": "listener",
    "tcpConnector": "connector",
}
"""What each router entity that names a TLS profile is called by people."""

_TOOLS = "skupper-local-client"


@dataclass(frozen=True)
class CertificateRow:
    """One certificate. ``state`` is ok, renewing (the next start or reload makes a new one), expired, incomplete or unreadable.

    ``use`` is CA, server, client, ``server, client`` or trust (a CA bundle without a certificate of its own); ``used_by``
    names what presents or trusts it. Times are None for one that cannot be read.
    """

    name: str
    use: str
    state: str
    message: str
    subject: str
    issuer: str
    hosts: tuple[str, ...]
    key: str
    serial: str
    not_before: datetime | None
    not_after: datetime | None
    days_left: int | None
    supplied: bool
    used_by: tuple[str, ...]
    path: Path


def view_certificates(
    target: Target, name: str = "", *, now: datetime | None = None
) -> tuple[CertificateRow, ...]:
    """The certificates of a namespace: CAs first, each group by name; only those called ``name`` when it is given.

    Raises NoSiteError for a namespace that holds nothing, NotDeclaredError when nothing is called ``name``.
    """
    paths = target.paths
    if not paths.exists():
        raise no_site(paths)
    now = now or datetime.now(UTC)
    every = tuple(_rows(paths, now))
    rows = tuple(row for row in every if name in ("", row.name))
    if name and not rows:
        raise NotDeclaredError(
            f"There is no certificate {name} in namespace {paths.name}",
            why=f"neither {paths.runtime} nor {paths.input_resources.parent} holds one of that name",
            next_step=f"see what there is: skupper-local certificate status -n {paths.name}",
            meant=meant(name, (row.name for row in every)),
        )
    return rows


def _rows(paths: NamespacePaths, now: datetime) -> Iterator[CertificateRow]:
    users = _users(paths)
    for made, supplied in (
        (paths.runtime_issuers, paths.input_issuers),
        (paths.runtime_certs, paths.input_certs),
    ):
        own = read_credential_directories(supplied)
        found = read_credential_directories(made)
        for name in sorted({*own, *found}):
            # The credentials of a link come with it from the other site, which alone can sign new ones.
            # What the user supplied is what counts, unless it has been brought into effect and the router has it.
            from_elsewhere = name in own or any(user.startswith("link ") for user in users.get(name, ()))
            yield _row(found.get(name) or own[name], now, users, supplied=from_elsewhere)


def _row(
    item: CredentialFiles, now: datetime, users: Mapping[str, tuple[str, ...]], *, supplied: bool
) -> CertificateRow:
    from skupper_local.pki.certificates import describe, load_certificates, needs_renewal
    from skupper_local.pki.errors import UnreadableCredentialsError

    trust_only = _CERTIFICATE_FILE not in item.files and _KEY_FILE not in item.files
    file = _CA_FILE if trust_only else _CERTIFICATE_FILE
    found: CertificateDescription | None = None
    renewing = False
    state, message = "ok", ""
    missing = [
        name
        for name in ((_CA_FILE,) if trust_only else (_CERTIFICATE_FILE, _KEY_FILE))
        if not item.files.get(name)
    ]
    if missing:
        state, message = "incomplete", f"{', '.join(missing)} is missing in {item.path}"
    if item.files.get(file):
        try:
            found = describe(item.files[file], now)
            renewing = needs_renewal(load_certificates(item.files[file])[0], now)
        except UnreadableCredentialsError as error:
            state, message = "unreadable", f"{item.path / file}: {error}"
    if found and state == "ok":
        state, message = _judge(found, renewing, supplied=supplied)
    return CertificateRow(
        name=item.name,
        use=_use(found, trust_only=trust_only),
        state=state,
        message=message,
        subject=found.subject if found else "",
        issuer=found.issuer if found else "",
        hosts=(*found.dns_names, *(ip for ip in found.ip_addresses if ip not in found.dns_names))
        if found
        else (),
        key=found.key if found else "",
        serial=found.serial if found else "",
        not_before=found.not_before if found else None,
        not_after=found.not_after if found else None,
        days_left=found.days_left if found else None,
        supplied=supplied,
        used_by=users.get(item.name, ()),
        path=item.path,
    )


def _judge(found: CertificateDescription, renewing: bool, *, supplied: bool) -> tuple[str, str]:
    """State and message of one that can be read. A supplied one, and a CA, is not made anew by us."""
    by_hand = supplied or found.is_ca
    if found.days_left < 0:
        way_out = "replace it" if by_hand else "skupper-local system reload makes a new one"
        return "expired", f"since {found.not_after:%Y-%m-%d}; {way_out}"
    if renewing and not by_hand:
        return "renewing", "the next start or reload makes a new one"
    return "ok", ""


def _use(found: CertificateDescription | None, *, trust_only: bool) -> str:
    if trust_only:
        return "trust"
    if found is None:
        return ""
    if found.is_ca:
        return "CA"
    words = {"serverAuth": "server", "clientAuth": "client"}
    return ", ".join(words.get(usage, usage) for usage in found.usages) or "any"


def _users(paths: NamespacePaths) -> dict[str, tuple[str, ...]]:
    """Who uses each directory of credentials, by the router's configuration as it is on disk."""
    found: dict[str, list[str]] = {_TOOLS: ["tools of this site"]}
    for entity in read_configuration(paths):
        profile = str(entity.attributes.get("sslProfile", ""))
        if profile and entity.type in _USERS:
            name = str(entity.attributes.get("name", ""))
            if entity.type.startswith("tcp"):
                name = name.partition("/")[2].partition("@")[0]
            found.setdefault(profile, []).append(f"{_USERS[entity.type]} {name}")
    return {name: tuple(sorted(set(users))) for name, users in found.items()}
