"""What can go wrong with a namespace directory, in words for the person who types the next command."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.namespace.ownership import foreign_part, giving_back, owner_called


class NamespaceNameInvalidError(InvalidRequestError):
    """A name that must not become a path."""

    code: ClassVar[str] = "namespace-name-invalid"


class NamespaceBusyError(SkupperLocalError):
    """Another command works on the namespace and did not finish in time."""

    code: ClassVar[str] = "namespace-busy"


class NamespaceDirectoryError(SkupperLocalError):
    """Something that should be a directory, or a file, is something else."""

    code: ClassVar[str] = "namespace-not-a-directory"


class DiskFullError(SkupperLocalError):
    """No space, no quota or no inode left."""

    code: ClassVar[str] = "disk-full"


class NotWritableError(SkupperLocalError):
    """A directory or a file may not be changed by this user, or is on a read-only file system."""

    code: ClassVar[str] = "directory-not-writable"


class NotReadableError(SkupperLocalError):
    """A directory or a file may not be read by this user."""

    code: ClassVar[str] = "directory-not-readable"


class CrossesFileSystemsError(SkupperLocalError):
    """A part of the namespace is on another file system, where a change cannot be installed by rename."""

    code: ClassVar[str] = "namespace-crosses-file-systems"


class NamespaceStorageError(SkupperLocalError):
    """Any other failure the operating system reports while the namespace is read or changed."""

    code: ClassVar[str] = "namespace-storage-failed"


class TransactionStuckError(SkupperLocalError):
    """An interrupted change can neither be finished nor undone at present. Nothing of it is lost."""

    code: ClassVar[str] = "transaction-stuck"


class RecordDamagedError(SkupperLocalError):
    """A file in ``internal/`` does not hold what this program writes there."""

    code: ClassVar[str] = "record-damaged"


class RecordTooNewError(SkupperLocalError):
    """A file in ``internal/`` was written by a newer version of this program."""

    code: ClassVar[str] = "record-too-new"


class ResourceFileError(SkupperLocalError):
    """A file of declarations or credentials cannot be read as what it should be."""

    code: ClassVar[str] = "resource-file-unreadable"


class ResourceLimitError(SkupperLocalError):
    """More, larger or deeper files of declarations than this program reads."""

    code: ClassVar[str] = "resource-files-too-many"


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_WRONG_KIND = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ELOOP})


def _place(error: OSError, path: Path) -> Path:
    """What an error is about. Of the two names of a rename it is the one in a directory that may not be changed."""
    named = [
        Path(os.fsdecode(name)) for name in (error.filename2, error.filename) if isinstance(name, str | bytes)
    ]
    if error.errno in _DENIED:
        named.sort(key=lambda name: os.access(name.parent, os.W_OK | os.X_OK))
    return named[0] if named else path


def explain(
    error: OSError, what: str, path: str | os.PathLike[str], *, reading: bool = False
) -> SkupperLocalError:
    """The error of this package that says what ``error`` means. ``what`` is the sentence about what failed."""
    where = _place(error, Path(path))
    why = f"{error.strerror or error} ({where})"
    if error.errno in _FULL:
        return DiskFullError(
            what,
            why=why,
            next_step=f"free some space (df -h {where.parent}), then repeat the command; nothing changed",
        )
    if error.errno in _DENIED - {errno.EROFS} and (astray := foreign_part(where, os.geteuid())):
        denied = NotReadableError if reading else NotWritableError
        return denied(
            what,
            why=f"{why}: {astray} belongs to {owner_called(astray)}",
            next_step=f"give it back (as root: {giving_back(astray, os.geteuid())}), then repeat the command",
        )
    if error.errno in _DENIED and reading:
        return NotReadableError(what, why=why, next_step=f"look at its owner and permissions: ls -ld {where}")
    if error.errno == errno.EROFS:
        return NotWritableError(
            what,
            why=why,
            next_step="use a data directory that can be written (XDG_DATA_HOME), then repeat the command",
        )
    if error.errno in _DENIED:
        return NotWritableError(
            what,
            why=why,
            next_step=f"look at owner and permissions (ls -ld {where.parent}), then repeat the command",
        )
    if error.errno in _WRONG_KIND:
        return NamespaceDirectoryError(
            what, why=why, next_step=f"see what is there (ls -la {where}) and move it away"
        )
    if error.errno == errno.EXDEV:
        return CrossesFileSystemsError(
            what,
            why=why,
            next_step="keep the whole namespace on one file system: no mounts, no links that leave it",
        )
    return NamespaceStorageError(what, why=why, next_step="repeat the command; nothing changed")
