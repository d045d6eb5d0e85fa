"""Docker, by its own interface and with its own library.

What is particular: mounts are written as ``source:target:options``, the only form in which Docker relabels for SELinux; limits
that its cgroups cannot impose are dropped without a word, so they are checked before; and in rootless Docker the network called
"host" is the one of its own namespace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from skupper_local.platforms.container import HOST_NETWORK, ContainerSpec, Mount
from skupper_local.platforms.engine import ANSWER_SECONDS, EngineFacts, EngineRefusedError
from skupper_local.platforms.engine_failures import CHECK
from skupper_local.platforms.registry import Login
from skupper_local.platforms.requests_engine import STILL_SECONDS, RequestsEngine

if TYPE_CHECKING:
    from requests import Response

_OLDEST_API = (1, 40)
_NANOSECONDS = 1_000_000_000
_LOADED = ("Loaded image: ", "Loaded image ID: ")


class DockerEngine(RequestsEngine):
    """See :class:`skupper_local.platforms.engine.Engine`."""

    name = "docker"
    networks_path: ClassVar[str] = "/networks"
    network_path: ClassVar[str] = "/networks/{}"
    network_options: ClassVar[Mapping[str, Any]] = {"CheckDuplicate": True}
    stop_parameter: ClassVar[str] = "t"
    remove_parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(self, endpoint: str = "", environment: Mapping[str, str] | None = None) -> None:
        super().__init__(endpoint, environment or {})
        from docker import APIClient

        with self.translating():
            self._client = APIClient(base_url=self.endpoint, version="auto", timeout=int(ANSWER_SECONDS))
        self._client.trust_env = False  # no proxy and no login of .netrc on the way to a socket
        try:
            self._version = self._checked_version()
        except BaseException:
            self.close()
            raise

    def _checked_version(self) -> Mapping[str, Any]:
        version = self.answer(
            self.ask(f"Docker at {self.endpoint} does not tell its version", "GET", "/version")
        )
        components = version.get("Components") if isinstance(version, dict) else None
        if any("podman" in str(item.get("Name", "")).lower() for item in components or ()):
            raise EngineRefusedError(
                f"What listens at {self.endpoint} is not Docker",
                why="it is Podman, which answers in Docker's place",
                next_step=f"use -p podman, or name Docker's socket in CONTAINER_ENDPOINT; {CHECK}",
            )
        api = str(version.get("ApiVersion", ""))
        numbers = tuple(int(part) for part in api.split(".") if part.isdecimal())
        if numbers and numbers < _OLDEST_API:
            oldest = ".".join(str(number) for number in _OLDEST_API)
            raise EngineRefusedError(
                f"Docker at {self.endpoint} is too old",
                why=f"it has version {api} of the interface, and {oldest} is the oldest that this program speaks",
                next_step=f"install Docker 19.03 or newer; {CHECK}",
            )
        return {"version": str(version.get("Version", "")), "api": api, "arch": str(version.get("Arch", ""))}

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | tuple[float, float | None] = ANSWER_SECONDS,
        stream: bool = False,
    ) -> Response:
        return self._client.request(
            method,
            f"{self._client.base_url}/v{self._client.api_version}{path}",
            params=params,
            data=data,
            headers=headers,
            timeout=timeout,
            stream=stream,
        )

    def library_error(self) -> type[Exception]:
        from docker.errors import DockerException

        return DockerException

    def facts(self) -> EngineFacts:
        info = self.answer(self.ask("Docker does not tell what it is", "GET", "/info"))
        if info.get("OperatingSystem") == "Docker Desktop":
            raise EngineRefusedError(
                f"Docker at {self.endpoint} cannot be used",
                why="it is Docker Desktop, whose engine runs in a virtual machine with files and addresses of its own",
                next_step=f"use Docker Engine or Podman of this machine, or -p linux; {CHECK}",
            )
        options = [str(option) for option in info.get("SecurityOptions") or ()]
        rootless = any("name=rootless" in option for option in options)
        able = {"cpu": info.get("CpuCfsQuota"), "memory": info.get("MemoryLimit")}
        return EngineFacts(
            name=self.name,
            version=self._version["version"],
            api_version=self._version["api"],
            rootless=rootless,
            architecture=self._version["arch"],
            cgroup_version=str(info.get("CgroupVersion") or "1"),
            controllers=frozenset(
                name for name, can in able.items() if can and info.get("CgroupDriver") != "none"
            ),
            selinux=any("name=selinux" in option for option in options),
            network_is_ours=not rootless,
            storage=str(info.get("DockerRootDir") or ""),
        )

    def creation(self, spec: ContainerSpec) -> dict[str, Any]:
        on_host = spec.network == HOST_NETWORK
        # a path with a colon cannot stand in a bind: those go as mounts, which Docker does not relabel
        host: dict[str, Any] = {
            "Binds": [_bind(mount) for mount in spec.mounts if ":" not in mount.source],
            "Mounts": [
                {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
                for mount in spec.mounts
                if ":" in mount.source
            ],
            "Tmpfs": dict.fromkeys(spec.tmpfs, "rw,nosuid,nodev"),
            "NetworkMode": spec.network,
            "ExtraHosts": [f"{name}:{address}" for name, address in spec.extra_hosts.items()],
            "RestartPolicy": {"Name": spec.restart},
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": list(spec.capabilities),
            "SecurityOpt": ["no-new-privileges"],
            "OomScoreAdj": spec.oom_score_adjustment,
            "UsernsMode": spec.userns,
        }
        if spec.cpus:
            host["NanoCpus"] = int(spec.cpus * _NANOSECONDS)
        if spec.memory:
            host["Memory"] = spec.memory
        body: dict[str, Any] = {
            "Image": spec.image,
            "Labels": dict(spec.labels),
            "Env": [f"{name}={value}" for name, value in spec.environment.items()],
            "User": spec.user,
            # without it, Docker before 23 takes any signal (HUP too) for a stop and does not restart the container afterwards
            "StopSignal": "SIGTERM",
            "StopTimeout": spec.stop_seconds,
            "HostConfig": host,
        }
        if not on_host and spec.ports:
            bindings: dict[str, list[dict[str, str]]] = {}
            for item in spec.ports:
                bindings.setdefault(f"{item.port}/tcp", []).append(
                    {"HostIp": item.host, "HostPort": str(item.port)}
                )
            host["PortBindings"] = bindings
            body["ExposedPorts"] = {name: {} for name in bindings}
        if spec.aliases:
            endpoint = {"Aliases": list(spec.aliases)}
            body["NetworkingConfig"] = {"EndpointsConfig": {spec.network: endpoint}}
        if spec.health:
            body["Healthcheck"] = {
                "Test": ["CMD", *spec.health.command],
                "Interval": spec.health.interval * _NANOSECONDS,
                "Timeout": spec.health.timeout * _NANOSECONDS,
                "Retries": spec.health.retries,
                "StartPeriod": spec.health.start_period * _NANOSECONDS,
            }
        return body

    def request_pull(self, reference: str, login: Login | None) -> Response:
        return self.send(
            "POST",
            "/images/create",
            params={"fromImage": reference, "tag": _tag(reference)},
            headers={"X-Registry-Auth": login.header()} if login else {},
            timeout=STILL_SECONDS,
            stream=True,
        )

    def loaded(self, answer: Iterator[bytes]) -> tuple[str, ...]:
        names: list[str] = []
        for line in answer:
            item = json.loads(line) if line.strip() else {}
            if item.get("error"):
                raise ValueError(str(item["error"]))
            for part in str(item.get("stream") or "").splitlines():
                names += [part.removeprefix(start).strip() for start in _LOADED if part.startswith(start)]
        return tuple(names)

    def close(self) -> None:
        self._client.close()


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}:{'ro,z' if mount.read_only else 'z'}"


def _tag(reference: str) -> str:
    """What to ask for beside the name: without any, Docker pulls every tag of the repository."""
    return "" if "@" in reference or ":" in reference.rpartition("/")[2] else "latest"
