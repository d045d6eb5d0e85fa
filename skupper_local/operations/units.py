"""The units of systemd that keep this user's sites: which there are, whose, how they are; and a router as files for Quadlet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from skupper_local.errors import InvalidRequestError
from skupper_local.operations.target import Target
from skupper_local.platforms.quadlet import quadlet_files
from skupper_local.platforms.record import read_router_record
from skupper_local.systemd.errors import ManagerFailedError
from skupper_local.systemd.manager import Manager, UnitState
from skupper_local.systemd.units import InstalledUnit, installed_units, unit_name, unit_text

PODMAN = "podman"


class QuadletNotPossibleError(InvalidRequestError):
    """A router that Podman's generator of units could not run as it is."""

    code: ClassVar[str] = "quadlet-not-possible"


class NoUnitError(InvalidRequestError):
    """The namespace has no unit."""

    code: ClassVar[str] = "no-unit"


@dataclass(frozen=True)
class UnitView:
    """A unit of a site; ``state`` is None when the manager could not be asked."""

    installed: InstalledUnit
    namespace: str
    state: UnitState | None


@dataclass(frozen=True)
class UnitsView:
    """``directory`` is where units of this user are; ``obstacle`` why their manager cannot be asked, empty when it can."""

    directory: str
    units: tuple[UnitView, ...]
    obstacle: str


def view_units(namespace: str = "", *, manager: Manager | None = None) -> UnitsView:
    """The units of all sites of this user, or of one namespace only."""
    manager = manager or Manager()
    found = [
        unit for unit in installed_units(manager) if namespace == "" or unit.name == unit_name(namespace)
    ]
    obstacle = manager.obstacle()
    views = []
    for unit in found:
        state = None
        if not obstacle:
            try:
                state = manager.state(unit.name)
            except ManagerFailedError as error:
                obstacle = error.why
        views.append(UnitView(unit, os.path.basename(unit.home), state))
    return UnitsView(str(manager.unit_directory()), tuple(views), obstacle)


def unit_file(namespace: str, *, manager: Manager | None = None) -> tuple[str, str]:
    """The path and the text of a namespace's unit. Raises NoUnitError."""
    manager = manager or Manager()
    for unit in installed_units(manager):
        if unit.name == unit_name(namespace):
            return str(unit.path), unit_text(unit)
    raise NoUnitError(
        f"Namespace {namespace} has no unit",
        why=f"there is no {unit_name(namespace)} of a site in {manager.unit_directory()}",
        next_step=f"start the site with systemd: skupper-local system start --with-systemd -n {namespace}; "
        "see which there are: skupper-local system units",
    )


@dataclass(frozen=True)
class Quadlet:
    """``files`` by name; ``directory`` is where the generator looks for them, ``unit`` what it makes of them, and ``manager``
    how a command for its manager begins."""

    files: Mapping[str, str]
    directory: str
    unit: str
    manager: str


def quadlet(target: Target) -> Quadlet:
    """The router of a site as files for Podman's generator of units.

    Raises QuadletNotPossibleError and, for a site that was never started, RouterRecordError.
    """
    spec = read_router_record(target.paths.router_record)
    if spec.platform != PODMAN or spec.container is None:
        raise QuadletNotPossibleError(
            f"There is no Quadlet for namespace {target.namespace}",
            why=f"it is on platform {spec.platform}, and Quadlet runs containers of Podman",
            next_step=f"move it first: skupper-local system migrate --to podman -n {target.namespace}",
        )
    manager = Manager()
    try:
        return Quadlet(
            files=quadlet_files(spec.namespace, spec.home, spec.container),
            directory="/etc/containers/systemd" if manager.of_system else "~/.config/containers/systemd",
            unit=spec.container.name,
            manager=manager.words,
        )
    except ValueError as error:
        raise QuadletNotPossibleError(
            f"There is no Quadlet for namespace {target.namespace}",
            why=str(error),
            next_step="use a data home of another name (XDG_DATA_HOME)",
        ) from error
