"""Invitations: the Secret and Link documents that another site applies to link to this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skupper_local.resources import Link, Secret
from skupper_local.site.certificates import CertificateWanted
from skupper_local.site.derive import Access, SiteModel


@dataclass(frozen=True)
class GeneratedLink:
    """A link to hand out, before its key is made.

    ``issuer`` is the small CA of this link alone (removing it from the trusted ones revokes the link); ``client`` the certificate it signs.
    """

    name: str
    access: Access
    host: str
    issuer: CertificateWanted
    client: CertificateWanted


def generated_link(model: SiteModel, *, name: str = "", access: str = "", host: str = "") -> GeneratedLink:
    """The link that ``link generate`` makes. Defaults: the first link access, its default host, ``link-<access>``.

    Raises NoLinkAccessError when the site accepts no links or has no access of that name, and InvalidRequestError for a bad name or host.
    """
    raise NotImplementedError


def link_documents(
    access: Access, *, name: str, host: str, credentials: Mapping[str, bytes], cost: int = 1
) -> tuple[Secret, Link]:
    """The Secret and the Link of an invitation (reference-engine 5.1). ``credentials`` are the client's files."""
    raise NotImplementedError


def default_host(model: SiteModel, access: Access) -> str:
    """The host to offer when none is asked for: one that a remote site can use.

    The address the access is bound to if it is a particular one; else the hostname if it resolves to a non-loopback address of this
    machine; else the first global address; else ``127.0.0.1``.
    """
    raise NotImplementedError


def offered_hosts(model: SiteModel, access: Access) -> tuple[str, ...]:
    """All hosts under which the access can be reached and verified, the default one first."""
    raise NotImplementedError


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a server certificate with these alternative names (DNS and IP, as text) verifies for ``host``."""
    raise NotImplementedError
