"""Declarations and credentials as they lie on disk: names and contents, read in a stable order and within bounds.

What the files mean is not decided here, and a declaration that is no text or too large is found by whoever decodes it, together
with every other mistake. Files named ``*.yaml``, ``*.yml`` and ``*.json`` are read, below any number of
directories; the reference passes the last ones over (reference-engine 2.1). A symbolic link to a file is followed; one to a
directory is not, because it could lead round in a circle. What is passed over is returned with the reason: a declaration must
not be ignored in silence.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from skupper_local.namespace.errors import ResourceFileError, ResourceLimitError, explain
from skupper_local.namespace.filesystem import read_regular_file, require_directory

MOST_FILES = 10_000
LARGEST_FILE = 8 << 20
LARGEST_TOTAL = 64 << 20
DEEPEST_DIRECTORY = 16
_LARGEST_CREDENTIAL = 1 << 20


@dataclass(frozen=True)
class ResourceFile:
    """One file of declarations. ``name`` is relative to the directory that was read.

    ``content`` ends after ``LARGEST_FILE + 1`` bytes.
    """

    path: Path
    name: str
    content: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The content as text. Raises :class:`ResourceFileError` when it is none or too large."""
        _require_size(self.path, self.content, LARGEST_FILE)
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ResourceFileError(
                f"cannot use {self.path}",
                why=f"it is not UTF-8 text (byte {error.start})",
                next_step="save it as UTF-8, or move it away",
            ) from error


@dataclass(frozen=True)
class PassedOver:
    """A file that looks like a declaration and was not read."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ResourceFiles:
    """What a directory of declarations holds, sorted by name."""

    files: tuple[ResourceFile, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


@dataclass(frozen=True)
class CredentialFiles:
    """One directory of credentials: ``files`` by name (``tls.crt``, ``tls.key``, ``ca.crt`` and whatever else lies there)."""

    path: Path
    name: str
    files: dict[str, bytes]

    @property
    def filled(self) -> tuple[str, ...]:
        """The names of the files that hold something."""
        return tuple(name for name, content in self.files.items() if content)


def read_resource_files(directory: Path) -> ResourceFiles:
    """All declarations below ``directory``; none when it does not exist.

    Raises the errors of the file system's, and :class:`ResourceLimitError` beyond the bounds.
    """
    if not require_directory(directory):
        return ResourceFiles()
    files: list[ResourceFile] = []
    passed_over: list[PassedOver] = []
    total = 0
    for path, reason in _candidates(directory, DEEPEST_DIRECTORY):
        if reason:
            passed_over.append(PassedOver(path, reason))
            continue
        content = _read(path, LARGEST_FILE)
        if content is None:
            passed_over.append(PassedOver(path, "not a regular file"))
            continue
        total += len(content)
        if len(files) == MOST_FILES or total > LARGEST_TOTAL:
            raise ResourceLimitError(
                f"too many declarations in {directory}",
                why=f"more than {MOST_FILES} files or {LARGEST_TOTAL >> 20} MiB",
                next_step="move what does not belong to this site away",
            )
        files.append(ResourceFile(path, path.relative_to(directory).as_posix(), content))
    return ResourceFiles(tuple(files), tuple(passed_over))


def read_credential_directories(directory: Path) -> dict[str, CredentialFiles]:
    """Each directory below ``directory`` by its name, for instance of ``runtime/certs`` or ``input/issuers``.

    Directories that hold no file count too: their user meant something. Raises :class:`ResourceFileError` for a file that
    cannot be read.
    """
    if not require_directory(directory):
        return {}
    found: dict[str, CredentialFiles] = {}
    for entry in _entries(directory):
        path = directory / entry.name
        if not os.path.isdir(path):
            continue
        files: dict[str, bytes] = {}
        for file in _entries(path):
            if file.name.startswith("."):
                continue
            content = _read(path / file.name, _LARGEST_CREDENTIAL)
            if content is not None:
                _require_size(path / file.name, content, _LARGEST_CREDENTIAL)
                files[file.name] = content
        found[entry.name] = CredentialFiles(path, entry.name, files)
    return found


def _candidates(directory: Path, depth: int) -> Iterator[tuple[Path, str]]:
    """Each path that is or looks like a declaration, with the reason not to read it (or none)."""
    for entry in _entries(directory):
        path = directory / entry.name
        named_so = entry.name.endswith((".yaml", ".yml", ".json"))
        if entry.is_dir(follow_symlinks=False):
            if depth == 0:
                raise ResourceLimitError(
                    f"directories too deep at {path}",
                    why=f"more than {DEEPEST_DIRECTORY} levels",
                    next_step="move what does not belong to this site away",
                )
            yield from _candidates(path, depth - 1)
        elif os.path.isdir(path):
            yield path, "a link to a directory; put the files themselves here"
        elif entry.is_symlink() and not os.path.exists(path):
            if named_so:
                yield path, "a link to nothing"
        elif named_so:
            yield path, ""


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        raise explain(error, f"cannot read {directory}", directory, reading=True) from error


def _read(path: Path, limit: int) -> bytes | None:
    try:
        return read_regular_file(path, limit)
    except OSError as error:
        # Opening a socket fails with ENXIO: another kind of file that is not regular.
        if _is_socket(path) or error.errno == errno.ELOOP:
            return None
        raise explain(error, f"cannot read {path}", path, reading=True) from error


def _require_size(path: Path, content: bytes, limit: int) -> None:
    if len(content) > limit:
        raise ResourceFileError(
            f"cannot use {path}",
            why=f"it is larger than {limit >> 20} MiB",
            next_step="this is hardly a declaration or a certificate; move it away",
        )


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False
