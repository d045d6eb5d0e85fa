"""Values for unit files: systemd.syntax(7), systemd.unit(5) on specifiers, systemd.service(5) on command lines.

``%`` begins a specifier and is doubled everywhere. A value that is a list of words is quoted and escaped as C does it. In a
command line ``$`` begins a variable and is doubled too.
"""

from __future__ import annotations

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quote(text: str) -> str:
    """One word of a setting that takes several."""
    escaped = "".join(_ESCAPES.get(letter) or _printable(letter) for letter in text)
    return f'"{escaped}"'.replace("%", "%%")


def quote_argument(text: str) -> str:
    """One word of a command line."""
    return quote(text).replace("$", "$$")


def value(text: str) -> str:
    """The whole of a setting that is one text. Raises ValueError for a line end, which would begin another setting."""
    if any(ord(letter) < ord(" ") for letter in text):
        raise ValueError("a control character cannot stand in a unit file")
    return text.replace("%", "%%")


def _printable(letter: str) -> str:
    return f"\\x{ord(letter):02x}" if ord(letter) < ord(" ") or letter == "\x7f" else letter
