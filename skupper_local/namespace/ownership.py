"""Whose files these are: what another user's command left in a namespace, as ``sudo`` does that keeps the home directory."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator
from pathlib import Path


def foreign_part(path: Path, uid: int) -> Path | None:
    """The outermost directory (or the file) on the way to ``path`` that is not this user's and lies in one that is.

    None where everything that can be looked at is the user's, or nothing: then it is not a part of theirs that went astray.
    """
    owners = [(place, _owner(place)) for place in (path, *path.parents)]
    found = None
    for (place, owner), (_, above) in itertools.pairwise(owners):
        if owner not in (uid, None) and above == uid:
            found = place
    return found


def foreign_parts(directory: Path, uid: int) -> Iterator[Path]:
    """Everything below a directory that is another user's, each without what is below it. Nothing is followed."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        owner = _owner(entry.path)
        if owner not in (uid, None):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from foreign_parts(Path(entry.path), uid)


def owner_called(path: Path) -> str:
    """The name of the user whose file it is, or the number; empty where that cannot be seen."""
    try:
        return path.owner()
    except KeyError:
        return str(_owner(path))
    except OSError:
        return ""


def giving_back(path: Path, uid: int) -> str:
    """The command that makes something of another user's this user's."""
    return shlex.join(("chown", "-R", str(uid), str(path)))


def _owner(path: str | Path) -> int | None:
    try:
        return os.lstat(path).st_uid
    except OSError:
        return None
