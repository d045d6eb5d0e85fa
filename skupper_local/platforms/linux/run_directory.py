"""``internal/run`` of a namespace: what the supervisor writes about its life and its router's, and everybody else reads.

The directory belongs to the supervisor alone. Its lock file is locked (flock(2)) as long as a supervisor lives, so there are
never two. The two process records name a process for ever (number, start time, boot), so a reader is never fooled by a reused
number; they have a fixed size and are written in place, which works on a full disk too, and a router's record is written by
the router's own process before it becomes the router, so no kill can leave a router that nobody knows.

This module is loaded by the supervisor, which must stay small: only light standard modules here.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, NamedTuple

from skupper_local.host import processes
from skupper_local.host.processes import Process

_RECORD_SIZE = 96
_REASON_LIMIT = 2_000


class RunDirectory(NamedTuple):
    """The paths of one namespace; ``home`` is the namespace directory."""

    home: str

    @property
    def path(self) -> str:
        """The directory itself."""
        return f"{self.home}/internal/run"

    @property
    def lock(self) -> str:
        """Locked by the living supervisor."""
        return f"{self.path}/supervisor.lock"

    @property
    def supervisor(self) -> str:
        """Process record of the supervisor."""
        return f"{self.path}/supervisor.pid"

    @property
    def router(self) -> str:
        """Process record of the router."""
        return f"{self.path}/router.pid"

    @property
    def history(self) -> str:
        """JSON: see :class:`History`."""
        return f"{self.path}/history.json"

    @property
    def failures(self) -> str:
        """As many bytes as starts failed in a row, where a unit of systemd keeps the router."""
        return f"{self.path}/failures"

    @property
    def label(self) -> str:
        """What the supervisor was started for: see ``RouterSpec.label``."""
        return f"{self.path}/label"

    @property
    def log(self) -> str:
        """The router's output and the supervisor's own lines; older parts end in ``.1``, ``.2`` ..."""
        return f"{self.home}/internal/log/router.log"

    def make(self) -> None:
        """Make the directories, private to their owner. Raises OSError."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        os.makedirs(os.path.dirname(self.log), mode=0o700, exist_ok=True)


class LastExit(NamedTuple):
    """How a router ended: when (seconds since the epoch), how (``exit status 1``, ``signal 9``), after how long, last words."""

    at: float
    how: str
    ran: float
    reason: str


class History(NamedTuple):
    """What a supervisor remembers of its routers: how often it had to start one again, and how the last one ended.

    ``next_start`` is when the next attempt is due (seconds since the epoch), 0 while a router runs.
    """

    restarts: int = 0
    last_exit: LastExit | None = None
    next_start: float = 0.0


def write_process(path: str, process: Process | None) -> None:
    """Record a process (None: nobody). Raises OSError."""
    text = process.encode() if process else "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, text.encode("ascii").rstrip(b"\n").ljust(_RECORD_SIZE - 1) + b"\n", 0)
    finally:
        os.close(descriptor)


def read_process(path: str) -> Process | None:
    """The recorded process if it still runs."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            process = processes.decode(file.read(4 * _RECORD_SIZE))
    except OSError:
        return None
    return process if processes.is_running(process) else None


def write_history(path: str, history: History) -> None:
    """Replace the history. Raises OSError."""
    last = history.last_exit
    document: dict[str, Any] = {"restarts": history.restarts, "nextStart": history.next_start}
    if last:
        document["lastExit"] = {
            "at": last.at,
            "how": last.how,
            "ran": last.ran,
            "reason": last.reason[-_REASON_LIMIT:],
        }
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(document).encode())
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def read_history(path: str) -> History:
    """The history; an empty one when there is none that can be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            document = json.loads(file.read(65_536))
        last = document.get("lastExit")
        return History(
            restarts=int(document["restarts"]),
            next_start=float(document["nextStart"]),
            last_exit=LastExit(float(last["at"]), str(last["how"]), float(last["ran"]), str(last["reason"]))
            if last
            else None,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return History()


def write_label(path: str, label: str) -> None:
    """Replace :attr:`RunDirectory.label`. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(label)


def read_label(path: str) -> str:
    """What :func:`write_label` wrote; empty when there is nothing."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1_000)
    except OSError:
        return ""


def count_failure(path: str) -> int:
    """Count one more failed start in :attr:`RunDirectory.failures`; how many there were in a row, this one included."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b".")
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    except OSError:  # no room to count: then it is as if there had been many
        return 1_000


def forget(*paths: str) -> None:
    """Remove records of what is over."""
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            pass
