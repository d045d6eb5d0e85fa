"""One command at a time changes a namespace.

The lock is ``flock`` on ``locks/<namespace>.lock`` in the data home. The kernel releases it when its holder ends, however it
ends, so a killed command leaves nothing to clean up. The file says who holds it (process id, command, since when), for the
message that the next command prints when its patience ends; what a dead holder wrote there means nothing.

Why outside the namespace: the lock is needed before the namespace exists, must not bring one into being, and has to outlive
``teardown``, which removes the directory. The file is removed together with the namespace; a command that was waiting for it
sees that the name now belongs to another file, or to none, and starts again.

The descriptor is closed on ``exec``, and the lock is released explicitly: a program started under it does not keep it, unless
its parent is killed before either happens.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from skupper_local.namespace.errors import NamespaceBusyError
from skupper_local.namespace.filesystem import (
    PRIVATE_FILE,
    explained,
    is_open_to_others,
    make_private_directories,
    make_private_directory,
    read_regular_file,
    remove_file,
    remove_tree,
    require_directory,
    restrict_to_owner,
    sync_directory,
)
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.transaction import Recovery, Transaction, pending_transaction, recover

#: How long a command waits for another one, in seconds. A reload that waits for its router to answer holds the lock longer
#: only when the router is in trouble, and then waiting would not help.
DEFAULT_PATIENCE = 10.0
_POLL = 0.05


@dataclass(frozen=True)
class LockHolder:
    """Who holds a lock: process id, what was typed, and since when (seconds since the epoch)."""

    pid: int
    command: str
    since: float


class HeldLock:
    """A namespace that nobody else changes at present. Made by :func:`lock_namespace`."""

    def __init__(self, paths: NamespacePaths, recovery: Recovery) -> None:
        self.paths = paths
        #: What was left of an interrupted command, and what became of it.
        self.recovery = recovery
        self.removed = False
        self._along = contextlib.ExitStack()

    def hold_along(self, further: AbstractContextManager[object]) -> None:
        """Hold something else from now on, until the namespace is released."""
        self._along.enter_context(further)

    def release_along(self) -> None:
        """Release what is held along."""
        self._along.close()

    def transaction(self) -> Transaction:
        """A new, empty set of changes."""
        return Transaction(self.paths)

    def tighten_permissions(self, *, dry: bool = False) -> tuple[Path, ...]:
        """Make every file of an adopted namespace that can hold a key private (0600); returns those that were not.

        The reference leaves keys, links and Secrets readable by everybody (reference-engine 11.2, 14). Files of other
        owners are left alone. ``dry`` only finds them.
        """
        restrict = is_open_to_others if dry else restrict_to_owner
        paths = self.paths
        changed: list[Path] = []
        holders = (
            paths.input_issuers,
            paths.input_certs,
            paths.input_resources,
            paths.runtime_issuers,
            paths.runtime_certs,
            paths.runtime_links,
            paths.runtime_resources,
            paths.snapshot,
        )
        for directory in holders:
            for parent, _, names in os.walk(directory):
                files = (Path(parent) / name for name in names)
                changed.extend(file for file in files if restrict(file))
        if restrict(paths.sources_backup):
            changed.append(paths.sources_backup)
        return tuple(changed)

    def remove_namespace(self) -> None:
        """Remove the namespace with everything in it: at once as seen from outside, file by file out of sight."""
        paths = self.paths
        with explained(f"cannot remove namespace {paths.name}", paths.home):
            remove_tree(paths.removed)
            if require_directory(paths.home):
                os.rename(paths.home, paths.removed)
                sync_directory(paths.namespaces)
                remove_tree(paths.removed)
        self.removed = True


@contextlib.contextmanager
def lock_namespace(
    paths: NamespacePaths, *, command: str, patience: float = DEFAULT_PATIENCE
) -> Iterator[HeldLock]:
    """Hold the namespace for the block; finish or undo first what an interrupted command has left.

    ``command`` is what others read while they wait; it must not hold a secret. ``patience`` is in seconds. Raises
    :class:`NamespaceBusyError`, and the errors of recovery.
    """
    descriptor = _acquire(paths, command, patience)
    held: HeldLock | None = None
    try:
        with explained(f"cannot clean up in {paths.removed}", paths.removed):
            remove_tree(paths.removed)  # a teardown was killed after it had moved the namespace out of sight
        held = HeldLock(paths, recover(paths))
        yield held
    finally:
        if held is not None:
            held.release_along()
        if held is not None and held.removed:
            with contextlib.suppress(OSError):
                remove_file(paths.lock)
                os.rmdir(paths.lock.parent)
        # Said explicitly, because a child that was started a moment ago may not have closed its copy yet.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextlib.contextmanager
def lock_port_choices(held: HeldLock, *, patience: float = DEFAULT_PATIENCE) -> Iterator[None]:
    """One namespace of this user at a time looks for free ports and records them; for the holder of a namespace.

    The lock is on the data home itself, so that it needs no file. Raises :class:`NamespaceBusyError`.
    """
    paths = held.paths
    deadline = time.monotonic() + patience
    with explained(f"cannot lock {paths.data_home}", paths.data_home):
        descriptor = os.open(paths.data_home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise NamespaceBusyError(
                    f"cannot choose ports for namespace {paths.name}, waited {patience:g} s",
                    why="a command for another namespace is choosing ports and does not come to an end",
                    next_step="see what runs (skupper-local namespace list), then repeat the command",
                )
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def recover_if_needed(paths: NamespacePaths, *, command: str, patience: float = DEFAULT_PATIENCE) -> Recovery:
    """For whoever starts a router: finish or undo an interrupted change first.

    Takes the lock only when there is something to do, so that a command may start a router while it holds the lock itself.
    """
    if not pending_transaction(paths):
        return Recovery.NOTHING
    with lock_namespace(paths, command=command, patience=patience) as held:
        return held.recovery


def lock_holder(paths: NamespacePaths) -> LockHolder | None:
    """Who holds the namespace now, or ``None``. Changes nothing and does not wait."""
    try:
        descriptor = os.open(paths.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A shared lock disturbs no other onlooker, and a command that tries in this instant tries again.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read_holder(paths) or LockHolder(0, "", 0.0)
    else:
        return None
    finally:
        os.close(descriptor)


def _acquire(paths: NamespacePaths, command: str, patience: float) -> int:
    what = f"cannot lock namespace {paths.name}"
    deadline = time.monotonic() + patience
    with explained(what, paths.lock):
        require_directory(paths.home)
        while True:
            descriptor = _open(paths.lock)
            try:
                if _try_lock(descriptor) and _still_named(descriptor, paths.lock):
                    _write_holder(descriptor, LockHolder(os.getpid(), command, time.time()))
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise _busy(paths, patience)
            time.sleep(_POLL)


def _open(path: Path) -> int:
    make_private_directories(path.parent.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    for _ in range(100):
        # A teardown that ends in this moment may take the empty directory away again.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            make_private_directory(path.parent)
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags, PRIVATE_FILE)
    return os.open(path, flags, PRIVATE_FILE)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _still_named(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one that others find under its name."""
    try:
        named = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino)


def _write_holder(descriptor: int, holder: LockHolder) -> None:
    # On a full disk nobody learns who holds the lock; that is no reason not to hold it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        text = json.dumps({"pid": holder.pid, "command": holder.command[:200], "since": holder.since})
        os.pwrite(descriptor, text.encode(), 0)


def _read_holder(paths: NamespacePaths) -> LockHolder | None:
    try:
        record = json.loads(read_regular_file(paths.lock, 4096) or b"")
        return LockHolder(int(record["pid"]), str(record["command"]), float(record["since"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _busy(paths: NamespacePaths, patience: float) -> NamespaceBusyError:
    holder = _read_holder(paths)
    if holder is None:
        why = "another command holds its lock and did not say which"
        next_step = f"see which process has it open (fuser -v {paths.lock}), then repeat the command"
    else:
        since = time.strftime("%H:%M:%S", time.localtime(holder.since))
        why = f"'{holder.command}' (process {holder.pid}, since {since}) holds its lock"
        next_step = f"wait until it ends, or look at it: ps -p {holder.pid}; then repeat the command"
    return NamespaceBusyError(
        f"namespace {paths.name} is busy, waited {patience:g} s", why=why, next_step=next_step
    )
