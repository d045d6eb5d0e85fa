"""Container engines of a test's own, reached straight by their sockets: real ones, with their state in one directory.

They run on this machine (unlike those in the hosts of ``hosts``), so that a test may send their containers' processes signals.
A keeper process holds a private mount namespace in which the engine's usual directories of the machine are empty, so nothing is
shared with another engine, and a service that was killed can be started again in the same surroundings. Root only.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from skupper_local.errors import SkupperLocalError
from skupper_local.platforms.engine import Engine, engine_of
from tests.rig.hosts import command, unique
from tests.rig.registry import Image, build_image
from tests.rig.requirements import why_no_system_tests

REGISTRY_PORT = 5000
_READY_SECONDS = 30.0

_KEEP = """
mount --make-rshared /
for d; do mkdir -p "$d" && mount -t tmpfs tmpfs "$d" || exit 1; done
echo ready
exec sleep 1000000
"""

LOOP = """
trap 'echo stopping; exit 0' TERM
trap 'echo refreshed' HUP
echo "runs as $(/bin/busybox id -u):$(/bin/busybox id -g)"
/bin/busybox touch /forbidden 2>/dev/null || echo "root is read-only"
/bin/busybox touch /tmp/allowed && echo "temporary files are possible"
echo "capabilities $(/bin/busybox grep CapBnd /proc/self/status)"
echo "configuration $(/bin/busybox cat $QDROUTERD_CONF)"
while :; do /bin/busybox sleep 0.1; done
"""


def why_not() -> str:
    """Why no private engines can be started here; empty when they can."""
    return why_no_system_tests()


def busybox_image(**labels: str) -> Image:
    """An image whose command behaves like a router in a container: it stays, and knows SIGTERM and SIGHUP."""
    program = Path(shutil.which("busybox") or "").read_bytes()
    return build_image({"bin/busybox": program, "tmp/": b""}, ("/bin/busybox", "sh", "-c", LOOP), labels)


class NetworkNamespace:
    """A network namespace with a loopback, gone with :meth:`remove`."""

    def __init__(self, name: str) -> None:
        self.name = unique(name)
        command("ip", "netns", "add", self.name)
        command("ip", "-n", self.name, "link", "set", "lo", "up")

    def enter(self) -> list[str]:
        """The beginning of a command that runs in it."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def remove(self) -> None:
        command("ip", "netns", "del", self.name)


class PrivateEngine(ABC):
    """An engine that runs for the tests. ``user`` is the one whose it is, ``endpoint`` its socket."""

    platform: ClassVar[str]

    def __init__(self, directory: Path, network: NetworkNamespace, *, user: str = "root") -> None:
        self.directory = directory
        self.user = pwd.getpwnam(user)
        self.endpoint = f"unix://{directory}/engine.sock"
        self.network = network
        self._service: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True)
        self._configure()
        for path in (directory, *directory.rglob("*")):
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self._keeper = subprocess.Popen(
            [
                *network.enter(),
                *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
                _KEEP,
                "sh",
                *self.hidden_directories(),
            ],
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"ready\n"

    @abstractmethod
    def hidden_directories(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _configure(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    def start(self) -> None:
        """Start the service and wait until it answers."""
        keeper = self._keeper.pid
        with (self.directory / "log").open("ab") as log:
            self._service = subprocess.Popen(
                [
                    *("nsenter", f"--mount=/proc/{keeper}/ns/mnt", f"--net=/proc/{keeper}/ns/net"),
                    *(
                        "setpriv",
                        "--reuid",
                        str(self.user.pw_uid),
                        "--regid",
                        str(self.user.pw_gid),
                        "--init-groups",
                    ),
                    *self._command(),
                ],
                env={"HOME": self.user.pw_dir, **self._environment()},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.connect().close()
            except SkupperLocalError:
                if time.monotonic() > deadline or self._service.poll() is not None:
                    raise RuntimeError((self.directory / "log").read_text()[-2_000:]) from None
                time.sleep(0.05)
            else:
                return

    def connect(self) -> Engine:
        return engine_of(self.platform, self.endpoint)

    def signal(self, number: int) -> None:
        """Send the service (not its containers) a signal; after SIGKILL it is gone when this returns."""
        for pid in self._service_processes():
            os.kill(pid, number)
        if number == signal.SIGKILL:
            assert self._service is not None
            self._service.wait()
            while self._service_processes():  # init takes its time to collect what was not our child
                time.sleep(0.05)

    def _service_processes(self) -> list[int]:
        """The processes with the command line of the service: rootless Podman has two of them."""
        words = "\0".join(self._command()).encode()
        found = []
        for entry in os.scandir("/proc"):
            with suppress(OSError):
                if entry.name.isdecimal() and words in Path(entry.path, "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    def remove(self) -> None:
        """End it with everything it started, and remove its files."""
        with suppress(SkupperLocalError):
            engine = self.connect()
            for container in engine.containers({}):
                engine.remove(container.name)
        if self._service and self._service.poll() is None:
            self._service.terminate()
            try:
                self._service.wait(20)
            except subprocess.TimeoutExpired:
                self._service.kill()
                self._service.wait()
        for pid in self._left_behind():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._keeper.kill()
        self._keeper.wait()
        time.sleep(0.1)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _left_behind(self) -> list[int]:
        """The processes that are in the keeper's mount namespace, or belong to the user made for the test."""
        own = os.stat(f"/proc/{self._keeper.pid}/ns/mnt").st_ino
        found = []
        for entry in os.scandir("/proc"):
            if not entry.name.isdecimal() or int(entry.name) == self._keeper.pid:
                continue
            with suppress(OSError):
                if os.stat(f"/proc/{entry.name}/ns/mnt").st_ino == own or (
                    self.user.pw_uid != 0 and os.stat(entry.path).st_uid == self.user.pw_uid
                ):
                    found.append(int(entry.name))
        return found


class PrivatePodman(PrivateEngine):
    """``podman system service``."""

    platform = "podman"

    def hidden_directories(self) -> tuple[str, ...]:
        return ("/run/containers", "/var/tmp")

    def _configure(self) -> None:
        directory, hard = self.directory, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for name in ("graph", "run", "tmp", "networks", "runtime"):
            (directory / name).mkdir()
        (directory / "runtime").chmod(0o700)
        (directory / "containers.conf").write_text(
            "[containers]\n"
            f'default_ulimits = ["nofile={hard}:{hard}", "nproc=32768:32768"]\n'
            'pids_limit = 0\nlog_driver = "k8s-file"\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{directory}/networks"\n'
        )
        (directory / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{directory}/graph"\n'
            f'rootless_storage_path = "{directory}/graph"\nrunroot = "{directory}/run"\n'
        )
        (directory / "registries.conf").write_text(
            f'[[registry]]\nlocation = "127.0.0.1:{REGISTRY_PORT}"\ninsecure = true\n'
        )

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "CONTAINERS_CONF": f"{self.directory}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{self.directory}/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{self.directory}/registries.conf",
            "XDG_RUNTIME_DIR": f"{self.directory}/runtime",
        }

    def _command(self) -> list[str]:
        return ["podman", "--tmpdir", f"{self.directory}/tmp", "system", "service", "--time=0", self.endpoint]


class PrivateDocker(PrivateEngine):
    """``dockerd``."""

    platform = "docker"

    def hidden_directories(self) -> tuple[str, ...]:
        return ("/run/docker", "/run/containerd")

    def _configure(self) -> None:
        (self.directory / "data").mkdir()

    def signal(self, number: int) -> None:
        containerd = int((self.directory / "exec" / "containerd" / "containerd.pid").read_text())
        super().signal(number)
        while number == signal.SIGKILL and Path(f"/proc/{containerd}").exists():  # it dies with dockerd
            time.sleep(0.05)

    def _command(self) -> list[str]:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return [
            *("dockerd", "--host", self.endpoint, "--pidfile", f"{self.directory}/pid"),
            *("--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/exec"),
            *("--default-ulimit", f"nofile={hard}:{hard}"),
        ]


class Registry:
    """The registry of ``tests.rig.registry`` in a network namespace."""

    def __init__(self, network: NetworkNamespace) -> None:
        import sys

        self._process = subprocess.Popen(
            [*network.enter(), sys.executable, "-m", "tests.rig.registry", str(REGISTRY_PORT)],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == str(REGISTRY_PORT).encode()

    def reference(self, kind: str, tag: str = "1") -> str:
        return f"127.0.0.1:{REGISTRY_PORT}/{kind}/router:{tag}"

    def remove(self) -> None:
        self._process.kill()
        self._process.wait()
