"""Where a site runs and who keeps it running: chosen once, recorded, and changed by a flag only.

The platform, first match wins: the flag; the recorded one; ``SKUPPER_PLATFORM``; Podman if it answers, Docker if it answers
(and each has the image, or may pull it); ``linux``. The engine's endpoint is recorded with it, because a service and a shell
do not see the same environment.

The keeper is systemd where its manager is reachable and reads the units we write, and the platform's own means everywhere else.
One that nobody asked for may be chosen anew, but only while nothing runs: two keepers of one router would fight.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices, read_choices, read_platform
from skupper_local.operations.image import choose_image
from skupper_local.operations.target import VARIABLE, Target, platform_of
from skupper_local.platforms.face import OWN, SYSTEMD, Placement

LINUX = "linux"
_ENGINES = ("podman", "docker")
_SILENCE_SECONDS = 3.0


class SystemdUnreachableError(SkupperLocalError):
    """A router is to be kept by systemd, and no manager can be asked to."""

    code: ClassVar[str] = "systemd-unreachable"


@dataclass(frozen=True)
class Place:
    """A placement, and why the platform and the keeper are these; ``asked`` tells that a flag named the keeper."""

    placement: Placement
    platform_reason: str
    keeper_reason: str
    asked: bool = False


def recorded_placement(paths: NamespacePaths) -> Placement | None:
    """Where the site of a namespace was put at its start; None for one that was never started."""
    platform = read_platform(paths)
    if platform is None:
        return None
    choices = read_choices(paths)
    return Placement(platform, choices.keeper or OWN, choices.endpoint)


def choose_place(
    target: Target,
    choices: Choices,
    *,
    systemd: bool | None = None,
    running: bool = False,
    pull: str = "missing",
    image: str = "",
    to: str = "",
    environ: Mapping[str, str] | None = None,
) -> Place:
    """Where a start or a reload puts the site.

    ``systemd`` is the wish of a flag (None: none), ``running`` whether a router of the site runs now. ``pull`` and ``image``
    matter only where the platform has to be found out. ``to`` moves the site to another platform. Raises
    PlatformMismatchError, PlatformNotSupportedError, EngineRefusedError and SystemdUnreachableError.
    """
    environ = os.environ if environ is None else environ
    recorded = recorded_placement(target.paths)
    if to:
        platform, reason = to, "asked for by --to"
    else:
        platform, reason = _platform(target, recorded, environ, pull, image)
    endpoint = _endpoint(platform, recorded, environ)
    running = running and not to  # a move makes everything anew
    keeper, keeper_reason, asked = _keeper(platform, choices, systemd, running=running)
    return Place(Placement(platform, keeper, endpoint), reason, keeper_reason, asked)


def _platform(
    target: Target, recorded: Placement | None, environ: Mapping[str, str], pull: str, image: str
) -> tuple[str, str]:
    settled = platform_of(target, environ)
    if recorded:
        return settled, "chosen at the first start"
    if settled:
        return settled, "asked for by -p" if target.platform else f"{VARIABLE} says so"
    notes: list[str] = []
    silent: set[str] = set()
    for name in _ENGINES:
        reason, obstacle = _usable_engine(name, environ, pull, image, silent)
        if reason:
            return name, "; ".join((reason, *notes))
        notes.append(obstacle)
    return LINUX, "; ".join(notes)


def _usable_engine(
    name: str, environ: Mapping[str, str], pull: str, image: str, silent: set[str]
) -> tuple[str, str]:
    """Why this engine may be taken, or why not. ``silent`` are sockets that kept us waiting: nobody waits for one twice."""
    from skupper_local.platforms.endpoints import engine_endpoint, socket_path
    from skupper_local.platforms.engine import engine_of

    begin = time.monotonic()
    try:
        endpoint = engine_endpoint(name, environ, os.getuid())
        if not os.path.exists(socket_path(endpoint)):  # the usual case is answered without a library
            return "", f"{name} has no socket at {socket_path(endpoint)}"
        if endpoint in silent:
            return "", f"{name} has the same endpoint"
        engine = engine_of(name, endpoint, environ)
        try:
            facts = engine.facts()
            reference = choose_image(image, "", environ)
            if pull == "never" and engine.image(reference) is None:
                return "", f"{name} does not have {reference}"
        finally:
            engine.close()
    except SkupperLocalError as error:
        if time.monotonic() - begin > _SILENCE_SECONDS:
            silent.add(endpoint)
        return "", f"{error.what[0].lower()}{error.what[1:]}"
    return f"{facts.name} {facts.version} answers at {endpoint}", ""


def _endpoint(platform: str, recorded: Placement | None, environ: Mapping[str, str]) -> str:
    if platform == LINUX:
        return ""
    if recorded and recorded.platform == platform and recorded.endpoint:
        return recorded.endpoint
    from skupper_local.platforms.endpoints import engine_endpoint

    return engine_endpoint(platform, environ, os.getuid())


def _systemd_obstacle() -> str:
    """Why systemd cannot keep this user's routers; empty when it can."""
    from skupper_local.systemd.manager import Manager

    return Manager().obstacle()


def _keeper(platform: str, choices: Choices, systemd: bool | None, *, running: bool) -> tuple[str, str, bool]:
    own = "the supervisor of skupper-local" if platform == LINUX else "the engine's restart policy"
    if systemd is False:
        return OWN, f"{own}, as asked for", True
    if systemd is None and choices.keeper and (running or choices.keeper_asked):
        return choices.keeper, SYSTEMD if choices.keeper == SYSTEMD else own, choices.keeper_asked
    obstacle = _systemd_obstacle()
    if not obstacle:
        return SYSTEMD, SYSTEMD, bool(systemd)
    if systemd:
        raise SystemdUnreachableError(
            "Systemd cannot keep the router of this site",
            why=obstacle,
            next_step="skupper-local system check says more; or start without it: --without-systemd",
        )
    return OWN, f"{own} ({obstacle})", False
