"""Edge and interior routers of both kinds: each edge at each interior, edge to edge, losses, several keys."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import pytest

from tests.interop.checks import (
    MEGABYTE,
    assert_clean_farewell,
    assert_no_complaints,
    assert_short_connections,
    assert_traffic,
    assert_whole,
    streams_of_every_kind,
    wait_until_echoes,
)
from tests.rig.management import add_management, entities
from tests.rig.network import Network
from tests.rig.programs import run_streams, wait_until_accepts, wait_until_refuses
from tests.rig.routers import EMBEDDED, Program
from tests.rig.sockets import connect

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(180)]

OURS, THEIRS = "ours", "theirs"
KINDS = [(OURS, THEIRS, OURS), (THEIRS, OURS, OURS), (OURS, OURS, THEIRS), (OURS, THEIRS, THEIRS)]
"""Interior, first edge, second edge: not all of one kind."""
MIXED = [*KINDS, (THEIRS, OURS, THEIRS)]


def assert_ends(client: socket.socket, seconds: float = 3.0) -> None:
    """A connection over a lost link ends soon: ours are reset, the reference closes."""
    client.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b""


def program(kind: str, reference: Program) -> Program:
    return EMBEDDED if kind == OURS else reference


@pytest.mark.parametrize(("interior", "leaf", "twig"), MIXED)
def test_edges_and_interior_reach_each_other(
    network: Network,
    reference: Program,
    stream_port: int,
    echo_port: int,
    interior: str,
    leaf: str,
    twig: str,
) -> None:
    network.add("hub", program(interior, reference))
    for name, kind in (("leaf", leaf), ("twig", twig)):
        network.add(name, program(kind, reference), "edge")
        network.attach(name, "hub")
    for name in ("hub", "leaf"):
        network.expose(name, f"streams-of-{name}", stream_port)
        network.expose(name, f"echo-of-{name}", echo_port)
    ports = [
        (network.consume(at, f"streams-of-{of}"), network.consume(at, f"echo-of-{of}"))
        for at, of in (("twig", "leaf"), ("twig", "hub"), ("hub", "leaf"))
    ]
    network.start()
    for streams, echo in ports:
        assert_traffic(network, streams, echo, service=stream_port, length=8 * MEGABYTE)


def test_edges_of_two_interiors_of_different_kinds_reach_each_other(
    network: Network, reference: Program, stream_port: int, echo_port: int
) -> None:
    network.add("north", EMBEDDED)
    network.add("south", reference)
    network.link("south", "north")
    edges = {"leaf": ("north", reference), "twig": ("south", EMBEDDED), "bud": ("north", EMBEDDED)}
    for name, (interior, kind) in edges.items():
        network.add(name, kind, "edge")
        network.attach(name, interior)
        network.expose(name, f"streams-of-{name}", stream_port)
        network.expose(name, f"echo-of-{name}", echo_port)
    ports = [
        (network.consume(at, f"streams-of-{of}"), network.consume(at, f"echo-of-{of}"))
        for at in (*edges, "south")
        for of in edges
        if at != of
    ]
    network.start()
    for streams, echo in ports:
        assert_whole(run_streams(streams_of_every_kind(streams, 5 * MEGABYTE, seed=streams)))
        assert_short_connections(echo, 50)
    assert_no_complaints(network)


@pytest.mark.parametrize("edge", [OURS, THEIRS])
def test_an_edge_falls_over_to_its_other_interior(
    network: Network, reference: Program, echo_port: int, edge: str
) -> None:
    network.add("first", EMBEDDED if edge == THEIRS else reference)
    network.add("second", reference if edge == THEIRS else EMBEDDED)
    network.link("second", "first")
    leaf = network.add("leaf", program(edge, reference), "edge")
    for name in ("first", "second"):
        network.attach("leaf", name)
        network.expose(name, f"echo-of-{name}", echo_port)
    network.expose("leaf", "echo", echo_port)
    of_leaf = {name: network.consume(name, "echo") for name in ("first", "second")}
    of_others = {name: network.consume("leaf", f"echo-of-{name}") for name in ("first", "second")}
    management = add_management(leaf)
    network.start()
    time.sleep(1)  # both links of the edge are up
    [active] = [
        item["container"]
        for item in entities(management, "connection")
        if item["role"] == "edge" and item["active"]
    ]
    left = "second" if active == "first" else "first"
    for port in (*of_leaf.values(), *of_others.values()):
        wait_until_echoes(port)
    client = connect(of_others[left])
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    network.process(active).kill()
    assert_ends(client)
    wait_until_refuses(of_others[active], 15)
    for port in (of_leaf[left], of_others[left]):
        wait_until_accepts(port, 15)
        wait_until_echoes(port)


@pytest.mark.parametrize(("interior", "leaf"), [(OURS, THEIRS), (THEIRS, OURS)])
def test_an_edge_or_its_interior_that_is_killed_takes_the_service_with_it_until_it_is_back(
    network: Network, reference: Program, echo_port: int, interior: str, leaf: str
) -> None:
    network.add("hub", program(interior, reference))
    network.add("leaf", program(leaf, reference), "edge")
    network.attach("leaf", "hub")
    network.expose("leaf", "echo", echo_port)
    network.expose("hub", "echo-of-hub", echo_port)
    at_hub, at_leaf = network.consume("hub", "echo"), network.consume("leaf", "echo-of-hub")
    network.start()
    for victim, port in (("leaf", at_hub), ("hub", at_leaf)):
        network.process(victim).kill()
        wait_until_refuses(port, 15)
        network.process(victim).start()
        for listener in (at_hub, at_leaf):
            wait_until_accepts(listener, 20)
            wait_until_echoes(listener)


def test_an_edge_of_ours_that_stops_says_goodbye(
    network: Network, reference: Program, echo_port: int
) -> None:
    network.add("hub", reference)
    network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "hub")
    network.expose("leaf", "echo", echo_port)
    port = network.consume("hub", "echo")
    network.start()
    assert_short_connections(port, 20)
    assert_clean_farewell(network.process("leaf"), network.process("hub"))


def test_a_link_of_an_edge_without_tls_carries_the_same(
    tmp_path: Path, reference: Program, stream_port: int, echo_port: int
) -> None:
    with Network(tmp_path / "plain", mutual_tls=False) as network:
        network.add("hub", EMBEDDED)
        network.add("leaf", reference, "edge")
        network.attach("leaf", "hub")
        network.expose("leaf", "streams", stream_port)
        network.expose("leaf", "echo", echo_port)
        streams, echo = network.consume("hub", "streams"), network.consume("hub", "echo")
        network.start()
        assert_traffic(network, streams, echo, service=stream_port, length=8 * MEGABYTE)


def test_a_link_of_an_edge_that_stays_idle_stays_up(
    network: Network, reference: Program, echo_port: int
) -> None:
    network.add("hub", reference)
    network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "hub")
    network.expose("leaf", "echo", echo_port)
    port = network.consume("hub", "echo")
    network.start()
    time.sleep(20)  # longer than the idle time-out of 16 s
    assert_short_connections(port, 20)
    assert_no_complaints(network)
