"""What a scenario has to say, and the limits that all of them watch."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

from tests.rig.network import Network
from tests.rig.routers import RouterProcess

MEGABYTE = 1_000_000


@dataclass
class Outcome:
    """Counts by name, and one line for each thing that should not have happened."""

    scenario: str
    counts: dict[str, float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + amount

    def expect(self, condition: bool, violation: str) -> None:
        """Note a violation unless the condition holds."""
        if not condition:
            self.violations.append(violation)


class MemoryWatch:
    """Samples the resident memory of routers while it is entered; ``peak`` is the most one of them had, in bytes."""

    def __init__(self, routers: list[RouterProcess]) -> None:
        self._routers = routers
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = {router.router_id: router.resident_bytes() for router in routers}
        self.peak = dict(self.before)

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            for router in self._routers:
                if router.running:
                    self.peak[router.router_id] = max(self.peak[router.router_id], router.resident_bytes())

    def growth(self) -> int:
        """The most that one router's memory rose above what it was at first, in bytes."""
        return max(self.peak[name] - self.before[name] for name in self.before)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()


def expect_healthy(outcome: Outcome, network: Network) -> None:
    """Every router lives, answers, and has no traceback in its log."""
    for name, node in network.nodes.items():
        outcome.expect(node.process.running, f"router {name} is gone")
        outcome.expect(node.process.healthy(), f"router {name} does not answer /healthz")
        outcome.expect("Traceback" not in node.process.log_text(), f"router {name} logged a traceback")


def expect_files_closed(outcome: Outcome, router: RouterProcess, before: int, seconds: float = 20.0) -> None:
    """The router's open descriptors return to what they were, give or take a few."""
    deadline = time.monotonic() + seconds
    while router.open_files() > before + 4 and time.monotonic() < deadline:
        time.sleep(0.2)
    outcome.expect(
        router.open_files() <= before + 4,
        f"router {router.router_id} has {router.open_files()} open files, {before} before",
    )
