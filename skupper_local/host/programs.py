"""Programs installed on this machine, and what manages its services."""

from __future__ import annotations

import os


def find_program(name: str) -> str:
    """The absolute path of an executable in PATH; empty when there is none."""
    import shutil

    found = shutil.which(name)
    return os.path.abspath(found) if found else ""


def is_executable(path: str) -> bool:
    """Whether ``path`` is a file that this user may run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def systemd_is_running() -> bool:
    """Whether systemd is the init of this machine: the test of sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")
