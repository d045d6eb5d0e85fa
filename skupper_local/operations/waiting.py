"""Waiting until a site is as far as somebody wants it: its resources configured in the router, or ready.

Ready may depend on other sites (a link's other end, a connector elsewhere), so it has a limit that the asker sets, and what is
not reached by then is told with its reason.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from skupper_local.operations.status import SiteView, view_site
from skupper_local.operations.target import Target
from skupper_local.resources import Resource

_POLL_SECONDS = 0.3
_ANSWER_SECONDS = 3.0


class Level(Enum):
    """How far: not at all, known to the running router as declared, or able to carry traffic."""

    NONE = "none"
    CONFIGURED = "configured"
    READY = "ready"


@dataclass(frozen=True)
class Waited:
    """Whether it was reached, and what is not there yet: resource and reason; ``without_server`` are the connectors that are
    configured and have nobody to connect to.
    """

    reached: bool
    left: tuple[tuple[str, str], ...] = ()
    without_server: tuple[tuple[str, str], ...] = ()


def wait_for(target: Target, level: Level, seconds: float, *, only: Collection[str] | None = None) -> Waited:
    """Wait at most ``seconds`` until every resource of the namespace is at ``level``, or ``only`` those with these titles."""
    if level is Level.NONE:
        return Waited(reached=True)
    deadline = time.monotonic() + seconds
    while True:
        view = view_site(target, seconds=_ANSWER_SECONDS)
        left = _left(view, level, only)
        if not left:
            return Waited(reached=True, without_server=_without_server(view, only))
        if time.monotonic() >= deadline:
            return Waited(reached=False, left=left)
        time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _left(view: SiteView, level: Level, only: Collection[str] | None) -> tuple[tuple[str, str], ...]:
    if view.reason:
        return (("Site", view.reason),)
    return tuple(
        (item.title, _reason(item, level))
        for item in view.resources
        if (only is None or item.title in only) and item.status and not _is_at(item, level)
    )


def _without_server(view: SiteView, only: Collection[str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(
        (item.title, str(state.get("message", "")))
        for item in view.of_kind("Connector")
        if only is None or item.title in only
        for state in item.status.get("conditions", ())
        if state.get("type") == "Operational" and state.get("status") != "True"
    )


def _is_at(item: Resource, level: Level) -> bool:
    if level is Level.READY:
        return item.status.get("status") == "Ready"
    conditions = item.status.get("conditions", ())
    return all(
        state.get("status") == "True"
        for state in conditions
        if state.get("type") in ("Configured", "Running")
    )


def _reason(item: Resource, level: Level) -> str:
    if level is Level.READY:
        return str(item.status.get("message", ""))
    for state in item.status.get("conditions", ()):
        if state.get("type") in ("Configured", "Running") and state.get("status") != "True":
            return str(state.get("message", ""))
    return ""
