"""``python -m tests.soak --seconds N --seed S [--only NAME] [--inputs N] [-o json]``; exit status 1 on any violation."""

from __future__ import annotations

import argparse
import functools
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.rig.routers import EMBEDDED, Program, reference_program
from tests.soak.failures import kills, ring
from tests.soak.fuzz import fuzz
from tests.soak.outcome import Outcome
from tests.soak.traffic import bulk, bulk_with_reference, churn

Scenario = Callable[[Program, Path, float, int], Outcome]

_SHARES = {"fuzz": 0.3, "kills": 0.15, "churn": 0.2, "ring": 0.2, "bulk": 0.15, "mixed": 0.15}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, all scenarios together")
    parser.add_argument(
        "--seed", type=int, default=None, help="decides every random choice (default: a new one)"
    )
    parser.add_argument(
        "--only", action="append", choices=list(_SHARES), metavar="NAME", help=", ".join(_SHARES)
    )
    parser.add_argument(
        "--inputs", type=int, default=None, help="fuzz with exactly so many inputs, however long it takes"
    )
    parser.add_argument(
        "--megabytes", type=int, default=None, help="size of each bulk stream (200 when there is time)"
    )
    parser.add_argument("--router", default=None, help="another router program that takes -c FILE")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    return parser.parse_args()


def _print(outcome: Outcome, seconds: float, seed: int) -> None:
    counts = ", ".join(f"{name} {value:,g}" for name, value in outcome.counts.items())
    verdict = "FAILED" if outcome.violations else "ok"
    print(f"{outcome.scenario:<6} {verdict:<6} {seconds:5.0f} s  seed {seed}: {counts}", flush=True)
    for violation in outcome.violations:
        print(f"       {violation}", flush=True)


def main() -> int:
    """Run the scenarios in turn and report."""
    arguments = _arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    program = Program(Path(arguments.router).name, (arguments.router,)) if arguments.router else EMBEDDED
    megabytes = arguments.megabytes or (200 if arguments.seconds >= 120 else 40)
    scenarios: dict[str, Scenario] = {
        "fuzz": functools.partial(fuzz, inputs=arguments.inputs),
        "kills": kills,
        "churn": churn,
        "ring": ring,
        "bulk": functools.partial(bulk, megabytes=megabytes),
        "mixed": functools.partial(bulk_with_reference, megabytes=megabytes),
    }
    chosen = arguments.only or [name for name in _SHARES if name != "mixed" or reference_program()]
    whole = sum(_SHARES[name] for name in chosen)
    outcomes = []
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="skupper-local-soak-") as directory:
            start = time.monotonic()
            share = arguments.seconds * _SHARES[name] / whole
            outcome = scenarios[name](program, Path(directory), share, seed)
        outcomes.append(outcome)
        if arguments.output == "text":
            _print(outcome, time.monotonic() - start, seed)
    if arguments.output == "json":
        print(json.dumps({"seed": seed, "outcomes": [asdict(outcome) for outcome in outcomes]}, indent=2))
    return 1 if any(outcome.violations for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
