"""What the routing engine asks of, and tells, the router around it.

The engine has no sockets: each call may add outputs, and :meth:`RoutingEngine.take_output` hands them over in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SendControl:
    """Send this control message on the control link of connection ``link`` (encode it with ``encode_control``)."""

    link: int
    to: str
    opcode: str
    body: Mapping[str, Any]
    mobile: bool


@dataclass(frozen=True)
class NeighbourUp:
    """The router at the other end of ``link`` is a neighbour; sent again when another link to it is preferred."""

    router_id: str
    link: int


@dataclass(frozen=True)
class NeighbourLost:
    """No control link to this router is usable any more."""

    router_id: str


@dataclass(frozen=True)
class RoutesChanged:
    """A next hop, cost, set of valid origins or the radius changed; look at the queries again."""


@dataclass(frozen=True)
class RemoteAddressesChanged:
    """The answer of ``routers_with`` or ``has_destination`` may have changed for these address keys."""

    keys: frozenset[str]


@dataclass(frozen=True)
class RouterRestarted:
    """A known router came back as another process: everything it said before is forgotten."""

    router_id: str


@dataclass(frozen=True)
class Warning:  # noqa: A001 (the name the router's log uses)
    """A line for the router's log; said once per cause and router. Holds remote names, escaped."""

    text: str


Output = (
    SendControl
    | NeighbourUp
    | NeighbourLost
    | RoutesChanged
    | RemoteAddressesChanged
    | RouterRestarted
    | Warning
)


@dataclass(frozen=True)
class NodeInfo:
    """One router of the network, as the management entity ``router.node`` shows it."""

    router_id: str
    next_hop: str | None
    """``"(self)"`` for this router, the id of the neighbour on the way, or None while it cannot be reached."""
    cost: int | None
    link: int | None
    """Our number of the connection towards it."""
    instance: int
    protocol_version: int
    valid_origins: frozenset[str]
    """Empty for every router when the network is too large to compute them for display (about 1,000 routers)."""
    peers: tuple[str, ...]
    """The neighbours it lists in its link state."""
    last_topology_change: float | None
    """When this router last computed paths (the same in every entry), in the clock of the caller's ``now``; None: never."""
