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

PLATFORMS = ("podman", "docker", "linux")
"""Every platform the reference has apart from Kubernetes."""


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
    start put in place is there.
    """

    namespace: str
    home: Path
    configuration: Path
    site_id: str
    program: str
    label: str = ""


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
            return "the router is not running"
        if self.last_exit:
            return f"the router ended ({self.last_exit.how}) and is being started again"
        return "the router is being started"


class Platform(Protocol):
    """One way to run routers. Every method returns within a bounded time."""

    name: str

    def start(self, spec: RouterSpec) -> None:
        """Start the router and whatever keeps it running. Returns when its process exists, not when it is ready.

        Ends what an earlier, killed command or supervisor left of it. Raises RouterNotStartedError.
        """

    def stop(self, home: Path) -> bool:
        """End the router and what keeps it; False when nothing ran. Raises RouterNotStoppedError."""

    def inspect(self, home: Path) -> RouterReport:
        """How the router is."""

    def refresh(self, home: Path) -> bool:
        """Tell the router that certificate files changed (SIGHUP); False when none runs."""

    def log_file(self, home: Path) -> Path:
        """Where the newest part of the log is."""

    def log(self, home: Path, count: int) -> list[str]:
        """The last ``count`` lines of its log; all when negative."""

    def follow(self, home: Path) -> Iterator[str]:
        """Every line it logs from now on."""


def platform_named(name: str) -> Platform:
    """The platform of that name. Raises PlatformNotSupportedError for any but ``linux``."""
    if name == "linux":
        from skupper_local.platforms.linux.platform import LinuxPlatform

        return LinuxPlatform()
    if name in PLATFORMS:
        raise PlatformNotSupportedError(
            f"Platform {name} is not supported yet",
            why="this version runs sites as processes of this machine only",
            next_step="use -p linux (or SKUPPER_PLATFORM=linux)",
        )
    raise PlatformNotSupportedError(
        f"There is no platform {name!r}",
        why=f"the platforms are {', '.join(PLATFORMS)}; Kubernetes has its own tools",
        next_step="use -p linux (or SKUPPER_PLATFORM=linux)",
    )
