"""The measurements. Each takes a contestant and the seconds it may last, and returns figures by name."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contestants import Contestant
from tests.rig.client import Stream
from tests.rig.configuration import Configuration
from tests.rig.ports import free_port
from tests.rig.programs import held_connections, run_job, run_streams
from tests.rig.request import Kind
from tests.rig.routers import RouterProcess

Figures = dict[str, float]
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Measurement:
    """A measurement: the word for ``--only``, how often a full run repeats it, whether routers are needed."""

    name: str
    measure: Callable[[Contestant, float], Figures]
    rounds: int
    needs_routers: bool = False


def memory_at_rest(contestant: Contestant, seconds: float) -> Figures:
    """Resident memory of one router of the linked pair, before any traffic."""
    assert contestant.network
    time.sleep(seconds)
    sizes = [node.process.resident_bytes() for node in contestant.network.nodes.values()]
    return {"memory at rest, MiB a router": sum(sizes) / len(sizes) / _MEBIBYTE}


def memory_of_idle_connections(contestant: Contestant, seconds: float) -> Figures:
    """What a thousand idle connections add to the memory of both routers together."""
    assert contestant.network
    connections = 1000
    routers = [node.process for node in contestant.network.nodes.values()]
    before = sum(router.resident_bytes() for router in routers)
    with held_connections(contestant.echo_port, connections):
        time.sleep(seconds)
        after = sum(router.resident_bytes() for router in routers)
    return {"idle connection, KiB in both routers": (after - before) / connections / 1024}


def start_to_ready(contestant: Contestant, _seconds: float) -> Figures:
    """From the start of a router with a minimal configuration until it answers /healthz."""
    assert contestant.program
    with tempfile.TemporaryDirectory() as directory:
        configuration = Configuration("alone")
        port = free_port()
        configuration.http(port)
        router = RouterProcess(contestant.program, "alone", Path(directory), port)
        configuration.write(router.configuration)
        try:
            return {"start to ready, ms": router.start() * 1000}
        finally:
            router.kill()


def bulk(contestant: Contestant, seconds: float) -> Figures:
    """Bytes per second through 1 and 4 streams, up (client to server) and down."""
    figures: Figures = {}
    for count in (1, 4):
        for direction, kind in (("up", Kind.UPLOAD), ("down", Kind.DOWNLOAD)):
            stream = Stream(
                contestant.stream_port, kind, milliseconds=int(seconds * 1000), check=False, timeout=30
            )
            results = run_streams([stream] * count)
            if failed := [result for result in results if not result.good]:
                raise RuntimeError(f"{contestant.name}: a bulk stream failed: {failed[0]}")
            rate = sum(result.count for result in results) / max(result.seconds for result in results)
            figures[f"bulk {direction}, {count} stream{'s' * (count > 1)}, MB/s"] = rate / 1e6
    return figures


def round_trip(contestant: Contestant, seconds: float) -> Figures:
    """64 bytes there and back on one connection."""
    result = run_job("round_trips", port=contestant.echo_port, seconds=seconds)
    return {
        "64-byte round trip p50, us": result["p50"] * 1e6,
        "64-byte round trip p99, us": result["p99"] * 1e6,
    }


def connect(contestant: Contestant, seconds: float) -> Figures:
    """Connections opened, used for one byte and closed, one at a time and eight at a time."""
    one = run_job("connect_rate", port=contestant.echo_port, seconds=seconds)
    eight = run_job("connect_rate", port=contestant.echo_port, seconds=seconds, workers=8)
    return {
        "new connections, 1 at a time, /s": one["rate"],
        "new connections, 8 at a time, /s": eight["rate"],
    }


def ping_pong(contestant: Contestant, seconds: float) -> Figures:
    """A thousand connections, each with a 64-byte message on its way there or back."""
    result = run_job("ping_pong", port=contestant.echo_port, connections=1000, seconds=seconds)
    if result["broken"]:
        raise RuntimeError(f"{contestant.name}: {result['broken']} of 1,000 connections broke")
    return {
        "1,000 connections, messages/s": result["rate"],
        "1,000 connections p50, ms": result["p50"] * 1e3,
        "1,000 connections p99, ms": result["p99"] * 1e3,
    }


MEASUREMENTS = (
    Measurement("memory", memory_at_rest, rounds=1, needs_routers=True),
    Measurement("idle", memory_of_idle_connections, rounds=1, needs_routers=True),
    Measurement("start", start_to_ready, rounds=7, needs_routers=True),
    Measurement("bulk", bulk, rounds=5),
    Measurement("round-trip", round_trip, rounds=5),
    Measurement("connect", connect, rounds=5),
    Measurement("ping-pong", ping_pong, rounds=3),
)
