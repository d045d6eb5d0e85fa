"""Bring what a command has just declared into effect, or leave nothing of it declared.

A command that only declares leaves the running router as it is. One that does both for its user (``expose``, ``reach``, ``up``,
and every declaring command with ``--wait``) must not stop half-way: declarations that cannot take effect would make the next
command of that namespace fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.operations.declarations import Written, take_back
from skupper_local.operations.lifecycle import Outcome, reload
from skupper_local.operations.target import Target


def take_effect(target: Target, written: Iterable[Written]) -> Outcome | None:
    """Reload a site that was started and not stopped; None where there is no such site. Raises the errors of a reload; then
    what was ``written`` has been taken back."""
    paths = target.paths
    if not paths.router_config.exists() or read_desired_state(paths) is DesiredState.STOPPED:
        return None
    with taken_back_on(SkupperLocalError, target, written):
        return reload(target)


@contextmanager
def taken_back_on(
    failure: type[SkupperLocalError], target: Target, written: Iterable[Written]
) -> Iterator[None]:
    """What was declared for a request is not left behind when that fails so."""
    try:
        yield
    except failure:
        with suppress(SkupperLocalError), lock_namespace(target.paths, command=target.command) as held:
            take_back(held, written)
        raise
