"""What is loaded for a version, for help and for the completion of a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "asyncio",
    "cryptography",
    "dataclasses",
    "docker",
    "jinja2",
    "podman",
    "rich",
    "ssl",
    "subprocess",
    "yaml",
}

PROGRAM = """
import sys
from skupper_local.cli.main import run
status = run(sys.argv[1:])
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(status)
"""


def loaded(*words: str, environment: dict[str, str] | None = None) -> tuple[set[str], str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    last = ran.stderr.splitlines()[-1].split()
    assert last[0] == "LOADED"
    return set(last[1:]), ran.stdout


@pytest.mark.parametrize(
    "words", [("--version",), ("version",), ("--help",), ("site", "create", "--help"), ("system", "--help")]
)
def test_version_and_help_load_nothing_heavy(words: tuple[str, ...]) -> None:
    modules, printed = loaded(*words)
    assert printed
    assert modules & HEAVY == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_without_loading_anything_heavy(shell: str) -> None:
    modules, printed = loaded("completion", shell)
    assert "_SKUPPER_LOCAL_COMPLETE" in printed
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("skupper-local sys", "system"),
        ("skupper-local listener d", "delete"),
        ("skupper-local listener delete b", "backend"),
        ("skupper-local link status -o y", "yaml"),
        ("skupper-local site status -n w", "west"),
    ],
)
def test_words_are_completed_without_loading_anything_heavy(tmp_path: Path, line: str, offered: str) -> None:
    for namespace in ("default", "west"):
        directory = tmp_path / "skupper" / "namespaces" / namespace / "input" / "resources"
        directory.mkdir(parents=True)
        (directory / "Listener-backend.yaml").touch()
    environment = {
        "_SKUPPER_LOCAL_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
        "XDG_DATA_HOME": str(tmp_path),
    }
    modules, printed = loaded(environment=environment)
    assert [row.partition(",")[2] for row in printed.splitlines()] == [offered]
    assert modules & HEAVY == set()
