"""Start, reload, stop and remove a site.

Every one of these may be killed at any instruction and repeated. The order makes it so: what the user wants is recorded first,
in the same transaction as the files; then the router is told, and what it was told goes with it (the platform's label, see
also ``applied``). A repeated command compares and does what is missing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import HeldLock, lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, read_desired_state, write_desired_state
from skupper_local.namespace.transaction import Change
from skupper_local.operations.adoption import platform_in_charge, site_platform
from skupper_local.operations.applied import forget_applied, read_applied, write_applied
from skupper_local.operations.containers import recreation_lines, require_within_reach
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.placement import Place
from skupper_local.operations.planned_change import (
    NO_WISHES,
    PlannedChange,
    Wishes,
    look,
    prepare_change,
    require_ready,
)
from skupper_local.operations.preparation import Prepared, install, read_configuration
from skupper_local.operations.router_change import (
    Wanted,
    answers,
    files_of,
    put_in_place,
    run,
    write_files,
)
from skupper_local.operations.router_container import clear_container
from skupper_local.operations.runtime_status import record_statuses
from skupper_local.operations.spelling import no_site
from skupper_local.operations.target import Target, platform_of
from skupper_local.platforms.linux.program import EMBEDDED
from skupper_local.site.plan import plan

_PATIENCE = 60.0
"""Seconds to wait for another command on the same namespace: as long as a start may take, and a little more."""


class Deed(Enum):
    """What became of the router."""

    STARTED = "started"
    REPAIRED = "repaired"  # it had lost its supervisor, or had ended
    RESTARTED = "restarted"
    REFRESHED = "refreshed"  # it was told to read its certificates again
    UNTOUCHED = "untouched"
    LEFT_STOPPED = "left stopped"  # the user stopped it; the files are up to date
    STOPPED = "stopped"
    REMOVED = "removed"
    MOVED = "moved"  # to another platform
    TAKEN_OVER = "taken over"  # it was the reference's


@dataclass(frozen=True)
class Outcome:
    """What was done. ``plan`` lists the differences in the router's configuration; ``links`` is where static links are.

    ``pending`` says that the running router does not have the declarations of this moment.
    """

    deed: Deed
    namespace: str
    site: str = ""
    platform: str = ""
    program: str = ""
    home: Path | None = None
    links: Path | None = None
    seconds: float = 0.0
    plan: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pending: bool = False
    place: Place | None = None


def start(target: Target, wishes: Wishes = NO_WISHES) -> Outcome:
    """Start the site of a namespace, if it does not run already, and wait until its router answers.

    A router that runs is left alone, whatever the declarations say by now (``pending`` tells), unless a wish or an upgraded
    image asks for another one; one that has lost its keeper is put right.
    """
    with at_work(target) as held:
        paths = held.paths
        work = prepare_change(held, target, wishes)
        report = work.former.report
        healthy = report.running and report.kept
        deed = Deed.REPAIRED if report.present else Deed.STARTED
        if work.takes_over:
            deed = Deed.TAKEN_OVER
        elif healthy and work.another_router:
            deed = Deed.RESTARTED
        elif healthy and answers(paths, work.wanted.platform, report):
            write_desired_state(paths, DesiredState.RUNNING)
            return outcome_of(Deed.UNTOUCHED, paths, work, pending=report.label != work.wanted.spec.label)
        seconds = carry_out(held, work)
        return outcome_of(deed, paths, work, seconds=seconds)


def reload(target: Target, wishes: Wishes = NO_WISHES) -> Outcome:
    """Bring the declarations into effect. The router is restarted only if its configuration changed, or if it does not answer.

    A site that never ran is started; one that the user stopped stays so, with its files up to date. A connector to a container
    that cannot be reached is refused here, with nothing changed; a start goes on without it and warns.
    """
    with at_work(target) as held:
        paths = held.paths
        work = prepare_change(held, target, wishes)
        require_within_reach(work.wanted.prepared.model)
        lines, runs_on = _difference(paths, work), _runs_on(paths, work)
        deed = _reload_deed(paths, work, runs_on=runs_on)
        if deed is Deed.LEFT_STOPPED:
            write_files(held, work.wanted)
            return outcome_of(deed, paths, work, plan=lines)
        if runs_on:
            write_files(held, work.wanted, desired=DesiredState.RUNNING)
            deed = _refresh(paths, work.wanted)
            record_statuses(held)
            return outcome_of(deed, paths, work)
        seconds = carry_out(held, work)
        return outcome_of(deed, paths, work, seconds=seconds, plan=lines)


@dataclass(frozen=True)
class Foreseen:
    """What a reload would do: to the router, its configuration (``plan``), and files of the namespace."""

    outcome: Outcome
    changes: tuple[Change, ...]


def foresee_reload(target: Target, wishes: Wishes = NO_WISHES) -> Foreseen:
    """What :func:`reload` would do now. Nothing is changed; raises what a reload would raise before it changes anything.

    An earlier command that was killed half-way is finished or undone first, as by every command.
    """
    with at_work(target) as held:
        paths = held.paths
        work = prepare_change(held, target, wishes, dry=True)
        require_within_reach(work.wanted.prepared.model)
        lines, runs_on = _difference(paths, work), _runs_on(paths, work)
        deed = _reload_deed(paths, work, runs_on=runs_on)
        if deed is not Deed.LEFT_STOPPED and not runs_on:
            require_ready(paths, work)
        desired = None if deed is Deed.LEFT_STOPPED else DesiredState.RUNNING
        changes = files_of(held, work.wanted, desired=desired).foresee()
        shown = () if runs_on else lines
        return Foreseen(outcome_of(deed, paths, work, plan=shown), changes)


def _difference(paths: NamespacePaths, work: PlannedChange) -> tuple[str, ...]:
    """What changes for the router, a line each."""
    lines = plan(read_configuration(paths), work.wanted.prepared.configuration).lines()
    former = work.former.spec.container if work.former.spec else None
    return (*lines, *recreation_lines(former, work.wanted.spec.container))


def _keeps_configuration(work: PlannedChange) -> bool:
    """Whether the router that runs is the one to run, with the same configuration."""
    report = work.former.report
    healthy = report.running and report.kept and not work.another_router
    return healthy and report.label == work.wanted.spec.label


def _runs_on(paths: NamespacePaths, work: PlannedChange) -> bool:
    """Whether that router can be left alone: one that hangs has the right configuration, and serves nobody."""
    return _keeps_configuration(work) and answers(paths, work.wanted.platform, work.former.report)


def _reload_deed(paths: NamespacePaths, work: PlannedChange, *, runs_on: bool) -> Deed:
    """What a reload makes of the router."""
    report = work.former.report
    if read_desired_state(paths) is DesiredState.STOPPED and not report.present:
        return Deed.LEFT_STOPPED
    if runs_on:
        return _refreshing(paths, work.wanted)
    if work.takes_over:
        return Deed.TAKEN_OVER
    if report.running and report.kept and not _keeps_configuration(work):
        return Deed.RESTARTED
    return Deed.REPAIRED if report.present else Deed.STARTED


def stop(target: Target) -> Outcome:
    """Stop the router and keep everything. Nothing running is a success.

    The router is stopped even when that cannot be recorded (a full disk). It is tried again after what only a running router
    needs is gone, which may have made the room; if that fails too, the error is raised then.
    """
    with at_work(target) as held:
        paths = held.paths
        platform_of(target)
        found = site_platform(paths)
        if found is None:
            return Outcome(Deed.UNTOUCHED, paths.name, site=site_name(paths), home=paths.home)
        placement, platform = found
        recorded = False
        with contextlib.suppress(SkupperLocalError):
            write_desired_state(paths, DesiredState.STOPPED)
            recorded = True
        stopped = platform.stop(paths.home)
        clear_container(paths, placement)
        forget_applied(paths)
        if not recorded:
            _record_stop(paths)
        record_statuses(held, down_reason="stopped by its user")
        deed = Deed.STOPPED if stopped else Deed.UNTOUCHED
        return Outcome(deed, paths.name, site=site_name(paths), platform=placement.platform, home=paths.home)


def _record_stop(paths: NamespacePaths) -> None:
    try:
        write_desired_state(paths, DesiredState.STOPPED)
    except SkupperLocalError as error:
        raise type(error)(
            f"The router of namespace {paths.name} is stopped, but that could not be recorded: a reload would start it",
            why=error.why,
            next_step=f"mend that (see the space: df -h {paths.internal}), then: skupper-local system stop -n {paths.name}",
        ) from error


def teardown(target: Target) -> Outcome:
    """Stop the router and remove the namespace with everything in it. Nothing there is a success.

    What an earlier one could not remove is removed first, by taking the lock.
    """
    if not target.paths.has_directory() and not os.path.lexists(target.paths.removed):
        return Outcome(Deed.UNTOUCHED, target.namespace)
    platform_of(target)
    with lock_namespace(target.paths, command=target.command, patience=_PATIENCE) as held:
        site = site_name(held.paths)
        found = site_platform(held.paths)
        _, platform = platform_in_charge(held.paths)
        platform.remove(held.paths.home)
        held.remove_namespace()
    return Outcome(Deed.REMOVED, target.namespace, site=site, platform=platform.name if found else "")


def refresh_credentials(held: HeldLock, prepared: Prepared) -> tuple[Deed, bool]:
    """Write what changed and tell a running router, without touching its configuration (for a new link).

    Returns what became of the router, and whether one runs.
    """
    paths = held.paths
    former = look(paths)
    assert former.placement, "the site was started"
    install(held, prepared, platform=former.placement.platform)
    if not former.report.running or not former.platform or not former.spec:
        return Deed.UNTOUCHED, False
    spec = replace(former.spec, label=former.report.label)
    deed = _refresh(paths, Wanted(former.placement, former.platform, prepared, spec))
    record_statuses(held)
    return deed, True


def site_name(paths: NamespacePaths) -> str:
    """The name of the declared site; empty when there is none, or it cannot be read."""
    try:
        sites = read_declarations(paths.input_resources).of_kind("Site")
    except SkupperLocalError:
        return ""
    return sites[0].resource.name if sites else ""


# Parts.


@contextlib.contextmanager
def at_work(target: Target) -> Iterator[HeldLock]:
    """Hold the namespace, which must have something in it."""
    if not target.paths.exists():
        raise no_site(target.paths)
    with lock_namespace(target.paths, command=target.command, patience=_PATIENCE) as held:
        yield held


def carry_out(held: HeldLock, work: PlannedChange) -> float:
    """Do it; the seconds from the router's start to its first answer."""
    require_ready(held.paths, work)
    seconds = put_in_place(held, work.former, work.wanted)
    record_statuses(held)
    return seconds


def _refresh(paths: NamespacePaths, wanted: Wanted) -> Deed:
    """Let a running router read its certificates again if they are not those it has read."""
    deed = _refreshing(paths, wanted)
    if deed is Deed.RESTARTED:
        run(paths, wanted)
    elif deed is Deed.REFRESHED:
        forget_applied(paths)
        wanted.platform.refresh(paths.home)
        write_applied(paths, wanted.prepared.credentials_digest)
    return deed


def _refreshing(paths: NamespacePaths, wanted: Wanted) -> Deed:
    """What it takes for a running router to have the certificates."""
    if read_applied(paths) == wanted.prepared.credentials_digest:
        return Deed.UNTOUCHED
    if wanted.prepared.router.kind != EMBEDDED:  # skrouterd reads certificate files at its start only
        return Deed.RESTARTED
    return Deed.REFRESHED


def outcome_of(
    deed: Deed,
    paths: NamespacePaths,
    work: PlannedChange,
    *,
    seconds: float = 0.0,
    plan: tuple[str, ...] = (),
    pending: bool = False,
) -> Outcome:
    """What to tell of a change."""
    prepared = work.wanted.prepared
    return Outcome(
        deed,
        paths.name,
        site=prepared.model.state.site.name,
        platform=work.wanted.placement.platform,
        program=prepared.router.name,
        home=paths.home,
        links=paths.runtime_links if prepared.model.link_accesses else None,
        seconds=seconds,
        plan=plan,
        warnings=(*work.warnings, *prepared.warnings),
        pending=pending,
        place=work.place,
    )
