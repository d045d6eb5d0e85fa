"""Prepare a platform for sites: ``system install``.

Nothing here is needed to run a site; it makes what sites like to find: the data home, a socket on which the engine answers
now and after a reboot, on request the router's image and lingering. Whatever is changed is recorded first
(``namespace.installation``), and what is there already is left as it is, so that repeating it changes nothing and
``uninstall`` undoes no more than that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.host.programs import find_program, systemd_is_running
from skupper_local.namespace.installation import (
    AddedImage,
    ChangedUnit,
    Installation,
    make_directories,
    missing_directories,
    read_installation,
    write_installation,
)
from skupper_local.operations.image import choose_image
from skupper_local.operations.placement import LINUX, recorded_placement
from skupper_local.operations.target import VARIABLE, Target, require_platform_name
from skupper_local.platforms.container_platform import provide_image
from skupper_local.platforms.endpoints import engine_endpoint, socket_path
from skupper_local.platforms.engine import Engine, Progress, engine_of
from skupper_local.systemd.lingering import lingering_warning, lingers, set_lingering, user_name
from skupper_local.systemd.manager import Manager

RELOAD_MANUAL = "manual"
RELOAD_AUTO = "auto"

_SOCKET_SECONDS = 5.0


class ReloadTypeError(InvalidRequestError):
    """Reloading by itself was asked for, and nothing here does it."""

    code: ClassVar[str] = "reload-type-unsupported"


class InstallWishInvalidError(InvalidRequestError):
    """Something was asked for that the platform does not have."""

    code: ClassVar[str] = "install-wish-invalid"


@dataclass(frozen=True)
class InstallWishes:
    """What was asked for: an image by name, when to pull it (empty: not now), an archive to load, lingering."""

    image: str = ""
    pull: str = ""
    archive: Path | None = None
    linger: bool = False
    reload_type: str = RELOAD_MANUAL
    progress: Progress = field(default=lambda progress: None)


@dataclass(frozen=True)
class Installed:
    """``done`` is what was changed and ``found`` what was there already, one sentence each; ``advice`` is what is missing.

    ``image`` is the one that sites will run, ``image_present`` whether it is there; ``image_chosen`` says that it is not the
    one that a start takes by itself.
    """

    platform: str
    done: tuple[str, ...]
    found: tuple[str, ...]
    advice: tuple[str, ...]
    image: str = ""
    image_present: bool = False
    image_chosen: bool = False


def install(target: Target, wishes: InstallWishes, environ: Mapping[str, str] | None = None) -> Installed:
    """Prepare the platform of a namespace for sites.

    Raises ReloadTypeError, InstallWishInvalidError, ManagerFailedError, LingeringError, the errors of engines and images, and
    those of the file system.
    """
    environ = os.environ if environ is None else environ
    _refuse(wishes)
    platform, endpoint = platform_meant(target, environ)
    work = _Work(target.paths.data_home)
    if platform == LINUX:
        _refuse_images(wishes)
    work.make_data_home(target.paths.namespaces)
    if platform == LINUX:
        _describe_linux(work)
        image, present = "", False
    else:
        _prepare_engine(work, platform, endpoint, environ)
        image = choose_image(wishes.image, "", environ)
        with closing(engine_of(platform, endpoint, environ)) as engine:
            known = engine.facts()
            work.found.append(f"{known.name} {known.version} answers at {engine.endpoint}")
            image, present = _provide_image(work, engine, image, wishes)
    _prepare_lingering(work, wishes)
    chosen = bool(image) and image != choose_image("", "", environ)
    return Installed(
        platform, tuple(work.done), tuple(work.found), tuple(work.advice), image, present, chosen
    )


def platform_meant(target: Target, environ: Mapping[str, str]) -> tuple[str, str]:
    """The platform a command about the machine works on, and its engine's endpoint (empty on ``linux``).

    First match wins: the flag; the namespace's record; ``SKUPPER_PLATFORM``; the engine whose program is installed; ``linux``.
    Raises PlatformNotSupportedError and EngineRefusedError.
    """
    recorded = recorded_placement(target.paths)
    platform = target.platform or (recorded.platform if recorded else environ.get(VARIABLE, ""))
    require_platform_name(platform)
    if not platform:
        programs = (("podman", "podman"), ("docker", "dockerd"))
        platform = next((name for name, program in programs if find_program(program)), LINUX)
    if platform == LINUX:
        return LINUX, ""
    if recorded and recorded.platform == platform and recorded.endpoint:
        return platform, recorded.endpoint
    return platform, engine_endpoint(platform, environ, os.getuid())


class _Work:
    """What is found, done and advised, and the record of it."""

    def __init__(self, data_home: Path) -> None:
        self.data_home = data_home
        self.record = read_installation(data_home)
        self.done: list[str] = []
        self.found: list[str] = []
        self.advice: list[str] = []
        self.manager = Manager()
        self.obstacle = self.manager.obstacle()

    def change(self, done: str, record: Installation, act: Callable[[], object]) -> None:
        """Record a change and make it; one that fails is taken from the record again."""
        before = self.record
        write_installation(self.data_home, record)
        self.record = record
        try:
            act()
        except SkupperLocalError:
            write_installation(self.data_home, before)
            self.record = before
            raise
        self.done.append(done)

    def make_data_home(self, namespaces: Path) -> None:
        """The directory for namespaces, private. Its record lies in it, so this one is written afterwards."""
        missing = missing_directories(namespaces)
        # The first site makes the directory of its unit, and its teardown leaves that behind.
        units = missing_directories(self.manager.unit_directory()) if not self.obstacle else ()
        if missing:
            make_directories(namespaces)
            self.done.append(f"made {namespaces} for sites")
        else:
            self.found.append(f"sites are kept in {namespaces}")
        self.record_directories(*missing, *units)

    def record_directories(self, *made: str) -> None:
        """Directories that are not there, or were not until now."""
        known = dict.fromkeys((*self.record.directories, *made))
        if len(known) > len(self.record.directories):
            self.record = replace(self.record, directories=tuple(known))
            write_installation(self.data_home, self.record)


def _refuse(wishes: InstallWishes) -> None:
    if wishes.reload_type == RELOAD_AUTO:
        raise ReloadTypeError(
            "Sites are not reloaded by themselves",
            why="no controller belongs to this version that would watch the declarations",
            next_step="leave --reload-type away, and type skupper-local system reload after a change: it restarts a router only"
            " if its configuration changed",
        )
    if wishes.archive is not None and wishes.pull:
        raise InstallWishInvalidError(
            "--archive and --pull contradict each other",
            why="the image comes from a file or from a registry",
            next_step="choose one of them",
        )


def _refuse_images(wishes: InstallWishes) -> None:
    flags = (("--image", wishes.image), ("--pull", wishes.pull), ("--archive", wishes.archive))
    asked = [flag for flag, value in flags if value]
    if asked:
        raise InstallWishInvalidError(
            "Platform linux has no images",
            why=f"{', '.join(asked)} is about containers; routers of platform linux are programs of this machine",
            next_step="leave it away, or name the engine: -p podman (or docker)",
        )


def _describe_linux(work: _Work) -> None:
    if work.obstacle:
        work.advice.append(
            f"no systemd for services ({work.obstacle}): a supervisor keeps routers running, and after a reboot you type"
            " skupper-local system start for each site"
        )
    else:
        work.found.append(f"systemd keeps routers running ({work.manager.words})")


def _prepare_engine(work: _Work, platform: str, endpoint: str, environ: Mapping[str, str]) -> None:
    """See to it that the engine's socket is there now and after a reboot, where systemd can do it and may."""
    usual = engine_endpoint(platform, {"XDG_RUNTIME_DIR": environ.get("XDG_RUNTIME_DIR", "")}, os.getuid())
    if endpoint != usual:
        work.found.append(
            f"the engine's socket is {socket_path(endpoint)}, which is not one of a unit known here"
        )
        return
    path = socket_path(endpoint)
    unit = "podman.socket" if platform == "podman" else "docker.service"
    if os.getuid() != 0 and not path.startswith(
        f"{environ.get('XDG_RUNTIME_DIR') or f'/run/user/{os.getuid()}'}/"
    ):
        return  # the machine's own engine: root's to enable
    if work.obstacle:
        work.advice.append(_without_systemd(platform, endpoint, work.obstacle))
        return
    state = work.manager.state(unit)
    if not state.loaded:
        work.advice.append(f"there is no unit {unit}: start {platform} at boot in another way")
        return
    enable, start = state.enabled in ("disabled", "linked"), not state.kept
    if not enable and not start:
        work.found.append(f"{unit} is {state.enabled or 'there'} and {state.active}")
        return
    socket = path if not os.path.lexists(path) else ""
    changed = ChangedUnit(platform, unit, enable, start, socket)
    work.record_directories(
        *missing_directories(Path(path).parent)
    )  # the unit makes it, and leaves it behind
    record = replace(work.record, units=_merged(work.record.units, changed))

    def act() -> None:
        if enable:
            work.manager.enable(unit)
        if start:
            work.manager.start(unit)
            _wait_for(path)

    words = " and ".join(word for word, so in (("enabled", enable), ("started", start)) if so)
    work.change(f"{words} {unit} ({work.manager.words} status {unit})", record, act)


def _merged(units: tuple[ChangedUnit, ...], changed: ChangedUnit) -> tuple[ChangedUnit, ...]:
    """What an earlier installation did to the same unit counts, too: its first change is what is undone."""
    former = next((item for item in units if item.unit == changed.unit), None)
    if former:
        changed = replace(
            changed,
            enabled=changed.enabled or former.enabled,
            started=changed.started or former.started,
            socket=changed.socket or former.socket,
        )
    return (*(item for item in units if item.unit != changed.unit), changed)


def _without_systemd(platform: str, endpoint: str, obstacle: str) -> str:
    command = f"podman system service --time=0 {endpoint} &" if platform == "podman" else "dockerd &"
    return (
        f"no systemd for services ({obstacle}): start {platform} yourself, now and after a reboot ({command}); it starts the"
        " routers again that ran"
    )


def _wait_for(path: str) -> None:
    deadline = time.monotonic() + _SOCKET_SECONDS
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.02)


def _provide_image(work: _Work, engine: Engine, image: str, wishes: InstallWishes) -> tuple[str, bool]:
    """The image that sites will run, and whether it is there."""
    before = frozenset(engine.images()) if wishes.pull or wishes.archive else frozenset()
    if wishes.archive is not None:
        loaded = engine.load(wishes.archive)
        work.done.append(f"loaded {', '.join(loaded) or 'an image without a name'} from {wishes.archive}")
        if not wishes.image and len(loaded) == 1 and engine.image(image) is None:
            image = loaded[0]
    elif wishes.pull:
        provide_image(engine, image, wishes.pull, wishes.progress)
    if before or wishes.pull or wishes.archive:
        _record_images(work, engine, before)
    present = engine.image(image) is not None
    if present:
        work.found.append(f"the router's image {image} is here")
    return image, present


def _record_images(work: _Work, engine: Engine, before: frozenset[str]) -> None:
    known = {(item.platform, item.reference) for item in work.record.images}
    added = tuple(
        AddedImage(engine.name, engine.endpoint, name)
        for name in engine.images()
        if name not in before and (engine.name, name) not in known
    )
    if added:
        work.record = replace(work.record, images=(*work.record.images, *added))
        write_installation(work.data_home, work.record)


def _prepare_lingering(work: _Work, wishes: InstallWishes) -> None:
    uid = os.getuid()
    if uid == 0:
        if wishes.linger:
            work.found.append("root's services belong to the system and need no lingering")
        return
    if lingers(uid):
        work.found.append(f"services of {user_name(uid)} start at boot and outlive the session (lingering)")
    elif wishes.linger:
        record = replace(work.record, lingering=user_name(uid))
        work.change(
            f"switched lingering of {user_name(uid)} on: its services start at boot and outlive the session",
            record,
            lambda: set_lingering(uid, on=True),
        )
    elif systemd_is_running():
        work.advice.append(f"{lingering_warning(uid)} (or repeat this with --enable-linger)")
