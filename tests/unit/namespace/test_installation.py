"""The record of what was installed: exactly that can be undone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from skupper_local.namespace.errors import RecordDamagedError, RecordTooNewError
from skupper_local.namespace.installation import (
    AddedImage,
    ChangedUnit,
    Installation,
    make_directories,
    missing_directories,
    read_installation,
    remove_dead_socket,
    remove_emptied,
    write_installation,
)


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    record = Installation(
        directories=("/a", "/a/b"),
        units=(ChangedUnit("podman", "podman.socket", enabled=True, started=False, socket="/run/x"),),
        images=(AddedImage("podman", "unix:///run/x", "localhost/router:1"),),
        lingering="ada",
    )
    write_installation(tmp_path, record)
    assert read_installation(tmp_path) == record
    assert (tmp_path / "installation.json").stat().st_mode & 0o077 == 0
    write_installation(tmp_path, Installation())
    assert list(tmp_path.iterdir()) == []
    assert read_installation(tmp_path) == Installation()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', "nonsense"])
def test_a_damaged_record_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    (tmp_path / "installation.json").write_text(content)
    with pytest.raises(RecordDamagedError) as caught:
        read_installation(tmp_path)
    assert str(tmp_path / "installation.json") in caught.value.what


def test_a_record_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "installation.json").write_text('{"version": 99}')
    with pytest.raises(RecordTooNewError):
        read_installation(tmp_path)


def test_only_empty_directories_of_ours_go_away(tmp_path: Path) -> None:
    home = tmp_path / "share" / "skupper"
    made = missing_directories(home / "namespaces")
    assert made == (str(tmp_path / "share"), str(home), str(home / "namespaces"))
    make_directories(home / "namespaces")
    (home / "locks").mkdir()
    (home / "locks" / "west.lock").touch()
    (tmp_path / "share" / "of-somebody").touch()
    assert remove_emptied(home, made)
    assert [path.name for path in (tmp_path / "share").iterdir()] == ["of-somebody"]


def test_a_data_home_with_other_things_in_it_stays(tmp_path: Path) -> None:
    make_directories(tmp_path / "skupper" / "namespaces")
    (tmp_path / "skupper" / "bundles").mkdir()
    assert not remove_emptied(tmp_path / "skupper", ())
    assert [path.name for path in (tmp_path / "skupper").iterdir()] == ["bundles"]


def test_only_a_socket_is_removed_as_one(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    remove_dead_socket(str(path))
    assert not path.exists()
    path.write_text("a file")
    remove_dead_socket(str(path))
    assert path.exists()
    remove_dead_socket(str(tmp_path / "none"))
