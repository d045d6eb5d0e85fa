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
from skupper_local.platforms.engine_failures import CHECK, not_this_engine, too_old
from skupper_local.platforms.registry import Login
from skupper_local.platforms.requests_engine import STILL_SECONDS, LoadFailedError, RequestsEngine

if TYPE_CHECKING:
    from docker import APIClient
    from requests import Response

_OLDEST_API = (1, 40)
_NANOSECONDS = 1_000_000_000
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LOADED = ("Loaded image: ", "Loaded image ID: ")


class DockerEngine(RequestsEngine):
    """See :class:`skupper_local.platforms.engine.Engine`."""

    name = "docker"
    networks_path: ClassVar[str] = "/networks"
    network_path: ClassVar[str] = "/networks/{}"
    network_options: ClassVar[Mapping[str, Any]] = {"CheckDuplicate": True}
    takes_oci: ClassVar[bool] = False
    stop_parameter: ClassVar[str] = "t"
    remove_parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(self, endpoint: str = "", environment: Mapping[str, str] | None = None) -> None:
        super().__init__(endpoint, environment or {})
        from docker import APIClient

        with self.translating():
            self._client = self._connect(APIClient, ".".join(str(part) for part in _OLDEST_API))
        try:
            self._api_version = self._checked_version()
        finally:
            self.close()
        with self.translating():
            self._client = self._connect(APIClient, self._api_version)

    def _connect(self, client: type[APIClient], version: str) -> APIClient:
        connected = client(base_url=self.endpoint, version=version, timeout=int(ANSWER_SECONDS))
        connected.trust_env = False  # no proxy and no login of .netrc on the way to a socket
        return connected

    def _checked_version(self) -> str:
        """The newest version of the interface that it speaks."""
        headers = self.ping(f"{self._client.base_url}/_ping")
        if "Libpod-Api-Version" in headers or "Api-Version" not in headers:
            raise not_this_engine(
                self.name, self.endpoint, other="podman" if "Api-Version" in headers else ""
            )
        version = headers["Api-Version"]
        numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
        if numbers < _OLDEST_API:
            oldest = ".".join(str(part) for part in _OLDEST_API)
            raise too_old(self.name, self.endpoint, version, oldest=oldest, release="19.03")
        return version

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
            path if "://" in path else f"{self._client.base_url}/v{self._client.api_version}{path}",
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
        if self._facts is None:
            self._facts = self._asked_facts()
        return self._facts

    def _asked_facts(self) -> EngineFacts:
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
            version=str(info.get("ServerVersion") or ""),
            api_version=self._api_version,
            rootless=rootless,
            architecture=_ARCHITECTURES.get(
                str(info.get("Architecture")), str(info.get("Architecture") or "")
            ),
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
            "Tmpfs": dict.fromkeys(spec.tmpfs, "rw,nosuid,nodev,mode=1777"),
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
                raise LoadFailedError(str(item["error"]))
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
