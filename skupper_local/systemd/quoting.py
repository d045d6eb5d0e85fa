"""Values for unit files: systemd.syntax(7), systemd.unit(5) on specifiers, systemd.service(5) on command lines.

``%`` begins a specifier and is doubled everywhere. What else has a meaning depends on the setting:

* lists of words, and the program of a command line: quotes, and escapes as in C;
* further words of a command line: also ``$``, which begins a variable and is doubled;
* lists of paths (``ReadWritePaths=``, ``RequiresMountsFor=``): quotes, but only the escapes of a quote and of a backslash, so a
  control character cannot be written at all.
"""

from __future__ import annotations

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_PLAIN_RULE = "a space or a backslash at its end, or a control character"
_UNESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def quote(text: str) -> str:
    """One word of a setting that takes several, or the program of a command line."""
    escaped = "".join(_ESCAPES.get(letter) or _printable(letter) for letter in text)
    return f'"{escaped}"'.replace("%", "%%")


def quote_argument(text: str) -> str:
    """One further word of a command line."""
    return quote(text).replace("$", "$$")


def quote_path(text: str) -> str:
    """One path of a list of paths. Raises ValueError for a control character, which cannot be written there."""
    if any(ord(letter) < ord(" ") or letter == "\x7f" for letter in text):
        raise ValueError(f"{text!r} holds a control character, which a unit file cannot say")
    return quote(text)


def plain(text: str) -> str:
    """The whole of a setting of Quadlet that ends up in a command line. Raises ValueError for what it cannot be."""
    if text != text.strip() or text.endswith("\\") or any(ord(letter) < ord(" ") for letter in text):
        raise ValueError(f"{text!r} cannot be written in a file for Quadlet: {_PLAIN_RULE}")
    return text.replace("%", "%%").replace("$", "$$")


def unquote(text: str) -> str:
    """The first word of a text: what :func:`quote` was given, or a bare word as people and other programs write them."""
    if not text.startswith('"'):
        return text.split(" ", 1)[0].replace("%%", "%")
    word, letters = "", iter(text[1:])
    for letter in letters:
        if letter == '"':
            break
        if letter == "\\":
            escaped = next(letters, "")
            if escaped == "x":
                digits = next(letters, "") + next(letters, "")
                word += chr(int(digits, 16)) if digits.isalnum() else ""
            else:
                word += _UNESCAPED.get(escaped, escaped)
        else:
            word += letter
    return word.replace("%%", "%")


def _printable(letter: str) -> str:
    return f"\\x{ord(letter):02x}" if ord(letter) < ord(" ") or letter == "\x7f" else letter
