"""What another user's command left in a directory of this user's: found, named, and with the way to get it back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from skupper_local.namespace.errors import NotReadableError, NotWritableError, explain
from skupper_local.namespace.ownership import foreign_part, foreign_parts

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
NOBODY = 65_534


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for path in ("west/input/resources", "west/internal", "east"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "west/input/resources/Site-west.yaml").touch()
    return tmp_path


def give(path: Path, uid: int) -> None:
    for part in (path, *path.rglob("*")):
        os.chown(part, uid, -1)


def test_the_outermost_part_that_is_somebody_elses_is_found(directory: Path) -> None:
    file = directory / "west/input/resources/Site-west.yaml"
    assert foreign_part(file, 0) is None
    assert list(foreign_parts(directory, 0)) == []
    give(directory / "west/input", NOBODY)
    (directory / "east").chmod(0)
    for path in (file, file.parent, file.parent / "not-there.yaml"):
        assert foreign_part(path, 0) == directory / "west/input"
    assert list(foreign_parts(directory, 0)) == [directory / "west/input"]
    assert (
        foreign_part(file, NOBODY) is None
    )  # all that is above is somebody else's: this is where root keeps things


@pytest.mark.parametrize(("reading", "kind"), [(True, NotReadableError), (False, NotWritableError)])
def test_what_was_denied_for_that_reason_says_whose_it_is_and_how_to_get_it_back(
    directory: Path, reading: bool, kind: type[Exception]
) -> None:
    give(directory / "west", NOBODY)
    file = directory / "west/internal/x"
    error = explain(OSError(errno.EACCES, "Permission denied", str(file)), "it failed", file, reading=reading)
    assert isinstance(error, kind)
    assert str(directory / "west") + " belongs to " in error.why
    assert f"chown -R 0 {directory / 'west'})" in error.next_step


def test_of_a_rename_the_directory_is_named_that_may_not_be_changed(tmp_path: Path) -> None:
    file, gone = tmp_path / "here" / "file", tmp_path / "away" / "file"
    file.parent.mkdir()
    for source, target in ((file, gone), (gone, file)):
        error = explain(
            OSError(errno.EACCES, "Permission denied", str(source), None, str(target)), "", tmp_path
        )
        assert f"({gone})" in error.why
