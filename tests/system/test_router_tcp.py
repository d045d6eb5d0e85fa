"""Connections of applications over one mutual-TLS link, in both directions of the link."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rig.client import Stream
from tests.rig.management import add_management, entity, wait_for
from tests.rig.network import Network
from tests.rig.pattern import Checker, blocks
from tests.rig.ports import HOST, free_port
from tests.rig.programs import echo_service, run_job, run_streams, stream_service
from tests.rig.request import Kind
from tests.rig.routers import EMBEDDED
from tests.rig.sockets import Server, connect, connect_and_be_reset, read_to_end, reset, seconds_until_reset

MEGABYTE = 1 << 20


@dataclass
class Pair:
    """Two linked routers; east dials west. Ports of listeners are by the router that listens."""

    network: Network
    server: Server
    raw: dict[str, int]
    streams: dict[str, int]
    echo: int
    by_name: int
    refused: int
    unanswered: int
    management: int

    def resident(self) -> int:
        return sum(self.network.process(name).resident_bytes() for name in ("west", "east"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    full = socket.create_server((HOST, 0), backlog=0)  # a server that never answers once its queue is full
    fillers = []
    with (
        stream_service() as stream_port,
        echo_service() as echo_port,
        Network(tmp_path_factory.mktemp("pair")) as network,
    ):
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        server = Server()
        west, east = network.add("west", EMBEDDED), network.add("east", EMBEDDED)
        network.link("east", "west")
        for name in ("west", "east"):
            network.expose(name, f"raw-{name}", server.port)
            network.expose(name, f"streams-{name}", stream_port)
        network.expose("east", "echo", echo_port)
        network.expose("east", "refused", free_port())
        network.expose("east", "unanswered", full.getsockname()[1])
        east.configuration.add(
            "tcpConnector", name="by-name", host="localhost", port=str(echo_port), address="by-name"
        )
        raw = {"west": network.consume("west", "raw-east"), "east": network.consume("east", "raw-west")}
        streams = {
            "west": network.consume("west", "streams-east"),
            "east": network.consume("east", "streams-west"),
        }
        echo, by_name, refused, unanswered = (
            network.consume("west", name) for name in ("echo", "by-name", "refused", "unanswered")
        )
        management = add_management(west)
        network.start()
        time.sleep(0.3)
        server.drop_pending()
        yield Pair(network, server, raw, streams, echo, by_name, refused, unanswered, management)
        for filler in fillers:
            filler.close()
        for name in ("west", "east"):
            complaints = [
                line for line in network.process(name).complaints() if "cannot connect to" not in line
            ]
            assert complaints == []
        server.close()
    full.close()


@pytest.fixture(params=["west", "east"])
def side(request: pytest.FixtureRequest) -> str:
    """The router whose listener the client uses."""
    return str(request.param)


def test_bytes_arrive_as_they_were_sent_in_both_directions_at_once(pair: Pair, side: str) -> None:
    port = pair.streams[side]
    kinds = (Kind.UPLOAD, Kind.DOWNLOAD, Kind.DUPLEX)
    results = run_streams([Stream(port, kind, seed=kind, length=8_000_001) for kind in kinds])
    assert [result.error for result in results if not result.good] == []


def test_a_client_that_ends_its_stream_still_gets_the_answer(pair: Pair, side: str) -> None:
    client = connect(pair.raw[side])
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    served = pair.server.accept()
    assert read_to_end(served) == b"question"
    served.sendall(b"answer" * 100_000)
    served.close()
    assert read_to_end(client) == b"answer" * 100_000


def test_a_server_that_ends_its_stream_still_gets_what_the_client_sends(pair: Pair, side: str) -> None:
    client = connect(pair.raw[side])
    served = pair.server.accept()
    served.sendall(b"that is all")
    served.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == b"that is all"
    time.sleep(0.05)
    client.sendall(b"more" * 100_000)
    client.close()
    assert read_to_end(served) == b"more" * 100_000


def test_an_empty_connection_ends_on_both_sides(pair: Pair, side: str) -> None:
    client = connect(pair.raw[side])
    client.shutdown(socket.SHUT_WR)
    served = pair.server.accept()
    assert read_to_end(served) == b""
    served.close()
    assert read_to_end(client) == b""


def test_a_client_that_is_reset_resets_the_server(pair: Pair, side: str) -> None:
    client = connect(pair.raw[side])
    client.sendall(b"x")
    served = pair.server.accept()
    assert served.recv(10) == b"x"
    reset(client)
    assert seconds_until_reset(served) < 2


def test_a_server_that_is_reset_resets_the_client(pair: Pair, side: str) -> None:
    client = connect(pair.raw[side])
    client.sendall(b"x")
    served = pair.server.accept()
    assert served.recv(10) == b"x"
    reset(served)
    assert seconds_until_reset(client) < 2


def test_a_reset_in_the_middle_of_a_bulk_stream_reaches_the_sender(pair: Pair) -> None:
    client = connect(pair.raw["west"])
    served = pair.server.accept()
    failures: list[OSError] = []

    def send() -> None:
        try:
            while True:
                served.sendall(bytes(MEGABYTE))
        except OSError as error:
            failures.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    assert client.recv(MEGABYTE)
    reset(client)
    sender.join(5)
    assert not sender.is_alive()
    assert isinstance(failures[0], ConnectionResetError | BrokenPipeError)


def test_a_client_that_leaves_after_its_request_is_not_served_for_ever(pair: Pair) -> None:
    client = connect(pair.raw["west"])
    client.sendall(b"request")
    client.shutdown(socket.SHUT_WR)
    served = pair.server.accept()
    assert read_to_end(served) == b"request"
    client.close()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012
        for _ in range(100):
            served.sendall(b"event")
            time.sleep(0.02)


def test_a_slow_reader_costs_bounded_memory_in_both_routers(pair: Pair) -> None:
    flows, each = 4, 24 * MEGABYTE
    pairs = []
    for _ in range(flows):
        client = connect(pair.raw["west"])
        pairs.append((client, pair.server.accept()))
    before = pair.resident()
    senders = [
        threading.Thread(
            target=lambda seed=seed, to=served: [to.sendall(part) for part in blocks(seed, each)]
        )
        for seed, (_, served) in enumerate(pairs)
    ]
    for sender in senders:
        sender.start()
    time.sleep(1.5)
    assert all(sender.is_alive() for sender in senders), "somebody takes what nobody reads"
    # 768 KiB a flow may be in flight; twice that in each of the two routers is generous.
    assert pair.resident() - before < flows * 4 * 786_432
    for seed, (client, _) in enumerate(pairs):
        checker = Checker(seed)
        while checker.count < each:
            checker.feed(client.recv(MEGABYTE))
        assert checker.good
    for sender in senders:
        sender.join(5)
    for client, served in pairs:
        client.close()
        served.close()


def test_ten_flows_of_mixed_speed_neither_lose_bytes_nor_wait_for_each_other(pair: Pair) -> None:
    fast = [
        Stream(pair.streams["west"], (Kind.UPLOAD, Kind.DOWNLOAD)[seed % 2], seed=seed, length=30 * MEGABYTE)
        for seed in range(6)
    ]
    slow = [
        Stream(
            pair.streams["west"],
            (Kind.UPLOAD, Kind.DOWNLOAD)[seed % 2],
            seed=seed,
            length=4 * MEGABYTE,
            rate=MEGABYTE,
        )
        for seed in range(6, 10)
    ]
    results = run_streams(fast + slow)
    assert [result.error or result.count for result in results if not result.good] == []
    assert max(result.seconds for result in results[:6]) < min(result.seconds for result in results[6:]) + 1


def test_a_thousand_short_connections_lose_none(pair: Pair) -> None:
    result = run_job("churn", port=pair.echo, rate=400.0, seconds=2.5)
    assert (result["count"], result["lost"], result["errors"]) == (1000, 0, [])


def test_a_refusing_server_resets_the_client_quickly(pair: Pair) -> None:
    assert connect_and_be_reset(pair.refused) < 2


@pytest.mark.slow
def test_a_server_that_does_not_answer_resets_the_client_in_the_end(pair: Pair) -> None:
    client = connect(pair.unanswered)
    client.settimeout(40)
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_connector_may_name_its_host(pair: Pair) -> None:
    client = connect(pair.by_name)
    client.sendall(b"hello")
    assert client.recv(10) == b"hello"
    client.close()


def test_clients_that_leave_at_any_moment_leave_nothing_behind(pair: Pair) -> None:
    west, east = pair.network.process("west"), pair.network.process("east")
    files = west.open_files(), east.open_files()
    for number in range(300):
        client = connect(pair.raw["west"])
        if number % 3:
            client.sendall(b"x" * number)
        if number % 5 == 0:
            client.shutdown(socket.SHUT_WR)
        reset(client) if number % 2 else client.close()
    deadline = time.monotonic() + 10
    while True:
        pair.server.drop_pending()
        if west.open_files() <= files[0] and east.open_files() <= files[1]:
            break
        assert time.monotonic() < deadline, (files, west.open_files(), east.open_files())
        time.sleep(0.1)
    name = f"listener/raw-east-{pair.raw['west']}"
    wait_for(
        pair.management,
        "tcpListener",
        name,
        lambda found: found["connectionsOpened"] == found["connectionsClosed"],
    )


def accept_that_sends(pair: Pair, expected: bytes) -> socket.socket:
    """The connection that brings these bytes; the server may still hold one that an earlier test's client has reset."""
    for _ in range(10):
        served = pair.server.accept()
        try:
            if read_to_end(served) == expected:
                return served
        except ConnectionResetError:
            pass
        served.close()
    raise AssertionError(f"no connection brings {expected!r}")


def test_counters_count_bytes_and_connections(pair: Pair) -> None:
    name = f"listener/raw-east-{pair.raw['west']}"
    before = entity(pair.management, "tcpListener", name)
    client = connect(pair.raw["west"])
    client.sendall(b"12345")
    client.shutdown(socket.SHUT_WR)
    served = accept_that_sends(pair, b"12345")
    served.sendall(b"1234567")
    served.close()
    read_to_end(client)
    client.close()
    after = wait_for(
        pair.management,
        "tcpListener",
        name,
        lambda found: found["connectionsClosed"] > before["connectionsClosed"],
    )
    assert after["connectionsOpened"] - before["connectionsOpened"] == 1
    assert after["bytesIn"] - before["bytesIn"] == 5
    assert after["bytesOut"] - before["bytesOut"] == 7
