"""One command from declarations to a running site: ``up``. It may be repeated: what is so already is left alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from skupper_local.errors import InvalidRequestError
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.operations.apply import Applied, Source, apply_sources
from skupper_local.operations.effect import taken_back_on
from skupper_local.operations.lifecycle import Outcome, reload, start
from skupper_local.operations.planned_change import NO_WISHES, Wishes
from skupper_local.operations.target import Target


@dataclass(frozen=True)
class Raised:
    """What was declared (None: nothing was given), and what became of the router."""

    applied: Applied | None
    outcome: Outcome


def up(target: Target, sources: Iterable[Source] = (), wishes: Wishes = NO_WISHES) -> Raised:
    """Declare what the sources hold, then start the site or bring the declarations into effect.

    A site that its user stopped is started: that is what was asked for. Raises the errors of ``apply``, ``start`` and
    ``reload``; when the request is refused, nothing has been declared by it.
    """
    sources = tuple(sources)
    applied = apply_sources(target, sources) if sources else None
    paths = target.paths
    begin = not os.path.exists(paths.router_config) or read_desired_state(paths) is DesiredState.STOPPED
    with taken_back_on(InvalidRequestError, target, applied.written if applied else ()):
        outcome = start(target, wishes) if begin else reload(target, wishes)
    return Raised(applied, outcome)
