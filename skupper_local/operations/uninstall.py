"""Clean a platform: ``system uninstall``.

What goes away is ours by a mark of its own: sites of this data home, units that name one of its namespaces, containers that
have one mounted, networks made for one; and what ``install`` recorded, unless somebody else uses it by now. An engine that does
not answer keeps its sites, because a container that nobody can look at would outlive its files; everything else is done, what
is left is said, and a repetition finishes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.installation import (
    ChangedUnit,
    Installation,
    read_installation,
    remove_dead_socket,
    remove_emptied,
    write_installation,
)
from skupper_local.namespace.paths import NamespacePaths, list_namespaces
from skupper_local.namespace.records import read_choices
from skupper_local.operations.adoption import site_platform
from skupper_local.operations.lifecycle import site_name, teardown
from skupper_local.operations.target import Target, require_platform_name
from skupper_local.platforms.container import (
    APPLICATION,
    CONFIGURATION_TARGET,
    LABEL_APPLICATION,
    LABEL_SPECIFICATION,
    STOP_SECONDS,
    own_network,
)
from skupper_local.platforms.endpoints import engine_endpoint, socket_path
from skupper_local.platforms.engine import Engine, engine_of
from skupper_local.systemd.lingering import set_lingering
from skupper_local.systemd.manager import Manager
from skupper_local.systemd.units import OURS, installed_units, remove_unit

_ENGINES = ("podman", "docker")
_OWN_LABELS = {LABEL_APPLICATION: APPLICATION}


class SitesActiveError(SkupperLocalError):
    """There are sites, and they are not to be removed without saying so."""

    code: ClassVar[str] = "sites-active"


@dataclass(frozen=True)
class Uninstalled:
    """One sentence each: what was ``removed``, what was ``left`` because it is somebody else's or in use, and what could not be
    looked at or undone (``undone`` is then not all: repeat)."""

    removed: tuple[str, ...]
    left: tuple[str, ...]
    failed: tuple[str, ...]


def uninstall(
    data_home: Path,
    platform: str = "",
    *,
    force: bool = False,
    command: str = "skupper-local system uninstall",
    environ: Mapping[str, str] | None = None,
) -> Uninstalled:
    """Remove what is ours on one platform, or on all of them. Nothing there is a success.

    Raises SitesActiveError without ``force``, PlatformNotSupportedError, and the errors of records and of the file system.
    """
    environ = os.environ if environ is None else environ
    require_platform_name(platform)
    sites = [
        (paths, found)
        for paths in list_namespaces(data_home)
        if _concerns(platform, found := _platform_of(paths))
    ]
    if sites and not force:
        raise _active([paths for paths, _ in sites])
    work = _Work(data_home, platform, environ)
    for paths, _ in sites:
        work.tear_down(paths, command)
    work.remove_stray_units()
    for name in _ENGINES:
        if platform in ("", name):
            work.clean_engine(name)
    work.undo_installation()
    return Uninstalled(tuple(work.removed), tuple(work.left), tuple(work.failed))


def _platform_of(paths: NamespacePaths) -> str:
    """Where the site of a namespace is; empty for one that was never started, or whose record cannot be read."""
    with suppress(SkupperLocalError):
        found = site_platform(paths)
        return found[0].platform if found else ""
    return ""


def _concerns(asked: str, platform: str) -> bool:
    return asked in ("", platform)


def _active(sites: Iterable[NamespacePaths]) -> SitesActiveError:
    lines = [
        f"The {site_name(paths) or '(undeclared)'} site is active (namespace {paths.name})" for paths in sites
    ]
    return SitesActiveError(
        f"{len(lines)} site{'s are' if len(lines) > 1 else ' is'} still there",
        why="\n".join(lines),
        next_step="remove each: skupper-local system teardown -n NAME\nor all of them, with their declarations and keys: "
        "skupper-local system uninstall --force",
    )


@dataclass
class _Work:
    """What is known of the engines, and what was done."""

    data_home: Path
    platform: str
    environ: Mapping[str, str]
    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    manager: Manager = field(default_factory=Manager)
    _busy: dict[str, str] = field(default_factory=dict)
    _images: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @cached_property
    def _obstacle(self) -> str:
        return self.manager.obstacle()

    def tear_down(self, paths: NamespacePaths, command: str) -> None:
        """Remove a site with everything in it."""
        image, found = "", None
        with suppress(SkupperLocalError):
            image, found = read_choices(paths).image, site_platform(paths)
        try:
            teardown(Target(paths, command=command))
        except SkupperLocalError as error:
            self.failed.append(f"namespace {paths.name} is left as it was: {error}. {_step(error)}")
            return
        self.removed.append(f"namespace {paths.name}")
        if image and found:
            self._images.setdefault(found[0].platform, set()).add((found[0].endpoint, image))

    def remove_stray_units(self) -> None:
        """Units of ours whose namespace is gone."""
        namespaces = os.path.realpath(self.data_home / "namespaces")
        for unit in installed_units(self.manager):
            home = os.path.realpath(unit.home or "/")
            if unit.ownership != OURS or os.path.dirname(home) != namespaces or os.path.isdir(home):
                continue
            try:
                self._end(unit.name)
                if remove_unit(os.path.basename(home), Path(home), self.manager):
                    self.removed.append(f"unit {unit.name}")
                    if not self._obstacle:
                        self.manager.reload()
                        self.manager.forget_failure(unit.name)
            except SkupperLocalError as error:
                self.failed.append(f"unit {unit.name}: {error}. {_step(error)}")

    def _end(self, unit: str) -> None:
        if self._obstacle:
            return
        state = self.manager.state(unit)
        if state.enabled == "enabled":
            self.manager.disable(unit)
        if state.kept:
            self.manager.stop(unit)

    def clean_engine(self, name: str) -> None:
        """Containers and networks of namespaces that are gone, and the images that install brought."""
        for endpoint in self._endpoints(name):
            if not os.path.exists(socket_path(endpoint)):
                self._busy.setdefault(name, "")
                if any(item.platform == name for item in self._record().images):
                    self.failed.append(
                        f"{name} at {socket_path(endpoint)} could not be looked at: there is no such socket"
                    )
                continue
            try:
                with closing(engine_of(name, endpoint, self.environ)) as engine:
                    self._clean(engine)
            except SkupperLocalError as error:
                self._busy[name] = f"{name} does not answer, so it is not known who uses it"
                if self._concerned(name):
                    self.failed.append(f"{name} could not be looked at: {error}. {_step(error)}")
                elif os.access(socket_path(endpoint), os.W_OK):  # else nothing there can be this user's
                    self.left.append(f"{name} was not looked at: {error.why or error.what}")

    def _concerned(self, name: str) -> bool:
        """Whether there may be something of ours in that engine."""
        record = self._record()
        recorded = {item.platform for item in record.units} | {item.platform for item in record.images}
        return self.platform == name or name in self._images or name in recorded

    def _endpoints(self, name: str) -> tuple[str, ...]:
        found = [item.endpoint for item in self._record().images if item.platform == name]
        found += [endpoint for endpoint, _ in self._images.get(name, ())]
        with suppress(SkupperLocalError):
            found.append(engine_endpoint(name, self.environ, os.getuid()))
        return tuple(dict.fromkeys(endpoint for endpoint in found if endpoint))

    def _clean(self, engine: Engine) -> None:
        namespaces = os.path.realpath(self.data_home / "namespaces")
        for container in engine.containers(_OWN_LABELS):
            mounted = container.mounted.get(CONFIGURATION_TARGET, "")
            home = os.path.dirname(os.path.dirname(os.path.realpath(mounted))) if mounted else ""
            ours = LABEL_SPECIFICATION in container.labels and os.path.dirname(home) == namespaces
            if ours and not os.path.isdir(home):
                if container.running and not container.abandoned:
                    engine.stop(container.name, STOP_SECONDS)
                engine.remove(container.name)
                self.removed.append(f"container {container.name} of {engine.name}")
                if engine.remove_network(own_network(os.path.basename(home)), _OWN_LABELS):
                    self.removed.append(f"network {own_network(os.path.basename(home))} of {engine.name}")
        self._remove_images(engine)
        others = engine.containers({})
        if others:
            names = ", ".join(item.name for item in others[:3]) + (" ..." if len(others) > 3 else "")
            self._busy[engine.name] = f"{engine.name} has other containers ({names})"

    def _remove_images(self, engine: Engine) -> None:
        record = self._record()
        present = set(engine.images())
        for item in record.images:
            if (item.platform, item.endpoint) != (engine.name, engine.endpoint):
                continue
            if item.reference in present and not engine.remove_image(item.reference):
                self.left.append(f"image {item.reference}: a container uses it ({engine.name} ps -a)")
            elif item.reference in present:
                self.removed.append(f"image {item.reference} of {engine.name}")
            record = replace(record, images=tuple(other for other in record.images if other != item))
        self._write(record)
        for endpoint, image in self._images.get(engine.name, ()):
            if endpoint == engine.endpoint and engine.image(image) is not None:
                self.left.append(f"image {image}: to remove it: {engine.name} rmi {image}")

    def undo_installation(self) -> None:
        """Units, lingering and directories that install changed, as far as nobody else uses them."""
        record = self._record()
        for unit in record.units:
            if self.platform in ("", unit.platform) and self._undo_unit(unit):
                record = replace(record, units=tuple(item for item in record.units if item != unit))
                self._write(record)
        if record.lingering and not record.units and not self._platforms_left():
            record = self._undo_lingering(record)
            self._write(record)
        if replace(record, directories=()).is_empty and not list_namespaces(self.data_home):
            self._write(Installation())
            if remove_emptied(self.data_home, record.directories):
                if record.directories:
                    self.removed.append(f"directory {self.data_home}")
            elif record.directories and self.data_home.is_dir():
                self.left.append(f"directory {self.data_home}: other files are in it")

    def _platforms_left(self) -> bool:
        return bool(list_namespaces(self.data_home))

    def _undo_unit(self, unit: ChangedUnit) -> bool:
        """Whether there is nothing more to undo of it."""
        using = self._busy.get(unit.platform, "") or self._sites_on(unit.platform)
        if using:
            self.left.append(f"{unit.unit} as it is: {using}")
            return False
        try:
            state = self.manager.state(unit.unit)
            if unit.enabled and state.enabled == "enabled":
                self.manager.disable(unit.unit)
                self.removed.append(f"{unit.unit} from what starts at boot")
            if unit.started and state.kept:
                self.manager.stop(unit.unit)
                self.removed.append(f"{unit.unit} from what runs")
        except SkupperLocalError as error:
            self.failed.append(f"{unit.unit}: {error}. {_step(error)}")
            return False
        if unit.started and unit.socket:
            remove_dead_socket(unit.socket)
        return True

    def _sites_on(self, platform: str) -> str:
        names = [paths.name for paths in list_namespaces(self.data_home) if _platform_of(paths) == platform]
        return f"namespace {names[0]} is on {platform}" if names else ""

    def _undo_lingering(self, record: Installation) -> Installation:
        wanted = sorted(path.name for path in self.manager.unit_directory().glob("*.wants/*"))
        using = f"{wanted[0]} starts at boot by it" if wanted else self._busy.get("podman", "")
        if using:
            self.left.append(f"lingering of {record.lingering}: {using}")
            return record
        try:
            set_lingering(os.getuid(), on=False)
        except SkupperLocalError as error:
            self.failed.append(f"{error}. {_step(error)}")
            return record
        self.removed.append(f"lingering of {record.lingering}")
        return replace(record, lingering="")

    def _record(self) -> Installation:
        return read_installation(self.data_home)

    def _write(self, record: Installation) -> None:
        if record != self._record():
            write_installation(self.data_home, record)


def _step(error: SkupperLocalError) -> str:
    return f"Next: {error.next_step}" if error.next_step else ""
