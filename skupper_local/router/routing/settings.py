"""Intervals and limits of the interior routing protocol.

The intervals are those of the reference (router-protocol 4), so that both sides of a link agree on when a silent neighbour
is dead; the limits are ours. Everything a neighbour makes us remember is counted against one of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoutingTimers:
    """Intervals of the protocol in seconds; those with a name in brackets can be set in the ``router`` entity."""

    hello_interval: float = 1.0
    """Between two HELLOs on each control link (helloIntervalSeconds)."""
    hello_max_age: float = 3.0
    """A neighbour that did not confirm us for this long is lost (helloMaxAgeSeconds)."""
    ra_interval: float = 30.0
    """Between two router advertisements in a quiet network (raIntervalSeconds)."""
    ra_interval_flux: float = 4.0
    """Between two router advertisements while the topology is changing (raIntervalFluxSeconds)."""
    remote_link_state_max_age: float = 60.0
    """Link state of a router that stopped advertising is forgotten after this long (remoteLsMaxAgeSeconds)."""
    flux_duration: float = 8.0
    """How long after a topology change the shorter advertisement interval is kept."""
    unreachable_hold_off: float = 1.0
    """Addresses of a router that became unreachable stay known for this long."""
    request_retry: float = 1.0
    """An unanswered LSR or MAR is repeated after this long, then at intervals that double up to ``ra_interval``."""
    mobile_update_interval: float = 1.0
    """At most one differential MAU in this time, and one absolute MAU to each router."""
    node_grace: float = 3.0
    """A router that nobody lists as a neighbour is forgotten after this long without a word from it."""


@dataclass(frozen=True)
class RoutingLimits:
    """What other routers can make us remember; beyond it a message is refused as a whole and counted."""

    nodes: int = 1024
    """Remote routers known at once."""
    peers: int = 1024
    """Neighbours that one router may list, and entries in the seen list of a HELLO."""
    addresses_per_router: int = 100_000
    """Addresses announced by one router."""
    address_characters: int = 64 * 1024 * 1024
    """Length of all remembered address keys together."""
    edges: int = 65_536
    """Entries in the link states of all routers together."""
    id_length: int = 512
    """Characters of a router id."""
    key_length: int = 8192
    """Characters of an address key."""
