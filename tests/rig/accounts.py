"""Ordinary users of this machine for the length of a test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.rig.hosts import command, unique

_DEVICES = ("/dev/net/tun", "/dev/fuse")
"""What rootless containers open; udev lets everybody, a machine without it is put right for good."""


@contextmanager
def ordinary_user(name: str = "user") -> Iterator[str]:
    """A new user with a home and ranges of subordinate ids; gives the name, which is unlike any other's."""
    user = unique(name)
    command("useradd", "--create-home", "--shell", "/bin/bash", user)
    try:
        for device in _DEVICES:
            os.chmod(device, 0o666)
        yield user
    finally:
        subprocess.run(["userdel", "--remove", "--force", user], capture_output=True, check=False)
