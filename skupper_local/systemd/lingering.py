"""Lingering: whether a user's services start with the machine and outlive the session (loginctl(1), enable-linger)."""

from __future__ import annotations

import os
import pwd
import subprocess

from skupper_local.systemd.errors import LingeringError

_SECONDS = 8.0
_DIRECTORY = "/var/lib/systemd/linger"


def user_name(uid: int) -> str:
    """The name of a user, or his number when he has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def lingers(uid: int) -> bool:
    """Whether the user's manager runs without a session. Root's services belong to the system and need no lingering."""
    return uid == 0 or os.path.exists(os.path.join(_DIRECTORY, user_name(uid)))


def lingering_warning(uid: int) -> str:
    """What a user without lingering should read; empty with it."""
    if lingers(uid):
        return ""
    name = user_name(uid)
    return f"the router ends when {name} logs out, and does not start at boot; to change that: loginctl enable-linger {name}"


def set_lingering(uid: int, *, on: bool) -> None:
    """Let the user's services start with the machine and outlive the session, or no longer. Raises LingeringError."""
    name = user_name(uid)
    command = ("loginctl", "--no-ask-password", "enable-linger" if on else "disable-linger", name)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        why = "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")
    except FileNotFoundError:
        why = "there is no loginctl on this machine"
    except subprocess.TimeoutExpired:
        why = f"loginctl took more than {_SECONDS:g} s"
    if why:
        raise LingeringError(
            f"Lingering of {name} could not be switched {'on' if on else 'off'}",
            why=why,
            next_step=f"let root type: {' '.join((command[0], *command[2:]))}; skupper-local system check explains it",
        )
