"""``python -m tests.bench [--quick] [--only NAME] [-o json]``."""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import contestants, namespace_size, report
from tests.bench.contestants import Contestant
from tests.bench.measurements import MEASUREMENTS, Measurement
from tests.rig.programs import echo_service, stream_service

_SIZE = "size"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [*(measurement.name for measurement in MEASUREMENTS), _SIZE]
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}"
    )
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    return parser.parse_args()


def _measure(
    measurement: Measurement, field: list[Contestant], *, quick: bool, samples: report.Samples
) -> list[str]:
    """One measurement of everyone; returns what failed."""
    failures: list[str] = []
    taking_part = [one for one in field if one.network or not measurement.needs_routers]
    for number in range(1 if quick else measurement.rounds):
        # every other round in reverse, so that nobody always follows the same neighbour
        for contestant in taking_part if number % 2 == 0 else reversed(taking_part):
            print(f"{measurement.name}, round {number + 1}: {contestant.name}", file=sys.stderr)
            try:
                figures = measurement.measure(contestant, 0.5 if quick else 2.0)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"FAILED: {error}", file=sys.stderr)
                failures.append(f"{measurement.name}: {contestant.name}")
                continue
            for figure, value in figures.items():
                samples.setdefault(figure, {}).setdefault(contestant.name, []).append(value)
    return failures


def main() -> int:
    """Run the benchmark and print the figures; 1 if a measurement failed."""
    arguments = _arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    samples: report.Samples = {}
    failures: list[str] = []
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="skupper-local-bench-")))
        stream_port = stack.enter_context(stream_service())
        echo_port = stack.enter_context(echo_service())
        field = [contestants.direct(stream_port, echo_port)]
        chosen = arguments.only or [_SIZE, *(measurement.name for measurement in MEASUREMENTS)]
        sizes: namespace_size.Rounds = {}
        if _SIZE in chosen:  # first, while nothing else runs
            try:
                sizes = namespace_size.measure_all(
                    contestants.programs(), directory / _SIZE, quick=arguments.quick
                )
            except RuntimeError as error:
                print(f"FAILED: {error}", file=sys.stderr)
                failures.append(_SIZE)
        for mutual_tls in (False, True) if chosen != [_SIZE] else ():
            for program in contestants.programs():
                pair = contestants.linked_pair(
                    directory, program, stream_port, echo_port, mutual_tls=mutual_tls
                )
                assert pair.network
                stack.callback(pair.network.kill)
                field.append(pair)
        for measurement in MEASUREMENTS:
            if measurement.name in chosen:
                failures += _measure(measurement, field, quick=arguments.quick, samples=samples)
    if arguments.output == "json":
        figures = {**report.summary(samples), "namespaceSize": namespace_size.summary(sizes)}
        print(json.dumps(figures, indent=2))
    else:
        print(report.machine())
        if samples:
            print(report.table(samples, [contestant.name for contestant in field]))
        if sizes:
            print(namespace_size.table(sizes))
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
