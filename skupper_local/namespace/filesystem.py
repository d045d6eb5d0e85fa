"""The file-system calls a namespace needs: private from creation, whole or not at all, durable when they return.

Three rules hold here and nowhere else has to repeat them:

* **Private.** A file is created 0600 and a directory 0700, whatever the umask; there is no moment at which it is more open.
  One rule for all files, because a list of "the files that hold a secret" would have to be right for ever.
* **Whole.** Content gets its final name by ``rename`` only, after ``fsync``. A reader sees the old file or the new one.
* **Durable.** After a rename the directory is synced too; otherwise a power cut could undo what a command has reported.

Everything goes through ``os``, so that a test can stop the process before each single call.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from skupper_local.namespace.errors import NamespaceDirectoryError, explain

PRIVATE_FILE = 0o600
PRIVATE_PROGRAM = 0o700
PRIVATE_DIRECTORY = 0o700


@contextlib.contextmanager
def explained(what: str, path: Path, *, reading: bool = False) -> Iterator[None]:
    """Turn an :class:`OSError` of the block into the error that says what to do about it."""
    try:
        yield
    except OSError as error:
        raise explain(error, what, path, reading=reading) from error


def make_private_directory(path: Path) -> None:
    """Create one directory, 0700 whatever the umask. Its parent must exist; the directory itself must not."""
    os.mkdir(path, PRIVATE_DIRECTORY)
    # An unusual umask may have taken bits of the owner away; it can never have added any.
    os.chmod(path, PRIVATE_DIRECTORY)


def make_private_directories(path: Path) -> None:
    """Create ``path`` and every missing parent, each 0700; directories that exist are left as they are."""
    missing: list[Path] = []
    current = path
    while not os.path.isdir(current):
        missing.append(current)
        if current.parent == current:
            break
        current = current.parent
    for directory in reversed(missing):
        try:
            make_private_directory(directory)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new_file(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Create a file that must not exist yet, with its final mode, and make its content durable."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        os.fchmod(descriptor, mode)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Replace one file; the old content stays until the new one is complete and durable. Creates missing parents.

    For what has one writer at a time and no partner it must agree with; everything else belongs in a transaction.
    Raises the errors of :mod:`skupper_local.namespace.errors`.
    """
    fresh = path.parent / f".{path.name}.new"
    with explained(f"cannot write {path}", path):
        make_private_directories(path.parent)
        remove_file(fresh)
        try:
            write_new_file(fresh, content, mode)
            os.rename(fresh, path)
        except OSError:
            with contextlib.suppress(OSError):
                remove_file(fresh)
            raise
        sync_directory(path.parent)


def remove_file(path: Path) -> bool:
    """Remove a file or a symbolic link (never its target); false when there was none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_tree(path: Path) -> None:
    """Remove a directory with everything in it, following no symbolic link. Nothing there is no error."""
    try:
        entries = list(os.scandir(path))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(path / entry.name)
        else:
            remove_file(path / entry.name)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)


def remove_directory_if_empty(path: Path) -> bool:
    """Remove a directory that holds nothing; false when it holds something, is a link or is not there."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def read_regular_file(path: Path, limit: int) -> bytes | None:
    """At most ``limit + 1`` bytes of a regular file, or ``None`` when it is something else (a pipe, a device, a directory).

    Symbolic links are followed. A result longer than ``limit`` means that the file is too large. Raises :class:`OSError`.
    """
    # Without O_NONBLOCK the mere opening of a named pipe would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        pieces: list[bytes] = []
        wanted = limit + 1
        while wanted > 0 and (piece := os.read(descriptor, min(wanted, 1 << 20))):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def restrict_to_owner(path: Path) -> bool:
    """Take group's and others' rights from a regular file of ours; true when that changed something. Follows no link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o077:
            return False
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o700)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def is_open_to_others(path: Path) -> bool:
    """Whether :func:`restrict_to_owner` would change the file. Follows no link, opens nothing."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    ours = os.geteuid() in (0, status.st_uid)
    return ours and stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o077)


def require_directory(path: Path) -> bool:
    """Whether ``path`` is a directory; false when nothing is there, an error when something else is."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise explain(error, f"cannot look at {path}", path, reading=True) from error
    if not stat.S_ISDIR(mode):
        raise NamespaceDirectoryError(
            f"{path} is not a directory",
            why="a file or something else has its name",
            next_step="move it away, then repeat the command",
        )
    return True
