"""The interior routing protocol of one router, without input or output.

Routers find their neighbours with HELLO, tell everybody their neighbours with link state (RA, LSR, LSU), compute the cheapest
path to each router, and tell everybody which addresses have a consumer with them (MAR, MAU). The router around this engine
reports control links, received messages and local addresses, calls :meth:`RoutingEngine.tick` when :meth:`RoutingEngine.next_tick`
says so, and carries out what :meth:`RoutingEngine.take_output` returns (router-protocol 4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from skupper_local.router.routing.outputs import NodeInfo, Output
from skupper_local.router.routing.settings import RoutingLimits, RoutingTimers


class RoutingEngine:
    """The routing state of one interior router. Times are seconds of one monotonic clock."""

    def __init__(
        self,
        router_id: str,
        instance: int,
        timers: RoutingTimers = RoutingTimers(),  # noqa: B008 (frozen)
        limits: RoutingLimits = RoutingLimits(),  # noqa: B008 (frozen)
    ) -> None:
        raise NotImplementedError

    radius: int
    """Hops to the farthest reachable router; a delivery with a longer trace than this plus one goes round in circles."""

    # What happens around us

    def link_up(self, link: int, cost: int, now: float) -> None:
        """The control link of connection ``link`` is usable in both directions; again with another cost: the cost changed."""

    def link_lost(self, link: int, now: float) -> None:
        """The control link is gone; a neighbour without another link is lost at once."""

    def receive(self, link: int, opcode: str, body: Mapping[str, Any], now: float) -> None:
        """A HELLO, RA, LSR, LSU, MAR or MAU addressed to us or to all. Malformed ones are counted, reported and change nothing."""

    def add_local_address(self, key: str, treatment: int, now: float) -> None:
        """Announce that the address (``"Mbackend"``) has a consumer here."""

    def remove_local_address(self, key: str, now: float) -> None:
        """The last local consumer of the address is gone."""

    def tick(self, now: float) -> None:
        """Do what is due: HELLO, advertisements, retries, ageing."""

    def next_tick(self, now: float) -> float:
        """When :meth:`tick` has something to do; never before ``now``."""
        raise NotImplementedError

    def take_output(self) -> list[Output]:
        """What the engine wants done since the last call, in order."""
        raise NotImplementedError

    # What forwarding asks, per message: dictionary look-ups

    def next_hop(self, router_id: str) -> int | None:
        """The connection towards a router, or None while it is unreachable."""
        raise NotImplementedError

    def path_cost(self, router_id: str) -> int | None:
        """The cost of the path to a router, or None while it is unreachable."""
        raise NotImplementedError

    def routers_with(self, key: str) -> Collection[str]:
        """The reachable remote routers that announced the address."""
        raise NotImplementedError

    def has_destination(self, key: str) -> bool:
        """Whether some remote router has the address, one that became unreachable a moment ago (hold-off) included."""
        raise NotImplementedError

    def valid_origins(self, router_id: str) -> frozenset[str]:
        """The ingress routers whose cheapest path to ``router_id`` leads through us."""
        raise NotImplementedError

    def neighbours(self) -> Mapping[str, int]:
        """Neighbour id -> the connection used towards it."""
        raise NotImplementedError

    def flood_links(self, trace: Iterable[str]) -> list[int]:
        """The connections on which a message to ``_topo/0/all/qdrouter`` goes on: neighbours whose id is not in the trace (plain
        router ids, without ``0/``)."""
        raise NotImplementedError

    def multicast_links(self, origin: str, routers: Iterable[str], trace: Iterable[str]) -> list[int]:
        """The connections on which a multicast that entered the network at ``origin`` goes on to reach ``routers``, each once.
        Our own id as origin: every next hop. Neighbours in the trace are left out."""
        raise NotImplementedError

    # What management shows

    def nodes(self) -> list[NodeInfo]:
        """This router first, then every known router by id."""
        raise NotImplementedError

    def rejected_messages(self) -> int:
        """How many control messages were refused since the start."""
        raise NotImplementedError
