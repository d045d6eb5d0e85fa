"""``system apply`` and ``system delete`` on files, directories and standard input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

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
