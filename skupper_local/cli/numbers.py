"""Numbers on the command line, refused in words that say what would do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

_DIGITS = re.compile(r"-?[0-9]{1,20}")
_WITH_HOST = re.compile(r"(?:[a-z]+://)?(?P<host>\[?[^/]+?\]?):(?P<port>[0-9]+)/?")

if TYPE_CHECKING:
    _Type = click.ParamType[int]
else:  # not generic in every version
    _Type = click.ParamType


class Number(_Type):
    """A whole number; with bounds, one between them."""

    name = "number"
    called = "a whole number"

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        number = int(text) if _DIGITS.fullmatch(text) else None
        if (
            number is None
            or (self._least is not None and number < self._least)
            or (self._most is not None and number > self._most)
        ):
            self.fail(f"'{text}' is not {self.called}{self._bounds()}{self._hint(text, ctx)}", param, ctx)
        return number

    def _bounds(self) -> str:
        if self._least is None:
            return ""
        return f" of {self._least} or more" if self._most is None else f" from {self._least} to {self._most}"

    def _hint(self, text: str, ctx: click.Context | None) -> str:
        return ""


class Port(Number):
    """A TCP port. Unless it is ``bounded``, its range is left to those who tell every wrong value of a declaration at once."""

    called = "a port number"

    def __init__(self, *, bounded: bool = True) -> None:
        super().__init__(*((1, 65_535) if bounded else (None, None)))

    def _hint(self, text: str, ctx: click.Context | None) -> str:
        """A host that stands with the port has an option of its own; so has a protocol."""
        found = _WITH_HOST.fullmatch(text)
        takes_host = ctx is not None and any(item.name == "host" for item in ctx.command.params)
        if found and takes_host and not found["host"].isdecimal():
            return f": give them apart, as {found['port']} --host {found['host'].strip('[]')}"
        number = text.partition("/")[0]
        return f": give {number} alone" if "/" in text and number.isdecimal() else ""
