"""What a shell completes, asked as a shell asks."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from skupper_local.cli.main import cli, run
from skupper_local.cli.mistyped import walk
from tests.unit.cli.conftest import Run, declare

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(data_home: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """The words offered for the last one, as the script for bash asks for them."""

    def call(*words: str) -> list[str]:
        line = ("skupper-local", *words)
        with monkeypatch.context() as shell:
            shell.setenv("COMP_WORDS", "\n".join(line))
            shell.setenv("COMP_CWORD", str(len(line) - 1))
            shell.setenv("_SKUPPER_LOCAL_COMPLETE", "bash_complete")
            out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            with contextlib.redirect_stdout(out):
                assert run([]) in (0, 1)
            out.seek(0)
        return [item.removeprefix("plain,") for item in out.read().splitlines() if item]

    return call


@pytest.fixture
def declared(skupper: Run) -> None:
    declare(
        skupper,
        "site create west -n west",
        "listener create backend 8080 --host 127.0.0.1 -n west",
        "listener create several 8081 --host 127.0.0.1 --routing-keys a,b -n west",
        "connector create database 5432 -n west",
        "site create east -n east",
    )


def test_every_command_is_offered_in_its_group(complete: Complete) -> None:
    for path, _ in walk(cli, "skupper-local"):
        assert path[-1] in complete(*path[:-1], "")
        assert path[-1] in complete(*path[:-1], path[-1][:-1])


def test_every_long_option_is_offered_by_its_command(complete: Complete) -> None:
    for path, context in walk(cli, "skupper-local"):
        offered = set(complete(*path, "--"))
        for parameter in context.command.get_params(context):
            assert {name for name in parameter.opts if name.startswith("--")} <= offered


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("listener", "status", "-n", "west", ""), ["backend", "several"]),
        (("listener", "delete", "--namespace=west", "b"), ["backend"]),
        (("listener", "delete", "--namespace", "=", "west", "b"), ["backend"]),
        (("-n", "west", "connector", "update", ""), ["database"]),
        (("site", "delete", "-nwest", ""), ["west"]),
        (("service", "status", "-n", "west", "d"), ["database"]),
        (("system", "start", "-n", ""), ["east", "west"]),
        (("system", "start", "--namespace", "=", "w"), ["west"]),
        (("system", "start", "--namespace", "="), ["east", "west"]),
        (("system", "start", "--wait", ""), ["none", "configured", "ready"]),
        (("system", "start", "--wait", "=", "r"), ["ready"]),
        (("system", "start", "-p", ""), ["podman", "docker", "linux"]),
        (("system", "start", "--router", ""), ["embedded", "skrouterd"]),
        (("system", "start", "--router", "/usr/s"), ["file,/usr/s"]),
        (("system", "migrate", "--to", "d"), ["docker"]),
        (("listener", "status", "-o", ""), ["json", "yaml"]),
        (("system", "apply", "-f", "some"), ["file,some"]),
        (("system", "generate-bundle", "x", "--input", "di"), ["dir,di"]),
        (("system", "load-image", "ro"), ["file,ro"]),
        (("debug", "dump", "x"), ["file,x"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("listener", "status", "-n", "nowhere", ""), []),
    ],
    ids=str,
)
def test_values_are_offered_from_what_there_is(
    complete: Complete, words: tuple[str, ...], offered: list[str]
) -> None:
    assert complete(*words) == offered


def test_certificates_and_generations_are_offered_by_what_lies_on_disk(
    complete: Complete, data_home: Path
) -> None:
    home = data_home / "namespaces" / "west"
    for name in ("runtime/certs/server", "runtime/issuers/our-ca", "input/certs/server", "internal/history"):
        (home / name).mkdir(parents=True)
    for number in (1, 2, 10):
        (home / "internal" / "history" / f"{number:06}.json").write_text("{}")
    assert complete("certificate", "status", "-n", "west", "") == ["our-ca", "server"]
    assert complete("system", "rollback", "-n", "west", "") == ["10", "2", "1"]
    assert complete("system", "rollback", "-n", "west", "1") == ["10", "1"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, for a shell that finds it in its PATH."""
    program = tmp_path / "bin" / "skupper-local"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m skupper_local "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("shell", "words", "offered"),
    [
        ("zsh", "system start --wait=", "plain --wait=none plain --wait=configured plain --wait=ready"),
        ("fish", "system start --wait=r", "plain,--wait=ready"),
        ("zsh", "listener status -n west s", "plain several"),
    ],
)
@pytest.mark.usefixtures("declared")
def test_zsh_and_fish_are_offered_whole_words(
    shell: str, words: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"skupper-local {words}"
    monkeypatch.setenv("COMP_WORDS", line)
    last = line.split()[-1]
    monkeypatch.setenv("COMP_CWORD", last if shell == "fish" else str(len(line.split()) - 1))
    monkeypatch.setenv("_SKUPPER_LOCAL_COMPLETE", f"{shell}_complete")
    assert run([]) in (0, 1)
    assert " ".join(line for line in capsys.readouterr().out.splitlines() if line != "_") == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.usefixtures("declared")
def test_fish_shows_whole_descriptions(program: Path, tmp_path: Path) -> None:
    asked = "complete -C 'skupper-local site c'; complete -C 'skupper-local up --wait=r'"
    script = f"skupper-local completion fish | source; {asked}"
    ran = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env={**os.environ, "HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.splitlines() == [
        "create\tDeclare the site of a namespace, under the name it has on the network.",
        "--wait=ready",
    ]


@pytest.mark.usefixtures("declared")
def test_bash_completes_with_the_script_it_is_given(program: Path) -> None:
    script = """
eval "$(skupper-local completion bash)"
compopt() { :; }
ask() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _skupper_local_completion "$1"
    echo "${COMPREPLY[*]}"
}
ask skupper-local li
ask skupper-local listener status -n west ""
ask skupper-local listener status --namespace = west s
complete -p skupper-local
"""
    ran = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "link listener",
        "backend several",
        "several",
        "complete -o nosort -F _skupper_local_completion skupper-local",
    ]
