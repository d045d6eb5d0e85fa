"""How far the pull of an image is, for a person who waits: a bar on a terminal, a line now and then everywhere else.

All of it goes to standard error, so that the results stay clean.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from skupper_local.cli.terminal import harmless, talk

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from skupper_local.platforms.engine import PullProgress

_LINE_SECONDS = 5.0
_MEGABYTE = 1_000_000


class _Lines:
    """For a log: the first step, then at most one line in five seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def tell(self, progress: PullProgress) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_SECONDS
            amount = (
                f" ({progress.done / _MEGABYTE:.1f} of {progress.total / _MEGABYTE:.1f} MB)"
                if progress.total
                else ""
            )
            talk(f"pulling the image: {progress.text}{amount}")

    def end(self) -> None:
        """Nothing is open."""


class _Bar:
    """For a terminal: one line that fills."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def tell(self, progress: PullProgress) -> None:
        text = harmless(progress.text)[:40]
        if self._bar is None or self._task is None:
            self._bar, self._task = _open_bar(text)
        self._bar.update(self._task, completed=progress.done, total=progress.total or None, description=text)

    def end(self) -> None:
        if self._bar:
            self._bar.stop()


@contextmanager
def pull_progress() -> Iterator[_Lines | _Bar]:
    """What shows a pull, if one happens; nothing is printed otherwise."""
    shown = _Bar() if sys.stderr.isatty() else _Lines()
    try:
        yield shown
    finally:
        shown.end()


def _open_bar(text: str) -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("pulling the image"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task(escape(text), total=None)
