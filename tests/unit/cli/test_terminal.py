"""Text on a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.cli import failures, terminal
from skupper_local.errors import SkupperLocalError


@given(st.text())
def test_nothing_that_could_move_the_cursor_gets_through(text: str) -> None:
    assert terminal.harmless(text).isprintable()
    assert all(line.isprintable() for line in terminal.harmless(text, lines=True).split("\n"))


def test_a_table_is_aligned_also_for_wide_letters() -> None:
    drawn = terminal.table(("NAME", "OK"), [("a", True), ("日本", False), ("x\033[2J", 5)])
    assert drawn.splitlines() == ["NAME      OK", "a         true", "日本      false", "x\\x1b[2J  5"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_only_and_not_when_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.coloured("x", terminal.RED, _Terminal()) == "\033[31mx\033[0m"
    assert terminal.coloured("x", terminal.RED, io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.coloured("x", terminal.RED, _Terminal()) == "x"


def test_an_error_says_what_why_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    error = SkupperLocalError("It broke", why="one\ntwo", next_step="mend it")
    assert failures.report(error, []) == 1
    assert capsys.readouterr().err == (
        "error [internal]: It broke\n  why: one\n       two\n  next: mend it\n"
    )


@pytest.mark.parametrize("words", [["-o", "json"], ["-ojson"], ["--output=json"], ["--output", "json"]])
def test_json_is_recognised_in_every_spelling(words: list[str]) -> None:
    assert failures.wants_json(["listener", "status", *words])
    assert not failures.wants_json(["-o", "yaml", "json"])
