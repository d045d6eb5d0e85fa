"""Reading the supervisor's log: its last lines, and those to come."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from skupper_local.platforms.linux.rotated_log import KEEP

_POLL_SECONDS = 0.25


def last_lines(path: str, count: int) -> list[str]:
    """The last ``count`` lines (all when negative), older files included; empty when there is no log."""
    lines: list[str] = []
    for name in (path, *(f"{path}.{number}" for number in range(1, KEEP + 1))):
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines() + lines
        except OSError:
            break
        if 0 <= count <= len(lines):
            break
    if count < 0:
        return lines
    return lines[len(lines) - min(count, len(lines)) :]


def follow(path: str, *, wanted: Callable[[], bool] = lambda: True) -> Iterator[str]:
    """Every line written from now on, across rotations, for as long as ``wanted`` says so."""
    file = None
    rest = ""
    try:
        file = _open(path)
        if file:
            file.seek(0, os.SEEK_END)
        while True:
            text = file.read() if file else ""
            if text:
                *complete, rest = (rest + text).split("\n")
                yield from complete
                continue
            if file is None or _replaced(path, os.fstat(file.fileno()).st_ino):
                fresh = _open(path)
                if fresh and file:
                    file.close()
                file = fresh or file
                if fresh:
                    continue
            if not wanted():
                return
            time.sleep(_POLL_SECONDS)
    finally:
        if file:
            file.close()


def _open(path: str) -> TextIO | None:
    try:
        return open(path, encoding="utf-8", errors="replace", newline="\n")
    except OSError:
        return None


def _replaced(path: str, inode: int) -> bool:
    try:
        return os.stat(path).st_ino != inode
    except OSError:
        return False
