"""Sites that the reference made: seen as they are, and taken over by the next start or reload, after saying so.

Such a namespace has a platform on record and none of our choices. On the engines its router is a container with the restart
policy ``always``, which a unit starts and stops with scripts; on ``linux`` the unit runs ``skrouterd`` itself
(reference-engine 6.3, 7.1 and 7.2). Identity, ports and CAs are read from its files by ``preparation``. What is left to do is
here: to find out how it runs, to make its unit let go, and to bring both back when ours does not get ready.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from skupper_local.entities import decode_configuration
from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import read_choices, read_platform
from skupper_local.operations.placement import LINUX, recorded_placement
from skupper_local.platforms.container import container_name, router_container
from skupper_local.platforms.endpoints import engine_endpoint
from skupper_local.platforms.engine import ContainerFacts, engine_of
from skupper_local.platforms.face import OWN, Placement, Platform, RouterReport, RouterSpec, platform_at
from skupper_local.site.state import SiteState
from skupper_local.systemd.manager import Manager
from skupper_local.systemd.units import (
    REFERENCE,
    InstalledUnit,
    installed_unit,
    put_unit_back,
    remove_unit,
    unit_name,
    unit_text,
)

REFERENCE_KEEPER = "reference"
"""The keeper of a placement that the reference made: neither ours nor recorded."""

_USUAL_PORT = 5671


def made_by_reference(paths: NamespacePaths) -> bool:
    """Whether the reference started the site last: there is no choice of ours, or the unit is its own (again)."""
    if read_platform(paths) is None or not paths.router_config.exists():
        return False
    return not read_choices(paths).router_kind or _reference_unit(paths.home, Manager()) is not None


def site_platform(paths: NamespacePaths) -> tuple[Placement, Platform] | None:
    """Where a namespace's site is and what runs it there, whoever made it; None for one that was never started."""
    if made_by_reference(paths):
        placement = reference_placement(paths)
        return placement, ReferencePlatform(placement)
    recorded = recorded_placement(paths)
    return (recorded, platform_at(recorded)) if recorded else None


def platform_in_charge(paths: NamespacePaths) -> tuple[Placement, Platform]:
    """As :func:`site_platform`. Without a record it is the machine itself: a start that was undone may have left a supervisor
    there."""
    nowhere = Placement(LINUX)
    return site_platform(paths) or (nowhere, platform_at(nowhere))


def reference_placement(paths: NamespacePaths) -> Placement:
    """Where the reference put the site. It records no endpoint: the engine is the one that it would use now."""
    platform = read_platform(paths) or LINUX
    endpoint = "" if platform == LINUX else engine_endpoint(platform, os.environ, os.getuid())
    return Placement(platform, REFERENCE_KEEPER, endpoint)


class ReferencePlatform:
    """What the reference made, as a platform: inspected, removed, and started again as it was.

    See :class:`skupper_local.platforms.face.Platform`.
    """

    def __init__(self, placement: Placement, *, manager: Manager | None = None) -> None:
        self.name = placement.platform
        self._inner: Platform = platform_at(Placement(placement.platform, OWN, placement.endpoint))
        self._manager = manager or Manager()
        self._reachable = not self._manager.obstacle()
        self._removed: _RemovedUnit | None = None

    def start(self, spec: RouterSpec) -> None:
        """Bring back what :meth:`remove` took away."""
        if spec.container:
            self._inner.start(spec)
        if self._removed:
            unit = self._removed
            put_unit_back(unit.found, unit.text)
            if self._reachable:
                self._manager.reload()
                if unit.enabled:
                    self._manager.enable(unit.found.name)
                if unit.active:
                    self._manager.start_again(unit.found.name)

    def stop(self, home: Path) -> bool:
        unit = _reference_unit(home, self._manager)
        ran = False
        if unit and self._reachable:
            state = self._manager.state(unit.name)
            ran = state.kept
            if state.enabled == "enabled":
                self._manager.disable(unit.name)
            if ran:
                self._manager.stop(unit.name)
        return self._inner.stop(home) or ran

    def remove(self, home: Path) -> bool:
        unit = _reference_unit(home, self._manager)
        if unit:
            state = self._manager.state(unit.name) if self._reachable else None
            self._removed = _RemovedUnit(
                unit,
                unit_text(unit),
                enabled=state is not None and state.enabled == "enabled",
                active=state is not None and state.kept,
            )
        stopped = self.stop(home)
        if unit:
            remove_unit(home.name, home, self._manager)
            if self._reachable:
                self._manager.reload()
                self._manager.forget_failure(unit.name)
        return self._inner.remove(home) or stopped or unit is not None

    def inspect(self, home: Path) -> RouterReport:
        """On ``linux`` the unit knows; the reference's has no restart, so nothing keeps its router."""
        if self.name != LINUX:
            return self._inner.inspect(home)
        unit = _reference_unit(home, self._manager)
        if not unit or not self._reachable:
            return self._inner.inspect(home)
        state = self._manager.state(unit.name)
        running = state.active == "active" and state.main_pid > 0
        return RouterReport(
            running=running,
            kept=running,
            pid=state.main_pid,
            keeper_pid=state.main_pid,
            since=state.since if running else 0.0,
            restarts=state.restarts,
        )

    def refresh(self, home: Path) -> bool:
        return self._inner.refresh(home)

    def log_place(self, home: Path) -> str:
        if self.name != LINUX:
            return self._inner.log_place(home)
        return f"{self._manager.journal_words} -u {unit_name(home.name)}"

    def log(self, home: Path, count: int) -> list[str]:
        if self.name != LINUX:
            return self._inner.log(home, count)
        return self._manager.journal(unit_name(home.name), count) if self._reachable else []

    def follow(self, home: Path) -> Iterator[str]:
        if self.name != LINUX:
            return self._inner.follow(home)
        return self._manager.follow(unit_name(home.name)) if self._reachable else iter(())


def _reference_unit(home: Path, manager: Manager) -> InstalledUnit | None:
    """The unit that the reference made for the namespace, if it is there."""
    found = installed_unit(home.name, manager)
    if found is None or found.ownership != REFERENCE:
        return None
    return found if os.path.realpath(found.home) == os.path.realpath(home) else None


@dataclass(frozen=True)
class _RemovedUnit:
    found: InstalledUnit
    text: str
    enabled: bool
    active: bool


def reference_spec(paths: NamespacePaths, placement: Placement) -> RouterSpec:
    """How the reference runs the router, to bring it back (reference-engine 6.3)."""
    spec = RouterSpec(
        paths.name,
        paths.home,
        paths.router_config,
        adopted_site_id(paths),
        "skrouterd",
        platform=placement.platform,
        endpoint=placement.endpoint,
    )
    found = None if placement.platform == LINUX else find_container(paths, placement)
    if found is None:
        return spec
    container = router_container(
        namespace=paths.name,
        home=paths.home,
        site_id=spec.site_id,
        image=found.image_id or found.image,
        platform=placement.platform,
        uid=os.geteuid(),
        gid=os.getegid(),
        rootless=os.geteuid() != 0,
        management_port=_USUAL_PORT,
    )
    return replace(spec, container=replace(container, health=None))


def find_container(paths: NamespacePaths, placement: Placement) -> ContainerFacts | None:
    """The container of the site's router, running or not. Raises the errors of an engine that does not answer."""
    engine = engine_of(placement.platform, placement.endpoint, os.environ)
    try:
        return engine.container(container_name(paths.name))
    finally:
        engine.close()


def adopted_image(paths: NamespacePaths, placement: Placement) -> str:
    """The image that the reference's container runs; it stays the site's image. Empty when there is no container."""
    found = find_container(paths, placement)
    return found.image if found else ""


def adopted_site_id(paths: NamespacePaths) -> str:
    """The site id in the configuration on disk; empty when it cannot be read."""
    from skupper_local.operations.preparation import site_id_in

    with contextlib.suppress(OSError, ValueError):
        return site_id_in(decode_configuration(paths.router_config.read_bytes()))
    return ""


def adopted_hosts(paths: NamespacePaths, state: SiteState) -> dict[str, tuple[str, ...]]:
    """The hosts in the server certificates on disk, by the name of the link access: links that were handed out name them.

    Among them is 0.0.0.0, which the reference's own ``link generate`` prints: sites on one machine are linked by it.
    """
    from skupper_local.pki.certificates import hosts_of

    credentials = {name: access.tls_credentials or name for name, access in state.router_accesses.items()}
    if state.site.accepts_links:
        credentials.setdefault(state.site.name, state.site.name)
    found: dict[str, tuple[str, ...]] = {}
    for access, directory in credentials.items():
        with contextlib.suppress(OSError):
            found[access] = hosts_of((paths.runtime_certs / directory / "tls.crt").read_bytes())
    return found


def forgotten_router(paths: NamespacePaths) -> str:
    """What to say of a router that our supervisor still keeps beside the reference's; empty when there is none.

    The reference knows units alone, and what a site without one runs it cannot stop. The takeover ends both.
    """
    if read_platform(paths) != LINUX or not platform_at(Placement(LINUX, OWN)).inspect(paths.home).kept:
        return ""
    return (
        "a router that skupper-local started runs beside the reference's; skupper-local system start ends it"
    )


def takeover_lines(paths: NamespacePaths, report: RouterReport) -> tuple[str, ...]:
    """What a person should know before a site of the reference becomes one of ours."""
    running = "runs" if report.running else "does not run"
    site_id = adopted_site_id(paths)
    lines = [
        f"namespace {paths.name} was made by the reference's skupper and {running}",
        f"it is taken over and keeps its site id {site_id}, its ports, its CAs and its links",
    ]
    with contextlib.suppress(SkupperLocalError):
        unit = installed_unit(paths.name, Manager())
        if unit and unit.ownership == REFERENCE:
            lines.append(f"its unit {unit.name} is replaced; {paths.scripts} is not used any more")
    return tuple(lines)
