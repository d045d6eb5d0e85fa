"""The router's log: ``system logs``."""

from __future__ import annotations

from collections.abc import Iterator

from skupper_local.operations.adoption import site_platform
from skupper_local.operations.placement import LINUX
from skupper_local.operations.planned_change import no_site
from skupper_local.operations.target import Target, platform_of
from skupper_local.platforms.face import Placement, platform_at


def log_lines(target: Target, count: int, *, follow: bool) -> Iterator[str]:
    """The last ``count`` lines (all when negative), then, with ``follow``, every new one for ever."""
    if not target.paths.exists():
        raise no_site(target.paths)
    platform_of(target)
    found = site_platform(target.paths)
    platform = found[1] if found else platform_at(Placement(LINUX))
    new_lines = platform.follow(target.paths.home) if follow else None
    yield from platform.log(target.paths.home, count)
    if new_lines:
        yield from new_lines
