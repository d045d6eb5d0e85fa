"""The routing of an edge router, without input or output.

An edge router takes no part in the routing protocol: everything that is not its own goes over its active connection to an
interior router (router-protocol 6), which tells it, for each address that it watches, whether somebody else consumes from it.
So all other routers look like one, the interior, at the cost of one link; and what came from there never goes back there.

The look-ups have the names and meanings of those of :class:`RoutingEngine`.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from skupper_local.router.routing.control_messages import LINK_STATE_VERSION
from skupper_local.router.routing.outputs import NodeInfo, Output, RemoteAddressesChanged

INTERIOR = "|interior"
"""Stands for whoever is behind the active connection; no router id contains ``|``."""

_INTERIOR_ONLY = frozenset({INTERIOR})
_NOBODY: frozenset[str] = frozenset()
_LONG = 3600.0


class EdgeRouting:
    """What one edge router knows of the network."""

    radius = 1 << 16
    """Traces are made and judged by interior routers."""

    def __init__(self, router_id: str, instance: int) -> None:
        self._id = router_id
        self._instance = instance
        self._uplink: int | None = None
        self._reachable: set[str] = set()
        self._changed: set[str] = set()
        self.consumed: dict[str, None] = {}
        """Keys of the addresses with a consumer here, which the interior must be told."""
        self.watched: dict[str, None] = {}
        """Keys of the addresses whose reachability the interior must tell."""

    # ------------------------------------------------------------------ what happens around us

    def add_local_address(self, key: str, treatment: int, now: float) -> None:
        """The address has a consumer here."""
        self.consumed[key] = None

    def remove_local_address(self, key: str, now: float) -> None:
        """The last local consumer of the address is gone."""
        self.consumed.pop(key, None)

    def watch(self, key: str) -> None:
        """Somebody here would use the address."""
        self.watched[key] = None

    def uplink_changed(self, link: int | None) -> None:
        """Another connection to the interior is the active one, or none is: nothing is known to be reachable any more."""
        self._uplink = link
        self._changed |= self._reachable
        self._reachable.clear()

    def tracked(self, key: str, reachable: bool) -> None:
        """The interior says whether somebody beyond this router consumes from the address."""
        if key in self.watched and reachable != (key in self._reachable):
            (self._reachable.add if reachable else self._reachable.discard)(key)
            self._changed.add(key)

    def tick(self, now: float) -> None:
        """Nothing is ever due."""

    def next_tick(self, now: float) -> float:
        """No sooner than this."""
        return now + _LONG

    def take_output(self) -> list[Output]:
        """What changed since the last call."""
        if not self._changed:
            return []
        changed, self._changed = self._changed, set()
        return [RemoteAddressesChanged(frozenset(changed))]

    # ------------------------------------------------------------------ look-ups

    def next_hop(self, router_id: str) -> int | None:
        """The active connection, whoever is asked for."""
        return self._uplink

    def path_cost(self, router_id: str) -> int | None:
        """One link."""
        return None if self._uplink is None else 1

    def routers_with(self, key: str) -> Set[str]:
        """The interior, if it said so of the address."""
        return _INTERIOR_ONLY if self._uplink is not None and key in self._reachable else _NOBODY

    def has_destination(self, key: str) -> bool:
        """The same as a truth."""
        return bool(self.routers_with(key))

    def may_forward(self, origin: str, router_id: str) -> bool:
        """An edge carries nothing from others to others."""
        return origin == self._id

    def multicast_links(self, origin: str, routers: Iterable[str], trace: Iterable[str]) -> list[int]:
        """What came from the interior ends here."""
        return []

    def flood_links(self, trace: Iterable[str]) -> list[int]:
        """An edge floods nothing."""
        return []

    def all_routers(self) -> Set[str]:
        """It knows none of them."""
        return _NOBODY

    def remote_keys(self) -> Set[str]:
        """The addresses that are known to be reachable through the interior."""
        return self._reachable

    def nodes(self) -> list[NodeInfo]:
        """This router alone."""
        return [
            NodeInfo(
                router_id=self._id,
                next_hop="(self)",
                cost=0,
                link=None,
                instance=self._instance,
                protocol_version=LINK_STATE_VERSION,
                valid_origins=frozenset(),
                peers=(),
                last_topology_change=None,
            )
        ]
