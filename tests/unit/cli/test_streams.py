"""Results on standard output, talk on standard error, colours on a terminal that shows them and nowhere else."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def on_terminal(*words: str, **variables: str) -> str:
    """What a command prints on a terminal of 80 columns, both streams."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    with subprocess.Popen(
        [sys.executable, "-m", "skupper_local", *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm", "COLUMNS": "80", **variables},
    ) as running:
        os.close(theirs)
        printed = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
            while part := os.read(ours, 65_536):
                printed += part
        running.wait(30)
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def test_colours_are_for_terminals_that_show_them(data_home: Path) -> None:
    wrong = ("listener", "status", "nothing")
    assert "\033[31merror [not-declared]:\033[0m There is no listener" in on_terminal(*wrong)
    assert "\033" not in on_terminal(*wrong, NO_COLOR="1")
    assert "\033" not in on_terminal(*wrong, TERM="dumb")


def test_a_pipe_has_no_colours_and_no_broken_lines(skupper: Run) -> None:
    long = "some-server-with-a-long-name.department.of.a.company.that.has.many.example.org"
    skupper("site create west")
    skupper("connector", "create", "a-connector-with-a-long-name", "5432", "--host", long)
    ran = skupper("connector status")
    assert "\033" not in ran.out + ran.err
    assert len(ran.out.splitlines()) == 2
    shown = on_terminal("connector", "status")
    assert f"      {long}\n" in shown
    assert all(len(line) <= 80 or long in line for line in shown.splitlines())


RESULTS = {
    # what is printed as result: nothing of it may go to standard error, and the other way round
    "version": "0.",
    "--version": "skupper-local",
    "site create west": "File written to",
    "site create west --force": "Site west is declared already",
    "listener create web 18080": "File written to",
    "listener update web --port 18081": "File written to",
    "connector create db 5432": "File written to",
    "site status": "NAME",
    "listener status": "NAME",
    "listener status web": "Name: web",
    "connector status": "NAME",
    "service status": "ROUTING-KEY",
    "system status": "Namespace:",
    "namespace list": "NAME",
    "site generate east": "apiVersion",
    "listener generate x 1": "apiVersion",
    "connector generate x 1": "apiVersion",
    "completion bash": "_skupper_local_completion",
    "system check": "machine",
    "connector delete db": "Connector db deleted",
    "listener delete web": "Listener web deleted",
    "site delete west": "Site west deleted",
    "system teardown --force": "Namespace",
    "system teardown --force ": "There is no namespace",
}

TALK = (
    "next: ",
    "note: ",
    "why not: ",
    "warning: ",
    "error ",
    "Site not initialized",
    "No ",
    "There are no ",
)


def test_every_result_is_on_standard_output_and_all_talk_beside_it(skupper: Run) -> None:
    for words, begin in RESULTS.items():
        ran = skupper(words)
        assert ran.status in (0, 1 if words == "system check" else 0), (words, ran)
        assert ran.out.lstrip().startswith(begin) or begin in ran.out.splitlines()[0], (words, ran)
        assert not [line for line in ran.out.splitlines() if line.startswith(TALK)], words
        assert all(line.startswith(TALK) or line.startswith("Only ") for line in ran.err.splitlines()), (
            words,
            ran,
        )


@pytest.mark.parametrize(
    "words", ["listener status", "connector status", "link status", "namespace list", "site status"]
)
def test_where_there_is_nothing_standard_output_is_empty_or_an_empty_document(
    skupper: Run, words: str
) -> None:
    ran = skupper(words)
    assert (ran.status, ran.out) == (0, "")
    assert "next: skupper-local " in ran.err
    ran = skupper(f"{words} -o json")
    assert json.loads(ran.out) in ([], {"namespaces": []})


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("listener create", 2),
        ("listener status nothing", 2),
        ("site create A_", 2),
        ("system apply -f nothing", 2),
        ("system start", 2),
        ("nothing", 2),
        ("debug dump /nowhere/at/all", 1),
        ("-h", 0),
        ("listener create -h", 0),
    ],
)
def test_an_error_prints_nothing_on_standard_output_and_ends_with_its_status(
    skupper: Run, words: str, status: int
) -> None:
    ran = skupper(words)
    assert ran.status == status
    assert (ran.out == "") == (status != 0)
    if status:
        assert json.loads(skupper(f"{words} -o json").err)["error"]["exitStatus"] == status
