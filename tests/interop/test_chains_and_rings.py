"""More than two routers, embedded ones and ``skrouterd`` mixed."""

from __future__ import annotations

import time

import pytest

from tests.interop.checks import (
    MEGABYTE,
    assert_no_complaints,
    assert_traffic,
    assert_whole,
    wait_until_echoes,
    wait_until_serves,
)
from tests.rig.client import Stream
from tests.rig.network import Network
from tests.rig.programs import run_job, run_streams, stream_service
from tests.rig.request import Kind
from tests.rig.routers import EMBEDDED, Program

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(180)]

TOPOLOGIES = {
    # the dialling router of each link is the one that starts later
    "both dial the middle": ("middle", "left", "right"),
    "the middle dials both": ("left", "right", "middle"),
    "a row of dials": ("left", "middle", "right"),
}


def start_chain(network: Network, order: tuple[str, ...], ends: Program, middle: Program) -> None:
    for name in order:
        network.add(name, middle if name == "middle" else ends)
    for end in ("left", "right"):
        later, earlier = sorted(("middle", end), key=order.index, reverse=True)
        network.link(later, earlier)


@pytest.mark.parametrize("order", TOPOLOGIES.values(), ids=TOPOLOGIES.keys())
@pytest.mark.parametrize("middle", ["ours", "its"])
def test_traffic_passes_through_the_router_in_the_middle(
    network: Network,
    reference: Program,
    stream_port: int,
    echo_port: int,
    order: tuple[str, ...],
    middle: str,
) -> None:
    if middle == "ours":
        start_chain(network, order, ends=reference, middle=EMBEDDED)
    else:
        start_chain(network, order, ends=EMBEDDED, middle=reference)
    network.expose("right", "streams", stream_port)
    network.expose("left", "echo", echo_port)
    network.expose("right", "echo-on-the-right", echo_port)
    streams, echo = network.consume("left", "streams"), network.consume("left", "echo-on-the-right")
    back = network.consume("right", "echo")
    network.start()
    assert_traffic(network, streams, echo, service=stream_port)
    assert run_job("churn", port=back, rate=100.0, seconds=1.0)["lost"] == 0
    mixed = [
        Stream(
            streams,
            (Kind.UPLOAD, Kind.DOWNLOAD)[number % 2],
            seed=number,
            length=(6 if number % 3 == 0 else 30) * MEGABYTE,
            rate=2 * MEGABYTE if number % 3 == 0 else 0,
        )
        for number in range(8)
    ]
    assert_whole(run_streams(mixed))
    assert_no_complaints(network)


def test_a_mixed_ring_carries_on_when_one_router_dies(
    network: Network, reference: Program, stream_port: int, echo_port: int
) -> None:
    names = ["one", "two", "three", "four"]
    for index, name in enumerate(names):
        network.add(name, EMBEDDED if index % 2 == 0 else reference)
    for later, earlier in (("two", "one"), ("three", "two"), ("four", "three"), ("four", "one")):
        network.link(later, earlier)
    network.expose("three", "streams", stream_port)
    network.expose("four", "echo", echo_port)
    streams, echo = network.consume("one", "streams"), network.consume("two", "echo")
    network.start()
    assert_traffic(network, streams, echo, service=stream_port)
    for victim in ("two", "three"):  # the way round is found, then the way back
        network.process(victim).kill()
        time.sleep(5)
        if victim == "two":
            assert_whole(run_streams([Stream(streams, Kind.DUPLEX, length=5 * MEGABYTE)]))
        else:
            wait_until_echoes(echo)
            assert run_job("churn", port=echo, rate=50.0, seconds=1.0)["lost"] == 0
        network.process(victim).start()
        wait_until_serves(streams)
        assert_whole(run_streams([Stream(streams, Kind.DUPLEX, length=5 * MEGABYTE)]))


def test_connectors_on_both_kinds_of_router_share_the_load(
    network: Network, reference: Program, stream_port: int
) -> None:
    known = 4_711
    assert_whole(run_streams([Stream(stream_port, Kind.DEAF, seed=known, length=MEGABYTE)]))
    network.add("hub", EMBEDDED)
    network.add("its", reference)
    network.add("ours", EMBEDDED)
    network.link("its", "hub")
    network.link("ours", "hub")
    with stream_service() as other_port:
        network.expose("its", "streams", stream_port)
        network.expose("ours", "streams", other_port)
        port = network.consume("hub", "streams")
        network.start()
        time.sleep(2)  # until both are known
        # only the first service knows the stream with this seed, so the answer tells which one was asked
        answers = run_streams([Stream(port, Kind.ASK, seed=known)] * 40)
    assert 5 <= sum(answer.count == MEGABYTE for answer in answers) <= 35
    assert_no_complaints(network)
