"""Scenarios of failure: a peer that is killed under load, and a ring of five of which one is killed and restarted."""

from __future__ import annotations

import itertools
import random
import subprocess
import time
from pathlib import Path

from tests.rig.client import Stream
from tests.rig.network import Network
from tests.rig.programs import (
    Job,
    echo_service,
    run_job,
    run_streams,
    start_streams,
    stream_results,
    stream_service,
)
from tests.rig.request import Kind
from tests.rig.routers import Program
from tests.soak.outcome import MEGABYTE, Outcome, expect_files_closed, expect_healthy

RESET_WITHIN = 15.0
"""Seconds after a kill within which every client whose stream went through the victim must know."""

RECOVERY_WITHIN = 15.0
"""Seconds within which traffic must pass again after a router was started again."""


def _passes(port: int, seconds: float) -> float | None:
    """After how many seconds a small stream passes; None if none does in time."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        [result] = run_streams([Stream(port, Kind.UPLOAD, length=1000, timeout=2.0)])
        if result.good:
            return time.monotonic() - start
        time.sleep(0.05)
    return None


def kills(program: Program, directory: Path, seconds: float, seed: int) -> Outcome:
    """Kill one of two linked routers under load, again and again: no client hangs, and traffic comes back."""
    outcome = Outcome("kills")
    rng = random.Random(seed)
    with stream_service() as service, Network(directory) as network:
        network.add("east", program)
        network.add("west", program)
        network.link("west", "east")
        network.expose("east", "streams", service)
        port = network.consume("west", "streams")
        network.start()
        end = time.monotonic() + seconds
        files: dict[str, int] = {}
        while time.monotonic() < end:
            length = 20_000 * MEGABYTE
            kinds = (Kind.UPLOAD, Kind.DOWNLOAD, Kind.DUPLEX)
            running = start_streams(
                [Stream(port, kind, seed=index, length=length) for index, kind in enumerate(kinds)]
            )
            time.sleep(rng.uniform(0.5, 2.0))
            victim = rng.choice(("east", "west"))
            network.process(victim).kill()
            outcome.count(f"kills of {victim}")
            try:
                stream_results(running, timeout=RESET_WITHIN)
            except subprocess.TimeoutExpired:
                outcome.violations.append(f"a client hung {RESET_WITHIN:.0f} s after {victim} was killed")
            time.sleep(rng.uniform(0.0, 3.0))
            network.process(victim).start()
            recovered = _passes(port, RECOVERY_WITHIN)
            outcome.expect(
                recovered is not None, f"no traffic {RECOVERY_WITHIN:.0f} s after {victim} came back"
            )
            outcome.counts["slowest recovery, s"] = round(
                max(outcome.counts.get("slowest recovery, s", 0), recovered or 0), 1
            )
            for name, node in network.nodes.items():
                if name == victim:
                    files.pop(name, None)  # a new process: its descriptors are counted afresh
                elif name in files:
                    expect_files_closed(outcome, node.process, files[name])
                files.setdefault(name, node.process.open_files())
        expect_healthy(outcome, network)
    return outcome


def ring(program: Program, directory: Path, seconds: float, seed: int) -> Outcome:
    """Five routers in a ring; one is killed and restarted, again and again. Traffic between the others goes on.

    Clients are on ``r0``. One service is on ``r1``, its neighbour: connections to it never pass the victim unless it is
    ``r1``, and must not notice. The other is on ``r2``: the way round is found when ``r1`` is killed.
    """
    outcome = Outcome("ring")
    rng = random.Random(seed)
    with echo_service() as echo, stream_service() as service, Network(directory) as network:
        names = [f"r{number}" for number in range(5)]
        for name in names:
            network.add(name, program)
        for earlier, later in itertools.pairwise(names):
            network.link(later, earlier)
        network.link(names[-1], names[0])
        network.expose("r1", "near", echo)
        network.expose("r2", "far", service)
        near, far = network.consume("r0", "near"), network.consume("r0", "far")
        network.start()
        time.sleep(2)
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end:
            victim = ("r4", "r1", "r3", "r1")[number % 4]
            number += 1
            undisturbed = victim != "r1"
            steady = Job("churn", port=near, rate=50.0, seconds=5.0) if undisturbed else None
            time.sleep(rng.uniform(0.2, 1.0))
            network.process(victim).kill()
            outcome.count(f"kills of {victim}")
            rerouted = _passes(far, RECOVERY_WITHIN)
            outcome.expect(
                rerouted is not None, f"no way round {victim} found within {RECOVERY_WITHIN:.0f} s"
            )
            outcome.counts["slowest way round, s"] = round(
                max(outcome.counts.get("slowest way round, s", 0), rerouted or 0), 1
            )
            [whole] = run_streams([Stream(far, Kind.DUPLEX, seed=number, length=5 * MEGABYTE)])
            outcome.expect(whole.good, f"a stream broke while {victim} was away: {whole}")
            network.process(victim).start()
            if steady:
                result = steady.result()
                outcome.count("connections past the victim", result["count"])
                outcome.expect(
                    result["lost"] == 0,
                    f"{result['lost']} connections to a neighbour were lost when {victim} was killed: {result['errors']}",
                )
            time.sleep(rng.uniform(3.0, 5.0))  # the victim is a neighbour again, the shorter way in use
            again = run_job("churn", port=near, rate=50.0, seconds=1.0)
            outcome.expect(
                again["lost"] == 0, f"after {victim} came back connections are lost: {again['errors']}"
            )
        expect_healthy(outcome, network)
    return outcome
