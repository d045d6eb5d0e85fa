"""Text for a terminal: harmless, coloured only for people, and broken between words where the terminal would break within.

A line that says what to type is never broken: it has to be one line to be copied. In a file or a pipe nothing is broken.

Names and messages come from other sites too. A control character among them could move the cursor, set the title or hide
text, so none gets through.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

RED = "31"
GREEN = "32"
YELLOW = "33"

_USUAL_COLUMNS = 80
_LEAST_COLUMNS = 20
_PROGRAMS = (
    r"skupper-local|(?:chown|usermod|[a-z]+ctl) (?=[a-z-])|(?:chmod|df|ls|ps|ss|nc|install) (?=[u-]\S)"
)
"""How a command to type begins: this program's, or one of the system's that is named in advice."""
_COMMAND = re.compile(rf"(?:\b[a-z][a-z ]*: )?\b(?:{_PROGRAMS})[^;,()]*[^;,() ]")
_JOINT = "\0"


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


def columns(stream: TextIO) -> int | None:
    """How many columns the terminal behind a stream has; None if there is none."""
    if not stream.isatty():
        return None
    if wanted := wanted_columns():
        return max(wanted, _LEAST_COLUMNS)
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        found = 0
    return max(found, _LEAST_COLUMNS) if found else _USUAL_COLUMNS


def wanted_columns() -> int:
    """How many columns the environment asks for; 0 if it says nothing."""
    wanted = os.environ.get("COLUMNS", "")
    return int(wanted) if wanted.isdecimal() else 0


def broken(text: str, stream: TextIO, *, taken: int = 0, indent: int = 0) -> str:
    """Harmless text for a stream, in lines that fit its terminal. ``taken`` columns stand before the first of them already;
    ``indent`` blanks are put before each further one.
    """
    width = columns(stream)
    shown: list[str] = []
    for line in harmless(text, lines=True).split("\n"):
        begin = indent if shown else taken
        if width is None or begin + width_of(line) <= width:
            shown.append(line)
        else:
            shown += folded(line, width, taken=begin, indent=indent)
    return f"\n{' ' * indent}".join(shown)


def folded(text: str, width: int, *, taken: int = 0, indent: int = 0) -> list[str]:
    """Lines for so many columns, without their indent. What has no blank (a path), and a command of this program, is left
    whole, so that it can be copied.
    """
    import textwrap

    text = _COMMAND.sub(lambda command: command.group().replace(" ", _JOINT), text)

    lines = textwrap.wrap(
        text,
        width,
        initial_indent=" " * taken,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.strip().replace(_JOINT, " ") for line in lines] or [""]


def talk(text: str) -> None:
    """One line for the person, beside the results."""
    print(broken(text, sys.stderr), file=sys.stderr)


def warn(text: str) -> None:
    """A warning for the person."""
    label = "warning:"
    shown = broken(text, sys.stderr, taken=len(label) + 1, indent=2)
    print(f"{coloured(label, YELLOW, sys.stderr)} {shown}", file=sys.stderr)


def say(text: str = "") -> None:
    """One line of result."""
    print(harmless(text, lines=True))


def width_of(text: str) -> int:
    """Columns on the screen. Only text beyond ASCII needs the character database."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
