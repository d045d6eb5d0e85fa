"""Which connector serves the next connection of a service address.

A service has consumers: connectors of this router, edge routers that are attached to it, and other routers that announced the
address. Each connection goes to the consumer with the lowest load, where load is the number of open connections plus, for
another interior router, the cost of the path to it (router-protocol 5.2): local consumers first, and a dearer path only when
the cheaper ones are that much busier. Ties go round.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from skupper_local.router.attached_edge import AttachedEdge
    from skupper_local.router.peer import Peer
    from skupper_local.router.tcp_endpoints import TcpConnectorEndpoint, TcpListenerEndpoint


class Reachability(Protocol):
    """What a service asks about the rest of the network: the routing of an interior router, or of an edge."""

    def next_hop(self, router_id: str) -> int | None:
        """The connection towards a router."""

    def path_cost(self, router_id: str) -> int | None:
        """The cost of the path to it."""

    def routers_with(self, key: str) -> Set[str]:
        """The reachable routers that have the address."""

    def has_destination(self, key: str) -> bool:
        """Whether there is one, or was a moment ago."""

    def may_forward(self, origin: str, router_id: str) -> bool:
        """Whether what entered the network at ``origin`` may go through us to ``router_id``."""


@dataclass(frozen=True, slots=True)
class RemoteChoice:
    """The next connection goes to another router, over connection ``link``."""

    router_id: str
    link: int


@dataclass(slots=True, eq=False)
class Service:
    """One service address as this router sees it."""

    address: str
    connectors: list[TcpConnectorEndpoint] = field(default_factory=list)
    edges: dict[AttachedEdge, None] = field(default_factory=dict)
    """Edge routers attached here that consume from the address."""
    watchers: dict[AttachedEdge, None] = field(default_factory=dict)
    """Edge routers attached here that want to know whether somebody else consumes from it."""
    listeners: list[TcpListenerEndpoint] = field(default_factory=list)
    """The tcpListeners that lead to it."""
    declared: bool = False
    """Whether our own configuration names it."""
    open_remote: dict[str, int] = field(default_factory=dict)
    """Router id -> open streams of this address towards it, through us."""
    key: str = ""
    """The address's key in the routing engine."""
    _turn: int = 0

    def __post_init__(self) -> None:
        self.key = self.key or "M" + self.address

    @property
    def consumed_here(self) -> bool:
        """Whether a connector of ours or an attached edge consumes from it: then it is announced."""
        return bool(self.connectors or self.edges)

    def reachable(self, routing: Reachability) -> bool:
        """Whether a connection has anywhere to go."""
        return bool(self.connectors or self.edges) or routing.has_destination(self.key)

    def reachable_beyond(self, edge: AttachedEdge, routing: Reachability) -> bool:
        """Whether a connection that comes from this edge has anywhere to go but back to it, or to its mesh."""
        return (
            bool(self.connectors)
            or any(not other.same_mesh(edge) for other in self.edges)
            or routing.has_destination(self.key)
        )

    def choose(
        self,
        routing: Reachability,
        origin: str | None,
        trace: frozenset[str] = frozenset(),
        *,
        source: Peer | None = None,
        mesh: str | None = None,
    ) -> TcpConnectorEndpoint | RemoteChoice | None:
        """The consumer for the next connection; ``None`` when there is none.

        Never back over the connection ``source`` it came on, nor to the edge ``mesh`` it came from.

        ``origin`` is the id of the router where the connection entered the network (``None``: here). Another router is only
        chosen when we are on the cheapest path from the origin to it: so no connection goes round in circles.
        """
        self._turn += 1
        best: TcpConnectorEndpoint | RemoteChoice | None = None
        best_load: tuple[int, int] | None = None
        count = len(self.connectors)
        for index, connector in enumerate(self.connectors):
            load = (connector.active, (index - self._turn) % count)
            if best_load is None or load < best_load:
                best, best_load = connector, load
        count = len(self.edges)
        for index, edge in enumerate(self.edges):
            if edge is source or (mesh is not None and edge.mesh == mesh):
                continue
            load = (self.open_remote.get(edge.container, 0), (index - self._turn) % count)
            if best_load is None or load < best_load:
                best, best_load = RemoteChoice(edge.container, edge.number), load
        routers = sorted(routing.routers_with(self.key))
        count = len(routers)
        for index, router_id in enumerate(routers):
            cost = routing.path_cost(router_id)
            link = routing.next_hop(router_id)
            if cost is None or link is None or router_id in trace or (source and link == source.number):
                continue
            if origin is not None and not routing.may_forward(origin, router_id):
                continue
            load = (self.open_remote.get(router_id, 0) + cost, (index - self._turn) % count)
            if best_load is None or load < best_load:
                best, best_load = RemoteChoice(router_id, link), load
        return best

    def opened(self, router_id: str) -> None:
        """A stream of this address towards that router began."""
        self.open_remote[router_id] = self.open_remote.get(router_id, 0) + 1

    def closed(self, router_id: str) -> None:
        """It ended."""
        left = self.open_remote.get(router_id, 0) - 1
        if left > 0:
            self.open_remote[router_id] = left
        else:
            self.open_remote.pop(router_id, None)


class Services:
    """All service addresses that have been used here."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}

    def get(self, address: str) -> Service:
        """The service of an address declared here, made when it is new."""
        service = self.for_edge(address)
        service.declared = True
        return service

    def for_edge(self, address: str) -> Service:
        """The service of an address that an edge router names, made when it is new."""
        service = self._services.get(address)
        if service is None:
            service = self._services[address] = Service(address)
        return service

    def forget_unused(self, service: Service) -> None:
        """Drop a service that no edge router names any more, unless it is declared here."""
        if not (service.declared or service.edges or service.watchers):
            self._services.pop(service.address, None)

    def known(self, address: str) -> Service | None:
        """The service of an address, if it was declared here or by an attached edge router."""
        return self._services.get(address)

    def all(self) -> list[Service]:
        """Every service."""
        return list(self._services.values())
