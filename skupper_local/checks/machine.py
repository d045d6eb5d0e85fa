"""The machine: Python, room, permissions of the data directory, the clock, control groups, SELinux."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator

from skupper_local.checks.model import Group, Result, Subject, failed, ok, skipped, warning
from skupper_local.host import machine
from skupper_local.namespace.ownership import foreign_parts, giving_back, owner_called

_MEBIBYTE = 1 << 20
_LEAST_BYTES = 20 * _MEBIBYTE
_SCARCE_BYTES = 300 * _MEBIBYTE
_LEAST_FILES = 500
_MOST_NAMED = 3
_EARLIEST = 1_767_225_600  # 2026-01-01: no clock of a machine that runs this program is right before


def python(subject: Subject) -> Iterator[Result]:
    """The interpreter is one that the program runs on."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield ok("python", f"Python {version} ({sys.executable})")


def room(subject: Subject) -> Iterator[Result]:
    """There is room for the files of a site."""
    place = str(subject.paths.data_home)
    found = machine.room_at(place)
    if found is None:
        yield skipped(
            "disk-space", f"the room for {place} is not known", "no directory above it can be looked at"
        )
        return
    free = f"{found.free_bytes // _MEBIBYTE} MiB free at {found.path}"
    fix = f"make room on the file system of {found.path} (df -h {found.path})"
    if found.free_bytes < _LEAST_BYTES:
        yield failed(
            "disk-space", free, "a start or reload needs room for its files before it changes anything", fix
        )
    elif 0 <= found.free_files < _LEAST_FILES:
        few = f"only {found.free_files} more files can be made at {found.path}"
        yield failed("disk-space", few, "a start or reload makes a hundred files", fix)
    elif found.free_bytes < _SCARCE_BYTES:
        yield warning("disk-space", free, "logs and images may fill it", fix)
    else:
        yield ok("disk-space", free)


def data_directory(subject: Subject) -> Iterator[Result]:
    """The data directory is this user's, and nobody else can look into it."""
    place = subject.paths.data_home
    try:
        found = os.stat(place)
    except FileNotFoundError:
        yield from _can_be_made(str(place))
        return
    except OSError as error:
        fix = "give yourself the right to look there, or choose another place: XDG_DATA_HOME"
        yield failed("data-directory", f"{place} cannot be looked at", (error.strerror or "").lower(), fix)
        return
    if found.st_uid != subject.uid:
        fix = f"chown -R {subject.uid} {place}, or run the program as its owner"
        yield failed(
            "data-directory", f"{place} belongs to user {found.st_uid}", "sites are their owner's", fix
        )
    elif not os.access(place, os.W_OK | os.X_OK):
        yield failed(
            "data-directory",
            f"{place} cannot be written to",
            "its mode or file system forbids it",
            f"chmod u+rwx {place}",
        )
    elif stat.S_IMODE(found.st_mode) & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        yield warning(
            "data-directory",
            f"{place} has mode {mode}",
            "others can see what sites there are",
            f"chmod 700 {place}",
        )
    elif strays := list(foreign_parts(place, subject.uid)):
        more = f" and {len(strays) - 1} more belong" if len(strays) > 1 else " belongs"
        yield failed(
            "data-directory",
            f"{strays[0]}{more} to {owner_called(strays[0])}",
            "commands for its site fail; the program was probably run by that user with this home directory (sudo)",
            "\n".join(f"as root: {giving_back(stray, subject.uid)}" for stray in strays[:_MOST_NAMED]),
        )
    else:
        yield ok("data-directory", f"{place} is private and writable")


def _can_be_made(place: str) -> Iterator[Result]:
    above = os.path.dirname(place)
    while not os.path.exists(above):
        above = os.path.dirname(above)
    if os.access(above, os.W_OK | os.X_OK):
        yield ok("data-directory", f"{place} can be made")
    else:
        fix = f"make it as root and give it to yourself (install -d -m 700 -o $USER {place}), or set XDG_DATA_HOME"
        yield failed(
            "data-directory", f"{place} is not there and cannot be made", f"{above} is not writable", fix
        )


def clock(subject: Subject) -> Iterator[Result]:
    """The clock is right: a certificate is valid only for machines that agree on the time."""
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    fix = "set the clock, and keep it set: timedatectl set-ntp true"
    if now < _EARLIEST:
        yield failed(
            "clock",
            f"the clock says {shown}",
            "certificates of other sites are not valid yet at that time",
            fix,
        )
        return
    synchronised = machine.clock_is_synchronised()
    if synchronised is None:
        yield ok("clock", f"the clock says {shown}")
    elif synchronised:
        yield ok("clock", f"the clock says {shown} and is kept in step")
    else:
        cause = "nothing keeps it in step; a clock that is far off makes links fail"
        yield warning("clock", f"the clock says {shown}", cause, fix)


def cgroups(subject: Subject) -> Iterator[Result]:
    """Control groups are there as container engines want them."""
    if subject.platform == "linux":
        yield skipped("cgroups", "control groups", "platform linux needs none")
        return
    version = machine.cgroup_version()
    if not version:
        fix = "mount them (systemd does it at boot)"
        yield failed("cgroups", "control groups are not mounted", "an engine cannot start containers", fix)
    elif version == "v2":
        yield ok("cgroups", "control groups v2")
    else:
        cause = "limits (--cpus, --memory) work for root only, and crun refuses a hybrid hierarchy"
        fix = "boot with systemd.unified_cgroup_hierarchy=1 where limits are wanted"
        yield warning("cgroups", f"control groups {version}", cause, fix)


def selinux(subject: Subject) -> Iterator[Result]:
    """SELinux, where it is there, is dealt with by labels."""
    mode = machine.selinux_mode()
    if not mode:
        yield skipped("selinux", "SELinux", "this machine has none")
    else:
        yield ok("selinux", f"SELinux is {mode}; what containers mount is labelled for them (:z)")


GROUP = Group(
    "machine",
    ("python", "disk-space", "data-directory", "clock", "cgroups", "selinux"),
    (python, room, data_directory, clock, cgroups, selinux),
)
