"""What there is and how it is: site, listeners, connectors, links, namespaces. Nothing here changes anything or takes a lock.

The truth about a running site comes from its router, now; what the router does not say counts as not so. What is declared and
not yet in the router is shown with that reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.paths import NamespacePaths, list_namespaces
from skupper_local.namespace.records import DesiredState, read_choices, read_desired_state, read_platform
from skupper_local.operations.adoption import REFERENCE_KEEPER, forgotten_router
from skupper_local.operations.containers import reach_now, read_reach
from skupper_local.operations.declarations import Declarations, read_declarations
from skupper_local.operations.expiry import expired_certificates
from skupper_local.operations.preparation import read_configuration, router_id_in
from skupper_local.operations.router import STATUS_SECONDS, observe_router
from skupper_local.operations.servers import with_servers
from skupper_local.operations.spelling import COMMANDS, not_declared
from skupper_local.operations.target import Target, platform_of
from skupper_local.operations.whereabouts import Observer, Whereabouts
from skupper_local.platforms.face import RouterReport
from skupper_local.platforms.linux.program import SKROUTERD
from skupper_local.resources import Resource, RouterAccess, Site, decode_documents, kind_of
from skupper_local.site.observed import ObservedRouter
from skupper_local.site.status import LinkRow, link_rows, with_statuses

_SILENT_SECONDS = 1.0
"""How long a router is asked whose platform does not say whether it runs: it is on this machine."""

NEVER_STARTED = "Site not initialized yet"


@dataclass(frozen=True)
class SiteView:
    """The resources of a namespace with their statuses of this moment. ``started`` is False for a site never started.

    ``observed`` is what the router said, None when it said nothing, for the ``reason``.
    """

    namespace: str
    resources: tuple[Resource, ...]
    links: tuple[LinkRow, ...]
    started: bool
    warnings: tuple[str, ...]
    observed: ObservedRouter | None = None
    reason: str = ""

    def of_kind(self, kind: str) -> tuple[Resource, ...]:
        """The resources of a kind, by name."""
        found = (item for item in self.resources if kind_of(item) == kind)
        return tuple(sorted(found, key=lambda item: item.name))

    def named(self, kind: str, name: str) -> Resource:
        """One resource. Raises NotDeclaredError."""
        for item in self.of_kind(kind):
            if item.name == name:
                return item
        called = COMMANDS.get(kind, kind.lower())
        names = [item.name for item in self.resources if COMMANDS.get(kind_of(item)) == called]
        others = [
            (command, item.name) for item in self.resources if (command := COMMANDS.get(kind_of(item), ""))
        ]
        raise not_declared(called, name, self.namespace, names, others=others)


@dataclass(frozen=True)
class SystemView:
    """How the site of a namespace runs. ``network`` is the engine network its router was put on (empty: the machine's own), and
    ``name_there`` what containers call it there."""

    namespace: str
    site: str
    platform: str
    program: str
    desired: str
    state: str
    report: RouterReport
    reason: str
    home: Path
    log: str
    router_id: str
    resources: tuple[Resource, ...]
    links: tuple[LinkRow, ...]
    warnings: tuple[str, ...]
    where: Whereabouts
    network: str = ""
    name_there: str = ""

    def count(self, kind: str) -> tuple[int, int]:
        """How many resources of a kind are declared, and how many of them are Ready; a listener may have several keys."""
        kinds = (kind, "MultiKeyListener") if kind == "Listener" else (kind,)
        found = [item for item in self.resources if kind_of(item) in kinds]
        return len(found), sum(item.status.get("status") == "Ready" for item in found)


@dataclass(frozen=True)
class NamespaceRow:
    """One line of ``namespace list``. ``state`` is running, restarting, stopped, down, not started or unknown."""

    name: str
    site: str
    platform: str
    state: str
    message: str


def view_site(target: Target, *, seconds: float = STATUS_SECONDS) -> SiteView:
    """The declared resources and how they are now."""
    paths = target.paths
    platform_of(target)
    declarations = read_declarations(paths.input_resources)
    started = paths.router_config.exists()
    where = Observer().look_at(paths)
    observed, reason = _observe(paths, where, started, seconds)
    resources, links = _judge(paths, declarations, observed, reason, where)
    return SiteView(paths.name, resources, links, started, _warnings(declarations), observed, reason)


def view_system(target: Target, *, seconds: float = STATUS_SECONDS) -> SystemView:
    """How the site runs, in one view. Also for a namespace that holds nothing: its state is ``absent``."""
    paths = target.paths
    platform = platform_of(target)
    declarations = read_declarations(paths.input_resources)
    started = paths.router_config.exists()
    where = Observer().look_at(paths, closely=True)
    report = where.report
    observed, reason = _observe(paths, where, started, seconds)
    resources, links = _judge(paths, declarations, observed, reason, where)
    choices = read_choices(paths)
    desired = read_desired_state(paths)
    warnings = _warnings(declarations)
    program, router_id = choices.router_program or choices.router_kind, choices.router_id
    if where.placement.keeper == REFERENCE_KEEPER:  # what was chosen here before is not what runs
        program, router_id = SKROUTERD, router_id_in(read_configuration(paths))
        warnings = tuple(filter(None, (*warnings, forgotten_router(paths))))
    state = _state(paths, where, desired)
    if where.silence and observed:
        state = "running"
    elif state == "running" and observed is None:
        state = "not answering"
    sites = declarations.of_kind("Site")
    reach = read_reach(paths)
    return SystemView(
        namespace=paths.name,
        site=sites[0].resource.name if sites else "",
        platform=platform,
        where=where,
        network=reach.network,
        name_there=reach.router_name,
        program=program,
        desired=desired.value if desired else "",
        state=state,
        report=report,
        reason=reason or where.silence,
        home=paths.home,
        log=where.log,
        router_id=router_id,
        resources=resources,
        links=links,
        warnings=warnings,
    )


def view_namespaces(data_home: Path | None = None) -> tuple[NamespaceRow, ...]:
    """Every namespace of this user. One that cannot be read is listed with the reason."""
    observer = Observer()
    return tuple(_namespace_row(paths, observer) for paths in list_namespaces(data_home))


def _namespace_row(paths: NamespacePaths, observer: Observer) -> NamespaceRow:
    try:
        recorded = read_platform(paths) or ""
        sites = read_declarations(paths.input_resources).of_kind("Site")
        site = sites[0].resource.name if sites else ""
        if not recorded:
            return NamespaceRow(paths.name, site, "", "not started", "" if site else "no site is declared")
        where = observer.look_at(paths)
        report = where.report
        state = _state(paths, where, read_desired_state(paths))
        message = where.silence or ("" if state in ("running", "stopped") else report.down_reason())
        return NamespaceRow(paths.name, site, recorded, state, message or _keeper_message(report))
    except SkupperLocalError as error:
        return NamespaceRow(paths.name, "", "", "unreadable", str(error))


def _state(paths: NamespacePaths, where: Whereabouts, desired: DesiredState | None) -> str:
    report = where.report
    if where.silence:
        return "unknown"
    if report.running:
        return "running"
    if report.kept:
        return "restarting"
    if not paths.exists():
        return "absent"
    if not paths.router_config.exists():
        return "not started"
    return "stopped" if desired is DesiredState.STOPPED else "down"


def _keeper_message(report: RouterReport) -> str:
    return (
        "its supervisor is gone; skupper-local system start puts it right"
        if report.running and not report.kept
        else ""
    )


def _observe(
    paths: NamespacePaths, where: Whereabouts, started: bool, seconds: float
) -> tuple[ObservedRouter | None, str]:
    """What the router says, or None and why it says nothing. One whose platform is silent may answer all the same."""
    if not started:
        return None, NEVER_STARTED
    if where.silence:
        observed, _ = observe_router(paths, min(seconds, _SILENT_SECONDS))
        return observed, "" if observed else where.silence
    if not where.report.running:
        return None, where.report.down_reason()
    return observe_router(paths, seconds)


def _judge(
    paths: NamespacePaths,
    declarations: Declarations,
    observed: ObservedRouter | None,
    reason: str,
    where: Whereabouts,
) -> tuple[tuple[Resource, ...], tuple[LinkRow, ...]]:
    moment = datetime.fromtimestamp(time.time(), UTC)
    now = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    declared = declarations.resources
    generated = _generated_accesses(paths, declared)
    site_id = read_choices(paths).site_id
    placement = where.placement
    if where.silence:
        reach = read_reach(paths)
    else:
        platform = placement.platform if paths.router_config.exists() else ""
        reach = reach_now(
            declared,
            namespace=paths.name,
            platform=platform,
            endpoint=placement.endpoint,
            former=read_reach(paths),
        )
    observed = with_servers(observed, declared, reach, placement.platform)
    active = (*declared, *generated)
    resources = with_statuses(
        active,
        observed,
        site_id=site_id,
        now=now,
        down_reason=reason,
        reach=reach,
        expired=expired_certificates(paths, active, moment),
    )
    return resources, link_rows(resources, observed, down_reason=reason)


def _generated_accesses(paths: NamespacePaths, declared: Iterable[Resource]) -> list[Resource]:
    """The accesses the site got by itself: they exist among the runtime resources only."""
    names = {item.name for item in declared if isinstance(item, RouterAccess)}
    sites = {item.name for item in declared if isinstance(item, Site)}
    found: list[Resource] = []
    for name in sorted({"skupper-local", *sites} - names):
        path = paths.runtime_resources / f"RouterAccess-{name}.yaml"
        try:
            found.extend(decode_documents(path.read_text(encoding="utf-8"), str(path)).resources)
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _warnings(declarations: Declarations) -> tuple[str, ...]:
    return (*declarations.warnings, *(str(problem) for problem in declarations.problems))
