"""Processes, named so that a reused number is never mistaken for the process that had it before.

A process number alone is reused; together with the time the process started (field 22 of ``/proc/PID/stat``, in clock ticks
since boot, proc(5)) and the boot it was started in, it names one process for ever.
"""

from __future__ import annotations

import os
import signal
import time
from typing import NamedTuple

_POLL_SECONDS = 0.02


HANG_UP = signal.SIGHUP
"""By which a router is told that its files changed."""


class Process(NamedTuple):
    """One process of this machine: its number, its start in ticks since boot, and the identity of that boot."""

    pid: int
    started: int
    boot: str

    def encode(self) -> str:
        """One line of text, as kept in a pid file. The number comes first, so that tools which expect a pid file find it."""
        return f"{self.pid} {self.started} {self.boot}\n"


def decode(text: str) -> Process | None:
    """The process that :meth:`Process.encode` wrote; None for anything else."""
    parts = text.split()
    if len(parts) != 3 or not parts[0].isdecimal() or not parts[1].isdecimal() or int(parts[0]) < 1:
        return None
    return Process(int(parts[0]), int(parts[1]), parts[2])


def find(pid: int) -> Process | None:
    """The process that has this number now; None when there is none or it has ended and waits to be collected."""
    stat = _stat(pid)
    return None if stat is None or stat[0] in "ZX" else Process(pid, stat[1], boot_id())


def is_running(process: Process | None) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    return process is not None and find(process.pid) == process


def send(process: Process, number: int) -> bool:
    """Send a signal to that very process; False when it is gone. A pidfd closes the gap between the look and the signal."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel or sandbox without pidfd
        handle = -1
    try:
        if not is_running(process):
            return False
        if handle >= 0:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)
    return True


def wait_gone(process: Process, seconds: float) -> bool:
    """Wait until that process has ended, at most ``seconds``; whether it has. It need not be a child of ours."""
    deadline = time.monotonic() + seconds
    while is_running(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def end(process: Process, seconds: float) -> bool:
    """Ask a process to end (SIGTERM), and after ``seconds`` make it (SIGKILL). False when it still runs after that too."""
    if send(process, signal.SIGTERM) and not wait_gone(process, seconds):
        send(process, signal.SIGKILL)
    return wait_gone(process, 5.0)


def command_line(process: Process) -> tuple[str, ...]:
    """The arguments it was started with; empty when it is gone or belongs to somebody who hides them."""
    try:
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            raw = file.read()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in raw.split(b"\0")[:-1]) if is_running(process) else ()


def started_at(process: Process) -> float:
    """When it started, in seconds since the epoch (to about a second)."""
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    return time.time() - uptime + process.started / os.sysconf("SC_CLK_TCK")


def resident_bytes(process: Process) -> int:
    """Its resident memory; 0 when it is gone."""
    try:
        with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def boot_id() -> str:
    """The identity of this boot; ``-`` where the kernel does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip() or "-"
    except OSError:
        return "-"


def _stat(pid: int) -> tuple[str, int] | None:
    """State and start time. The program's name, in parentheses, may hold spaces and parentheses itself."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode("ascii"), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
