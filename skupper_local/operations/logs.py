"""The router's log: ``system logs``."""

from __future__ import annotations

from collections.abc import Iterator

from skupper_local.operations.adoption import platform_in_charge
from skupper_local.operations.spelling import no_site
from skupper_local.operations.target import Target, platform_of


def log_lines(target: Target, count: int, *, follow: bool) -> Iterator[str]:
    """The last ``count`` lines (all when negative), then, with ``follow``, every new one for ever."""
    if not target.paths.exists():
        raise no_site(target.paths)
    platform_of(target)
    _, platform = platform_in_charge(target.paths)
    new_lines = platform.follow(target.paths.home) if follow else None
    yield from platform.log(target.paths.home, count)
    if new_lines:
        yield from new_lines
