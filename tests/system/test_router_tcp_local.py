"""Listener and connector on one router, and several connectors for one address."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.client import Stream
from tests.rig.management import add_management, wait_for
from tests.rig.network import Network
from tests.rig.ports import free_port
from tests.rig.programs import run_streams, stream_service
from tests.rig.request import Kind
from tests.rig.routers import EMBEDDED
from tests.rig.sockets import (
    Server,
    connect,
    connect_and_be_reset,
    read_to_end,
    reset,
    seconds_until_reset,
    server,
)


@dataclass
class Single:
    """One router; every port is a listener's."""

    server: Server
    raw: int
    streams: int
    refused: int
    network: Network


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Single]:
    with (
        stream_service() as stream_port,
        server() as listening,
        Network(tmp_path_factory.mktemp("single")) as network,
    ):
        network.add("alone", EMBEDDED)
        network.expose("alone", "raw", listening.port)
        network.expose("alone", "streams", stream_port)
        network.expose("alone", "refused", free_port())
        raw, streams, refused = (network.consume("alone", name) for name in ("raw", "streams", "refused"))
        network.start()
        listening.accept().close()  # the probe of the start
        yield Single(listening, raw, streams, refused, network)
        assert [line for line in network.process("alone").complaints() if "cannot connect" not in line] == []


def test_bytes_arrive_without_any_link(single: Single) -> None:
    kinds = (Kind.UPLOAD, Kind.DOWNLOAD, Kind.DUPLEX)
    results = run_streams([Stream(single.streams, kind, seed=kind, length=20_000_000) for kind in kinds])
    assert [result.error for result in results if not result.good] == []


@pytest.mark.parametrize("first", ["client", "server"])
def test_each_side_may_end_first(single: Single, first: str) -> None:
    client = connect(single.raw)
    served = single.server.accept()
    one, other = (client, served) if first == "client" else (served, client)
    one.sendall(b"first")
    one.shutdown(socket.SHUT_WR)
    assert read_to_end(other) == b"first"
    other.sendall(b"last" * 200_000)
    other.close()
    assert read_to_end(one) == b"last" * 200_000


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_reset_of_either_side_reaches_the_other(single: Single, first: str) -> None:
    client = connect(single.raw)
    served = single.server.accept()
    one, other = (client, served) if first == "client" else (served, client)
    one.sendall(b"x")
    assert other.recv(1) == b"x"
    reset(one)
    assert seconds_until_reset(other) < 1


def test_a_reset_under_full_load_reaches_the_sender(single: Single) -> None:
    client = connect(single.raw)
    served = single.server.accept()
    sender = threading.Thread(target=_send_for_ever, args=(served,))
    sender.start()
    assert client.recv(1 << 20)
    reset(client)
    sender.join(5)
    assert not sender.is_alive()


def _send_for_ever(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(bytes(1 << 20))
    except OSError:
        return


def test_a_refusing_server_resets_the_client(single: Single) -> None:
    assert connect_and_be_reset(single.refused) < 1


def test_a_slow_reader_costs_bounded_memory(single: Single) -> None:
    process = single.network.process("alone")
    client = connect(single.raw)
    served = single.server.accept()
    before = process.resident_bytes()
    sender = threading.Thread(target=_send_for_ever, args=(served,))
    sender.start()
    sender.join(1.0)
    assert sender.is_alive(), "somebody takes what nobody reads"
    assert process.resident_bytes() - before < 4 * 786_432
    reset(client)
    sender.join(5)


def test_connections_go_to_a_local_connector_first_then_where_fewest_are_open(tmp_path: Path) -> None:
    with server() as near, server() as also_near, server() as far, Network(tmp_path) as network:
        network.add("here", EMBEDDED)
        network.add("there", EMBEDDED)
        network.link("there", "here", cost=3)
        network.expose("here", "service", near.port)
        network.expose("here", "service", also_near.port)
        network.expose("there", "service", far.port)
        port = network.consume("here", "service")
        management = add_management(network.nodes["here"])
        network.start()
        wait_for(management, "router.address", "Mservice", lambda seen: seen["remoteCount"] == 1)
        servers = {"near": near, "also near": also_near, "far": far}
        for listening in servers.values():
            listening.drop_pending()
        counts: Counter[str] = Counter()
        clients = []

        def accept(name: str) -> None:
            try:
                while True:
                    clients.append(servers[name].accept())
                    clients[-1].sendall(name.encode())
                    counts[name] += 1
            except OSError:
                return

        threads = [threading.Thread(target=accept, args=(name,), daemon=True) for name in servers]
        for thread in threads:
            thread.start()
        order = []
        for _ in range(12):
            clients.append(connect(port))
            order.append(clients[-1].recv(20).decode())
        assert set(order[:6]) == {"near", "also near"}, "the far one costs as much as three open connections"
        assert order.count("far") in (2, 3)
        assert abs(order.count("near") - order.count("also near")) <= 1
        for client in clients:
            client.close()
