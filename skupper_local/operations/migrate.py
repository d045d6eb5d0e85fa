"""Move a site to another platform: ``system migrate``.

The site keeps its id, its CAs, its ports and its links: for the rest of the network it was away for a moment. The router on the
former platform goes when everything for the new one is there (image, program, ports), and comes back when the new one does not
get ready.
"""

from __future__ import annotations

from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.operations.lifecycle import Deed, Outcome, at_work, carry_out, outcome_of
from skupper_local.operations.placement import recorded_placement
from skupper_local.operations.planned_change import NO_WISHES, Wishes, prepare_change
from skupper_local.operations.router_change import write_files
from skupper_local.operations.spelling import no_site
from skupper_local.operations.target import Target, require_platform_name


def migrate(target: Target, to: str, wishes: Wishes = NO_WISHES) -> Outcome:
    """Move the site to platform ``to``. One that is there already is left alone; a stopped one is moved and stays stopped.

    Raises PlatformNotSupportedError, NoSiteError for a namespace that was never started, and what a start raises.
    """
    require_platform_name(to)
    with at_work(target) as held:
        paths = held.paths
        placement = recorded_placement(paths)
        if placement is None:
            error = no_site(paths)
            raise type(error)(
                f"The site of namespace {paths.name} has not been started",
                why="there is nothing to move: its platform is chosen at its first start",
                next_step=f"skupper-local system start -n {paths.name} -p {to}",
            )
        work = prepare_change(held, target, wishes, to=to)
        if placement.platform == to:
            return outcome_of(Deed.UNTOUCHED, paths, work)
        report = work.former.report
        if read_desired_state(paths) is DesiredState.STOPPED and not report.present:
            work.former.let_go(paths.home)
            write_files(held, work.wanted)
            return outcome_of(Deed.LEFT_STOPPED, paths, work)
        seconds = carry_out(held, work)
        return outcome_of(Deed.MOVED, paths, work, seconds=seconds)
