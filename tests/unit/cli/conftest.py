"""A command line with a data directory of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from skupper_local.cli.main import run


class Ran(NamedTuple):
    """What a command line did: exit status, results, talk and errors."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name in ("SKUPPER_NAMESPACE", "SKUPPER_PLATFORM", "SKUPPER_ROUTER", "SKUPPER_LOCAL_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "skupper"


def declare(run: Run, *lines: str) -> None:
    """Run command lines that must succeed."""
    for words in lines:
        assert run(words).status == 0, words


@pytest.fixture
def skupper(data_home: Path) -> Run:
    """Run a command line given as words or as one text."""

    def call(*words: str) -> Ran:
        arguments = words[0].split() if len(words) == 1 else list(words)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(arguments)
        return Ran(status, out.getvalue(), err.getvalue())

    return call
