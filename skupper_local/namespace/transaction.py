"""All of a change or nothing of it, also after ``kill -9`` or a power cut at any instruction.

A transaction lives in ``internal/transaction/``, on the file system of what it changes::

    new/<n>          the content of the n-th operation, complete and durable before the commit
    old/<n>          what the n-th operation displaced
    commit.json      the plan. Its appearance, by rename, is the commit: from here on the change is rolled forward
    rollback.json    the plan under its other name, given by rename: the change is being undone

Nothing outside that directory is touched before ``commit.json`` is there. Installing is: move away what goes, make the
missing directories, and for each new file keep a hard link to the old one in ``old/`` and rename the new one over it. Every
step looks at what is there and does only what is missing, so that it may be repeated from the beginning as often as the
process is killed. The change is over when the plan is gone; what is left in the directory then is rubbish.

If the operating system refuses a step (disk full, permission denied, read-only), the plan is renamed to ``rollback.json``,
which needs no space, and the steps are undone in reverse: the command reports an error and nothing has changed.

=================  ==============================================
found at recovery  done
=================  ==============================================
neither plan       remove the directory: the change never happened
``commit.json``    finish; if that is refused, undo
``rollback.json``  finish undoing
=================  ==============================================

All of it happens under the namespace's lock: :func:`skupper_local.namespace.lock.lock_namespace` recovers before it lets
a command in.
"""

from __future__ import annotations

import enum
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.errors import TransactionStuckError, explain
from skupper_local.namespace.filesystem import (
    PRIVATE_FILE,
    PRIVATE_PROGRAM,
    explained,
    make_private_directories,
    make_private_directory,
    read_regular_file,
    remove_directory_if_empty,
    remove_file,
    remove_tree,
    require_directory,
    sync_directory,
    write_new_file,
)
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.plan import Plan, Requests, WantedFile, make_plan, path_inside

_PLAN_LIMIT = 64 << 20
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})


class Recovery(enum.Enum):
    """What was found of an interrupted change, and what became of it."""

    NOTHING = "nothing"
    DISCARDED = "discarded"  # it had not been committed
    FINISHED = "finished"
    UNDONE = "undone"


class Action(enum.Enum):
    """What a change does to one file."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One file that a transaction changed; ``path`` is absolute."""

    action: Action
    path: Path


class Transaction:
    """A set of changes to one namespace, kept in memory until :meth:`commit`. Made by ``HeldLock.transaction``.

    Later requests for the same path win. Paths are absolute inside the namespace, or relative to it.
    """

    def __init__(self, paths: NamespacePaths) -> None:
        self._paths = paths
        self._requests = Requests()
        self._done = False

    def write(self, path: Path | str, content: bytes, *, executable: bool = False) -> None:
        """The file shall hold ``content``; it becomes 0600, or 0700 when it is a program."""
        self._requests.files[self._relative(path)] = WantedFile(
            content, PRIVATE_PROGRAM if executable else PRIVATE_FILE
        )

    def delete(self, path: Path | str) -> None:
        """The file shall not be there (it need not be there now)."""
        self._requests.files[self._relative(path)] = None

    def replace_directory(self, path: Path | str, files: Mapping[str, bytes]) -> None:
        """The directory shall hold exactly ``files`` (keys are relative names, ``a`` or ``a/b``) and nothing else.

        Files that are the same already are left untouched, so that whoever watches them sees no change.
        """
        directory = self._clear(path)
        self._requests.directories[directory] = False
        for name, content in files.items():
            self._requests.files[path_inside(f"{directory}/{name}")] = WantedFile(content, PRIVATE_FILE)

    def delete_directory(self, path: Path | str) -> None:
        """The directory shall not be there, with all it holds."""
        self._requests.directories[self._clear(path)] = True

    def commit(self) -> tuple[Change, ...]:
        """Do all of it. Returns what changed, by path; nothing when everything was so already.

        Raises an error of :mod:`skupper_local.namespace.errors`; then nothing has changed. Only
        :class:`TransactionStuckError` means that the change waits to be finished or undone by the next command.
        """
        if self._done:
            raise ValueError("a transaction can be committed once")
        self._done = True
        plan, contents = self._plan()
        if plan == Plan():
            return ()
        _stage(self._paths, plan, contents)
        _finish(self._paths, plan)
        return self._changes(plan)

    def foresee(self) -> tuple[Change, ...]:
        """What :meth:`commit` would return now. Reads, and changes nothing."""
        return self._changes(self._plan()[0])

    def _plan(self) -> tuple[Plan, list[WantedFile]]:
        home = self._paths.home
        with explained(f"cannot change namespace {self._paths.name}", home):
            require_directory(home)
            return make_plan(home, self._requests)

    def _changes(self, plan: Plan) -> tuple[Change, ...]:
        home = self._paths.home
        changes = [
            Change(Action.UPDATE if write.replaces else Action.CREATE, home / write.path)
            for write in plan.writes
        ]
        changes.extend(Change(Action.DELETE, home / path) for path in plan.deletes)
        return tuple(sorted(changes, key=lambda change: change.path))

    def _clear(self, path: Path | str) -> str:
        """Forget earlier requests below a directory whose whole content is given now."""
        directory = self._relative(path)
        for request in [name for name in self._requests.files if name.startswith(f"{directory}/")]:
            del self._requests.files[request]
        return directory

    def _relative(self, path: Path | str) -> str:
        path = Path(path)
        relative = path.relative_to(self._paths.home) if path.is_absolute() else path
        return path_inside(relative.as_posix())


def pending_transaction(paths: NamespacePaths) -> bool:
    """Whether a change has been committed, or is being undone, and is not over yet."""
    return any(os.path.lexists(paths.transaction / name) for name in ("commit.json", "rollback.json"))


def recover(paths: NamespacePaths) -> Recovery:
    """Finish, undo or discard what an interrupted command left. The caller holds the namespace's lock.

    Raises :class:`TransactionStuckError` when neither is possible at present, or the plan cannot be read.
    """
    directory = paths.transaction
    if not os.path.isdir(directory):
        _remove_empty_namespace(paths)
        return Recovery.NOTHING
    for name, undo in (("rollback.json", True), ("commit.json", False)):
        plan = _read_plan(paths, directory / name)
        if plan is None:
            continue
        if undo:
            _undo(paths, plan)
            return Recovery.UNDONE
        try:
            _finish(paths, plan)
        except TransactionStuckError:
            raise
        except SkupperLocalError:
            return Recovery.UNDONE
        return Recovery.FINISHED
    with explained(f"cannot clean up in {directory}", directory):
        _discard(paths)
    return Recovery.DISCARDED


# Staging and commit.


def _stage(paths: NamespacePaths, plan: Plan, contents: list[WantedFile]) -> None:
    """Write everything new, durable, then the plan under the name that commits it."""
    directory = paths.transaction
    if pending_transaction(paths):
        raise _stuck(paths, FileExistsError("an earlier change waits in the transaction directory"))
    try:
        remove_tree(directory)
        make_private_directories(directory)
        make_private_directory(directory / "new")
        make_private_directory(directory / "old")
        for number, file in enumerate(contents):
            write_new_file(directory / "new" / f"w{number}", file.content, file.mode)
        sync_directory(directory / "new")
        write_new_file(directory / "plan.new", plan.encode())
        sync_directory(directory)
        os.rename(directory / "plan.new", directory / "commit.json")
    except OSError as error:
        _try_discard(paths)
        raise explain(error, f"cannot change namespace {paths.name}", directory) from error
    except BaseException:
        _try_discard(
            paths
        )  # an interrupt by the user; harmless when the plan got its name in this very moment
        raise


def _try_discard(paths: NamespacePaths) -> None:
    if pending_transaction(paths):
        return
    try:
        _discard(paths)
    except OSError:
        pass  # rubbish; the next command removes it


def _finish(paths: NamespacePaths, plan: Plan) -> None:
    """Roll forward; when the operating system refuses, roll back and report why."""
    try:
        sync_directory(paths.transaction)
        _install(paths, plan)
    except OSError as error:
        refusal = explain(error, f"cannot change namespace {paths.name}", paths.home)
        try:
            os.rename(paths.transaction / "commit.json", paths.transaction / "rollback.json")
        except OSError as second:
            raise _stuck(paths, second) from error
        _undo(paths, plan)
        raise refusal from error
    try:
        _close(paths, "commit.json")
    except OSError as error:
        raise _stuck(paths, error) from error


def _install(paths: NamespacePaths, plan: Plan) -> None:
    home, new, old = paths.home, paths.transaction / "new", paths.transaction / "old"
    for number, path in enumerate(plan.deletes):
        if not os.path.lexists(old / f"d{number}") and os.path.lexists(home / path):
            os.rename(home / path, old / f"d{number}")
    for path in plan.removed_directories:
        remove_directory_if_empty(home / path)  # somebody else's new file may keep it alive
    for path in plan.created_directories:
        make_private_directories(home / path)
    for number, write in enumerate(plan.writes):
        source, target, kept = new / f"w{number}", home / write.path, old / f"w{number}"
        if not os.path.lexists(source):
            continue
        if write.replaces and not os.path.lexists(kept) and os.path.lexists(target):
            _keep(target, kept)
        make_private_directories(target.parent)
        os.rename(source, target)
    _sync_changed(home, plan)


def _keep(target: Path, kept: Path) -> None:
    """Keep the displaced file for an undo. A hard link, so that readers never miss it; a move where links are refused."""
    try:
        os.link(target, kept, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        os.rename(target, kept)


def _sync_changed(home: Path, plan: Plan) -> None:
    changed = {home, *(home / path for path in plan.created_directories)}
    changed.update((home / path).parent for path in plan.created_directories)
    changed.update((home / path).parent for path in (*plan.deletes, *plan.removed_directories))
    changed.update((home / write.path).parent for write in plan.writes)
    for directory in sorted(changed):
        if os.path.isdir(directory):
            sync_directory(directory)


def _close(paths: NamespacePaths, plan_name: str) -> None:
    """The change is over once its plan is gone, durably: only then may the next one stage its files."""
    remove_file(paths.transaction / plan_name)
    sync_directory(paths.transaction)
    try:
        remove_tree(paths.transaction)
    except OSError:
        pass  # rubbish; the next command removes it


# Undoing.


def _undo(paths: NamespacePaths, plan: Plan) -> None:
    home, new, old = paths.home, paths.transaction / "new", paths.transaction / "old"
    try:
        for number, write in reversed(list(enumerate(plan.writes))):
            if os.path.lexists(old / f"w{number}"):
                os.rename(old / f"w{number}", home / write.path)
            elif not write.replaces and not os.path.lexists(new / f"w{number}"):
                remove_file(home / write.path)
        for path in reversed(plan.created_directories):
            remove_directory_if_empty(home / path)
        for path in reversed(plan.removed_directories):
            make_private_directories(home / path)
        for number, path in enumerate(plan.deletes):
            if os.path.lexists(old / f"d{number}"):
                os.rename(old / f"d{number}", home / path)
        _sync_changed(home, plan)
        _close(paths, "rollback.json")
    except OSError as error:
        raise _stuck(paths, error) from error
    _remove_empty_namespace(paths)


def _discard(paths: NamespacePaths) -> None:
    remove_tree(paths.transaction)
    _remove_empty_namespace(paths)


def _remove_empty_namespace(paths: NamespacePaths) -> None:
    """A namespace that was only to be created leaves no directory behind."""
    remove_directory_if_empty(paths.internal)
    remove_directory_if_empty(paths.home)


def _read_plan(paths: NamespacePaths, path: Path) -> Plan | None:
    try:
        return Plan.decode(read_regular_file(path, _PLAN_LIMIT) or b"")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _stuck(paths, error) from error


def _stuck(paths: NamespacePaths, error: Exception) -> TransactionStuckError:
    return TransactionStuckError(
        f"an interrupted change of namespace {paths.name} can neither be finished nor undone",
        why=str(error),
        next_step=f"remove the cause, then repeat the command; nothing is lost, all of it is in {paths.transaction}",
    )
