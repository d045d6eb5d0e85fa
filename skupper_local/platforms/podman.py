"""Podman, by its own interface (libpod) and with its own library.

What is particular: a container is described by Podman's specification and not by Docker's, the user who owns the files is
mapped to itself in a rootless container, and a pull goes through the interface that is compatible with Docker's, because
libpod's own stream tells no bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from skupper_local.platforms.container import HOST_NETWORK, ContainerSpec
from skupper_local.platforms.engine import ANSWER_SECONDS, EngineFacts
from skupper_local.platforms.engine_failures import not_this_engine, too_old
from skupper_local.platforms.registry import Login
from skupper_local.platforms.requests_engine import STILL_SECONDS, RequestsEngine

if TYPE_CHECKING:
    from requests import Response

_OLDEST_API = 4
_CPU_PERIOD = 100_000
_NANOSECONDS = 1_000_000_000


class PodmanEngine(RequestsEngine):
    """See :class:`skupper_local.platforms.engine.Engine`."""

    name = "podman"
    networks_path: ClassVar[str] = "/networks/json"
    network_path: ClassVar[str] = "/networks/{}/json"
    network_options: ClassVar[Mapping[str, Any]] = {"driver": "bridge", "dns_enabled": True}
    takes_oci: ClassVar[bool] = True
    stop_parameter: ClassVar[str] = "timeout"
    remove_parameters: ClassVar[Mapping[str, str]] = {"timeout": "0"}

    def __init__(self, endpoint: str = "", environment: Mapping[str, str] | None = None) -> None:
        super().__init__(endpoint, environment or {})
        from podman.api.client import (
            APIClient,
        )  # PodmanClient reads files of connections that are none of our business

        self._client = APIClient(base_url=self.endpoint, timeout=ANSWER_SECONDS)
        try:
            self._api_version = self._checked_version()
        except BaseException:
            self.close()
            raise

    def _checked_version(self) -> str:
        """The version of its interface; asked by a ping, because 4.3 takes half a second to answer with all its versions."""
        headers = self.ping("/_ping", compatible=True)
        version = headers.get("Libpod-Api-Version", "")
        if not version:
            raise not_this_engine(
                self.name, self.endpoint, other="docker" if "Api-Version" in headers else ""
            )
        major = version.partition(".")[0]
        if major.isdecimal() and int(major) < _OLDEST_API:
            raise too_old(
                self.name, self.endpoint, version, oldest=f"{_OLDEST_API}.0", release=f"{_OLDEST_API}.0"
            )
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
        compatible: bool = False,
    ) -> Response:
        verb = getattr(self._client, method.lower())
        body = {} if method in ("GET", "DELETE") else {"data": data}
        response: Response = verb(
            path,
            params=params,
            headers=headers,
            timeout=timeout,
            stream=stream,
            compatible=compatible,
            **body,
        )
        return response

    def library_error(self) -> type[Exception]:
        from podman.errors import DockerException

        error: type[Exception] = DockerException
        return error

    def facts(self) -> EngineFacts:
        if self._facts is None:
            self._facts = self._asked_facts()
        return self._facts

    def _asked_facts(self) -> EngineFacts:
        info = self.answer(self.ask("Podman does not tell what it is", "GET", "/info"))
        host, store = info.get("host") or {}, info.get("store") or {}
        security = host.get("security") or {}
        return EngineFacts(
            name=self.name,
            version=str((info.get("version") or {}).get("Version") or self._api_version),
            api_version=self._api_version,
            rootless=bool(security.get("rootless")),
            architecture=str(host.get("arch") or ""),
            cgroup_version=str(host.get("cgroupVersion") or "").removeprefix("v"),
            controllers=frozenset(host.get("cgroupControllers") or ()) & {"cpu", "memory"},
            selinux=bool(security.get("selinuxEnabled")),
            storage=str(store.get("graphRoot") or ""),
        )

    def creation(self, spec: ContainerSpec) -> dict[str, Any]:
        on_host = spec.network == HOST_NETWORK
        body: dict[str, Any] = {
            "name": spec.name,
            "image": spec.image,
            "labels": dict(spec.labels),
            "env": dict(spec.environment),
            "user": spec.user,
            "mounts": [
                {
                    "type": "bind",
                    "source": mount.source,
                    "destination": mount.target,
                    "options": ["rbind", "z", "ro" if mount.read_only else "rw"],
                }
                for mount in spec.mounts
            ]
            + [
                {
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "destination": target,
                    "options": ["rw", "nosuid", "nodev", "mode=1777"],
                }
                for target in spec.tmpfs
            ],
            "netns": {"nsmode": "host" if on_host else "bridge"},
            "hostadd": [f"{name}:{address}" for name, address in spec.extra_hosts.items()],
            "restart_policy": spec.restart,
            "read_only_filesystem": True,
            "cap_drop": ["ALL"],
            "cap_add": [f"CAP_{name}" for name in spec.capabilities],
            "no_new_privileges": True,
            "oom_score_adj": spec.oom_score_adjustment,
            "stop_timeout": spec.stop_seconds,
        }
        if spec.userns:
            body["userns"] = {"nsmode": spec.userns}
        if not on_host:
            body["networks"] = {spec.network: {"aliases": list(spec.aliases)} if spec.aliases else {}}
            body["portmappings"] = [
                {"host_ip": item.host, "host_port": item.port, "container_port": item.port, "protocol": "tcp"}
                for item in spec.ports
            ]
        if spec.health:
            body["healthconfig"] = {
                "Test": ["CMD", *spec.health.command],
                "Interval": spec.health.interval * _NANOSECONDS,
                "Timeout": spec.health.timeout * _NANOSECONDS,
                "Retries": spec.health.retries,
                "StartPeriod": spec.health.start_period * _NANOSECONDS,
            }
        limits: dict[str, Any] = {}
        if spec.cpus:
            limits["cpu"] = {"quota": int(spec.cpus * _CPU_PERIOD), "period": _CPU_PERIOD}
        if spec.memory:
            limits["memory"] = {"limit": spec.memory}
        if limits:
            body["resource_limits"] = limits
        return body

    def request_pull(self, reference: str, login: Login | None) -> Response:
        return self.send(
            "POST",
            "/images/create",
            params={"fromImage": reference},
            headers={"X-Registry-Auth": login.header()} if login else {},
            timeout=STILL_SECONDS,
            stream=True,
            compatible=True,
        )

    def loaded(self, answer: Iterator[bytes]) -> tuple[str, ...]:
        names: list[str] = []
        for line in answer:
            names += json.loads(line).get("Names") or ()
        return tuple(names)

    def close(self) -> None:
        self._client.close()
