"""The credentials a site wants, as a declarative list: who is named in them, who signs, who trusts, who uses them.

Nothing is made here; the operations compare this list with what is on disk and issue what is missing (reference-engine 4.3).
Three certificate authorities, each for one purpose: ``skupper-site-ca`` for links, ``skupper-service-ca`` for listeners and
connectors over TLS, ``skupper-local-ca`` for management on this machine. A CA is wanted only when something is signed by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

SITE_CA = "skupper-site-ca"
SERVICE_CA = "skupper-service-ca"
LOCAL_CA = "skupper-local-ca"
LOCAL_SERVER = "skupper-local-server"
LOCAL_CLIENT = "skupper-local-client"
RESERVED = frozenset((SITE_CA, SERVICE_CA, LOCAL_CA, LOCAL_SERVER, LOCAL_CLIENT))
"""Names of credentials that a declaration cannot use for its own."""

_SUBJECT_LIMIT = 64


class Purpose(Enum):
    """What a certificate may do, and where it is kept: CAs in ``runtime/issuers``, the others in ``runtime/certs``."""

    CA = "ca"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True)
class CertificateWanted:
    """One certificate and key. ``name`` is the directory; ``subject`` the common name (at most 64 characters).

    ``hosts`` become DNS names, and those that are IP addresses become IP names as well; always empty for a client.
    ``issuer`` is the CA that signs (empty: the CA signs itself); ``trust`` names the CAs whose certificates together make
    ``ca.crt``, the issuer's first unless the peer is signed by another. ``peer`` is the server's certificate that a client
    is made for: if the user supplied that one, the client trusts what came with it as well. ``trust_only``: its owner shows
    no certificate, ``ca.crt`` alone would do. ``used_by`` says for whom it is, for messages.
    """

    name: str
    purpose: Purpose
    subject: str
    hosts: tuple[str, ...] = ()
    issuer: str = ""
    trust: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    peer: str = ""
    trust_only: bool = False


@dataclass(frozen=True)
class CredentialsCopy:
    """A directory ``runtime/certs/<profile>`` whose files come from elsewhere.

    Either ``secret`` names the Secret that holds them (links, proxies), or ``certificate`` names the wanted certificate whose
    ``ca.crt`` alone is copied (a connector over TLS without a client certificate; reference-engine 11.2, defect 1).
    """

    profile: str
    secret: str = ""
    certificate: str = ""


def proxy_credentials(secret: str) -> str:
    """The directory in ``runtime/certs`` with what the router needs to know of a proxy; container platforms mount no other."""
    return f"{secret}-proxy"


def authority(name: str, *used_by: str) -> CertificateWanted:
    """A CA, which signs itself and names no host."""
    return CertificateWanted(name, Purpose.CA, subject_of(name), used_by=used_by)


def server(
    name: str, subject: str, hosts: Iterable[str], *, issuer: str, trust: Iterable[str] = (), used_by: str
) -> CertificateWanted:
    """A server's certificate, trusting its own issuer and those in ``trust``."""
    return CertificateWanted(
        name,
        Purpose.SERVER,
        subject_of(subject),
        hosts=distinct(hosts),
        issuer=issuer,
        trust=distinct((issuer, *trust)),
        used_by=(used_by,),
    )


def client(
    name: str, *, issuer: str, trust: str = "", peer: str = "", trust_only: bool = False, used_by: str
) -> CertificateWanted:
    """A client's certificate. It names no host, so that its holder can pose as none; ``trust`` signs the server."""
    return CertificateWanted(
        name,
        Purpose.CLIENT,
        subject_of(name),
        issuer=issuer,
        trust=(trust or issuer,),
        used_by=(used_by,),
        peer=peer,
        trust_only=trust_only,
    )


def merged(one: CertificateWanted, other: CertificateWanted) -> CertificateWanted | None:
    """One certificate for two users that declared the same name; None when it cannot serve both.

    Who shows no certificate is served by any of the same CA.
    """
    if one.issuer != other.issuer:
        return None
    if one.purpose is not other.purpose:
        shown, verifying = (other, one) if one.trust_only else (one, other)
        if not verifying.trust_only:
            return None
        return replace(shown, used_by=distinct((*one.used_by, *other.used_by)))
    return replace(
        one,
        hosts=distinct((*one.hosts, *other.hosts)),
        trust=distinct((*one.trust, *other.trust)),
        used_by=distinct((*one.used_by, *other.used_by)),
        trust_only=one.trust_only and other.trust_only,
    )


def declared_for(needed: CertificateWanted, declared: CertificateWanted) -> CertificateWanted | None:
    """What the site needs, as a Certificate of the same name declares it; None when it cannot serve the purpose.

    The declared subject counts, and its hosts are added. For listeners and connectors the declared CA signs; who links to
    the site trusts the CA of the access, so that one stays.
    """
    if needed.trust_only:
        return replace(declared, used_by=distinct((*needed.used_by, *declared.used_by)))
    if declared.purpose is not needed.purpose or needed.issuer not in (SERVICE_CA, declared.issuer):
        return None
    return replace(
        needed,
        subject=declared.subject,
        hosts=distinct((*needed.hosts, *declared.hosts)),
        issuer=declared.issuer,
        trust=distinct((declared.issuer, *(name for name in needed.trust if name != needed.issuer))),
        used_by=distinct((*needed.used_by, *declared.used_by)),
        trust_only=False,
    )


def subject_of(name: str) -> str:
    """A common name: X.509 allows 64 characters (RFC 5280, ub-common-name). Nobody decides anything by it."""
    return name[:_SUBJECT_LIMIT]


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """The values without repetitions, in their order."""
    return tuple(dict.fromkeys(values))
