"""What a check is given, and what it answers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from skupper_local.namespace.paths import NamespacePaths


class State(enum.Enum):
    """The outcome of a check. Only ``FAILED`` makes the whole examination fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """One finding. ``what`` is what is so, ``cause`` why that matters or came about, ``fix`` what to type or do.

    A finding that is OK has neither cause nor fix; one that was skipped has the reason as its cause.
    """

    code: str
    state: State
    what: str
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Subject:
    """What is examined: the machine as one user sees it, one platform on it, and one namespace unless ``pre``.

    ``platform`` is podman, docker or linux; ``endpoint`` its engine's; ``image`` the router's image and ``program`` the router
    program that the namespace has or would get; ``keeper`` who keeps the router (empty: not chosen yet).
    """

    paths: NamespacePaths
    platform: str
    uid: int
    endpoint: str = ""
    image: str = ""
    program: str = ""
    keeper: str = ""
    pre: bool = False

    @property
    def has_site(self) -> bool:
        """Whether there is a site to examine."""
        return not self.pre and self.paths.exists()


Check = Callable[[Subject], Iterable[Result]]


@dataclass(frozen=True)
class Group:
    """Checks that belong together, in the order in which they are shown; ``codes`` are all that they may answer with."""

    name: str
    codes: tuple[str, ...]
    checks: tuple[Check, ...]


def ok(code: str, what: str) -> Result:
    """A finding as it should be."""
    return Result(code, State.OK, what)


def warning(code: str, what: str, cause: str, fix: str) -> Result:
    """A finding that may cause trouble."""
    return Result(code, State.WARNING, what, cause, fix)


def failed(code: str, what: str, cause: str, fix: str) -> Result:
    """A finding with which sites do not work."""
    return Result(code, State.FAILED, what, cause, fix)


def skipped(code: str, what: str, reason: str) -> Result:
    """Something that could not be looked at, or does not apply."""
    return Result(code, State.SKIPPED, what, reason)
