"""The interior routing protocol as a state machine: no sockets, no clock (router-protocol 4)."""

from __future__ import annotations

from skupper_local.router.routing.edge_routing import EdgeRouting
from skupper_local.router.routing.engine import RoutingEngine
from skupper_local.router.routing.outputs import (
    NeighbourLost,
    NeighbourUp,
    NodeInfo,
    Output,
    RemoteAddressesChanged,
    RouterRestarted,
    RoutesChanged,
    SendControl,
    Warning,  # noqa: A004
)
from skupper_local.router.routing.settings import RoutingLimits, RoutingTimers

__all__ = [
    "EdgeRouting",
    "NeighbourLost",
    "NeighbourUp",
    "NodeInfo",
    "Output",
    "RemoteAddressesChanged",
    "RouterRestarted",
    "RoutesChanged",
    "RoutingEngine",
    "RoutingLimits",
    "RoutingTimers",
    "SendControl",
    "Warning",
]
