"""What we know about each other router of the network, except its addresses.

A router's *link state* is the list of its neighbours, with a sequence number that grows with each change. RA announces the
number; whoever has another one asks with LSR and gets the list with LSU. Routers are learned from any message of theirs, and
from the link states of others. A router that stops advertising loses its link state after a minute; one that nobody lists and
that says nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skupper_local.router.routing.control_messages import LinkStateUpdate, MalformedControlError
from skupper_local.router.routing.settings import RoutingLimits, RoutingTimers


@dataclass
class Request:
    """An LSR or MAR that is repeated until it is answered."""

    first_retry: float
    longest_retry: float
    wanted: bool = False
    next_at: float = 0.0
    interval: float = 0.0

    def ask(self) -> None:
        """An answer is wanted, and there is a new reason for it: do not wait for the next repetition."""
        self.wanted = True
        self.next_at = 0.0
        self.interval = self.first_retry

    def is_due(self, now: float) -> bool:
        return now >= self.due()

    def due(self) -> float:
        """When it goes out next; infinite when no answer is wanted."""
        return self.next_at if self.wanted else float("inf")

    def sent(self, now: float) -> None:
        self.next_at = now + self.interval
        self.interval = min(2 * self.interval, self.longest_retry)

    def answered(self) -> None:
        self.wanted = False


@dataclass
class Node:
    """One remote router."""

    router_id: str
    heard_at: float
    """Its last message, or when another router first mentioned it."""
    link_state_request: Request
    mobile_request: Request
    version: int = 0
    instance: int | None = None
    peers: Mapping[str, int] = field(default_factory=dict)
    sequence: int = 0
    """Of the link state we have; 0: none."""
    advertised_sequence: int = 0
    """Of its link state, in its last RA."""
    advertised_mobile_sequence: int = 0
    """Of its addresses, in its last RA or MAU."""
    refreshed_at: float = 0.0
    """Its last RA or LSU."""
    knows_us: bool = False
    """It sent us something that only goes to known routers. The reference warns of MAR and MAU from strangers, so none is sent
    to a router before that."""
    absolute_sent_at: float = float("-inf")
    absolute_due: float = float("inf")
    """When the next absolute MAU to it goes out (they are limited)."""

    def is_quiet(self) -> bool:
        """Whether nothing has to be sent to this router in particular."""
        return (
            not self.link_state_request.wanted
            and not self.mobile_request.wanted
            and self.absolute_due == float("inf")
        )

    def next_due(self) -> float:
        """When something has to be sent to this router (as long as it is reachable)."""
        due = self.link_state_request.due()
        return min(due, self.mobile_request.due(), self.absolute_due) if self.knows_us else due

    def forget_link_state(self) -> None:
        self.peers = {}
        self.sequence = 0
        self.advertised_sequence = 0


class LinkStates:
    """All known remote routers. ``changed`` tells that their edges did since it was last cleared."""

    def __init__(self, router_id: str, timers: RoutingTimers, limits: RoutingLimits) -> None:
        self._router_id = router_id
        self._timers = timers
        self._limits = limits
        self._edges = 0
        self.nodes: dict[str, Node] = {}
        self.changed = False

    def require_room(self, router_ids: Iterable[str]) -> None:
        """Raises :class:`MalformedControlError` when knowing all these routers would be too much."""
        new = sum(1 for router in set(router_ids) if router not in self.nodes and router != self._router_id)
        if new and len(self.nodes) + new > self._limits.nodes:
            raise MalformedControlError(f"more than {self._limits.nodes} routers")

    def learn(self, router_id: str, now: float) -> Node:
        """The entry of a router, made if it is new (the caller made sure of the room)."""
        node = self.nodes.get(router_id)
        if node is None:
            retry, longest = self._timers.request_retry, self._timers.ra_interval
            node = Node(router_id, now, Request(retry, longest), Request(retry, longest))
            node.link_state_request.ask()
            self.nodes[router_id] = node
        return node

    def check_update(self, update: LinkStateUpdate) -> None:
        """Raises :class:`MalformedControlError` when the link state has no room."""
        self.require_room([update.router_id, *update.peers])
        node = self.nodes.get(update.router_id)
        if self._edges - (len(node.peers) if node else 0) + len(update.peers) > self._limits.edges:
            raise MalformedControlError(f"more than {self._limits.edges} links in the network")

    def update(self, node: Node, update: LinkStateUpdate, now: float) -> None:
        """Take in a checked link state if it is news.

        A lower sequence number than ours is old news, unless the router's own last RA gave that very number: then it restarted
        so quickly that its instance is the same.
        """
        node.refreshed_at = now
        sequence = update.link_state_sequence
        if sequence >= node.advertised_sequence:
            node.link_state_request.answered()
        if sequence > node.sequence or (sequence != node.sequence and sequence == node.advertised_sequence):
            node.sequence = sequence
            self._set_peers(node, update.peers)
            for peer in update.peers:
                if peer != self._router_id:
                    self.learn(peer, now)

    def forget_link_state(self, node: Node) -> None:
        """The link state of this router is worth nothing any more."""
        self._set_peers(node, {})
        node.forget_link_state()

    def _set_peers(self, node: Node, peers: Mapping[str, int]) -> None:
        if node.peers != peers:
            self._edges += len(peers) - len(node.peers)
            node.peers = dict(peers)
            self.changed = True

    def expire(self, neighbours: Mapping[str, object], now: float) -> list[str]:
        """Forget old link states, then the routers that nobody knows any more, and return the ids of the latter."""
        suspects: list[str] = []
        for router, node in self.nodes.items():
            if node.peers and now - node.refreshed_at > self._timers.remote_link_state_max_age:
                self.forget_link_state(node)
            if not node.peers and router not in neighbours and now - node.heard_at > self._timers.node_grace:
                suspects.append(router)
        if not suspects:
            return []
        listed = {peer for node in self.nodes.values() for peer in node.peers}
        forgotten = [router for router in suspects if router not in listed]
        for router in forgotten:
            del self.nodes[router]
        return forgotten

    def edges(self) -> dict[str, Mapping[str, int]]:
        """The graph as the other routers describe it."""
        return {router: node.peers for router, node in self.nodes.items() if node.peers}

    @property
    def edge_count(self) -> int:
        return self._edges
