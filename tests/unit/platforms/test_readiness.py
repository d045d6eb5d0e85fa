"""Waiting for a router."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from skupper_local.platforms.face import RouterExit, RouterReport, RouterSpec
from skupper_local.platforms.readiness import wait_until_ready

HOME = Path("/nowhere")
RUNNING = RouterReport(running=True, kept=True, pid=1)
ENDED = RouterReport(
    running=False, kept=True, restarts=1, last_exit=RouterExit(0.0, "exit status 1", 0.1, "words")
)


@dataclass
class Played:
    """A platform whose router goes through the given reports."""

    reports: list[RouterReport]
    name: str = "played"
    lines: list[str] = field(
        default_factory=lambda: [
            "2026 supervisor: talk",
            "first",
            "",
            "last",
            "skupper-west.service: Failed with result 'exit-code'.",
            "Stopped skupper-west.service - Skupper site of namespace west (linux).",
        ]
    )

    def start(self, spec: RouterSpec) -> None: ...

    def stop(self, home: Path) -> bool:
        return True

    def remove(self, home: Path) -> bool:
        return True

    def inspect(self, home: Path) -> RouterReport:
        return self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]

    def refresh(self, home: Path) -> bool:
        return True

    def log_place(self, home: Path) -> str:
        return ""

    def log(self, home: Path, count: int) -> list[str]:
        return self.lines

    def follow(self, home: Path) -> Iterator[str]:
        return iter(())


def test_a_router_that_answers_is_ready() -> None:
    answers = ["not yet", "not yet", ""]
    readiness = wait_until_ready(Played([RUNNING]), HOME, lambda _: answers.pop(0))
    assert readiness.ready
    assert readiness.seconds < 5


def test_the_end_of_the_router_ends_the_wait_with_its_last_words() -> None:
    readiness = wait_until_ready(Played([RUNNING, ENDED]), HOME, lambda _: "refused", seconds=20)
    assert not readiness.ready
    assert readiness.seconds < 5
    assert readiness.reason == "it ended at once (exit status 1)"
    assert readiness.lines == ("first", "last")


def test_earlier_ends_do_not_count_for_a_router_that_ran_before() -> None:
    answers = ["not yet", ""]
    ran_before = RouterReport(running=True, kept=True, pid=1, restarts=1, last_exit=ENDED.last_exit)
    assert wait_until_ready(Played([ran_before]), HOME, lambda _: answers.pop(0), restarts=1).ready


def test_a_router_that_never_answers_is_given_up_in_time_with_the_last_reason() -> None:
    readiness = wait_until_ready(Played([RUNNING]), HOME, lambda _: "TLS failed", seconds=0.2)
    assert not readiness.ready
    assert "0.2 s" in readiness.reason
    assert "TLS failed" in readiness.reason


def test_no_question_may_take_longer_than_what_is_left() -> None:
    asked: list[float] = []

    def ask(seconds: float) -> str:
        asked.append(seconds)
        return "no"

    wait_until_ready(Played([RUNNING]), HOME, ask, seconds=0.2)
    assert all(0 < seconds <= 0.2 for seconds in asked)
