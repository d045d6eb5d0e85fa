"""What is wrong with a declaration, said so that the person finds the place.

Nothing in this package stops at the first mistake: every check adds a :class:`Problem` (the declaration cannot be used) or
the same record as a warning (it can be used, but not all of it has an effect), and the caller decides when to give up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skupper_local.errors import InvalidRequestError

_SHOWN_VALUE = 60


@dataclass(frozen=True)
class Origin:
    """Where a resource was read: the source's name (a path, or ``-``) and the line of each of its fields.

    ``lines`` maps a dotted field (``spec.port``, ``spec.endpoints[0].host``) to its line, counted from 1.
    """

    source: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, path: str) -> int:
        """The line of a field; of the nearest enclosing one when the field itself is absent."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.line


@dataclass(frozen=True)
class Problem:
    """One thing wrong (or, as a warning, without effect) in one place.

    ``line`` counts from 1 and is 0 when it is not known. ``subject`` names the resource (``Listener backend``), ``field`` the
    dotted field in it, ``value`` what stands there (shortened, never key material) and ``rule`` what must hold instead.
    """

    source: str
    line: int
    subject: str
    field: str
    value: str
    rule: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return ": ".join(part for part in (place, self.subject, self.field, self.value, self.rule) if part)


def printable(text: str, limit: int = _SHOWN_VALUE) -> str:
    """A text as it may appear in a message: one line, no control characters, at most ``limit`` characters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 3] + "..."


def shown(value: object) -> str:
    """A value as it may appear in a message: as :func:`printable`, in quotes if it is text."""
    return f'"{printable(value)}"' if isinstance(value, str) else printable(str(value))


class InvalidResourcesError(InvalidRequestError):
    """Declarations that cannot be used; ``problems`` holds every one of them, ``warnings`` what will have no effect."""

    code = "invalid-resources"

    def __init__(
        self,
        problems: Iterable[Problem],
        *,
        what: str = "The declarations cannot be used",
        next_step: str = "Correct the lines named above and run the same command again.",
        warnings: Iterable[object] = (),
    ) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(str(warning) for warning in warnings)
        super().__init__(
            what,
            why="\n".join(str(problem) for problem in self.problems),
            next_step=next_step,
        )
