"""A site with every choice made, and the facts the choices rest on.

A :class:`SiteModel` holds what the declarations (:class:`~skupper_local.site.state.SiteState`) and the machine
(:class:`SiteFacts`) determine together; :func:`~skupper_local.site.derive.derive` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skupper_local.resources import Problem, RouterAccess
from skupper_local.site.certificates import CertificateWanted, CredentialsCopy
from skupper_local.site.reach import Published, Reach, published_at
from skupper_local.site.state import LOCAL_ACCESS, SiteState


@dataclass(frozen=True)
class PortWanted:
    """A port that the site needs and nobody declared. ``key`` names it for ever (``west/inter-router``).

    The caller keeps the number it finds: the one recorded under ``key``, else the first free one from ``first`` upward that
    is not in ``avoid``. ``host`` is the address to try it on, empty for all interfaces.
    """

    key: str
    first: int
    host: str = ""
    avoid: frozenset[int] = frozenset()


@dataclass(frozen=True)
class SiteFacts:
    """What the machine and earlier runs contribute; plain values.

    ``home`` is the absolute path of the namespace directory; ``ports`` the number of each :class:`PortWanted` by key;
    ``hostname_addresses`` what ``hostname`` resolves to; ``addresses`` those of the machine's interfaces in their order;
    ``added_hosts`` further hosts for the server certificate of an access, by its name (asked for with ``--host`` before);
    ``link_issuers`` the CAs of generated links (names in ``runtime/issuers``) that are not revoked; ``router_kind`` is
    ``embedded``, ``skrouterd`` or ``image``, ``router_version`` that of ``skrouterd`` if it is known; ``reach`` is from where
    the router sees the world; ``supplied_hosts`` are the hosts in the certificates that the user supplied, by their name;
    ``issuers_there`` the CAs that lie on disk, supplied or made before (None: not looked at).
    """

    site_id: str
    platform: str
    version: str
    home: str
    ports: Mapping[str, int] = field(default_factory=dict)
    hostname: str = ""
    hostname_addresses: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    added_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link_issuers: tuple[str, ...] = ()
    router_kind: str = "embedded"
    router_version: str = ""
    supplied_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    issuers_there: frozenset[str] | None = None
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True)
class Access:
    """One place where the router accepts connections: a RouterAccess with every choice made.

    ``resource`` is the RouterAccess as it is active (ports and credentials filled in); ``declared`` is False for the two that
    the site gets by itself; ``ports`` maps each role to its port; ``hosts`` are the names in the server certificate, in the
    order in which they are offered; ``issuer`` signs it; ``client_credentials`` names the client certificate for it.
    ``supplied``: the server certificate is the user's, and no host can be added to it.
    """

    resource: RouterAccess
    declared: bool
    ports: Mapping[str, int]
    credentials: str
    client_credentials: str
    issuer: str
    hosts: tuple[str, ...]
    supplied: bool = False

    @property
    def name(self) -> str:
        """The name of the RouterAccess."""
        return self.resource.name


@dataclass(frozen=True)
class SiteModel:
    """A site with every choice made: what is rendered into router configuration and credentials."""

    state: SiteState
    facts: SiteFacts
    accesses: tuple[Access, ...]
    certificates: tuple[CertificateWanted, ...]
    copies: tuple[CredentialsCopy, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def mode(self) -> str:
        """The router's mode, ``interior`` or ``edge``."""
        return "edge" if self.state.site.edge else "interior"

    @property
    def link_role(self) -> str:
        """The role in which this site's router dials others."""
        return "edge" if self.state.site.edge else "inter-router"

    @property
    def router_id(self) -> str:
        """``<site>-<first 8 characters of the site id>``: the same after every reload."""
        return f"{self.state.site.name}-{self.facts.site_id[:8]}"

    @property
    def link_accesses(self) -> tuple[Access, ...]:
        """The accesses where other sites can link to."""
        return tuple(access for access in self.accesses if access.resource.accepts_links)

    @property
    def published(self) -> tuple[Published, ...]:
        """The ports that an engine has to open on the machine for a router in one of its networks."""
        if not self.facts.reach.network:
            return ()
        places = {
            Published(published_at(access.resource.bind_host), port)
            for access in self.accesses
            for port in access.ports.values()
        }
        places |= {
            Published(published_at(listener.host), listener.port) for listener in self.state.all_listeners
        }
        return tuple(sorted(places))

    @property
    def aliases(self) -> tuple[str, ...]:
        """Further names of the router in its engine network: those of its listeners that no container has."""
        reach = self.facts.reach
        if not (reach.network and reach.names):
            return ()
        names = {listener.name for listener in self.state.all_listeners}
        return tuple(sorted(names - reach.taken))

    @property
    def management_port(self) -> int:
        """The port of ``skupper-local`` on 127.0.0.1, where the router answers management."""
        return next(access.ports["normal"] for access in self.accesses if access.name == LOCAL_ACCESS)
