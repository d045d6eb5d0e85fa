"""What holds for every command: flags, exit status, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skupper_local.cli import commands, main
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "site nonsense",
        "site create",
        "site create a b",
        "site create a --nonsense",
        "listener create a notaport",
        "site status -o xml",
        "listener create a 1 --type udp",
        "link generate --cost 0",
        "system apply",
        "site create a -n Bad_",
        "site create a -p kubernetes",
        "completion tcsh",
        "demo -n west",
        "-p linux demo",
        "-n west namespace list",
        "",
        "system",
    ],
)
def test_whatever_is_wrong_with_the_words_ends_with_two_and_says_what_to_type(
    skupper: Run, words: str
) -> None:
    ran = skupper(*words.split()) if words else skupper(*[])
    assert ran.status == 2
    assert "next: " in ran.err or "Usage: " in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        "-n west site status west",
        "site -n west status west",
        "site status west -n west",
        "site status -nwest west",
        "site status west --namespace=west",
        "-n east site status west -n west",
    ],
)
def test_the_namespace_may_stand_anywhere_and_the_last_one_counts(skupper: Run, words: str) -> None:
    skupper("site create west -n west")
    assert skupper(words).status == 0


def test_the_namespace_may_come_from_the_environment(skupper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUPPER_NAMESPACE", "west")
    assert "/namespaces/west/" in skupper("site create west").out
    assert "/namespaces/east/" in skupper("site create east -n east").out


def test_a_wrong_platform_in_the_environment_is_an_error(
    skupper: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKUPPER_PLATFORM", "nonsense")
    ran = skupper("site create west")
    assert ran.status == 2
    assert "platform-not-supported" in ran.err
    assert skupper("site create west -p linux").status == 0


def test_starting_or_stopping_what_is_not_declared_says_what_to_type(skupper: Run) -> None:
    for words in ("system start", "system stop", "system reload", "system logs", "link generate"):
        ran = skupper(words)
        assert ran.status == 2
        assert "error [no-site]" in ran.err
        assert "next: skupper-local site create my-site\n" in ran.err


def test_a_site_that_does_not_hold_together_is_not_started(skupper: Run, data_home: Path) -> None:
    skupper("site create west")
    skupper("listener create a 8080 --host 127.0.0.1")
    file = data_home / "namespaces" / "default" / "input" / "resources" / "Listener-a.yaml"
    (file.parent / "more.yaml").write_text(file.read_text().replace("name: a\n", "name: b\n"))
    ran = skupper("system start")
    assert ran.status == 2
    assert "8080" in ran.err


def test_teardown_without_anybody_to_ask_is_refused(skupper: Run) -> None:
    skupper("site create west")
    ran = skupper("system teardown")
    assert ran.status == 2
    assert "--force" in ran.err
    assert skupper("site status west").status == 0
    assert skupper("system teardown --force").out == 'Namespace "default" has been removed\n'
    assert skupper("system teardown --force").status == 0


def test_a_mistake_of_the_program_is_one_clear_error(skupper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x\ny")

    monkeypatch.setattr(commands.SiteCommand, "invoke", fail)
    ran = skupper("version")
    assert ran.status == 1
    assert ran.err.startswith("error [internal]: ")
    assert "Traceback" not in ran.err
    monkeypatch.setenv("SKUPPER_LOCAL_DEBUG", "1")
    assert "Traceback" in skupper("version").err


def test_an_interrupt_is_clean(skupper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.SiteCommand, "invoke", interrupt)
    ran = skupper("version")
    assert ran.status == 130
    assert "Traceback" not in ran.err


def test_every_listed_command_exists_and_has_help(skupper: Run) -> None:
    for name in main.cli.list_commands(None):  # type: ignore[arg-type]
        ran = skupper(name, "--help")
        assert ran.status == 0
        assert ran.out.startswith(f"Usage: skupper-local {name} ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_clear_error(data_home: Path) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "skupper_local", "version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith("error [output-not-written]: ")
    assert len(ran.stderr.splitlines()) == 3


def test_a_reader_that_has_enough_ends_a_command_quietly(data_home: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m skupper_local completion bash | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""


def test_a_closed_standard_output_is_no_mistake_of_the_program(data_home: Path) -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m skupper_local "$@" >&-', sys.executable, "version"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_namespace_nobody_can_look_into_is_not_an_empty_one(skupper: Run, data_home: Path) -> None:
    namespaces = data_home / "namespaces"
    namespaces.mkdir(parents=True, exist_ok=True)
    (namespaces / "west").symlink_to("west")
    result = skupper("system", "stop", "-n", "west")
    assert result.status == 1
    assert "namespace-not-a-directory" in result.err


def test_an_interruption_before_the_command_line_is_loaded_ends_it_without_a_word(
    data_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "click.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, "-m", "skupper_local", "version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where the tests run unattended
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "loading\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == -signal.SIGINT
        assert running.stderr.read() == ""


def test_a_variable_that_is_wrong_is_named(skupper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUPPER_NAMESPACE", "A_")
    ran = skupper("site status")
    assert ran.status == 2
    assert "next: unset SKUPPER_NAMESPACE" in ran.err


def test_what_else_was_noticed_is_said_beside_an_error(skupper: Run, tmp_path: Path) -> None:
    other = "apiVersion: skupper.io/v9\nkind: Listener\nmetadata: {name: a}\n---\n"
    wrong = "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: b}\nspec: {port: 0}\n"
    file = tmp_path / "two.yaml"
    file.write_text(other + wrong)
    ran = skupper("system", "apply", "-f", str(file))
    assert ran.status == 2
    assert f"warning: {file}:2: Listener a: kind: is not a kind of skupper.io/v9" in ran.err
    assert f"{file}:8: Listener b: spec.port: 0" in ran.err


def test_an_interruption_during_a_cleanup_ends_the_command_all_the_same(
    data_home: Path, tmp_path: Path
) -> None:
    """The interpreter ignores what is raised while it deletes an object; here a command's import does just that."""
    (tmp_path / "yaml.py").write_text(
        "import signal, time\n"
        "class Deleted:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "Deleted()\n"
        "time.sleep(60)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "skupper_local", "site", "create", "west"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert ran.returncode == 130
    assert ran.stderr == "interrupted; repeat the command to finish what it began\n"
