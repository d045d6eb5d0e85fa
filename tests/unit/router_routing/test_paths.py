"""Cheapest paths, ties, and valid origins, on small graphs that can be checked by eye and on random ones by brute force."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from skupper_local.router.routing.paths import RoutingTable, shortest_paths

DIAMOND = {
    "a": {"b": 1, "c": 1},
    "b": {"a": 1, "d": 1},
    "c": {"a": 1, "d": 1},
    "d": {"b": 1, "c": 1, "e": 3},
    "e": {"d": 3},
}


def test_a_table_has_next_hop_cost_and_radius() -> None:
    table = RoutingTable("a", DIAMOND)
    assert table.next_hop == {"b": "b", "c": "c", "d": "b", "e": "b"}
    assert table.cost == {"b": 1, "c": 1, "d": 2, "e": 5}
    assert table.radius == 3


def test_of_equal_paths_the_one_over_the_lower_id_wins_in_both_directions() -> None:
    assert shortest_paths("a", DIAMOND).previous["d"] == "b"
    assert shortest_paths("d", DIAMOND).previous["a"] == "b"


def test_valid_origins_are_those_whose_path_leads_through_us() -> None:
    assert RoutingTable("b", DIAMOND).valid_origins("e") == {"a"}
    assert RoutingTable("c", DIAMOND).valid_origins("e") == set()
    assert RoutingTable("d", DIAMOND).valid_origins("e") == {"a", "b", "c"}
    assert RoutingTable("d", DIAMOND).valid_origins("a") == {"e"}


def test_a_router_without_link_state_is_reached_and_is_a_valid_origin_but_leads_nowhere() -> None:
    table = RoutingTable("b", {"a": {"b": 1}, "b": {"a": 1, "new": 1}, "far": {"new": 1}})
    assert table.next_hop == {"a": "a", "new": "new"}
    assert table.valid_origins("a") == {"new"}


def test_an_edge_counts_in_the_direction_in_which_it_was_announced() -> None:
    table = RoutingTable("a", {"a": {"b": 1}, "b": {"a": 9, "c": 1}, "c": {}})
    assert table.cost == {"b": 1, "c": 2}
    assert RoutingTable("c", {"a": {"b": 1}, "b": {"a": 9, "c": 1}, "c": {}}).cost == {}


def test_a_router_alone_reaches_nobody() -> None:
    table = RoutingTable("a", {})
    assert (table.next_hop, table.cost, table.radius) == ({}, {}, 0)
    assert table.valid_origins("b") == frozenset()


NAMES = "abcdef"
GRAPHS = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda edge: edge[0] < edge[1]),
    st.integers(1, 3),
    min_size=1,
).map(
    lambda edges: {
        name: {
            **{other: cost for (one, other), cost in edges.items() if one == name},
            **{one: cost for (one, other), cost in edges.items() if other == name},
        }
        for name in NAMES
    }
)


@given(GRAPHS)
def test_costs_are_those_of_the_cheapest_of_all_simple_paths(graph: dict[str, dict[str, int]]) -> None:
    table = RoutingTable("a", graph)
    for goal in NAMES[1:]:
        others = [name for name in NAMES if name not in ("a", goal)]
        ways = [
            ["a", *middle, goal] for count in range(5) for middle in itertools.permutations(others, count)
        ]
        costs = [
            sum(graph[one][other] for one, other in itertools.pairwise(way))
            for way in ways
            if all(other in graph[one] for one, other in itertools.pairwise(way))
        ]
        assert table.cost.get(goal) == min(costs, default=None)


@given(GRAPHS)
def test_following_next_hops_visits_exactly_the_routers_for_which_the_origin_is_valid(
    graph: dict[str, dict[str, int]],
) -> None:
    tables = {name: RoutingTable(name, graph) for name in NAMES}
    for origin, goal in itertools.permutations(NAMES, 2):
        way = [origin]
        while way[-1] != goal and goal in tables[way[-1]].next_hop:
            way.append(tables[way[-1]].next_hop[goal])
        between = set(way[1:-1]) if way[-1] == goal else set()
        assert {name for name in NAMES if origin in tables[name].valid_origins(goal)} == between
