"""Cheapest paths through the graph that all link states together describe.

Every router computes its paths alone, from link states that are the same everywhere once the network is quiet. Paths are free
of loops only if all routers break ties alike, so this is the reference's rule to the letter (router-protocol 4): Dijkstra's
algorithm visits routers by cost, then by id, and a later path replaces an earlier one only if it is cheaper. An edge goes from
a router to a peer it lists, at the cost it states; the other direction is the peer's own claim.

*Valid origins* of a destination are the routers whose own cheapest path to it leads through us. A message that entered the
network elsewhere is none of our business, however it came here; that keeps multicasts from being delivered twice. They cost one
tree per origin, so they are computed when somebody asks, and kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

Edges = Mapping[str, Mapping[str, int]]
"""Router id -> the peers in its link state with their costs; routers without link state are missing or empty."""


@dataclass(frozen=True)
class PathTree:
    """The cheapest paths from one root. The mappings hold the reachable routers, nearest first; ``previous`` has no root."""

    previous: Mapping[str, str]
    cost: Mapping[str, int]
    hops: Mapping[str, int]


def shortest_paths(root: str, edges: Edges, root_edges: Mapping[str, int] | None = None) -> PathTree:
    """The tree of cheapest paths from ``root``; ``root_edges`` stand in for a missing link state of the root."""
    cost = {root: 0}
    hops = {root: 0}
    previous: dict[str, str] = {}
    visited: dict[str, None] = {}
    queue = [(0, root)]
    nothing: Mapping[str, int] = {}
    while queue:
        cost_here, here = heapq.heappop(queue)
        if here in visited:
            continue
        visited[here] = None
        outgoing = root_edges if here == root and root_edges is not None else edges.get(here, nothing)
        for peer, step in outgoing.items():
            if peer in visited:
                continue
            total = cost_here + step
            if peer not in cost or total < cost[peer]:
                cost[peer] = total
                hops[peer] = hops[here] + 1
                previous[peer] = here
                heapq.heappush(queue, (total, peer))
    order = [router for router in visited if router != root]
    return PathTree(
        {router: previous[router] for router in order},
        {router: cost[router] for router in visited},
        {router: hops[router] for router in visited},
    )


class RoutingTable:
    """Where this router sends what, for one state of the graph."""

    def __init__(self, router_id: str, edges: Edges) -> None:
        tree = shortest_paths(router_id, edges)
        self._router_id = router_id
        self._edges = edges
        self._through_us: dict[str, frozenset[str]] = {}
        self._valid_origins: dict[str, frozenset[str]] | None = None
        self.next_hop: dict[str, str] = {}
        """Reachable router -> the neighbour on the way to it."""
        for router, before in tree.previous.items():
            self.next_hop[router] = router if before == router_id else self.next_hop[before]
        self.cost = {router: tree.cost[router] for router in tree.previous}
        self.radius = max(tree.hops.values())

    def through_us(self, origin: str) -> frozenset[str]:
        """The routers that ``origin`` reaches through this one."""
        known = self._through_us.get(origin)
        if known is not None:
            return known
        destinations: set[str] = set()
        if origin in self.next_hop and len(set(self.next_hop.values())) > 1:
            for router, before in self._tree_from(origin).previous.items():
                if before == self._router_id or before in destinations:
                    destinations.add(router)
        result = frozenset(destinations)
        if origin in self.next_hop:
            self._through_us[origin] = result
        return result

    def valid_origins(self, destination: str) -> frozenset[str]:
        """The reachable routers whose cheapest path to ``destination`` leads through this one (this one is not among them)."""
        if self._valid_origins is None:
            origins: dict[str, set[str]] = {router: set() for router in self.next_hop}
            for origin in self.next_hop:
                for router in self.through_us(origin):
                    origins.setdefault(router, set()).add(origin)
            self._valid_origins = {router: frozenset(found) for router, found in origins.items()}
        return self._valid_origins.get(destination, frozenset())

    def _tree_from(self, origin: str) -> PathTree:
        """The tree of another router. One whose link state we do not have yet is given an edge to each router that lists it."""
        if self._edges.get(origin):
            return shortest_paths(origin, self._edges)
        listed_by = {router: peers[origin] for router, peers in self._edges.items() if origin in peers}
        return shortest_paths(origin, self._edges, listed_by)
