"""What an edge router knows of the network, and how keys and consumers are chosen for a connection."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skupper_local.router.configuration import ListenerAddress, TcpListenerSettings
from skupper_local.router.multi_key import Targets
from skupper_local.router.routing import EdgeRouting, RemoteAddressesChanged
from skupper_local.router.services import RemoteChoice, Service, Services


def edge(*watched: str) -> EdgeRouting:
    routing = EdgeRouting("leaf", 1)
    for key in watched:
        routing.watch(key)
    return routing


def attached(number: int, name: str, mesh: str | None = None) -> Any:
    """An attached edge router as a service sees it."""

    @dataclass(eq=False)
    class Edge:
        number: int
        container: str
        mesh: str | None

        def same_mesh(self, other: Any) -> bool:
            return other is self or (self.mesh is not None and other.mesh == self.mesh)

    return Edge(number, name, mesh)


def connector(active: int = 0) -> Any:
    return SimpleNamespace(active=active)


def listener(strategy: str, *values: tuple[str, int]) -> TcpListenerSettings:
    addresses = tuple(ListenerAddress(f"l/{key}", key, value, "l") for key, value in values)
    return TcpListenerSettings("l", "", 1, "", None, False, None, "auto", strategy, addresses)


# An edge and its interior.


def test_an_edge_reaches_a_watched_address_when_the_interior_says_so() -> None:
    routing = edge("Mweb")
    routing.uplink_changed(7)
    assert not routing.has_destination("Mweb")
    routing.tracked("Mweb", True)
    assert routing.take_output() == [RemoteAddressesChanged(frozenset({"Mweb"}))]
    choice = Service("web").choose(routing, None)
    assert isinstance(choice, RemoteChoice)
    assert choice.link == 7
    routing.tracked("Mweb", False)
    assert routing.take_output() == [RemoteAddressesChanged(frozenset({"Mweb"}))]
    assert Service("web").choose(routing, None) is None


def test_an_edge_believes_nothing_about_addresses_it_did_not_ask_for() -> None:
    routing = edge("Mweb")
    routing.uplink_changed(7)
    routing.tracked("Mother", True)
    assert not routing.has_destination("Mother")
    assert routing.take_output() == []


def test_an_edge_that_loses_its_link_forgets_what_was_reachable_over_it() -> None:
    routing = edge("Mweb")
    routing.uplink_changed(7)
    routing.tracked("Mweb", True)
    routing.take_output()
    routing.uplink_changed(None)
    assert routing.take_output() == [RemoteAddressesChanged(frozenset({"Mweb"}))]
    assert routing.next_hop("anybody") is None
    routing.uplink_changed(8)
    assert not routing.has_destination("Mweb"), "the next interior has to say so itself"


def test_an_edge_carries_nothing_for_others() -> None:
    routing = edge("Mweb")
    routing.uplink_changed(7)
    routing.tracked("Mweb", True)
    assert Service("web").choose(routing, "somebody") is None
    assert routing.multicast_links("somebody", ["anybody"], []) == []


# Edges at an interior.


def test_a_connection_goes_to_the_least_busy_of_connectors_and_edges() -> None:
    one, two = attached(1, "one"), attached(2, "two")
    service = Service("web", connectors=[connector(active=2)], edges={one: None, two: None})
    routing = edge()
    chosen = set()
    for _ in range(2):
        choice = service.choose(routing, None)
        assert isinstance(choice, RemoteChoice)
        service.opened(choice.router_id)
        chosen.add(choice.router_id)
    assert chosen == {"one", "two"}


def test_a_connection_never_goes_back_to_the_edge_or_mesh_it_came_from() -> None:
    one, two, three = attached(1, "one", "m"), attached(2, "two", "m"), attached(3, "three", "n")
    service = Service("web", edges={one: None, two: None})
    routing = edge()
    assert service.choose(routing, None, source=one, mesh="m") is None
    assert not service.reachable_beyond(one, routing)
    assert service.reachable_beyond(three, routing)
    service.edges[three] = None
    choice = service.choose(routing, None, source=one, mesh="m")
    assert isinstance(choice, RemoteChoice)
    assert choice.router_id == "three"
    assert service.reachable_beyond(one, routing)


def test_services_that_only_edges_named_are_forgotten_with_them() -> None:
    services = Services()
    declared, passing = services.get("declared"), services.for_edge("passing")
    services.forget_unused(declared)
    services.forget_unused(passing)
    assert services.all() == [declared]


# Several keys.


def test_the_reachable_key_of_the_highest_priority_is_chosen_and_the_first_of_equals() -> None:
    services = Services()
    targets = Targets(listener("priority", ("low", 1), ("first", 5), ("second", 5), ("top", 9)), services)
    routing = edge()
    assert not targets.reachable(routing)
    assert targets.choose(routing) is None
    for key, expected in (("low", "low"), ("second", "second"), ("first", "first"), ("top", "top")):
        services.get(key).connectors.append(connector())
        chosen = targets.choose(routing)
        assert chosen is not None
        assert chosen.service.address == expected
    assert chosen is not None
    without = targets.choose(routing, [chosen])
    assert without is not None
    assert without.service.address == "first", "a key whose consumer is lost makes way for the next"


def test_weights_are_shares_among_the_reachable_keys_and_weight_0_is_none() -> None:
    services = Services()
    targets = Targets(listener("weighted", ("a", 1), ("b", 3), ("zero", 0), ("away", 1000)), services)
    routing = edge()
    services.get("zero").connectors.append(connector())
    assert not targets.reachable(routing), "the port stays closed while no key can be chosen"
    for key in ("a", "b"):
        services.get(key).connectors.append(connector())
    found = Counter(cast(Any, targets.choose(routing)).service.address for _ in range(4000))
    assert found.keys() == {"a", "b"}
    assert found["a"] / 4000 == pytest.approx(0.25, abs=0.05)
