"""A file system that fails, or a process that dies, at a chosen call.

Everything in ``skupper_local.namespace`` that changes the file system goes through functions of ``os``. :func:`at_step`
replaces those functions and counts their calls; at the chosen one it runs a hook before (or, for a torn write, in the middle
of) the call. :func:`killed_at` does that in a forked child with ``SIGKILL``: no handler, no ``finally`` runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHANGING_CALLS = (
    "chmod",
    "fchmod",
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "open",
    "pwrite",
    "rename",
    "rmdir",
    "unlink",
    "write",
)

Hook = Callable[[int, str], None]


@contextlib.contextmanager
def at_step(hook: Hook, calls: tuple[str, ...] = CHANGING_CALLS) -> Iterator[None]:
    """Call ``hook(step, name)`` before every call of one of ``calls``, steps counted from 1."""
    originals: dict[str, Any] = {name: getattr(os, name) for name in calls}
    steps = 0

    def counted(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal steps
            steps += 1
            hook(steps, name)
            return originals[name](*args, **kwargs)

        return call

    try:
        for name in calls:
            setattr(os, name, counted(name))
        yield
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a child that is killed before its ``step``-th call; true when it was killed, false when it ended first.

    When that call is a ``write``, half of it is written first.
    """
    child = os.fork()
    if child == 0:
        write = os.write

        def die(current: int, name: str) -> None:
            if current == step:
                os.kill(os.getpid(), signal.SIGKILL)

        def torn(descriptor: int, content: Any) -> int:
            half = bytes(content)[: len(content) // 2]
            write(descriptor, half)
            os.kill(os.getpid(), signal.SIGKILL)
            return 0

        def die_torn(current: int, name: str) -> None:
            if current == step:
                if name != "write":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise _Torn

        status = 1
        try:
            os.umask(0)
            with at_step(die_torn if step % 2 else die):
                counted_write = os.write

                def torn_write(descriptor: int, content: Any) -> int:
                    try:
                        return counted_write(descriptor, content)
                    except _Torn:
                        return torn(descriptor, content)

                os.write = torn_write
                work()
            status = 0
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    if os.WIFSIGNALED(result):
        assert os.WTERMSIG(result) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(result) == 0, "the child failed by itself"
    return False


class _Torn(BaseException):
    """Half of this write is to happen."""


def contents(directory: Path) -> dict[str, bytes]:
    """All files below a directory with their contents, by relative path, without the transaction's own."""
    found = (path for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink())
    files = {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}
    return {name: content for name, content in files.items() if not name.startswith("internal/transaction/")}


def open_to_others(directory: Path) -> list[str]:
    """Files and directories, the given one included, on which group or others have any right."""
    paths = [directory, *directory.rglob("*")] if directory.exists() else []
    return [
        str(path) for path in paths if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
