"""Earlier generations of the declarations, in ``internal/history``: one file each, numbered from 1.

A generation is made when a start or a reload takes declarations up that differ from those of the last one, in the same
transaction. It holds the files of ``input/resources`` as they were, apart from those with a Secret in them: keys have no
history. The oldest go when there are more than :data:`MOST`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skupper_local.namespace.filesystem import read_regular_file
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.transaction import Transaction

MOST = 30
_VERSION = 1
_LIMIT = 80 << 20


@dataclass(frozen=True)
class Generation:
    """Declarations as they were: ``files`` by their name below ``input/resources``; ``at`` is seconds since the epoch."""

    number: int
    at: float
    files: Mapping[str, str]

    def encode(self) -> bytes:
        """The content of its file."""
        document = {
            "version": _VERSION,
            "number": self.number,
            "at": self.at,
            "files": dict(sorted(self.files.items())),
        }
        return (json.dumps(document, indent=1) + "\n").encode()


def list_generations(paths: NamespacePaths) -> tuple[int, ...]:
    """The numbers of the generations that are kept, oldest first."""
    try:
        names = [path.name for path in paths.history.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return tuple(sorted(int(stem) for stem in stems if stem.isascii() and stem.isdecimal()))


def read_generation(paths: NamespacePaths, number: int) -> Generation | None:
    """One generation; None when it is not there or cannot be understood, which costs nothing but itself."""
    try:
        content = read_regular_file(_file(paths, number), _LIMIT)
        document = json.loads(content or b"")
        if document["version"] != _VERSION:
            return None
        files = {str(name): str(text) for name, text in document["files"].items()}
        return Generation(number, float(document["at"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def record_generation(
    transaction: Transaction, paths: NamespacePaths, files: Mapping[str, str], now: float
) -> None:
    """Add a generation to a transaction, unless the newest holds the same."""
    numbers = list_generations(paths)
    newest = read_generation(paths, numbers[-1]) if numbers else None
    if newest is not None and dict(newest.files) == dict(files):
        return
    number = numbers[-1] + 1 if numbers else 1
    transaction.write(_file(paths, number), Generation(number, now, files).encode())
    for old in numbers[: max(0, len(numbers) + 1 - MOST)]:
        transaction.delete(_file(paths, old))


def _file(paths: NamespacePaths, number: int) -> Path:
    return paths.history / f"{number:06}.json"
