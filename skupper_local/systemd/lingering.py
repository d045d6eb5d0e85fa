"""Lingering: whether a user's services start with the machine and outlive the session (loginctl(1), enable-linger)."""

from __future__ import annotations

import os
import pwd

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
