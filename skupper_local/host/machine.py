"""Facts of this machine that decide whether sites can run on it: room, control groups, clock, SELinux, user namespaces.

Everything is read, nothing is changed. What the kernel or a file does not tell is reported as not known, never guessed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

_CGROUP = "/sys/fs/cgroup"
_SELINUX = "/sys/fs/selinux/enforce"


@dataclass(frozen=True)
class Room:
    """What a file system has left for this user: bytes and files (-1: no limit on files is known)."""

    path: str
    free_bytes: int
    free_files: int


def room_at(path: str) -> Room | None:
    """The room where ``path`` is or would be made; None when no directory above it can be looked at."""
    while path and not os.path.isdir(path):
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    files = found.f_favail if found.f_files else -1
    return Room(path, found.f_bavail * found.f_frsize, files)


def open_files_limit() -> int:
    """How many files a program that is started from here may have open, when it asks for all it may (ulimit -Hn)."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard if hard != resource.RLIM_INFINITY else os.sysconf("SC_OPEN_MAX")


def cgroup_version() -> str:
    """``v2``, ``v1`` or ``hybrid``: how control groups are mounted; empty when they are not."""
    if os.path.exists(f"{_CGROUP}/cgroup.controllers"):
        return "v2"
    if not os.path.isdir(_CGROUP) or not os.listdir(_CGROUP):
        return ""
    return "hybrid" if os.path.exists(f"{_CGROUP}/unified/cgroup.controllers") else "v1"


def selinux_mode() -> str:
    """``enforcing`` or ``permissive``; empty where there is no SELinux."""
    try:
        with open(_SELINUX, encoding="ascii") as file:
            return "enforcing" if file.read(1) == "1" else "permissive"
    except OSError:
        return ""


def clock_is_synchronised() -> bool | None:
    """Whether the kernel's clock is disciplined by a time source (adjtimex(2), STA_UNSYNC); None when it does not tell."""
    import ctypes

    class Timex(ctypes.Structure):
        # The first members of struct timex up to ``status``; the kernel fills more, hence the room behind.
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_char * 256),
        )

    timex = Timex()
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    unsynchronised = 0x0040
    return not timex.status & unsynchronised


def subordinate_ids(user: str, uid: int, *, table: str = "/etc/subuid") -> int:
    """How many subordinate ids ``/etc/subuid`` or ``/etc/subgid`` gives a user: what rootless containers need 65536 of."""
    try:
        with open(table, encoding="utf-8", errors="replace") as file:
            rows = [line.strip().split(":") for line in file]
    except OSError:
        return 0
    return sum(
        int(row[2]) for row in rows if len(row) == 3 and row[0] in (user, str(uid)) and row[2].isdecimal()
    )


def can_connect(host: str, port: int, seconds: float) -> str:
    """Why no connection to ``host`` and ``port`` can be made; empty when one can. Nothing is sent."""
    import socket

    try:
        with socket.create_connection((host, port), timeout=seconds):
            return ""
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except OSError as error:
        return (error.strerror or str(error)).lower()
