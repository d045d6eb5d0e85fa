"""Start, reload, stop and remove a site.

Every one of these may be killed at any instruction and repeated. The order makes it so: what the user wants is recorded first,
in the same transaction as the files; then the router is told, and what it was told goes with it (the platform's label, see
also ``applied``). A repeated command compares and does what is missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from skupper_local.entities import Entity
from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import HeldLock, lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import (
    DesiredState,
    read_choices,
    read_desired_state,
    read_platform,
    write_desired_state,
)
from skupper_local.operations.applied import forget_applied, read_applied, write_applied
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.errors import NoSiteError, RouterNotReadyError
from skupper_local.operations.ports import require_free, sockets_of
from skupper_local.operations.preparation import (
    Prepared,
    choose,
    install,
    prepare,
    read_configuration,
    runtime_directories,
)
from skupper_local.operations.router import ask_whether_ready
from skupper_local.operations.target import Target, platform_of
from skupper_local.platforms.face import Platform, RouterReport, RouterSpec, platform_named
from skupper_local.platforms.linux.program import EMBEDDED, require_program
from skupper_local.platforms.readiness import wait_until_ready
from skupper_local.site.plan import plan
from skupper_local.site.state import SiteState, assemble

_PATIENCE = 60.0
"""Seconds to wait for another command on the same namespace: as long as a start may take, and a little more."""

_ANSWER_SECONDS = 10.0
"""Seconds for a router that ran before, and may be coming up again, to answer."""


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


def start(target: Target, *, router: str = "") -> Outcome:
    """Start the site of a namespace, if it does not run already, and wait until its router answers.

    A router that runs is left alone, whatever the declarations say by now (``pending`` tells); one that has lost its
    supervisor is put right. ``router`` changes the router program.
    """
    with _at_work(target) as (held, platform):
        paths = held.paths
        report = platform.inspect(paths.home)
        healthy = report.running and report.kept
        before = read_choices(paths).router_program
        state, warnings = _declared(held)
        prepared = _prepare(held, state, platform, router, report)
        deed = Deed.REPAIRED if report.present else Deed.STARTED
        if healthy and router and prepared.choices.router_program != before:
            deed = Deed.RESTARTED
        elif healthy and _answers(paths, platform, report):
            write_desired_state(paths, DesiredState.RUNNING)
            pending = report.label != prepared.configuration_digest
            return _outcome(Deed.UNTOUCHED, paths, prepared, platform, warnings=warnings, pending=pending)
        seconds = _put_in_place(held, platform, prepared, report)
        return _outcome(deed, paths, prepared, platform, seconds=seconds, warnings=warnings)


def reload(target: Target) -> Outcome:
    """Bring the declarations into effect. The router is restarted only if its configuration changed.

    A site that never ran is started; one that the user stopped stays so, with its files up to date.
    """
    with _at_work(target) as (held, platform):
        paths = held.paths
        report = platform.inspect(paths.home)
        state, warnings = _declared(held)
        prepared = _prepare(held, state, platform, "", report)
        lines = plan(read_configuration(paths), prepared.configuration).lines()
        if read_desired_state(paths) is DesiredState.STOPPED and not report.present:
            install(held, prepared, platform=platform.name)
            return _outcome(Deed.LEFT_STOPPED, paths, prepared, platform, plan=lines, warnings=warnings)
        healthy = report.running and report.kept
        if healthy and report.label == prepared.configuration_digest:
            install(held, prepared, platform=platform.name, desired=DesiredState.RUNNING)
            deed = _refresh(paths, platform, prepared)
            return _outcome(deed, paths, prepared, platform, warnings=warnings)
        seconds = _put_in_place(held, platform, prepared, report)
        deed = Deed.RESTARTED if healthy else Deed.REPAIRED if report.present else Deed.STARTED
        return _outcome(deed, paths, prepared, platform, seconds=seconds, plan=lines, warnings=warnings)


def stop(target: Target) -> Outcome:
    """Stop the router and keep everything. Nothing running is a success.

    The router is stopped even when that cannot be recorded (a full disk); then the error is raised afterwards.
    """
    with _at_work(target) as (held, platform):
        paths = held.paths
        unrecorded: SkupperLocalError | None = None
        if read_platform(paths):
            try:
                write_desired_state(paths, DesiredState.STOPPED)
            except SkupperLocalError as error:
                unrecorded = error
        stopped = platform.stop(paths.home)
        forget_applied(paths)
        if unrecorded:
            what = f"The router of namespace {paths.name} is stopped, but that could not be recorded: a reload would start it"
            raise type(unrecorded)(what, why=unrecorded.why, next_step=unrecorded.next_step) from unrecorded
        deed = Deed.STOPPED if stopped else Deed.UNTOUCHED
        return Outcome(deed, paths.name, site=site_name(paths), platform=platform.name, home=paths.home)


def teardown(target: Target) -> Outcome:
    """Stop the router and remove the namespace with everything in it. Nothing there is a success."""
    if not target.paths.has_directory():
        return Outcome(Deed.UNTOUCHED, target.namespace)
    platform = platform_named(platform_of(target))
    with lock_namespace(target.paths, command=target.command, patience=_PATIENCE) as held:
        site = site_name(held.paths)
        platform.stop(held.paths.home)
        held.remove_namespace()
    return Outcome(Deed.REMOVED, target.namespace, site=site, platform=platform.name)


def refresh_credentials(held: HeldLock, platform: Platform, prepared: Prepared) -> Deed:
    """Write what changed and tell a running router, without touching its configuration (for a new link)."""
    install(held, prepared, platform=platform.name)
    return _refresh(held.paths, platform, prepared)


def site_name(paths: NamespacePaths) -> str:
    """The name of the declared site; empty when there is none, or it cannot be read."""
    try:
        sites = read_declarations(paths.input_resources).of_kind("Site")
    except SkupperLocalError:
        return ""
    return sites[0].resource.name if sites else ""


def no_site(paths: NamespacePaths) -> NoSiteError:
    """The error for a namespace without a site."""
    flag = "" if paths.name == "default" else f" -n {paths.name}"
    return NoSiteError(
        f"Namespace {paths.name} has no site",
        why=f"no Site is declared in {paths.input_resources}",
        next_step=f"skupper-local site create NAME{flag}",
    )


# Parts.


@contextlib.contextmanager
def _at_work(target: Target) -> Iterator[tuple[HeldLock, Platform]]:
    """Hold the namespace, which must have something in it; the platform it is on."""
    if not target.paths.exists():
        raise no_site(target.paths)
    platform = platform_named(platform_of(target))
    with lock_namespace(target.paths, command=target.command, patience=_PATIENCE) as held:
        yield held, platform


def _declared(held: HeldLock) -> tuple[SiteState, tuple[str, ...]]:
    """The declared site, and what the user should read about the declarations."""
    paths = held.paths
    declarations = read_declarations(paths.input_resources)
    resources = declarations.require()
    if not declarations.of_kind("Site"):
        raise no_site(paths)
    assembled = assemble(resources, namespace=paths.name)
    warnings = [*declarations.warnings, *(str(warning) for warning in assembled.warnings)]
    tightened = held.tighten_permissions()
    if tightened:
        others = f" and {len(tightened) - 1} more" if len(tightened) > 1 else ""
        warnings.append(f"{tightened[0]}{others} could be read by others, and can no longer")
    return assembled.require(), tuple(warnings)


def _prepare(
    held: HeldLock, state: SiteState, platform: Platform, router: str, report: RouterReport
) -> Prepared:
    held_ports = {socket.port for socket in sockets_of(_held_by(held.paths, report))}
    choices = choose(held, state, router=router, held_ports=held_ports)
    return prepare(held.paths, state, choices, platform=platform.name)


def _held_by(paths: NamespacePaths, report: RouterReport) -> tuple[Entity, ...]:
    """The configuration of the running router; a router that ended holds no port."""
    return read_configuration(paths) if report.running else ()


def _put_in_place(held: HeldLock, platform: Platform, prepared: Prepared, report: RouterReport) -> float:
    """Write everything and start the router with it; put the former state back when it does not work out.

    Returns the seconds from the start of the process to its first answer.
    """
    paths = held.paths
    require_program(prepared.program)
    require_free(prepared.configuration, _held_by(paths, report))
    former = _capture(paths) if report.running else None
    install(held, prepared, platform=platform.name, desired=DesiredState.RUNNING)
    try:
        return _run(paths, platform, prepared)
    except SkupperLocalError as error:
        if former is None:
            platform.stop(paths.home)
            raise
        runs = "runs again" if _put_back(held, platform, former) else "was put back, but does not run either"
        raise type(error)(
            f"{error.what}; the former one {runs}", why=error.why, next_step=error.next_step
        ) from error


def _run(paths: NamespacePaths, platform: Platform, prepared: Prepared) -> float:
    forget_applied(paths)
    platform.stop(paths.home)
    label = prepared.configuration_digest
    platform.start(_spec(paths, prepared.model.facts.site_id, prepared.program, label))
    readiness = wait_until_ready(platform, paths.home, _ask(paths))
    if not readiness.ready:
        raise RouterNotReadyError(
            f"The router of namespace {paths.name} was started and is not ready",
            why="\n".join((readiness.reason, *readiness.lines)),
            next_step=f"look at its log: skupper-local system logs -n {paths.name}",
        )
    write_applied(paths, prepared.credentials_digest)
    return readiness.seconds


def _answers(paths: NamespacePaths, platform: Platform, report: RouterReport) -> bool:
    """Whether a router that ran already answers; it may be coming up just now, after a crash or for a killed command."""
    readiness = wait_until_ready(
        platform, paths.home, _ask(paths), seconds=_ANSWER_SECONDS, restarts=report.restarts
    )
    return readiness.ready


def _ask(paths: NamespacePaths) -> Callable[[float], str]:
    return lambda seconds: ask_whether_ready(paths, seconds)


def _spec(paths: NamespacePaths, site_id: str, program: str, label: str) -> RouterSpec:
    return RouterSpec(paths.name, paths.home, paths.router_config, site_id, program, label)


def _refresh(paths: NamespacePaths, platform: Platform, prepared: Prepared) -> Deed:
    """Let a running router read its certificates again if they are not those it has read."""
    if read_applied(paths) == prepared.credentials_digest or not platform.inspect(paths.home).running:
        return Deed.UNTOUCHED
    if prepared.program != EMBEDDED:  # skrouterd reads certificate files at its start only
        _run(paths, platform, prepared)
        return Deed.RESTARTED
    forget_applied(paths)
    platform.refresh(paths.home)
    write_applied(paths, prepared.credentials_digest)
    return Deed.REFRESHED


def _capture(paths: NamespacePaths) -> Mapping[Path, bytes | Mapping[str, bytes]]:
    """What a failed reload puts back: directories with their files, and single files."""
    kept: dict[Path, bytes | Mapping[str, bytes]] = {
        directory: {
            str(file.relative_to(directory)): file.read_bytes()
            for file in directory.rglob("*")
            if file.is_file()
        }
        for directory in runtime_directories(paths)
    }
    if paths.choices.exists():
        kept[paths.choices] = paths.choices.read_bytes()
    return kept


def _put_back(held: HeldLock, platform: Platform, former: Mapping[Path, bytes | Mapping[str, bytes]]) -> bool:
    """Whether the former state runs again. Its own failures are not raised: another error is on its way to the user."""
    paths = held.paths
    try:
        transaction = held.transaction()
        for path, content in former.items():
            if isinstance(content, bytes):
                transaction.write(path, content)
            else:
                transaction.replace_directory(path, content)
        transaction.commit()
        choices = read_choices(paths)
        platform.stop(paths.home)
        # Without a label the next reload compares with nothing and puts everything in place anew.
        platform.start(_spec(paths, choices.site_id, choices.router_program or EMBEDDED, ""))
        return wait_until_ready(platform, paths.home, _ask(paths), seconds=_ANSWER_SECONDS).ready
    except (OSError, SkupperLocalError):
        return False


def _outcome(
    deed: Deed,
    paths: NamespacePaths,
    prepared: Prepared,
    platform: Platform,
    *,
    seconds: float = 0.0,
    plan: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    pending: bool = False,
) -> Outcome:
    return Outcome(
        deed,
        paths.name,
        site=prepared.model.state.site.name,
        platform=platform.name,
        program=prepared.program,
        home=paths.home,
        links=paths.runtime_links if prepared.model.link_accesses else None,
        seconds=seconds,
        plan=plan,
        warnings=(*warnings, *prepared.warnings),
        pending=pending,
    )
