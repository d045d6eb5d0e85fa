"""What a transaction will do: the difference between what is on disk and what shall be, and its written form.

Planning reads and changes nothing. Files that are the same already do not appear in the plan.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from skupper_local.namespace.errors import CrossesFileSystemsError, NamespaceDirectoryError
from skupper_local.namespace.filesystem import read_regular_file, require_directory

_PLAN_VERSION = 1


@dataclass(frozen=True)
class Write:
    """One file to install; ``replaces`` says whether something has its name already."""

    path: str
    replaces: bool


@dataclass(frozen=True)
class Plan:
    """Paths relative to the namespace. The n-th write owns ``new/w<n>`` and ``old/w<n>``, the n-th deletion ``old/d<n>``."""

    deletes: tuple[str, ...] = ()
    removed_directories: tuple[str, ...] = ()  # children first
    created_directories: tuple[str, ...] = ()  # parents first
    writes: tuple[Write, ...] = ()

    def encode(self) -> bytes:
        """The content of ``commit.json``."""
        return json.dumps(
            {
                "version": _PLAN_VERSION,
                "deletes": self.deletes,
                "removedDirectories": self.removed_directories,
                "createdDirectories": self.created_directories,
                "writes": [{"path": write.path, "replaces": write.replaces} for write in self.writes],
            },
            indent=1,
        ).encode()

    @classmethod
    def decode(cls, content: bytes) -> Plan:
        """Raises :class:`ValueError` for anything but a plan of this version that stays inside the namespace."""
        try:
            plan = json.loads(content)
            if plan["version"] != _PLAN_VERSION:
                raise ValueError("written by another version of this program")
            return cls(
                tuple(path_inside(path) for path in plan["deletes"]),
                tuple(path_inside(path) for path in plan["removedDirectories"]),
                tuple(path_inside(path) for path in plan["createdDirectories"]),
                tuple(Write(path_inside(write["path"]), bool(write["replaces"])) for write in plan["writes"]),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a plan: {error!r}") from error


@dataclass
class WantedFile:
    """What a file shall hold, and its permissions."""

    content: bytes
    mode: int


@dataclass
class Requests:
    """What the caller asked for, by path relative to the namespace."""

    files: dict[str, WantedFile | None] = field(default_factory=dict)  # None: delete
    directories: dict[str, bool] = field(
        default_factory=dict
    )  # complete content given; True: the directory itself goes too


def path_inside(path: str) -> str:
    """The path, when it names something below the namespace; an escape would be a mistake of the caller."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in path:
        raise ValueError(f"not a path inside the namespace: {path!r}")
    if pure.parts[:2] == ("internal", "transaction"):
        raise ValueError("a transaction cannot change its own directory")
    return pure.as_posix()


def make_plan(home: Path, requests: Requests) -> tuple[Plan, list[WantedFile]]:
    """The difference between what is there and what shall be, and the content of its writes in order."""
    wanted = {path: file for path, file in requests.files.items() if file is not None}
    deletes = {path for path, file in requests.files.items() if file is None and _is_file(home / path)}
    needed = {parent for path in wanted for parent in _parents(path)}
    removed: list[str] = []
    for directory, remove_itself in requests.directories.items():
        files, directories = _tree(home, directory)
        deletes.update(path for path in files if path not in wanted)
        removed.extend(
            path for path in directories if path not in needed and (remove_itself or path != directory)
        )
        if not remove_itself:
            needed.update((*_parents(directory), directory))
    writes: list[tuple[Write, WantedFile]] = []
    for path, file in sorted(wanted.items()):
        status = _status(home / path)
        if status is not None and stat.S_ISDIR(status.st_mode) and path not in removed:
            raise NamespaceDirectoryError(
                f"cannot write {home / path}",
                why="a directory has its name",
                next_step="move the directory away, then repeat the command",
            )
        replaces = status is not None and not stat.S_ISDIR(status.st_mode)
        if not (replaces and _is_same(home / path, file)):
            writes.append((Write(path, replaces), file))
    # A directory inherits its file system from the nearest one that exists.
    created = sorted(path for path in needed if path in deletes or not os.path.isdir(home / path))
    plan = Plan(
        tuple(sorted(deletes)),
        tuple(sorted(set(removed), key=lambda path: (-path.count("/"), path))),
        tuple(created),
        tuple(write for write, _ in writes),
    )
    _check_one_file_system(home, (*plan.deletes, *(write.path for write in plan.writes)))
    return plan, [file for _, file in writes]


def _parents(path: str) -> list[str]:
    return [parent.as_posix() for parent in PurePosixPath(path).parents if parent.parts]


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_file(path: Path) -> bool:
    """Whether something is there that can be removed as a file: links and oddities count, directories do not."""
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise NamespaceDirectoryError(
            f"cannot remove {path}",
            why="it is a directory",
            next_step="move it away, then repeat the command",
        )
    return status is not None


def _is_same(path: Path, wanted: WantedFile) -> bool:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != wanted.mode:
        return False
    try:
        return (
            status.st_size == len(wanted.content)
            and read_regular_file(path, status.st_size) == wanted.content
        )
    except OSError:
        return False  # what cannot be read is replaced; if it cannot be replaced either, that error is the one to report


def _tree(home: Path, directory: str) -> tuple[list[str], list[str]]:
    """The files below a directory, and the directories with itself, as relative paths. Links are files."""
    files: list[str] = []
    directories: list[str] = []
    if not require_directory(home / directory):
        return files, directories
    pending = [directory]
    while pending:
        current = pending.pop()
        directories.append(current)
        for entry in os.scandir(home / current):
            (pending if entry.is_dir(follow_symlinks=False) else files).append(f"{current}/{entry.name}")
    return files, directories


def _check_one_file_system(home: Path, changed: Iterable[str]) -> None:
    base = next((path for path in (home, *home.parents) if os.path.isdir(path)), home)
    device = os.stat(base).st_dev
    seen: set[str] = set()
    for path in changed:
        parent = next((name for name in _parents(path) if os.path.isdir(home / name)), "")
        if parent and parent not in seen:
            seen.add(parent)
            if os.stat(home / parent).st_dev != device:
                raise CrossesFileSystemsError(
                    f"cannot change {home / path}",
                    why=f"{home / parent} is on another file system than {home}, so the change cannot be installed at once",
                    next_step="keep the whole namespace on one file system: no mounts, no links that leave it",
                )
