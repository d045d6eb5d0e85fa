"""Text for a terminal: harmless, aligned, and coloured only for people.

Names and messages come from other sites too. A control character among them could move the cursor, set the title or hide
text, so none gets through.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

RED = "31"
GREEN = "32"
YELLOW = "33"

_GAP = "  "


def harmless(text: str, *, lines: bool = False) -> str:
    """The text with everything unprintable shown as an escape; ``lines`` lets line ends through."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter == "\n") else ascii(letter)[1:-1]
        for letter in text
    )


def coloured(text: str, code: str, stream: TextIO) -> str:
    """The text in a colour, if ``stream`` is a terminal and NO_COLOR is not set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\033[{code}m{text}\033[0m"


def talk(text: str) -> None:
    """One line for the person, beside the results."""
    print(harmless(text, lines=True), file=sys.stderr)


def warn(text: str) -> None:
    """A warning for the person."""
    print(f"{coloured('warning:', YELLOW, sys.stderr)} {harmless(text, lines=True)}", file=sys.stderr)


def say(text: str = "") -> None:
    """One line of result."""
    print(harmless(text, lines=True))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns under headings, two spaces apart, nothing after the last one. No trailing newline."""
    cells = [list(headings), *([_cell(value) for value in row] for row in rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(headings))]
    return "\n".join(
        _GAP.join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def _width(text: str) -> int:
    """Columns on the screen. Only text beyond ASCII needs the character database."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else harmless(str(value))
