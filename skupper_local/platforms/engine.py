"""What the rest of the program sees of a container engine: plain values, few verbs, every one within a bounded time.

``podman.py`` and ``docker.py`` implement :class:`Engine` with their libraries and turn whatever those raise into the errors
below. An engine is of this machine: its endpoint is a socket (reference-engine 6.2), and a remote one is refused, because the
directories that are mounted are this machine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.platforms.container import ContainerSpec

ANSWER_SECONDS = 7.0
"""How long any question to an engine may take, pulling and loading images apart: with the words around it below 10 s."""


class EngineUnreachableError(SkupperLocalError):
    """No engine answers at its endpoint: no socket, no permission, nobody listening, or no answer in time."""

    code: ClassVar[str] = "engine-unreachable"


class EngineRefusedError(InvalidRequestError):
    """An endpoint that cannot be used: remote, not a socket, of the other engine, or too old."""

    code: ClassVar[str] = "engine-refused"


class EngineFailedError(SkupperLocalError):
    """The engine answered a request with an error of its own; ``why`` has its words."""

    code: ClassVar[str] = "engine-failed"


class ImageMissingError(SkupperLocalError):
    """The image is not there and is not to be pulled."""

    code: ClassVar[str] = "image-missing"


class ImagePullError(SkupperLocalError):
    """The image could not be pulled: no login, no network, no such tag, no space."""

    code: ClassVar[str] = "image-not-pulled"


class ImageArchiveError(SkupperLocalError):
    """The archive could not be loaded."""

    code: ClassVar[str] = "image-archive-not-loaded"


class NetworkMissingError(SkupperLocalError):
    """The engine has no network of that name."""

    code: ClassVar[str] = "network-missing"


class ContainerLimitsError(InvalidRequestError):
    """Limits of processors or memory that this engine cannot impose here."""

    code: ClassVar[str] = "container-limits-unsupported"


class ContainerForeignError(SkupperLocalError):
    """A container of the router's name is there and is not ours."""

    code: ClassVar[str] = "container-foreign"


@dataclass(frozen=True)
class EngineFacts:
    """What an engine says of itself.

    ``network_is_ours`` is False where "host" is not this machine's network (rootless Docker). ``controllers`` are the limits
    it can impose (``cpu``, ``memory``): they depend on the machine's cgroups and on what was delegated to the user.
    """

    name: str
    version: str
    api_version: str
    rootless: bool
    architecture: str
    cgroup_version: str = ""
    controllers: frozenset[str] = frozenset()
    selinux: bool = False
    network_is_ours: bool = True
    storage: str = ""


@dataclass(frozen=True)
class ImageFacts:
    """An image that is present. ``size`` in bytes; ``labels`` of the image; ``digest`` as pulled, empty for a local one."""

    id: str
    reference: str
    digest: str = ""
    size: int = 0
    created: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ContainerFacts:
    """A container, ours or not. ``addresses`` are its own, by network (``host``: the machine, 127.0.0.1); ``published``
    its container ports as ``host, port`` on the machine; ``mounted`` is what of the machine stands at which path of the
    container; ``since`` and ``ended`` are seconds since the epoch (0: never); ``pid`` is the machine's number (0: none).

    ``abandoned`` means that the engine's process that watches the container (Podman's conmon) was killed: the engine then
    neither notices its end nor starts it again, whatever it says.
    """

    id: str
    name: str
    image: str
    image_id: str
    running: bool
    restarting: bool = False
    pid: int = 0
    monitor_pid: int = 0
    abandoned: bool = False
    since: float = 0.0
    ended: float = 0.0
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    restarts: int = 0
    health: str = ""
    restart_policy: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    mounted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PullProgress:
    """How far a pull is: bytes done and in all as far as they are known (0: not known), and what is being done."""

    done: int
    total: int
    text: str


Progress = Callable[[PullProgress], None]


class Engine(Protocol):
    """One container engine. Every method raises the errors above and returns within ANSWER_SECONDS unless it says otherwise."""

    name: str
    endpoint: str

    def facts(self) -> EngineFacts:
        """What it is."""

    def image(self, reference: str) -> ImageFacts | None:
        """The image if it is present."""

    def pull(self, reference: str, progress: Progress) -> ImageFacts:
        """Pull it with the credentials of REGISTRY_AUTH_FILE or the engine's own files. Bounded by lack of progress, not by
        size. Raises ImagePullError."""

    def load(self, archive: Path) -> tuple[str, ...]:
        """Load the images of an archive; their references. Raises ImageArchiveError."""

    def images(self) -> tuple[str, ...]:
        """The names of all images that have one, with their tags."""

    def remove_image(self, reference: str) -> bool:
        """Take that name from an image, and remove one that has no other; False when it is not there or a container uses it."""

    def create(self, spec: ContainerSpec) -> None:
        """Make the container; one of that name that is there already is an error.

        Within a minute: the first container of an image may have to copy its files for another owner.
        """

    def start(self, name: str) -> None:
        """Start it, within half a minute; it runs already: nothing to do."""

    def stop(self, name: str, seconds: int) -> bool:
        """SIGTERM, and SIGKILL after ``seconds`` (on top of the usual limit); False when it did not run or is not there."""

    def remove(self, name: str) -> bool:
        """Remove it, running or not; False when it was not there."""

    def signal(self, name: str, signal: str) -> bool:
        """Send it a signal (``HUP``); False when it does not run."""

    def container(self, name: str) -> ContainerFacts | None:
        """The container of that name."""

    def containers(self, labels: Mapping[str, str]) -> tuple[ContainerFacts, ...]:
        """All containers, running or not, that bear all of these labels."""

    def networks(self) -> tuple[str, ...]:
        """The names of its networks, by name."""

    def make_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a bridge network; one of that name that is there already is left as it is."""

    def remove_network(self, name: str, labels: Mapping[str, str]) -> bool:
        """Remove the network of that name if it bears these labels; False when there is none such."""

    def log(self, name: str, count: int) -> list[str]:
        """The last lines a container wrote; all when negative."""

    def follow(self, name: str) -> Iterator[str]:
        """Every line it writes from now on; ends when it ends."""

    def close(self) -> None:
        """Give up the connection."""


def engine_of(platform: str, endpoint: str = "", environment: Mapping[str, str] | None = None) -> Engine:
    """Connect to the engine of ``podman`` or ``docker``; ``endpoint`` empty: the usual one (see ``endpoints``).

    ``environment`` is the caller's: it may name the endpoint, and where the logins of registries are. Raises
    EngineUnreachableError and EngineRefusedError.
    """
    if platform == "podman":
        from skupper_local.platforms.podman import PodmanEngine

        return PodmanEngine(endpoint, environment or {})
    from skupper_local.platforms.docker import DockerEngine

    return DockerEngine(endpoint, environment or {})
