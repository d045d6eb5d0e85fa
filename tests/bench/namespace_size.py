"""How long a command takes in a namespace of 100 listeners and 100 connectors, and in one ten times as large.

Each round declares, starts, asks, changes and removes a site in a data directory of its own, on a loopback address of its own,
with every command run as a person runs it. Times are those of the whole process; memory is its largest.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.routers import Program

PROGRAM = """
import re, sys
from skupper_local.cli.main import run
status = run(sys.argv[2:])
with open("/proc/self/status") as kernel, open(sys.argv[1], "w") as most:
    most.write(re.search(r"VmHWM:\\s+(\\d+) kB", kernel.read()).group(1))
sys.exit(status)
"""
"""The command line, which leaves behind the most memory it had: rusage would count what the benchmark had before the exec."""
HOST = "127.83.0.1"
FIRST_PORT = 12_000
SIZES = (100, 1000)
QUICK_SIZES = (20, 200)
ROUNDS = 3
READY_ROUTER = "(router ready)"
NAMESPACE = "bench"


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds, and the most memory it had, in MiB."""

    seconds: float
    memory: float


Costs = dict[str, Cost]
"""By command; ``READY_ROUTER`` is the router itself, from its start to its first answer."""


def declarations(size: int, key: str) -> str:
    """A site with so many listeners and connectors, each pair with a routing key of its own."""
    documents = ["{apiVersion: skupper.io/v2alpha1, kind: Site, metadata: {name: bench}}"]
    for number in range(size):
        spec = f"host: {HOST}, port: {FIRST_PORT + number}, routingKey: {key}-{number}"
        documents += [
            f"{{apiVersion: skupper.io/v2alpha1, kind: {kind}, metadata: {{name: {name}-{number}}}, spec: {{{spec}}}}}"
            for kind, name in (("Listener", "listener"), ("Connector", "connector"))
        ]
    return "\n---\n".join(documents)


def measure(program: Program, size: int, directory: Path) -> Costs:
    """One round. Raises RuntimeError with what a command said when it failed."""
    directory.mkdir(parents=True)
    before, after = directory / "before.yaml", directory / "after.yaml"
    before.write_text(declarations(size, "key"))
    after.write_text(declarations(size, "changed"))
    home = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_RUNTIME_DIR": str(directory)}
    environment = {**os.environ, **home, "SKUPPER_PLATFORM": "linux", "SKUPPER_NAMESPACE": NAMESPACE}
    router = program.name if program.name == "embedded" else program.command[0]
    costs: Costs = {}
    try:
        for title, words in _commands(before, after, router, directory):
            costs[title], said = _run(words, environment)
            if title == "system start":
                costs[READY_ROUTER] = _router(directory, said)
    finally:
        _run(("system", "teardown", "--force"), environment)
    return costs


def _commands(
    before: Path, after: Path, router: str, directory: Path
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each command with the name it has in the table."""
    start = ("system", "start", "--router", router, "--without-systemd")
    yield "--version", ("--version",)
    yield "system apply", ("system", "apply", "-f", str(before))
    yield "system apply, nothing new", ("system", "apply", "-f", str(before))
    yield "system start", start
    for kind in ("site", "listener", "connector", "service", "system", "certificate"):
        yield f"{kind} status", (kind, "status")
    yield "listener status -o json", ("listener", "status", "-o", "json")
    yield "system check", ("system", "check")
    yield "system reload, nothing new", ("system", "reload")
    yield "debug dump", ("debug", "dump", str(directory / "dump.tar.gz"))
    yield "system apply, all changed", ("system", "apply", "-f", str(after))
    yield "system reload, all changed", ("system", "reload")
    yield "system stop", ("system", "stop")
    yield "system delete", ("system", "delete", "-f", str(after))


def _run(words: tuple[str, ...], environment: dict[str, str]) -> tuple[Cost, str]:
    """What it took, and what it said."""
    most = Path(environment["HOME"]) / "memory"
    begin = time.monotonic()
    ran = subprocess.run(
        (sys.executable, "-c", PROGRAM, str(most), *words),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begin
    if ran.returncode:
        raise RuntimeError(f"{' '.join(words)}: {ran.stdout[-2000:]}")
    return Cost(seconds, int(most.read_text()) / 1024), ran.stdout


def _router(directory: Path, said: str) -> Cost:
    """The time the router took to its first answer, as the start says, and its memory now."""
    ready = re.search(r"\(ready after ([0-9.]+) s\)", said)
    assert ready, said
    record = directory / "skupper" / "namespaces" / NAMESPACE / "internal" / "run" / "router.pid"
    status = Path(f"/proc/{record.read_text().split()[0]}/status").read_text()
    resident = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return Cost(float(ready.group(1)), int(resident.group(1)) / 1024 if resident else 0.0)


Rounds = dict[tuple[str, int], list[Costs]]
"""The rounds of each router program and size."""


def measure_all(programs: list[Program], directory: Path, *, quick: bool) -> Rounds:
    """Every program in both sizes, turn by turn. Raises RuntimeError when a command failed."""
    rounds: Rounds = {}
    for number in range(1 if quick else ROUNDS):
        for program in programs:
            for size in QUICK_SIZES if quick else SIZES:
                print(f"size, round {number + 1}: {program.name}, {size}", file=sys.stderr)
                costs = measure(program, size, directory / f"{number}-{program.name}-{size}")
                rounds.setdefault((program.name, size), []).append(costs)
    return rounds


def summary(rounds: Rounds) -> dict[str, dict[str, dict[str, Any]]]:
    """By router and command: the medians for each size, ``seconds`` and ``MiB``, and how many times longer the larger takes."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (program, size), all_costs in rounds.items():
        for title in all_costs[0]:
            row = found.setdefault(program, {}).setdefault(title, {"seconds": {}, "MiB": {}})
            row["seconds"][size] = statistics.median(costs[title].seconds for costs in all_costs)
            row["MiB"][size] = statistics.median(costs[title].memory for costs in all_costs)
    for rows in found.values():
        for row in rows.values():
            few, *_, many = row["seconds"].values()
            row["times"] = many / few if few else 0.0
    return found


def table(rounds: Rounds) -> str:
    """A line a command and router."""
    sizes = sorted({size for _, size in rounds})
    head = "".join(f"{f'{size:,}, s':>10}" for size in sizes) + "".join(
        f"{f'{size:,}, MiB':>12}" for size in sizes
    )
    lines = [f"{'listeners and connectors each':<44}{head}{'times':>8}"]
    for program, rows in summary(rounds).items():
        for title, row in rows.items():
            seconds = "".join(f"{row['seconds'][size]:>10.2f}" for size in sizes)
            memory = "".join(f"{row['MiB'][size]:>12.0f}" for size in sizes)
            lines.append(f"{f'{title} ({program})':<44}{seconds}{memory}{row['times']:>8.1f}")
    return "\n".join(lines)
