"""Running all checks side by side, within a bounded time.

Each check has a thread of its own: an engine that accepts and never answers, or a resolver that hangs, costs its own results
and nobody else's. A thread that does not end is left behind; it dies with the program.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from skupper_local.checks import engine, machine, services, site
from skupper_local.checks.model import Check, Group, Result, State, Subject, failed

GROUPS: tuple[Group, ...] = (machine.GROUP, engine.GROUP, services.GROUP, site.GROUP)
"""In the order in which they are shown."""

ALL_SECONDS = 8.5
"""How long the whole examination may take."""


@dataclass(frozen=True)
class Finding:
    """A result and the group it belongs to."""

    group: str
    result: Result


@dataclass(frozen=True)
class Examination:
    """Everything that was found, in order."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(finding.result.state is not State.FAILED for finding in self.findings)

    def count(self, state: State) -> int:
        """How many findings are of that state."""
        return sum(finding.result.state is state for finding in self.findings)


def examine(subject: Subject, *, seconds: float = ALL_SECONDS) -> Examination:
    """Run every check of every group."""
    deadline = time.monotonic() + seconds
    running = [(group, _started(check, group, subject)) for group in GROUPS for check in group.checks]
    findings = []
    for group, work in running:
        work.thread.join(max(0.0, deadline - time.monotonic()))
        findings += [Finding(group.name, result) for result in work.results(seconds)]
    return Examination(tuple(findings))


class _Work:
    """One check in its thread."""

    def __init__(self, check: Check, group: Group, subject: Subject) -> None:
        self._check = check
        self._group = group
        self._subject = subject
        self._found: list[Result] = []
        self._over = False
        self.thread = threading.Thread(target=self._run, daemon=True, name=f"check {check.__name__}")

    def _run(self) -> None:
        try:
            for result in self._check(self._subject):
                self._found.append(result)
        except Exception as error:
            # A check that stumbles must not hide the others; what it stumbled over is a finding.
            self._found.append(self._stumbled(f"{type(error).__name__}: {error}"))
        self._over = True

    def results(self, seconds: float) -> list[Result]:
        """What was found until now."""
        found = list(self._found)
        if not self._over:
            found.append(self._stumbled(f"no end after {seconds:g} s"))
        return found

    def _stumbled(self, why: str) -> Result:
        words = self._check.__name__.replace("_", " ")
        code = self._group.codes[0]
        return failed(
            code,
            f"the check of {self._group.name} ({words}) did not come to an end",
            why,
            "try again, or report it",
        )


def _started(check: Check, group: Group, subject: Subject) -> _Work:
    work = _Work(check, group, subject)
    work.thread.start()
    return work
