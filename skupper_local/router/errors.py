"""What stops a router from starting, in words for the person who configured it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError


@dataclass(frozen=True)
class ConfigurationProblem:
    """One thing that is wrong: ``entity`` names it (``listener go-west-edge``), ``attribute`` may be empty."""

    entity: str
    attribute: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.entity, self.attribute, self.reason) if part)


class RouterConfigurationError(InvalidRequestError):
    """The configuration asks for what is wrong or not supported. ``problems`` holds everything that was found."""

    code: ClassVar[str] = "router-configuration-invalid"

    def __init__(self, source: str, problems: Sequence[ConfigurationProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            f"The router cannot start with the configuration {source}",
            why="\n".join(str(problem) for problem in problems),
            next_step="correct the configuration, or run skrouterd if it needs what is not supported here",
        )


class RouterConfigurationUnreadableError(SkupperLocalError):
    """The configuration file cannot be read."""

    code: ClassVar[str] = "router-configuration-unreadable"

    def __init__(self, source: str, why: str) -> None:
        super().__init__(
            f"The router's configuration {source} cannot be read",
            why=why,
            next_step="name a file that holds a JSON list of [type, {attribute: value}] with -c",
        )
