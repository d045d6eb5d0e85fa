"""Whole networks of routing engines, joined by simulated connections under a virtual clock.

Messages cross the simulated network as bytes, with the delay of each connection, and are forwarded in transit as a router does
it. Whatever happened before, a network left alone must agree with a plain computation over its true topology.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.amqp.codec import decode
from skupper_local.router.addresses import AddressKind, parse_address
from skupper_local.router.routing import (
    NeighbourLost,
    RemoteAddressesChanged,
    RouterRestarted,
    RoutesChanged,
    RoutingEngine,
    SendControl,
    Warning,  # noqa: A004
)
from skupper_local.router.routing.control_messages import encode_control

DELAY = 0.005
"""Seconds a message takes over a connection."""


@dataclass
class Message:
    origin: str
    trace: list[str]
    to: str
    opcode: str
    body: Any

    @classmethod
    def from_bytes(cls, data: bytes) -> Message:
        sections, at = [], 0
        while at < len(data):
            section, at = decode(data, at)
            sections.append(section.value)
        annotations, _, properties, application, body = sections
        opcode = next(iter(application.values()))
        trace = [router.removeprefix("0/") for router in annotations[3]]
        return cls(annotations[2].removeprefix("0/"), trace, properties[2], opcode, body)


@dataclass
class Connection:
    """A connection between two routers; each end has its own number for it."""

    ends: dict[str, int]
    cost: int
    silent: bool = False
    """Nothing arrives any more, and nobody is told."""

    def other(self, router: str) -> str:
        return next(end for end in self.ends if end != router)


@dataclass
class Router:
    name: str
    engine: RoutingEngine
    addresses: set[str] = field(default_factory=set)
    outputs: list[Any] = field(default_factory=list)


class Network:
    """Routers, connections and the clock."""

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        self.now = 1000.0
        self.loss = loss
        self.delay = DELAY
        self.sent: list[tuple[float, str, SendControl]] = []
        self.routers: dict[str, Router] = {}
        self._random = random.Random(seed)
        self._connections: list[Connection] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    # What happens to the network

    def start(self, *names: str) -> None:
        for name in names:
            self._count += 1
            self.routers[name] = Router(name, RoutingEngine(name, instance=self._count))

    def stop(self, name: str, noticed: bool = True) -> None:
        """A router is killed; its peers notice the lost connections at once, or not at all."""
        for connection in [connection for connection in self._connections if name in connection.ends]:
            if noticed:
                self._close(connection, connection.other(name))
            else:
                connection.silent = True
        del self.routers[name]

    def restart(self, name: str, noticed: bool = True) -> None:
        peers = [
            (connection.other(name), connection.cost)
            for connection in self._connections
            if name in connection.ends
        ]
        addresses = self.routers[name].addresses
        self.stop(name, noticed)
        self.start(name)
        for key in addresses:
            self.consume(name, key)
        for peer, cost in peers:
            if peer in self.routers:
                self.connect(name, peer, cost)

    def connect(self, one: str, other: str, cost: int = 1) -> Connection:
        self._count += 1
        connection = Connection({one: self._count, other: self._count + 10_000}, cost)
        self._connections.append(connection)
        for end in connection.ends:
            self._link_up(connection, end)
        return connection

    def close(self, connection: Connection) -> None:
        if connection in self._connections:
            self._close(connection, *connection.ends)

    def _close(self, connection: Connection, *noticing: str) -> None:
        self._connections.remove(connection)
        for end in noticing:
            if end in self.routers:
                self._link_lost(connection, end)

    def change_cost(self, connection: Connection, cost: int) -> None:
        connection.cost = cost
        for end in connection.ends:
            if end in self.routers and connection in self._connections:
                self._link_up(connection, end)

    def _link_up(self, connection: Connection, end: str) -> None:
        self._do(end, lambda engine: engine.link_up(connection.ends[end], connection.cost, self.now))

    def _link_lost(self, connection: Connection, end: str) -> None:
        self._do(end, lambda engine: engine.link_lost(connection.ends[end], self.now))

    def consume(self, name: str, key: str) -> None:
        self.routers[name].addresses.add(key)
        self._do(name, lambda engine: engine.add_local_address(key, 3, self.now))

    def cease(self, name: str, key: str) -> None:
        self.routers[name].addresses.discard(key)
        self._do(name, lambda engine: engine.remove_local_address(key, self.now))

    # How time passes

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            ticks = [(router.engine.next_tick(self.now), name) for name, router in self.routers.items()]
            due, name = min(ticks, default=(end, ""))
            if self._events and self._events[0][0] <= due:
                time, _, action = self._events[0]
                if time > end:
                    break
                heapq.heappop(self._events)
                self.now = max(self.now, time)
                action()
                continue
            if due >= end:
                break
            self.now = due
            self._do(name, lambda engine: engine.tick(self.now))
            assert self.routers[name].engine.next_tick(self.now) > self.now, "a tick leaves nothing due"
        self.now = end

    def run_until(self, condition: Callable[[], bool], limit: float) -> float:
        """The seconds until the condition held, to 5 ms; fails after ``limit``."""
        start = self.now
        while not condition():
            assert self.now - start < limit, "the condition never held"
            self.run(0.005)
        return self.now - start

    def _do(self, name: str, action: Callable[[RoutingEngine], None]) -> None:
        router = self.routers[name]
        action(router.engine)
        for output in router.engine.take_output():
            router.outputs.append(output)
            if isinstance(output, SendControl):
                self.sent.append((self.now, name, output))
                data = encode_control(name, output.to, output.opcode, output.body, output.mobile)
                self._carry(name, output.link, Message.from_bytes(data))

    def _carry(self, sender: str, link: int, message: Message) -> None:
        for connection in self._connections:
            if connection.ends.get(sender) == link:
                break
        else:
            return
        if connection.silent or self._random.random() < self.loss:
            return
        receiver = connection.other(sender)
        number = connection.ends[receiver]

        def arrive() -> None:
            if connection in self._connections and not connection.silent and receiver in self.routers:
                self._arrive(receiver, number, message)

        self._count += 1
        heapq.heappush(self._events, (self.now + self.delay, self._count, arrive))

    def _arrive(self, name: str, link: int, message: Message) -> None:
        engine = self.routers[name].engine
        address = parse_address(message.to, name)
        trace = [*message.trace, name]
        if len(message.trace) > engine.radius + 1:
            return
        onward = Message(message.origin, trace, message.to, message.opcode, message.body)
        links: list[int] = []
        if address.kind is AddressKind.ROUTER:
            hop = engine.next_hop(address.router)
            links = [hop] if hop is not None else []
        elif address.kind is AddressKind.ALL_ROUTERS and address.name == "qdrouter":
            links = engine.flood_links(message.trace)
        elif address.kind is AddressKind.ALL_ROUTERS:
            links = engine.multicast_links(message.origin, engine.all_routers(), message.trace)
        for out in links:
            self._carry(name, out, onward)
        if address.kind is not AddressKind.ROUTER:
            self._do(name, lambda engine: engine.receive(link, message.opcode, message.body, self.now))

    # What is true

    def true_costs(self) -> dict[str, dict[str, int]]:
        """Cheapest costs between running routers, by relaxation over all connections."""
        infinite = 10**9
        costs = {one: dict.fromkeys(self.routers, infinite) for one in self.routers}
        for one in costs:
            costs[one][one] = 0
        for connection in self._connections:
            one, other = connection.ends
            if not connection.silent and one in costs and other in costs:
                costs[one][other] = costs[other][one] = min(costs[one][other], connection.cost)
        for via in costs:
            for one in costs:
                for other in costs:
                    costs[one][other] = min(costs[one][other], costs[one][via] + costs[via][other])
        return {
            one: {other: cost for other, cost in row.items() if cost < infinite} for one, row in costs.items()
        }

    def disagreement(self) -> str | None:
        """How some engine differs from the truth; None when the network has converged."""
        costs = self.true_costs()
        for one, router in self.routers.items():
            engine = router.engine
            for other in self.routers:
                if engine.path_cost(other) != costs[one].get(other):
                    return f"{one} -> {other}: {engine.path_cost(other)} is not {costs[one].get(other)}"
                if one != other and (engine.next_hop(other) is None) != (other not in costs[one]):
                    return f"{one} -> {other}: next hop {engine.next_hop(other)}"
            for key in {key for each in self.routers.values() for key in each.addresses}:
                holders = {
                    name
                    for name, each in self.routers.items()
                    if name != one and name in costs[one] and key in each.addresses
                }
                if set(engine.routers_with(key)) != holders:
                    return f"{one}: {key} is at {engine.routers_with(key)}, not {holders}"
        return None

    def converged(self) -> bool:
        return self.disagreement() is None

    def walk(self, start: str, goal: str) -> tuple[list[str], int]:
        """The routers and the cost of the way a message takes, hop by hop."""
        here, way, cost = start, [start], 0
        while here != goal:
            link = self.routers[here].engine.next_hop(goal)
            connection = next(each for each in self._connections if each.ends.get(here) == link)
            here = connection.other(here)
            cost += connection.cost
            assert here not in way, "a message goes round in circles"
            way.append(here)
        return way, cost

    def multicast(self, origin: str) -> list[str]:
        """The routers that a multicast from ``origin`` reaches, once for each copy."""
        reached: list[str] = []
        queue = [(origin, [origin])]
        while queue:
            here, trace = queue.pop()
            engine = self.routers[here].engine
            for link in engine.multicast_links(origin, engine.all_routers(), trace[:-1]):
                connection = next(each for each in self._connections if each.ends.get(here) == link)
                there = connection.other(here)
                reached.append(there)
                queue.append((there, [*trace, there]))
        return reached

    def outputs(self, name: str, kind: type) -> list[Any]:
        return [output for output in self.routers[name].outputs if isinstance(output, kind)]

    def forget_outputs(self) -> None:
        for router in self.routers.values():
            router.outputs.clear()
        self.sent.clear()


def line(count: int) -> Network:
    network = Network()
    names = [f"r{index}" for index in range(count)]
    network.start(*names)
    for name in names:
        network.consume(name, f"Mservice-{name}")
    for one, other in itertools.pairwise(names):
        network.connect(one, other)
    return network


def ring(count: int) -> Network:
    network = line(count)
    network.connect(f"r{count - 1}", "r0")
    return network


# ------------------------------------------------------------------------------------------------------------ convergence


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_routers_in_line_know_all_routes_and_addresses_within_a_fraction_of_a_second(count: int) -> None:
    network = line(count)
    assert network.run_until(network.converged, 1.0) < 0.2 + 0.05 * count


def test_routers_in_a_ring_reach_each_other_both_ways_round() -> None:
    network = ring(5)
    network.run_until(network.converged, 1.0)
    assert network.walk("r0", "r2") == (["r0", "r1", "r2"], 2)
    assert network.walk("r0", "r3") == (["r0", "r4", "r3"], 2)
    assert network.routers["r0"].engine.radius == 2


def test_a_killed_router_in_a_ring_is_bypassed_at_once() -> None:
    network = ring(5)
    network.run(2.0)
    network.stop("r1")
    assert network.run_until(network.converged, 1.0) < 0.1
    assert network.walk("r0", "r2")[0] == ["r0", "r4", "r3", "r2"]


def test_a_killed_router_that_closes_no_connection_is_bypassed_after_the_maximum_age() -> None:
    network = ring(5)
    network.run(2.0)
    network.stop("r1", noticed=False)
    assert 2.0 < network.run_until(network.converged, 5.0) < 3.2


@pytest.mark.parametrize("noticed", [True, False])
def test_a_restarted_router_is_back_with_its_new_addresses_at_once(noticed: bool) -> None:
    network = ring(5)
    network.run(2.0)
    network.routers["r1"].addresses = {"Mother"}
    network.restart("r1", noticed)
    assert network.run_until(network.converged, 4.0) < 0.3
    network.run(5.0)
    assert network.converged()


def test_a_restart_is_reported_once_by_each_router_that_knew_the_old_one() -> None:
    network = ring(4)
    network.run(2.0)
    network.restart("r1")
    network.run(2.0)
    for name in ("r0", "r2", "r3"):
        assert network.outputs(name, RouterRestarted) == [RouterRestarted("r1")]


def test_a_new_address_is_known_everywhere_at_once_and_the_next_ones_once_a_second() -> None:
    network = line(4)
    network.run(5.0)
    network.consume("r0", "Mfirst")
    assert network.run_until(network.converged, 0.1) < 0.05
    network.forget_outputs()
    for index in range(20):
        network.consume("r0", f"Mmore-{index}")
        network.run(0.1)
    updates = [time for time, name, output in network.sent if name == "r0" and output.opcode == "MAU"]
    assert 2 <= len(updates) <= 3
    assert network.run_until(network.converged, 1.1) <= 1.0


def test_addresses_added_in_one_go_make_one_update() -> None:
    network = line(2)
    network.run(5.0)
    network.forget_outputs()
    for index in range(20):
        network.consume("r0", f"Mmore-{index}")
    network.run(0.1)
    assert len([output for _, name, output in network.sent if name == "r0" and output.opcode == "MAU"]) == 1


def test_an_address_added_and_removed_before_it_was_told_is_not_told() -> None:
    network = line(2)
    network.run(5.0)
    network.forget_outputs()
    network.consume("r0", "Mshort")
    network.cease("r0", "Mshort")
    network.run(3.0)
    assert not [output for _, name, output in network.sent if output.opcode == "MAU"]


def test_a_quiet_network_says_little() -> None:
    network = ring(4)
    network.run(60.0)
    network.forget_outputs()
    network.run(30.0)
    opcodes = [output.opcode for _, _, output in network.sent]
    assert opcodes.count("HELLO") == 4 * 2 * 30
    assert opcodes.count("RA") == 4 * 2
    assert set(opcodes) == {"HELLO", "RA"}
    assert not [output for name in network.routers for output in network.outputs(name, RoutesChanged)]


def test_the_cheapest_path_is_used_and_a_change_of_cost_is_followed() -> None:
    network = Network()
    network.start("a", "b", "c")
    network.connect("a", "b", 1)
    network.connect("b", "c", 1)
    direct = network.connect("a", "c", 5)
    network.run(2.0)
    assert network.walk("a", "c") == (["a", "b", "c"], 2)
    network.change_cost(direct, 1)
    assert network.run_until(network.converged, 1.0) < 0.1
    assert network.walk("a", "c") == (["a", "c"], 1)


def test_of_several_links_to_one_neighbour_the_cheapest_is_used_then_the_oldest() -> None:
    network = Network()
    network.start("a", "b")
    dear = network.connect("a", "b", 5)
    first = network.connect("a", "b", 2)
    second = network.connect("a", "b", 2)
    network.run(5.0)
    engine = network.routers["a"].engine
    assert engine.neighbours() == {"b": first.ends["a"]}
    network.close(first)
    assert engine.next_hop("b") == second.ends["a"]
    assert not network.outputs("a", NeighbourLost)
    network.close(second)
    assert (engine.next_hop("b"), engine.path_cost("b")) == (dear.ends["a"], 5)
    network.close(dear)
    assert engine.next_hop("b") is None
    assert network.outputs("a", NeighbourLost) == [NeighbourLost("b")]


def test_a_link_that_died_silently_gives_way_to_a_parallel_one() -> None:
    network = Network()
    network.start("a", "b")
    first = network.connect("a", "b")
    second = network.connect("a", "b")
    network.run(2.0)
    first.silent = True
    engine = network.routers["a"].engine
    network.run_until(lambda: engine.next_hop("b") == second.ends["a"], 4.0)
    assert not network.outputs("a", NeighbourLost)


def test_equal_paths_are_chosen_alike_by_the_lowest_id() -> None:
    network = Network()
    network.start("start", "x", "m", "goal")
    for one, other in (("start", "x"), ("start", "m"), ("x", "goal"), ("m", "goal")):
        network.connect(one, other)
    network.run(2.0)
    assert network.walk("start", "goal")[0] == ["start", "m", "goal"]
    assert network.walk("goal", "start")[0] == ["goal", "m", "start"]
    assert network.routers["m"].engine.valid_origins("goal") == frozenset({"start"})
    assert network.routers["x"].engine.valid_origins("goal") == frozenset()


def test_addresses_outlive_a_short_loss_of_the_path_but_are_not_routed_to_meanwhile() -> None:
    network = line(3)
    network.run(2.0)
    engine = network.routers["r0"].engine
    network.stop("r1")
    network.run(0.5)
    assert not engine.routers_with("Mservice-r2")
    assert engine.has_destination("Mservice-r2")
    network.forget_outputs()
    network.run(0.6)
    assert not engine.has_destination("Mservice-r2")
    changed = network.outputs("r0", RemoteAddressesChanged)
    assert {key for output in changed for key in output.keys} == {"Mservice-r1", "Mservice-r2"}


def test_a_router_that_left_is_forgotten_after_a_minute() -> None:
    network = line(3)
    network.run(2.0)
    network.stop("r2")
    network.run(30.0)
    assert [node.router_id for node in network.routers["r0"].engine.nodes()] == ["r0", "r1", "r2"]
    network.run(70.0)
    assert [node.router_id for node in network.routers["r0"].engine.nodes()] == ["r0", "r1"]


def test_parts_of_a_network_that_was_split_for_long_find_each_other_again() -> None:
    network = line(4)
    network.run(2.0)
    middle = next(connection for connection in network._connections if set(connection.ends) == {"r1", "r2"})
    network.close(middle)
    network.consume("r3", "Mnews")
    network.cease("r3", "Mservice-r3")
    network.run(100.0)
    assert network.converged()
    network.connect("r1", "r2")
    assert network.run_until(network.converged, 5.0) < 0.3


def test_the_management_view_names_every_router_with_its_next_hop() -> None:
    network = line(3)
    network.run(2.0)
    here, near, far = network.routers["r0"].engine.nodes()
    assert (here.router_id, here.next_hop, here.cost, here.peers) == ("r0", "(self)", 0, ("r1",))
    assert (near.next_hop, near.cost, near.peers) == ("r1", 1, ("r0", "r2"))
    assert (far.next_hop, far.cost, far.link, far.instance) == ("r1", 2, near.link, 3)


def test_mobile_messages_go_only_to_routers_that_know_the_sender() -> None:
    """The reference logs a warning for each MAR or MAU of a router it does not know."""
    network = line(3)
    known: dict[str, set[str]] = {name: set() for name in network.routers}
    receive = RoutingEngine.receive

    def watch(engine: RoutingEngine, link: int, opcode: str, body: Any, now: float) -> None:
        me = engine.nodes()[0].router_id
        if opcode in ("MAR", "MAU"):
            assert body["id"] in known[me], f"{me} does not know {body['id']}"
        receive(engine, link, opcode, body, now)
        known[me] = {node.router_id for node in engine.nodes()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RoutingEngine, "receive", watch)
        network.run(3.0)
        network.start("r3")
        known["r3"] = set()
        network.consume("r3", "Mlate")
        network.connect("r2", "r3")
        network.run(3.0)
    assert network.converged()


def test_a_large_ring_converges_within_a_second() -> None:
    network = ring(16)
    assert network.run_until(network.converged, 2.0) < 1.0


# ------------------------------------------------------------------------------------------------------- any history at all

NAMES = ["a", "b", "c", "d", "e", "f"]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "connect",
                "connect",
                "close",
                "break",
                "cost",
                "kill",
                "crash",
                "start",
                "restart",
                "quick",
                "add",
                "remove",
            ]
        ),
        st.integers(0, 5),
        st.integers(0, 5),
        st.integers(1, 4),
        st.sampled_from([0.0, 0.003, 0.02, 0.5, 1.5, 4.0]),
    ),
    min_size=5,
    max_size=40,
)


def play(network: Network, events: list[tuple[str, int, int, int, float]]) -> None:
    """Let a history happen to six routers."""
    network.start(*NAMES)
    connections: list[Connection] = []
    for kind, first, second, number, pause in events:
        one, other = NAMES[first], NAMES[second]
        running = one in network.routers
        if kind == "connect" and running and other in network.routers and one != other:
            connections.append(network.connect(one, other, number))
        elif kind == "close" and connections:
            network.close(connections[(first * 6 + second) % len(connections)])
        elif kind == "break" and connections:
            connections[(first * 6 + second) % len(connections)].silent = True
        elif kind == "cost" and connections:
            network.change_cost(connections[(first * 6 + second) % len(connections)], number)
        elif kind in ("kill", "crash") and running:
            network.stop(one, noticed=kind == "kill")
        elif kind == "start" and not running:
            network.start(one)
        elif kind in ("restart", "quick") and running:
            network.restart(one, noticed=kind == "restart")
        elif kind == "add" and running:
            network.consume(one, f"Mservice-{number}")
        elif kind == "remove" and running:
            network.cease(one, f"Mservice-{number}")
        network.run(pause)


def assert_sound(network: Network) -> None:
    costs = network.true_costs()
    for one in network.routers:
        for other in costs[one]:
            assert network.walk(one, other)[1] == costs[one][other]
        assert sorted(network.multicast(one)) == sorted(set(costs[one]) - {one})
        assert not network.outputs(one, Warning)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_after_any_history_the_network_agrees_with_its_true_topology(
    events: list[tuple[str, int, int, int, float]],
) -> None:
    network = Network()
    play(network, events)
    network.run(5.0)
    assert network.disagreement() is None
    assert_sound(network)
    network.run(70.0)
    assert network.disagreement() is None


@settings(max_examples=30, deadline=None)
@given(EVENTS, st.integers(0, 1000))
def test_lost_messages_only_delay_the_agreement(
    events: list[tuple[str, int, int, int, float]], seed: int
) -> None:
    network = Network(loss=0.2, seed=seed)
    play(network, events)
    network.loss = 0.0
    network.run(35.0)
    assert network.disagreement() is None
    assert_sound(network)
