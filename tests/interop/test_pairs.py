"""One embedded router and one ``skrouterd``, linked in either direction."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.checks import (
    MEGABYTE,
    assert_clean_farewell,
    assert_no_complaints,
    assert_short_connections,
    assert_traffic,
    assert_whole,
    wait_until_serves,
)
from tests.rig.client import Stream
from tests.rig.network import Network
from tests.rig.programs import run_job, run_streams, start_streams, stream_results, wait_until_refuses
from tests.rig.request import Kind
from tests.rig.routers import EMBEDDED, Program

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(180)]

DIALLING = ["we dial", "it dials"]


@dataclass
class Pair:
    """A running pair: ports of our tcpListeners (served by its connectors) and of its tcpListeners (served by ours)."""

    network: Network
    our_streams: int
    our_echo: int
    its_streams: int
    its_echo: int


def start_pair(network: Network, reference: Program, dialling: str, streams: int, echo: int) -> Pair:
    programs = {"ours": EMBEDDED, "its": reference}
    names = ["its", "ours"] if dialling == "we dial" else ["ours", "its"]
    for name in names:
        network.add(name, programs[name])
    network.link(names[1], names[0])
    network.expose("its", "streams-of-its", streams)
    network.expose("its", "echo-of-its", echo)
    network.expose("ours", "streams-of-ours", streams)
    network.expose("ours", "echo-of-ours", echo)
    pair = Pair(
        network,
        network.consume("ours", "streams-of-its"),
        network.consume("ours", "echo-of-its"),
        network.consume("its", "streams-of-ours"),
        network.consume("its", "echo-of-ours"),
    )
    network.start()
    return pair


@pytest.fixture(params=DIALLING)
def pair(
    request: pytest.FixtureRequest, network: Network, reference: Program, stream_port: int, echo_port: int
) -> Pair:
    return start_pair(network, reference, request.param, stream_port, echo_port)


def test_all_sorts_of_traffic_pass_in_both_directions(pair: Pair, stream_port: int) -> None:
    assert_traffic(pair.network, pair.our_streams, pair.our_echo, service=stream_port)
    assert_traffic(pair.network, pair.its_streams, pair.its_echo, service=stream_port)


def test_a_link_without_tls_carries_the_same(
    tmp_path: Path, reference: Program, stream_port: int, echo_port: int
) -> None:
    with Network(tmp_path / "plain", mutual_tls=False) as network:
        pair = start_pair(network, reference, "it dials", stream_port, echo_port)
        assert_traffic(network, pair.our_streams, pair.our_echo, service=stream_port)
        assert_traffic(network, pair.its_streams, pair.its_echo, service=stream_port)


def test_ten_bulk_streams_of_slow_and_fast_readers_arrive_whole(pair: Pair) -> None:
    kinds = (Kind.UPLOAD, Kind.DOWNLOAD)
    streams = [
        Stream(
            port,
            kinds[number % 2],
            seed=100 * port + number,
            length=(8 if number % 3 == 0 else 40) * MEGABYTE,
            rate=2 * MEGABYTE if number % 3 == 0 else 0,
        )
        for port in (pair.our_streams, pair.its_streams)
        for number in range(5)
    ]
    assert_whole(run_streams(streams))
    assert_no_complaints(pair.network)


def test_five_hundred_connections_at_once_all_answer(pair: Pair) -> None:
    for port in (pair.our_echo, pair.its_echo):
        result = run_job("ping_pong", port=port, connections=500, seconds=2.0)
        assert result["broken"] == 0
        assert result["count"] > 500
    assert_no_complaints(pair.network)


def test_readers_that_stall_cost_bounded_memory_and_disturb_nobody(pair: Pair) -> None:
    ours = pair.network.process("ours")
    before = ours.resident_bytes()
    stalled = start_streams(
        [
            Stream(port, kind, seed=index, length=60 * MEGABYTE, rate=50_000, timeout=5)
            for port in (pair.our_streams, pair.its_streams)
            for index, kind in enumerate([Kind.UPLOAD, Kind.DOWNLOAD] * 4)
        ]
    )
    try:
        time.sleep(3)
        assert_whole(run_streams([Stream(pair.our_streams, Kind.DUPLEX, seed=1, length=20 * MEGABYTE)]))
        assert_short_connections(pair.its_echo)
        assert (
            ours.resident_bytes() - before < 80 * MEGABYTE
        )  # 16 flows of at most about 1 MiB in each direction
    finally:
        stalled.stop()
    assert_short_connections(pair.our_echo)


def test_a_router_of_ours_that_stops_says_goodbye(pair: Pair) -> None:
    assert_short_connections(pair.our_echo, 20)
    assert_clean_farewell(pair.network.process("ours"), pair.network.process("its"))


@pytest.mark.parametrize("victim", ["its", "ours"])
def test_a_killed_router_takes_its_flows_with_it_and_comes_back(pair: Pair, victim: str) -> None:
    survivor = "ours" if victim == "its" else "its"
    port = pair.our_streams if survivor == "ours" else pair.its_streams
    running = start_streams(
        [Stream(port, kind, length=2_000 * MEGABYTE) for kind in (Kind.UPLOAD, Kind.DOWNLOAD)]
    )
    time.sleep(1)
    pair.network.process(victim).kill()
    assert not [result for result in stream_results(running, timeout=15) if result.good]
    if survivor == "ours":
        for listener in pair.network.nodes[survivor].listener_ports:
            wait_until_refuses(listener)
    pair.network.process(victim).start()
    for port in (pair.our_streams, pair.its_streams):
        wait_until_serves(port)
        assert_whole(run_streams([Stream(port, Kind.DUPLEX, length=5 * MEGABYTE)]))


def test_a_link_that_stays_idle_stays_up(pair: Pair) -> None:
    time.sleep(20)  # longer than the idle time-out of 16 s
    assert_short_connections(pair.our_echo, 20)
    assert_short_connections(pair.its_echo, 20)
    assert_no_complaints(pair.network)
