"""What ``system install`` changed on this machine, so that ``system uninstall`` undoes exactly that and nothing else.

One file in the data home. A change is recorded before it is made: after a kill in between, undoing finds nothing to undo, which
is a success; a change that was made and not recorded could never be undone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skupper_local.namespace.errors import RecordDamagedError, RecordTooNewError, explain
from skupper_local.namespace.filesystem import (
    make_private_directories,
    read_regular_file,
    remove_directory_if_empty,
    remove_file,
    write_atomically,
)

_FILE = "installation.json"
_VERSION = 1
_LIMIT = 1 << 20
_OWN_DIRECTORIES = ("namespaces", "locks")
_OWN_FILES = ("namespaces/controller.lock",)


@dataclass(frozen=True)
class ChangedUnit:
    """A unit of an engine that was ``enabled`` or ``started`` by us, and the socket file that came with it (or empty)."""

    platform: str
    unit: str
    enabled: bool
    started: bool
    socket: str = ""


@dataclass(frozen=True)
class AddedImage:
    """An image that was not there before."""

    platform: str
    endpoint: str
    reference: str


@dataclass(frozen=True)
class Installation:
    """Everything that was changed. ``directories`` were made, from the outermost; ``lingering`` names a user who did not."""

    directories: tuple[str, ...] = ()
    units: tuple[ChangedUnit, ...] = ()
    images: tuple[AddedImage, ...] = ()
    lingering: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to undo."""
        return self == Installation()


def read_installation(data_home: Path) -> Installation:
    """What was changed; nothing when there is no record. Raises RecordDamagedError, RecordTooNewError and NotReadableError."""
    path = data_home / _FILE
    try:
        content = read_regular_file(path, _LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return Installation()
    except OSError as error:
        raise explain(error, f"cannot read {path}", path, reading=True) from error
    try:
        found: dict[str, Any] = json.loads(content or b"")
        version = found["version"]
        if version == _VERSION:
            return Installation(
                directories=tuple(str(item) for item in found["directories"]),
                units=tuple(ChangedUnit(**item) for item in found["units"]),
                images=tuple(AddedImage(**item) for item in found["images"]),
                lingering=str(found["lingering"]),
            )
    except (ValueError, KeyError, TypeError) as error:
        raise RecordDamagedError(
            f"cannot use {path}",
            why=f"it is not what system install writes ({error})",
            next_step=f"restore it from a backup, or remove it: then nothing of it is undone (rm {path})",
        ) from error
    raise RecordTooNewError(
        f"cannot use {path}",
        why=f"it has version {version}, this program knows {_VERSION}",
        next_step="use the newer skupper-local that wrote it",
    )


def write_installation(data_home: Path, installation: Installation) -> None:
    """Record it; with nothing to undo the record goes away. Raises the errors of the file system's."""
    path = data_home / _FILE
    if not installation.is_empty:
        document = {"version": _VERSION, **asdict(installation)}
        write_atomically(path, (json.dumps(document, indent=2) + "\n").encode())
        return
    try:
        remove_file(path)
    except OSError as error:
        raise explain(error, f"cannot remove {path}", path) from error


def missing_directories(path: Path) -> tuple[str, ...]:
    """The directories that :func:`make_directories` would make, from the outermost."""
    missing: list[str] = []
    while not path.is_dir() and path.parent != path:
        missing.append(str(path))
        path = path.parent
    return tuple(reversed(missing))


def make_directories(path: Path) -> None:
    """Make a directory and those above it, private. Raises the errors of the file system's."""
    try:
        make_private_directories(path)
    except OSError as error:
        raise explain(error, f"cannot make {path}", path) from error


def remove_emptied(data_home: Path, directories: tuple[str, ...]) -> bool:
    """Remove the data home and what this program keeps beside namespaces in it, as far as nothing else is in there, and of
    ``directories`` those that are empty. Whether the data home is gone."""
    namespaces = data_home / "namespaces"
    if namespaces.is_dir() and not any(path.is_dir() for path in namespaces.iterdir()):
        for name in _OWN_FILES:
            _remove_quietly(data_home / name)
        locks = data_home / "locks"
        for path in locks.glob("*.lock") if locks.is_dir() else ():
            _remove_quietly(path)
    for name in _OWN_DIRECTORIES:
        remove_directory_if_empty(data_home / name)
    remove_directory_if_empty(data_home)
    for made in sorted(directories, key=len, reverse=True):
        remove_directory_if_empty(Path(made))
    return not data_home.exists()


def remove_dead_socket(path: str) -> None:
    """Remove the socket file that a stopped unit leaves behind; somebody else's file of that name stays."""
    import stat

    target = Path(path)
    try:
        if stat.S_ISSOCK(target.lstat().st_mode):
            remove_file(target)
    except OSError:
        return


def _remove_quietly(path: Path) -> None:
    try:
        remove_file(path)
    except OSError:
        return
