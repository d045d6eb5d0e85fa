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


def test_long_talk_is_broken_between_words_on_a_terminal_and_left_whole_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    text = "one two three four five six seven eight nine ten\neleven /a/path/that/is/longer/than/forty/columns/is"
    screen, pipe = _Terminal(), io.StringIO()
    for stream in (screen, pipe):
        monkeypatch.setattr("sys.stderr", stream)
        terminal.warn(text)
    assert pipe.getvalue().splitlines()[0] == f"warning: {text.splitlines()[0]}"
    assert screen.getvalue().splitlines() == [
        "warning: one two three four five six",
        "  seven eight nine ten",
        "  eleven",
        "  /a/path/that/is/longer/than/forty/columns/is",
    ]


def test_what_is_to_be_typed_stays_one_line_on_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = _Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    step = "skupper-local system start -n a-rather-long-namespace"
    terminal.talk(f"next: {step}")
    failures.report(
        SkupperLocalError("It broke in a way that is long to tell", why=f"{step} failed", next_step=step), []
    )
    assert screen.getvalue().splitlines() == [
        f"next: {step}",
        "error [internal]: It broke in",
        "  a way that is long to tell",
        f"  why: {step} failed",
        f"  next: {step}",
    ]


@pytest.mark.parametrize("columns", ["1", "0", "x", ""])
def test_no_terminal_is_too_odd_to_be_written_to(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    width = terminal.columns(_Terminal())
    assert width is not None
    assert width >= 20
    assert terminal.columns(io.StringIO()) is None


def test_a_command_within_a_text_is_never_broken() -> None:
    text = (
        "to see why it does not answer: skupper-local system logs -n west; or repeat the command in a while"
    )
    assert terminal.folded(text, 40) == [
        "to see why it does not answer: skupper-local system logs -n west;",
        "or repeat the command in a while",
    ]


@pytest.mark.parametrize(
    "command",
    [
        "as root: chown -R 1000 /home/ada/data",
        "ss -ltnp 'sport = :8080'",
        "as root: loginctl enable-linger ada",
    ],
)
def test_a_command_of_the_system_is_never_broken_either(command: str) -> None:
    assert terminal.folded(f"mend it ({command}), and go on", 20) == ["mend it", f"({command}),", "and go on"]
