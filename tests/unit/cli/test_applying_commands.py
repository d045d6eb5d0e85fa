"""``system apply`` and ``system delete`` on files, directories and standard input."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from skupper_local.operations import declarations
from tests.unit.cli.conftest import Run

SITE = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n"
LISTENER = (
    "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: %s}\n"
    "spec: {routingKey: a, host: 127.0.0.1, port: %d}\n"
)
JSON = '{"apiVersion": "skupper.io/v2alpha1", "kind": "Connector", "metadata": {"name": "c"}, "spec": %s}'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    directory = tmp_path / "declarations"
    (directory / "deeper").mkdir(parents=True)
    (directory / "site.yaml").write_text(SITE)
    (directory / "deeper" / "listener.yml").write_text(LISTENER % ("a", 1))
    (directory / "connector.json").write_text(JSON % '{"routingKey": "a", "host": "db", "port": 2}')
    (directory / "README.md").write_text("not a declaration")
    return directory


def test_a_directory_is_applied_as_one(skupper: Run, files: Path, data_home: Path) -> None:
    ran = skupper("system", "apply", "-f", str(files))
    assert ran.status == 0
    assert ran.out.splitlines()[-1] == "Custom resources are applied: 3 added, 0 changed, 0 unchanged"
    assert len(list((data_home / "namespaces/default/input/resources").iterdir())) == 3


def test_mistakes_of_all_files_are_told_together_and_nothing_is_applied(
    skupper: Run, files: Path, data_home: Path
) -> None:
    (files / "bad.yaml").write_text(LISTENER % ("b", 99_999))
    (files / "worse.yaml").write_text(LISTENER % ("UPPER", 1))
    (files / "again.yaml").write_text(LISTENER % ("a", 1))
    ran = skupper("system", "apply", "-f", str(files))
    assert ran.status == 2
    for name in ("bad.yaml:", "worse.yaml:", "deeper/listener.yml:"):
        assert f"{files}/{name}" in ran.err
    assert f"{files}/deeper/listener.yml:1: Listener a: is declared twice" in ran.err
    assert f"also in {files}/again.yaml:1" in ran.err
    assert not data_home.exists()


def test_what_was_applied_is_deleted_by_the_same_files_and_twice_is_no_mistake(
    skupper: Run, files: Path
) -> None:
    skupper("system", "apply", "-f", str(files))
    first = skupper("system", "delete", "-f", str(files))
    assert (first.status, sorted(first.out.splitlines())) == (
        0,
        ["Connector c deleted", "Listener a deleted", "Site west deleted"],
    )
    second = skupper("system", "delete", "-f", str(files))
    assert (second.status, sorted(second.out.splitlines())) == (
        0,
        ["Connector c is not declared", "Listener a is not declared", "Site west is not declared"],
    )


def test_deleting_is_all_or_nothing(skupper: Run, files: Path, data_home: Path) -> None:
    skupper("system", "apply", "-f", str(files))
    own = data_home / "namespaces/default/input/resources/Listener-a.yaml"
    own.rename(own.with_name("mine.yaml"))
    ran = skupper("system", "delete", "-f", str(files))
    assert ran.status == 2
    assert "declared-elsewhere" in ran.err
    assert len(list(own.parent.iterdir())) == 3


def test_standard_input_is_a_source_too(skupper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for command, answer in (("apply", "Site west added"), ("delete", "Site west deleted")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SITE.encode())))
        assert answer in skupper(f"system {command} -f -").out


@pytest.mark.parametrize("command", ["apply", "delete"])
def test_a_directory_without_declarations_is_refused(skupper: Run, tmp_path: Path, command: str) -> None:
    ran = skupper("system", command, "-f", str(tmp_path))
    assert ran.status == 2
    assert "source-unreadable" in ran.err


BROKEN_SOURCES = {
    "empty name": ("", "an empty name"),
    "a name with a NUL": ("a\0b.yaml", "null"),
    "a name that is too long": ("a" * 5000 + ".yaml", "too long"),
    "nothing there": ("missing.yaml", "No such file"),
    "nothing there, without an ending": ("missing", "No such file"),
    "a pipe": ("pipe.yaml", "not a regular file"),
    "a link to itself": ("round.yaml", "symbolic links"),
    "a device": ("null.yaml", "not a regular file"),
    "another ending": ("site.txt", "ends in none of"),
}


@pytest.mark.parametrize(("name", "why"), BROKEN_SOURCES.values(), ids=list(BROKEN_SOURCES))
def test_a_source_that_is_no_file_of_declarations_is_refused(
    skupper: Run, tmp_path: Path, data_home: Path, name: str, why: str
) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "round.yaml").symlink_to("round.yaml")
    (tmp_path / "null.yaml").symlink_to(os.devnull)
    (tmp_path / "site.txt").write_text(SITE)
    ran = skupper("system", "apply", "-f", f"{tmp_path}/{name}" if name else "")
    assert ran.status == 2
    assert "source-unreadable" in ran.err
    assert why in ran.err
    assert not data_home.exists()


@pytest.mark.parametrize("content", [b"kind: \xff\n", (SITE + LISTENER % ("a", 1)).encode("utf-16")])
def test_a_file_that_is_no_text_is_told_with_the_mistakes_of_the_others(
    skupper: Run, files: Path, data_home: Path, content: bytes
) -> None:
    (files / "bad.yaml").write_bytes(content)
    (files / "worse.yaml").write_text(LISTENER % ("a", 99_999))
    ran = skupper("system", "apply", "-f", str(files))
    assert ran.status == 2
    assert f"{files}/bad.yaml:1: must be UTF-8 text" in ran.err
    assert f"{files}/worse.yaml:4: Listener a: spec.port" in ran.err
    assert not data_home.exists()


def test_a_file_that_is_too_large_is_told_with_the_mistakes_of_the_others(skupper: Run, files: Path) -> None:
    (files / "bad.yaml").write_bytes(b"#" * ((8 << 20) + 1))
    (files / "worse.yaml").write_text(LISTENER % ("a", 99_999))
    ran = skupper("system", "apply", "-f", str(files))
    assert ran.status == 2
    assert f"{files}/bad.yaml: must have at most 8 MiB" in ran.err
    assert f"{files}/worse.yaml:4: Listener a: spec.port" in ran.err


@pytest.mark.parametrize(
    ("bound", "value"), [("MOST_FILES", 2), ("LARGEST_FILE", 10), ("LARGEST_TOTAL", 100)]
)
def test_what_could_not_be_read_again_is_not_written(
    skupper: Run, files: Path, data_home: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(declarations, bound, value)
    ran = skupper("system", "apply", "-f", str(files))
    assert ran.status == 2
    assert "at most" in ran.err
    assert not list(data_home.rglob("*.yaml"))


def test_declarations_that_are_refused_at_the_start_leave_no_trace(skupper: Run, data_home: Path) -> None:
    resources = data_home / "namespaces/default/input/resources"
    resources.mkdir(parents=True)
    (resources / "site.yaml").write_text(SITE)
    listener = LISTENER % ("a", 1)
    (resources / "a.yaml").write_text(listener.replace("port: 1", "port: 1, observer: http2"))
    (resources.parent / "certs/unused").mkdir(parents=True)
    before = sorted(data_home.rglob("*"))
    ran = skupper("system start -p linux --router embedded")
    assert ran.status == 2
    assert f"{resources}/a.yaml:4: Listener a: spec.observer" in ran.err
    assert [path for path in data_home.rglob("*") if path.is_file() and path not in before] == [
        data_home / "locks/default.lock"
    ]


def test_a_setting_is_found_at_its_own_line(skupper: Run, data_home: Path) -> None:
    resources = data_home / "namespaces/default/input/resources"
    resources.mkdir(parents=True)
    (resources / "site.yaml").write_text(SITE + "spec:\n  settings:\n    a: b\n    memory: 64m\n")
    ran = skupper("system start -p linux --router embedded")
    assert ran.status == 2
    assert f"{resources}/site.yaml:7: Site west: spec.settings.memory" in ran.err


def test_what_looks_like_a_declaration_and_is_not_read_is_named(skupper: Run, files: Path) -> None:
    (files / "gone.yaml").symlink_to(files / "nowhere")
    ran = skupper("system", "apply", "-f", str(files))
    assert ran.status == 0
    assert f"warning: {files}/gone.yaml: not read: a link to nothing" in ran.err
