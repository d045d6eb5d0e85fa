"""The base of every error this program reports on purpose.

An error is written for the person who reads it: a stable ``code`` (listed in ``ERRORS.md``), what happened, why, and what to
type next. Each package defines its own subclasses next to the code that raises them; the command line prints them and exits
with ``exit_status`` (1: the work failed, 2: the request was invalid).
"""

from __future__ import annotations

from typing import ClassVar


class SkupperLocalError(Exception):
    """Something went wrong that the user can read about and act on.

    ``what`` is one sentence about the failure, ``why`` its cause, ``next_step`` what to type or change. None of the three
    ever holds a secret (key material, codes, passwords). ``warnings`` is what else was noticed on the way.
    """

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 1
    warnings: tuple[str, ...] = ()

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what


class InvalidRequestError(SkupperLocalError):
    """The request itself is wrong: a bad argument, a bad declaration, something that is not supported."""

    code: ClassVar[str] = "invalid-request"
    exit_status: ClassVar[int] = 2
