"""Invitations: the Secret and Link documents that another site applies to link to this one (reference-engine 5.1).

An invitation is good only if it verifies: the host in it must stand in the server certificate of the access, and should be
one that the other machine can reach. The client certificate in it is signed by a CA made for this link alone, which the
access trusts as long as the link is not revoked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skupper_local.errors import InvalidRequestError
from skupper_local.resources import (
    Endpoint,
    Link,
    Metadata,
    Secret,
    encode_documents,
    host_rule,
    name_rule,
    shown,
)
from skupper_local.site.certificates import CertificateWanted, authority, client, distinct
from skupper_local.site.model import Access, SiteModel
from skupper_local.site.sockets import (
    DEFAULT_PORTS,
    is_loopback,
    is_unspecified,
)
from skupper_local.site.state import LINK_FILES

SECRET_TYPE = "kubernetes.io/tls"  # noqa: S105
_LONGEST_FILE_NAME = 255


class NoLinkAccessError(InvalidRequestError):
    """The site accepts no links, or has no access of the name asked for."""

    code = "no-link-access"


class InvalidInvitationError(InvalidRequestError):
    """The name, host or cost asked for cannot stand in a link."""

    code = "invalid-invitation"


@dataclass(frozen=True)
class GeneratedLink:
    """A link to hand out, before its key is made.

    ``issuer`` is the CA of this link alone (removing it from the trusted ones revokes the link); ``client`` the certificate it
    signs. ``verifies`` tells whether the server certificate that the site wants names ``host``: if not, add the host to
    :attr:`SiteFacts.added_hosts` under the access's name and derive anew before anything is printed.
    """

    name: str
    access: Access
    host: str
    cost: int
    issuer: CertificateWanted
    client: CertificateWanted

    @property
    def verifies(self) -> bool:
        """Whether the wanted server certificate names the host."""
        return covers(self.access.hosts, self.host)


def generated_link(
    model: SiteModel, *, name: str = "", access: str = "", host: str = "", cost: int = 1
) -> GeneratedLink:
    """The link that ``link generate`` makes. Defaults: the first link access, its default host, ``link-<access>``.

    Raises NoLinkAccessError, or InvalidInvitationError for a name, host or cost that breaks its rule.
    """
    chosen = _access_named(model, access)
    name = name or f"link-{chosen.name}"
    host = host or default_host(model, chosen)
    for what, value, rule in (
        ("name", name, name_rule(name)),
        (
            "host",
            host,
            host_rule(host) or ("must be one address, not all of them" if is_unspecified(host) else ""),
        ),
        ("cost", cost, "" if 1 <= cost <= 2**31 - 1 else "must be a whole number from 1 to 2147483647"),
    ):
        if rule:
            raise InvalidInvitationError(
                f"A link cannot have the {what} {shown(value)}", why=rule, next_step=f"Choose another {what}."
            )
    if chosen.supplied and not covers(chosen.hosts, host):
        named = ", ".join(chosen.hosts) or "no host at all"
        raise InvalidInvitationError(
            f"A link cannot have the host {shown(host)}",
            why=f"the certificate that was supplied for {chosen.resource.title} names {named}",
            next_step="Choose one of these with --host, or supply a certificate that names the host.",
        )
    issuer = authority(f"link-issuer-{name}", f"link {name}")
    return GeneratedLink(
        name=name,
        access=chosen,
        host=host,
        cost=cost,
        issuer=issuer,
        client=client(
            f"link-client-{name}",
            issuer=issuer.name,
            trust=chosen.issuer,
            peer=chosen.credentials,
            used_by=f"link {name}",
        ),
    )


def link_documents(
    access: Access, *, name: str, host: str, credentials: Mapping[str, bytes], cost: int = 1
) -> tuple[Secret, Link]:
    """The Secret and the Link of an invitation."""
    return secret_of(name, credentials), link_to(access, name=name, host=host, cost=cost)


def secret_of(name: str, credentials: Mapping[str, bytes]) -> Secret:
    """The Secret of a link. ``credentials`` maps file names to the client's files; of them ``ca.crt``, ``tls.crt`` and
    ``tls.key`` are taken."""
    return Secret(
        metadata=Metadata(name=name), type=SECRET_TYPE, data={file: credentials[file] for file in LINK_FILES}
    )


def link_to(access: Access, *, name: str, host: str, cost: int = 1, tls_credentials: str = "") -> Link:
    """A Link to an access, with the credentials of its own name unless others are named."""
    endpoints = tuple(
        Endpoint(name=role, host=host, port=access.ports[role])
        for role in DEFAULT_PORTS
        if role in access.ports
    )
    return Link(
        metadata=Metadata(name=name), endpoints=endpoints, tls_credentials=tls_credentials or name, cost=cost
    )


def static_link_files(model: SiteModel, access: Access, credentials: Mapping[str, bytes]) -> dict[str, str]:
    """The files of ``runtime/links`` for one access, by name: one for each host, signed by the access's own CA.

    ``credentials`` are those of ``access.client_credentials``. These files are what the reference's tools look for, for the
    hosts that those expect (:func:`static_hosts`).
    """
    files: dict[str, str] = {}
    for host in static_hosts(model, access):
        file = f"link-{access.name}-{host}.yaml"
        if len(file) <= _LONGEST_FILE_NAME:
            documents = link_documents(access, name=f"link-{access.name}", host=host, credentials=credentials)
            files[file] = encode_documents(documents)
    return files


def default_host(model: SiteModel, access: Access) -> str:
    """The host to offer when none is asked for: one that a remote site can use.

    What the user declared for the certificate if anything; else the address the access is bound to if it is a particular one;
    else the host name if it resolves to a non-loopback address of this machine; else the first address that others can
    use; else ``127.0.0.1``.
    """
    hosts = _concrete(access.hosts)
    if is_unspecified(access.resource.bind_host) and hosts[-1:] == (model.facts.hostname,):
        hosts = hosts[:-1]  # a host name that does not lead here (access_hosts)
    return next((host for host in hosts if not is_loopback(host)), hosts[0] if hosts else "127.0.0.1")


def offered_hosts(model: SiteModel, access: Access) -> tuple[str, ...]:
    """All hosts under which the access can be dialled and verified, the default one first."""
    return distinct((default_host(model, access), *_concrete(access.hosts)))


def static_hosts(model: SiteModel, access: Access) -> tuple[str, ...]:
    """The hosts of the static links, as the reference has them: what the user declared for the certificate and the address
    bound, or all that is offered where nothing was declared, or where the user's certificate says what can be; 0.0.0.0, which
    leads to the client's own machine, among them."""
    declared = () if access.supplied else access.resource.subject_alternative_names
    return tuple(
        host
        for host in (*offered_hosts(model, access), *filter(is_unspecified, access.hosts))
        if not declared or not is_loopback(host) or host in (*declared, access.resource.bind_host)
    )


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a server certificate with these alternative names (DNS and IP, as text) verifies for ``host``.

    Names are compared as RFC 6125 says: without regard to case, ``*`` for exactly one leftmost label, never for an address.
    """
    wanted = _normal(host)
    if wanted != host.lower() or ":" in wanted or wanted.replace(".", "").isdecimal():
        return any(_normal(name) == wanted for name in names)
    parent = wanted.partition(".")[2]
    return any(
        _normal(name) == wanted or (name.startswith("*.") and parent != "" and name[2:].lower() == parent)
        for name in names
    )


def _access_named(model: SiteModel, name: str) -> Access:
    accesses = model.link_accesses
    if not accesses:
        raise NoLinkAccessError(
            f"Site {model.state.site.name} does not accept links",
            why="it has no link access",
            next_step=(
                f"skupper-local site update --enable-link-access --wait configured -n {model.state.namespace}"
            ),
        )
    for access in accesses:
        if name in ("", access.name):
            return access
    raise NoLinkAccessError(
        f"There is no link access {shown(name)}",
        why=f"site {model.state.site.name} has {', '.join(access.name for access in accesses)}",
        next_step="Name one of these.",
    )


def _concrete(names: Iterable[str]) -> tuple[str, ...]:
    """The names that can be dialled."""
    return tuple(name for name in names if not name.startswith("*.") and not is_unspecified(name))


def _normal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")
