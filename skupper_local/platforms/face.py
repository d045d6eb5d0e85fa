"""The face every platform shows: start, stop, inspect and read the log of one namespace's router.

A platform knows processes or containers and nothing of sites: it is told which program to run on which configuration file.
What it remembers itself is only what it needs to find its router again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.platforms.container import ContainerSpec

PLATFORMS = ("podman", "docker", "linux")
"""Every platform the reference has apart from Kubernetes."""


NOT_RUNNING = "the router is not running"


class PlatformNotSupportedError(InvalidRequestError):
    """A platform that this program does not run sites on (yet)."""

    code: ClassVar[str] = "platform-not-supported"


class RouterNotStartedError(SkupperLocalError):
    """The router, or what keeps it running, could not be started."""

    code: ClassVar[str] = "router-not-started"


class RouterNotStoppedError(SkupperLocalError):
    """The router still runs although everything was done to end it."""

    code: ClassVar[str] = "router-not-stopped"


@dataclass(frozen=True)
class RouterSpec:
    """What to run: ``home`` is the namespace directory, ``program`` what was chosen (see ``platforms.linux.program``).

    ``label`` is any short text, for instance a digest of the configuration; ``inspect`` reports it for as long as what this
    start put in place is there. ``endpoint`` and ``container`` belong to the engines; ``container`` is None on ``linux``.
    """

    namespace: str
    home: Path
    configuration: Path
    site_id: str
    program: str
    label: str = ""
    platform: str = "linux"
    endpoint: str = ""
    container: ContainerSpec | None = None


@dataclass(frozen=True)
class RouterExit:
    """How a router ended: seconds since the epoch, ``exit status 1`` or ``signal 9``, seconds it ran, its last words."""

    at: float
    how: str
    ran: float
    reason: str


@dataclass(frozen=True)
class RouterReport:
    """What a platform knows of a router at this moment.

    ``kept`` says that something starts it again when it ends. A running router that is not kept has lost its supervisor.
    ``since`` is the start of the running one, ``next_start`` when another attempt is due (seconds since the epoch, 0: none).
    """

    running: bool
    kept: bool
    pid: int = 0
    keeper_pid: int = 0
    label: str = ""
    since: float = 0.0
    restarts: int = 0
    next_start: float = 0.0
    last_exit: RouterExit | None = None

    @property
    def present(self) -> bool:
        """Whether anything of it is there that a stop would have to end."""
        return self.running or self.kept

    def down_reason(self) -> str:
        """Why no router runs, as a clause for status messages; empty while one does."""
        if self.running:
            return ""
        if not self.kept:
            return NOT_RUNNING
        if self.last_exit:
            return f"the router ended ({self.last_exit.how}) and is being started again"
        return "the router is being started"


OWN = "own"
"""The router is kept by what belongs to its platform: our supervisor on ``linux``, the engine's restart policy elsewhere."""

SYSTEMD = "systemd"
"""The router is kept by a unit of systemd, and the engine restarts nothing."""


@dataclass(frozen=True)
class Placement:
    """Where a namespace's router runs and who keeps it running; recorded at the first start.

    ``endpoint`` is the engine's socket, empty on ``linux``.
    """

    platform: str
    keeper: str = OWN
    endpoint: str = ""


class Platform(Protocol):
    """One way to run routers. Every method returns within a bounded time."""

    name: str

    def start(self, spec: RouterSpec) -> None:
        """Start the router and whatever keeps it running. Returns when its process exists, not when it is ready.

        Ends what an earlier, killed command or supervisor left of it. Raises RouterNotStartedError.
        """

    def stop(self, home: Path) -> bool:
        """End the router and what keeps it, also for the next boot; False when nothing ran. Raises RouterNotStoppedError."""

    def remove(self, home: Path) -> bool:
        """Stop, and remove what was made outside the namespace for it (container, unit); False when nothing was there."""

    def inspect(self, home: Path) -> RouterReport:
        """How the router is."""

    def refresh(self, home: Path) -> bool:
        """Tell the router that certificate files changed (SIGHUP); False when none runs."""

    def log_place(self, home: Path) -> str:
        """Where the log is, as a person would look for it: a file, or the command that shows it."""

    def log(self, home: Path, count: int) -> list[str]:
        """The last ``count`` lines of its log; all when negative."""

    def follow(self, home: Path) -> Iterator[str]:
        """Every line it logs from now on."""


def require_platform(name: str) -> None:
    """Raise PlatformNotSupportedError for a name that is no platform."""
    if name not in PLATFORMS:
        raise PlatformNotSupportedError(
            f"There is no platform {name!r}",
            why=f"the platforms are {', '.join(PLATFORMS)}; Kubernetes has its own tools",
            next_step=f"give {_like(name) or 'podman, docker or linux'} in its place",
        )


def _like(name: str) -> str:
    """The platform whose name looks like the one typed; empty if none does."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), PLATFORMS, n=1)), "")


def platform_at(placement: Placement) -> Platform:
    """What runs routers there. Raises PlatformNotSupportedError for a name that is no platform."""
    if placement.keeper == SYSTEMD:
        require_platform(placement.platform)
        from skupper_local.platforms.unit_platform import UnitPlatform

        return UnitPlatform(placement)
    return own_platform(placement)


def own_platform(placement: Placement) -> Platform:
    """The platform itself, whoever keeps its routers. Raises PlatformNotSupportedError for a name that is no platform."""
    require_platform(placement.platform)
    if placement.platform == "linux":
        from skupper_local.platforms.linux.platform import LinuxPlatform

        return LinuxPlatform()
    from skupper_local.platforms.container_platform import ContainerPlatform

    return ContainerPlatform(placement.platform, placement.endpoint)


def platform_named(name: str) -> Platform:
    """The platform of that name, kept by its own means."""
    return own_platform(Placement(name))
