"""Scenarios of load: short connections in great number, and slow and fast bulk streams at the same time."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.rig.client import Stream
from tests.rig.network import Network
from tests.rig.programs import echo_service, run_job, start_streams, stream_results, stream_service
from tests.rig.request import Kind
from tests.rig.routers import Program, reference_program
from tests.soak.outcome import MEGABYTE, MemoryWatch, Outcome, expect_files_closed, expect_healthy

CONNECTIONS_PER_SECOND = 500


def churn(program: Program, directory: Path, seconds: float, _seed: int) -> Outcome:
    """Five hundred short connections a second over one link: none may be lost, nothing may be left of them."""
    outcome = Outcome("churn")
    with echo_service() as echo, Network(directory) as network:
        network.add("east", program)
        network.add("west", program)
        network.link("west", "east")
        network.expose("east", "echo", echo)
        port = network.consume("west", "echo")
        network.start()
        routers = [node.process for node in network.nodes.values()]
        run_job("churn", port=port, rate=CONNECTIONS_PER_SECOND, seconds=2.0)
        time.sleep(1)
        files = {router.router_id: router.open_files() for router in routers}
        with MemoryWatch(routers) as memory:
            result = run_job(
                "churn", timeout=seconds * 3 + 60, port=port, rate=CONNECTIONS_PER_SECOND, seconds=seconds
            )
        outcome.count("short connections", result["count"])
        outcome.counts["short connections a second"] = round(result["count"] / result["seconds"])
        outcome.counts["memory growth, MB"] = round(memory.growth() / MEGABYTE, 1)
        outcome.expect(result["lost"] == 0, f"{result['lost']} connections lost: {result['errors']}")
        outcome.expect(memory.growth() < 32 * MEGABYTE, f"memory grew by {memory.growth() / MEGABYTE:.0f} MB")
        for router in routers:
            expect_files_closed(outcome, router, files[router.router_id])
        expect_healthy(outcome, network)
    return outcome


def bulk(program: Program, directory: Path, seconds: float, seed: int, *, megabytes: int = 200) -> Outcome:
    """Ten listeners and connectors over one link, ``megabytes`` through each at once, slow and fast readers mixed."""
    outcome = Outcome("bulk")
    _bulk(outcome, program, program, directory, seconds, seed, megabytes)
    return outcome


def bulk_with_reference(
    program: Program, directory: Path, seconds: float, seed: int, *, megabytes: int = 200
) -> Outcome:
    """The same between this router and ``skrouterd``, clients at either; nothing when there is no ``skrouterd``."""
    outcome = Outcome("mixed")
    reference = reference_program()
    if reference:
        _bulk(outcome, program, reference, directory / "to-reference", seconds / 2, seed, megabytes)
        _bulk(outcome, reference, program, directory / "from-reference", seconds / 2, seed + 100, megabytes)
    return outcome


def _bulk(
    outcome: Outcome,
    west: Program,
    east: Program,
    directory: Path,
    seconds: float,
    seed: int,
    megabytes: int,
) -> None:
    rng = random.Random(seed)
    count = 10
    with stream_service() as service, Network(directory) as network:
        network.add("east", east)
        network.add("west", west)
        network.link("west", "east")
        for number in range(count):
            network.expose("east", f"streams-{number}", service)
        ports = [network.consume("west", f"streams-{number}") for number in range(count)]
        network.start()
        slow = set(rng.sample(range(count), 4))
        kinds = [Kind.UPLOAD, Kind.DOWNLOAD, Kind.UPLOAD, Kind.DOWNLOAD, Kind.DUPLEX]
        length = megabytes * MEGABYTE
        streams = [
            Stream(
                port,
                kinds[number % len(kinds)],
                seed=seed + number,
                length=length,
                rate=int(length / max(2.0, seconds * rng.uniform(0.3, 0.7))) if number in slow else 0,
                timeout=90.0,
            )
            for number, port in enumerate(ports)
        ]
        routers = [node.process for node in network.nodes.values()]
        with MemoryWatch(routers) as memory:
            results = stream_results(start_streams(streams), timeout=seconds * 2 + 240)
        for stream, result in zip(streams, results, strict=True):
            outcome.count("bytes", result.count)
            pace = f"at {stream.rate / MEGABYTE:.1f} MB/s" if stream.rate else "at full speed"
            outcome.expect(
                result.good,
                f"{Kind(stream.kind).name} {pace}: {result.count} of {length} bytes, {result.error or 'wrong bytes'}",
            )
        outcome.count("streams", len(results))
        outcome.counts["memory growth, MB"] = round(memory.growth() / MEGABYTE, 1)
        outcome.expect(
            memory.growth() < 100 * MEGABYTE, f"memory grew by {memory.growth() / MEGABYTE:.0f} MB"
        )
        for name, node in network.nodes.items():
            complaints = node.process.complaints()
            outcome.expect(
                not complaints, f"router {name} logged {len(complaints)} complaints: {complaints[:2]}"
            )
        expect_healthy(outcome, network)
