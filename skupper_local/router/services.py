"""Which connector serves the next connection of a service address.

A service has consumers: connectors of this router, and other routers that announced the address. Each connection goes to the
consumer with the lowest load, where load is the number of open connections plus, for another router, the cost of the path to
it (router-protocol 5.2): local consumers first, and a dearer path only when the cheaper ones are that much busier. Ties go
round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skupper_local.router.routing import RoutingEngine
    from skupper_local.router.tcp_endpoints import TcpConnectorEndpoint


@dataclass(frozen=True, slots=True)
class RemoteChoice:
    """The next connection goes to another router, over connection ``link``."""

    router_id: str
    link: int


@dataclass(slots=True)
class Service:
    """One service address as this router sees it."""

    address: str
    connectors: list[TcpConnectorEndpoint] = field(default_factory=list)
    open_remote: dict[str, int] = field(default_factory=dict)
    """Router id -> open streams of this address towards it, through us."""
    _turn: int = 0

    @property
    def key(self) -> str:
        """The address's key in the routing engine."""
        return "M" + self.address

    def reachable(self, routing: RoutingEngine) -> bool:
        """Whether a connection has anywhere to go."""
        return bool(self.connectors) or routing.has_destination(self.key)

    def choose(
        self, routing: RoutingEngine, origin: str | None, trace: frozenset[str] = frozenset()
    ) -> TcpConnectorEndpoint | RemoteChoice | None:
        """The consumer for the next connection; ``None`` when there is none.

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
        routers = sorted(routing.routers_with(self.key))
        count = len(routers)
        for index, router_id in enumerate(routers):
            cost = routing.path_cost(router_id)
            link = routing.next_hop(router_id)
            if cost is None or link is None or router_id in trace:
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
        service = self._services.get(address)
        if service is None:
            service = self._services[address] = Service(address)
        return service

    def known(self, address: str) -> Service | None:
        """The service of an address, if it was declared here."""
        return self._services.get(address)

    def all(self) -> list[Service]:
        """Every service."""
        return list(self._services.values())
