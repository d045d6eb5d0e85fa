"""Edge routers of ours at interior routers of ours: who reaches whom, what happens when a link or router is lost."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.checks import (
    MEGABYTE,
    assert_no_complaints,
    assert_short_connections,
    assert_whole,
    streams_of_every_kind,
    wait_until_echoes,
    wait_until_serves,
)
from tests.rig.management import add_management, entities, entity, wait_for
from tests.rig.network import Network
from tests.rig.ports import HOST
from tests.rig.programs import (
    echo_service,
    run_streams,
    stream_service,
    wait_until_accepts,
    wait_until_refuses,
)
from tests.rig.routers import EMBEDDED
from tests.rig.sockets import connect, seconds_until_reset


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with Network(tmp_path) as network:
        yield network


def test_edges_of_different_interiors_reach_each_other_and_everybody_else(network: Network) -> None:
    with stream_service() as streams, echo_service() as echo:
        for name in ("north", "south"):
            network.add(name, EMBEDDED)
        network.link("south", "north")
        for edge, interior in (("leaf", "north"), ("twig", "south")):
            network.add(edge, EMBEDDED, "edge")
            network.attach(edge, interior)
        network.expose("leaf", "streams", streams)
        network.expose("leaf", "echo", echo)
        network.expose("north", "echo-of-north", echo)
        stream_ports = [network.consume(name, "streams") for name in ("twig", "north", "south", "leaf")]
        echo_ports = [network.consume(name, "echo") for name in ("twig", "north", "south", "leaf")]
        echo_ports.append(network.consume("twig", "echo-of-north"))
        network.start()
        for port in stream_ports:
            assert_whole(run_streams(streams_of_every_kind(port, 5 * MEGABYTE, seed=port)))
        for port in echo_ports:
            assert_short_connections(port, 50)
        assert_no_complaints(network)


def test_what_only_the_edge_itself_serves_does_not_come_back_from_the_interior(network: Network) -> None:
    network.add("hub", EMBEDDED)
    leaf = network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "hub")
    with echo_service() as echo:
        network.expose("leaf", "own", echo)
        port = network.consume("leaf", "own")
        management = add_management(leaf)
        network.start()
        wait_for(management, "connector", "edge-leaf-hub", lambda it: it["connectionStatus"] == "SUCCESS")
        time.sleep(0.5)
        [own] = [item for item in entities(management, "router.address") if item["name"] == "Mown"]
        assert (own["subscriberCount"], own["remoteCount"]) == (1, 0)
        wait_until_echoes(port)


def test_management_shows_edges_and_reaches_them_through_the_network(network: Network) -> None:
    hub, leaf = network.add("hub", EMBEDDED), network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "hub")
    with echo_service() as echo:
        network.expose("leaf", "echo", echo)
        network.consume("hub", "echo")
        at_hub, at_leaf = add_management(hub), add_management(leaf)
        network.start()
    assert entity(at_leaf, "router", "leaf")["mode"] == "edge"
    [link] = [item for item in entities(at_hub, "connection") if item["role"] == "edge"]
    assert (link["container"], link["dir"], link["isEncrypted"]) == ("leaf", "in", True)
    [link] = [item for item in entities(at_leaf, "connection") if item["role"] == "edge"]
    assert (link["container"], link["dir"], link["active"]) == ("hub", "out", True)
    assert [node["id"] for node in entities(at_hub, "router.node")] == ["hub"]
    [address] = [item for item in entities(at_hub, "router.address") if item["name"] == "Mecho"]
    assert address["subscriberCount"] == 1


def test_an_edge_that_is_lost_takes_its_services_and_connections_with_it(network: Network) -> None:
    for name in ("north", "south"):
        network.add(name, EMBEDDED)
    network.link("south", "north")
    network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "north")
    with echo_service() as echo:
        network.expose("leaf", "echo", echo)
        ports = [network.consume(name, "echo") for name in ("north", "south")]
        network.start()
        clients = [connect(port) for port in ports]
        for client in clients:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        network.process("leaf").kill()
        for client in clients:
            assert seconds_until_reset(client) < 2
        for port in ports:
            wait_until_refuses(port, 15)
        network.process("leaf").start()
        for port in ports:
            wait_until_accepts(port, 10)
            wait_until_echoes(port)


def test_an_edge_with_several_links_uses_one_and_falls_over_to_another(network: Network) -> None:
    interiors = [network.add(name, EMBEDDED) for name in ("north", "south")]
    network.link("south", "north")
    leaf = network.add("leaf", EMBEDDED, "edge")
    for name in ("north", "south"):
        network.attach("leaf", name)
    with echo_service() as echo:
        network.expose("leaf", "echo", echo)
        network.expose("south", "echo-of-south", echo)
        network.expose("north", "echo-of-north", echo)
        mine = [network.consume("leaf", f"echo-of-{name}") for name in ("north", "south")]
        theirs = [network.consume(name, "echo") for name in ("north", "south")]
        management = add_management(leaf)
        network.start()

        def active() -> list[str]:
            return [
                item["container"]
                for item in entities(management, "connection")
                if item["role"] == "edge" and item["active"]
            ]

        for name in ("north", "south"):
            wait_for(
                management, "connector", f"edge-leaf-{name}", lambda it: it["connectionStatus"] == "SUCCESS"
            )
        [first] = active()
        other = "south" if first == "north" else "north"
        index = [node.process.router_id for node in interiors].index(other)
        for port in (*mine, *theirs):
            wait_until_echoes(port)
        client = connect(mine[index])
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        network.process(first).kill()
        assert seconds_until_reset(client) < 2, "what went over the lost link is reset at once"
        wait_until_accepts(theirs[index], 10)
        wait_until_accepts(mine[index], 10)
        for port in (mine[index], theirs[index]):
            wait_until_echoes(port)
        assert active() == [other]
        wait_until_refuses(mine[1 - index], 10)


def test_an_edge_s_listeners_close_while_its_interior_is_gone(network: Network) -> None:
    network.add("hub", EMBEDDED)
    network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "hub")
    with stream_service() as streams:
        network.expose("hub", "streams", streams)
        port = network.consume("leaf", "streams")
        network.start()
        network.process("hub").kill()
        assert wait_until_refuses(port, 5) < 2
        network.process("hub").start()
        wait_until_accepts(port, 15)
        wait_until_serves(port)


def test_an_edge_that_stops_says_goodbye(network: Network) -> None:
    network.add("hub", EMBEDDED)
    network.add("leaf", EMBEDDED, "edge")
    network.attach("leaf", "hub")
    with echo_service() as echo:
        network.expose("leaf", "echo", echo)
        port = network.consume("hub", "echo")
        network.start()
        assert_short_connections(port, 20)
        assert network.process("leaf").stop() == 0
        assert wait_until_refuses(port, 5) < 2
        assert_no_complaints(network)


def test_the_listener_for_edges_speaks_to_nobody_without_a_certificate(network: Network) -> None:
    hub = network.add("hub", EMBEDDED)
    network.start()
    with socket.create_connection((HOST, hub.edge_port), timeout=2) as stranger:
        stranger.sendall(b"AMQP\x03\x01\x00\x00")
        stranger.settimeout(5)
        assert stranger.recv(64)[:4] != b"AMQP", "TLS comes first"
