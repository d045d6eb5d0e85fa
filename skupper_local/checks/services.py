"""systemd: whether a manager keeps routers, whether services outlive the session, and whether our units are sound."""

from __future__ import annotations

import os
from collections.abc import Iterator

from skupper_local.checks.model import Group, Result, Subject, failed, ok, skipped, warning
from skupper_local.errors import SkupperLocalError
from skupper_local.host.programs import systemd_is_running
from skupper_local.systemd.lingering import lingers, user_name
from skupper_local.systemd.manager import Manager
from skupper_local.systemd.units import FOREIGN, installed_unit, installed_units, moved_units

_SYSTEMD = "systemd"


def manager(subject: Subject) -> Iterator[Result]:
    """A manager is there and reads what we write."""
    found = Manager(uid=subject.uid)
    obstacle = found.obstacle()
    if not obstacle:
        yield ok("systemd-manager", f"systemd {found.version()} keeps services ({found.words})")
        return
    kept = (
        "the engine's restart policy keeps"
        if subject.platform != "linux"
        else "a supervisor of its own keeps"
    )
    without = "go on without it: skupper-local system start --without-systemd"
    fix = (
        without
        if subject.uid == 0
        else f"as root: loginctl enable-linger {user_name(subject.uid)}\nor {without}"
    )
    if subject.keeper == _SYSTEMD:
        yield failed("systemd-manager", "systemd does not answer, and keeps this site", obstacle, fix)
    else:
        cause = f"{obstacle}; {kept} a router running, but nothing starts it at boot"
        yield warning("systemd-manager", "no systemd to keep services", cause, fix)


def lingering(subject: Subject) -> Iterator[Result]:
    """A user's services start at boot and outlive the session."""
    if subject.uid == 0:
        yield skipped("lingering", "lingering", "root's services belong to the system")
        return
    if not systemd_is_running():
        yield skipped("lingering", "lingering", "there is no systemd on this machine")
        return
    name = user_name(subject.uid)
    if lingers(subject.uid):
        yield ok("lingering", f"the services of {name} run without a session")
        return
    cause = "a router ends when its user logs out, and does not start at boot"
    yield warning(
        "lingering", f"the services of {name} end with the session", cause, f"loginctl enable-linger {name}"
    )


def engine_unit(subject: Subject) -> Iterator[Result]:
    """The engine comes back after a reboot."""
    if subject.platform == "linux":
        return
    found = Manager(uid=subject.uid if subject.platform == "podman" else 0)
    unit = "podman.socket" if subject.platform == "podman" else "docker.service"
    if subject.platform == "docker" and subject.uid != 0 and "/run/user/" in subject.endpoint:
        found = Manager(uid=subject.uid)
    if found.uid != subject.uid:
        yield skipped("engine-socket-unit", unit, "it belongs to the system; root can look")
        return
    if found.obstacle():
        yield skipped("engine-socket-unit", unit, "there is no systemd to ask")
        return
    try:
        state = found.state(unit)
    except SkupperLocalError as error:
        yield skipped("engine-socket-unit", unit, error.why)
        return
    if state.enabled in ("enabled", "static", "enabled-runtime"):
        yield ok("engine-socket-unit", f"{unit} is enabled")
    elif not state.loaded:
        yield skipped(
            "engine-socket-unit", unit, "there is no such unit here; the engine is started in another way"
        )
    else:
        cause = "after a reboot no engine answers until somebody starts it"
        yield warning(
            "engine-socket-unit", f"{unit} is not enabled", cause, f"{found.words} enable --now {unit}"
        )


def units(subject: Subject) -> Iterator[Result]:
    """Every unit of ours runs a program that is there; this site has its unit if systemd keeps it."""
    found = Manager(uid=subject.uid)
    for unit in moved_units(found):
        fix = f"skupper-local system start -n {_namespace(unit.name)} writes it anew"
        yield failed(
            "unit-program", f"{unit.name} runs {unit.program or 'nothing'}", "that program is not there", fix
        )
    sound = [unit for unit in installed_units(found) if unit.program_is_there]
    if sound:
        yield ok(
            "unit-program",
            f"{len(sound)} unit{'s' if len(sound) > 1 else ''} in {found.unit_directory()} in order",
        )
    if subject.keeper != _SYSTEMD or not subject.has_site:
        return
    mine = installed_unit(subject.paths.name, found)
    name = subject.paths.name
    fix = f"skupper-local system start -n {name} puts it right"
    if mine is None:
        yield failed(
            "unit-installed", f"skupper-{name}.service is not there", "systemd should keep this site", fix
        )
    elif mine.ownership == FOREIGN or os.path.realpath(mine.home) != os.path.realpath(subject.paths.home):
        cause = f"{mine.path} belongs to {mine.home or 'another program'}"
        fix = "use another namespace, or start without it: skupper-local system start --without-systemd"
        yield failed("unit-installed", f"{mine.name} is not this site's", cause, fix)
    else:
        yield ok("unit-installed", f"{mine.name} is installed")


def _namespace(unit: str) -> str:
    return unit.removeprefix("skupper-").removesuffix(".service")


GROUP = Group(
    "services",
    ("systemd-manager", "lingering", "engine-socket-unit", "unit-program", "unit-installed"),
    (manager, lingering, engine_unit, units),
)
