"""Tables: aligned columns, and a layout that stays readable where the terminal is narrower than they are.

In a file or a pipe a row is a line, whatever its length: programs read it. On a terminal that is too narrow for that, columns
that are empty go, a last cell (most often the message) that has no room stands below its row, and a row whose other cells have
none becomes a list of labels; the rows beside it stay a table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from skupper_local.cli.terminal import columns, folded, harmless, width_of

_GAP = "  "
_INDENT = "    "


def say_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as result, laid out for the terminal there is."""
    print(table(headings, rows, columns(sys.stdout)))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None) -> str:
    """Aligned columns under headings, two spaces apart, nothing after the last one; with a ``width``, in lines that fit it as
    far as words can be broken. No trailing newline.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    plain = _aligned([list(headings), *cells], _widths([headings, *cells]))
    if width is None or all(width_of(line) <= width for line in plain):
        return "\n".join(plain)
    used = [index for index in range(len(headings)) if not cells or any(row[index] for row in cells)]
    names = [headings[index] for index in used]
    return "\n".join(_fitted(names, [[row[index] for index in used] for row in cells], width))


def _aligned(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> list[str]:
    return [
        _GAP.join(
            cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]


def _fitted(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table that is too wide as it is."""
    *firsts, last = headings
    widths = [width_of(text) for text in firsts]
    in_line: set[int] = set()
    if _sum(widths) <= width:
        # The shortest rows first: a long one must not take the room of all others.
        for number in sorted(range(len(rows)), key=lambda number: sum(map(width_of, rows[number][:-1]))):
            wider = [max(old, width_of(cell)) for old, cell in zip(widths, rows[number][:-1], strict=True)]
            if _sum(wider) <= width:
                widths = wider
                in_line.add(number)
    lines: list[str] = []
    room = width - _sum(widths) - len(_GAP)
    headed = width_of(last) <= room
    if in_line:
        lines += _aligned([(*firsts, last if headed else "")], [*widths, 0 if not headed else width_of(last)])
    for number, row in enumerate(rows):
        if number not in in_line:
            lines += _labelled(headings, row, width)
            continue
        beside = headed and width_of(row[-1]) <= room
        lines += _aligned(
            [(*row[:-1], row[-1] if beside else "")], [*widths, width_of(row[-1]) if beside else 0]
        )
        if row[-1] and not beside:
            lines += [f"{_INDENT}{line}" for line in folded(row[-1], width - len(_INDENT))]
    return lines


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _labelled(headings: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """A row as lines of their own: the first cell, and below it what the others are."""
    lines = [row[0]]
    for heading, cell in zip(headings[1:], row[1:], strict=True):
        if cell:
            first, *more = folded(f"{heading}: {cell}", width - len(_INDENT))
            lines += [f"{_INDENT}{first}", *(f"{_INDENT}{_GAP}{line}" for line in more)]
    return lines


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else harmless(str(value))
