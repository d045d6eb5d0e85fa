"""Where a site of ours differs from the reference's on purpose: the one list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """``what`` we do in place of the reference, and ``why``."""

    name: str
    what: str
    why: str


DIFFERENCES: tuple[Difference, ...] = ()
