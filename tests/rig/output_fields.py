"""What OUTPUT.md says of the fields that commands print, and the fields of a document, to compare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).resolve().parents[2] / "OUTPUT.md"
_QUOTED = re.compile(r"`([^`]+)`")
ACTING = "Commands that act"


def documented() -> dict[str, set[str]]:
    """The fields by the title of their section."""
    found: dict[str, set[str]] = {}
    title = ""
    for line in OUTPUT.read_text().splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
            found[title] = set()
        elif line.startswith("| `"):
            found[title].update(_QUOTED.findall(line.split("|")[1]))
    return found


def section_of(command: str) -> str:
    """The title of the section about a command."""
    named = [title for title in documented() if command in _QUOTED.findall(title)]
    return named[0] if named else ACTING


def documents(text: str) -> list[Any]:
    """The JSON documents that follow each other in a text."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def undocumented(command: str, text: str) -> set[str]:
    """The fields in what a command printed that its section does not name."""
    known = documented()[section_of(command)]
    whole = {name.removesuffix(".*") for name in known if name.endswith(".*")}
    found = {field for document in documents(text) for field in _fields(document)}
    return {
        field for field in found if field not in known and not any(field.startswith(f"{p}.") for p in whole)
    }


def _fields(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _fields(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for item in value:
            yield from _fields(item, f"{path}[]")
    elif path:
        yield path
