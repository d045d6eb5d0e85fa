"""Where a site's router is and how it does, asked without a lock and survived whatever does not answer.

An engine that is dead or stuck must not take the status of everything with it: what it would have said is not known, the
reason is said once, and an engine that failed is not asked again for the next site of the same command.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices, read_choices
from skupper_local.operations.adoption import platform_in_charge
from skupper_local.operations.placement import LINUX
from skupper_local.platforms.face import Placement, Platform, RouterReport

NOTHING_KNOWN = RouterReport(running=False, kept=False)

_VERSION_LABELS = ("org.opencontainers.image.version", "version")
_SHORT_ID = 12


@dataclass(frozen=True)
class Whereabouts:
    """Where a router is. ``silence`` is why its platform does not say how it is; everything unknown is empty.

    ``container`` and ``container_id`` name the container, ``health`` is what the engine's own check found.
    """

    placement: Placement
    platform: Platform
    report: RouterReport
    silence: str = ""
    image: str = ""
    image_version: str = ""
    container: str = ""
    container_id: str = ""
    health: str = ""
    log: str = ""


@dataclass
class Observer:
    """Looks at one namespace after the other, and remembers the engines that do not answer."""

    _silent: dict[tuple[str, str], str] = field(default_factory=dict)

    def look_at(self, paths: NamespacePaths, *, closely: bool = False) -> Whereabouts:
        """Where the router of a namespace is; ``closely`` asks for the container, too."""
        placement, platform = platform_in_charge(paths)
        engine = (placement.platform, placement.endpoint)
        if placement.platform != LINUX and engine in self._silent:
            return Whereabouts(placement, platform, NOTHING_KNOWN, self._silent[engine])
        try:
            report = platform.inspect(paths.home)
            if not closely:
                return Whereabouts(placement, platform, report)
            log = platform.log_place(paths.home)
            if placement.platform == LINUX:
                return Whereabouts(placement, platform, report, log=log)
            return _with_container(paths, placement, platform, report, log)
        except SkupperLocalError as error:
            self._silent[engine] = f"{error.what}: {error.why}" if error.why else error.what
            image = read_choices(paths).image
            return Whereabouts(placement, platform, NOTHING_KNOWN, self._silent[engine], image)


def _with_container(
    paths: NamespacePaths, placement: Placement, platform: Platform, report: RouterReport, log: str
) -> Whereabouts:
    from skupper_local.platforms.container import container_name
    from skupper_local.platforms.engine import engine_of

    choices: Choices = read_choices(paths)
    engine = engine_of(placement.platform, placement.endpoint, os.environ)
    try:
        found = engine.container(container_name(paths.name))
        image = choices.image or (found.image if found else "")
        facts = engine.image(image) if image else None
    finally:
        engine.close()
    labels = facts.labels if facts else {}
    return Whereabouts(
        placement,
        platform,
        report,
        image=image,
        image_version=next((labels[name] for name in _VERSION_LABELS if labels.get(name)), ""),
        container=found.name if found else "",
        container_id=found.id[:_SHORT_ID] if found else "",
        health=found.health if found else "",
        log=log,
    )
