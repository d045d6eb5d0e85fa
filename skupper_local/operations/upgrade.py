"""Move a site's router to a new image or program, and back when it does not get ready: ``system upgrade``.

Without a wish the recorded image is pulled again, or, when it is a release of the usual repository, the release that this
version of the program is pinned to is taken; on ``linux`` the recorded program is looked at again. A router that is up to
date is left alone.
"""

from __future__ import annotations

import os
from dataclasses import replace

from skupper_local.namespace.records import DesiredState, read_choices, read_desired_state
from skupper_local.operations.image import choose_image, repository_of
from skupper_local.operations.lifecycle import Deed, Outcome, at_work, carry_out, outcome_of
from skupper_local.operations.placement import LINUX, recorded_placement
from skupper_local.operations.planned_change import NO_WISHES, Wishes, prepare_change
from skupper_local.operations.router_change import write_files
from skupper_local.operations.target import Target, platform_of


def upgrade(target: Target, wishes: Wishes = NO_WISHES) -> Outcome:
    """Bring the site to the router asked for, or to the newest of its kind.

    A site that the user stopped stays so and starts with the new router. Declarations that changed take effect, too. Raises
    what a start raises; then the former router runs again.
    """
    with at_work(target) as held:
        paths = held.paths
        platform_of(target)
        work = prepare_change(held, target, _completed(target, wishes))
        report = work.former.report
        if read_desired_state(paths) is DesiredState.STOPPED and not report.present:
            write_files(held, work.wanted)
            return outcome_of(Deed.LEFT_STOPPED, paths, work)
        healthy = report.running and report.kept
        newer = work.another_router or _program_changed(work.wanted.prepared.router.program, report.since)
        if healthy and not newer and report.label == work.wanted.spec.label:
            return outcome_of(Deed.UNTOUCHED, paths, work)
        seconds = carry_out(held, work)
        deed = Deed.RESTARTED if healthy else Deed.REPAIRED if report.present else Deed.STARTED
        return outcome_of(deed, paths, work, seconds=seconds)


def _completed(target: Target, wishes: Wishes) -> Wishes:
    """The wishes, with what "newer" means where nothing was asked for."""
    placement = recorded_placement(target.paths)
    if placement is None or placement.platform == LINUX or wishes.image:
        return wishes
    recorded = read_choices(target.paths).image
    usual = choose_image("", "", os.environ)
    if not recorded or (repository_of(recorded) == repository_of(usual) and recorded != usual):
        return replace(wishes, image=usual)
    return replace(wishes, newest=True)


def _program_changed(program: str, since: float) -> bool:
    """Whether the file of a program is newer than the process that runs it."""
    try:
        return bool(program) and os.stat(program).st_mtime > since
    except OSError:
        return False
