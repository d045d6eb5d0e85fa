"""The router's container as plain values: what ``podman.py`` and ``docker.py`` translate, and nothing else decides.

Names, labels, mounts and environment are the reference's (reference-engine 6.3), so that its tools find and start what we made.
Beyond it: a health check, a read-only root, no capabilities, no way to new privileges, and limits when they are asked for.
A specification is recorded as JSON beside the namespace's other records, because a container that somebody removed has to come
back without a reload.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

HOST_NETWORK = "host"

LABEL_APPLICATION = "application"
APPLICATION = "skupper-v2"
LABEL_COMPONENT = "skupper.io/v2-component"
LABEL_SITE_ID = "skupper.io/site-id"
LABEL_SPECIFICATION = "skupper-local/specification"
"""Ours alone: which specification and configuration the container was made for (see :attr:`ContainerSpec.digest`)."""

CONFIGURATION_TARGET = "/etc/skupper-router/config"
CERTIFICATES_TARGET = "/etc/skupper-router/runtime/certs"
STOP_SECONDS = 10


def container_name(namespace: str) -> str:
    """The name of a namespace's router container (reference-engine 6.3)."""
    return f"{namespace}-skupper-router"


@dataclass(frozen=True)
class Mount:
    """A directory of the host, relabelled for SELinux as shared (``z``)."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class PublishedPort:
    """A TCP port that the engine opens on the host and hands to the same port of the container; host empty: everywhere."""

    host: str
    port: int


@dataclass(frozen=True)
class HealthCheck:
    """A command run inside the container; times in seconds."""

    command: tuple[str, ...]
    interval: int = 30
    timeout: int = 10
    retries: int = 3
    start_period: int = 30


@dataclass(frozen=True)
class ContainerSpec:
    """Everything an engine has to know to make the container.

    ``network`` is ``host`` or the name of an engine network; ``ports`` are published on the latter only. ``cpus`` is a number
    of processors (0: no limit), ``memory`` a number of bytes (0: no limit). ``restart`` is the engine's policy: ``no`` when
    somebody else owns the router's life.
    """

    name: str
    image: str
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    network: str = HOST_NETWORK
    ports: tuple[PublishedPort, ...] = ()
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    userns: str = ""
    restart: str = "no"
    health: HealthCheck | None = None
    cpus: float = 0.0
    memory: int = 0
    tmpfs: tuple[str, ...] = ("/tmp",)  # noqa: S108 - inside the container, whose root is read-only
    oom_score_adjustment: int = 100
    stop_seconds: int = STOP_SECONDS

    @property
    def digest(self) -> str:
        """Names this specification: a container that was made for another one has to be made anew."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As values that JSON can hold; :func:`container_from_json` reads them."""
        return {**asdict(self), "labels": dict(self.labels), "environment": dict(self.environment)}


def container_from_json(values: Mapping[str, Any]) -> ContainerSpec:
    """The specification that :meth:`ContainerSpec.to_json` wrote. Raises TypeError or KeyError for anything else."""
    health = values.get("health")
    return ContainerSpec(
        **{
            **values,
            "mounts": tuple(Mount(**item) for item in values.get("mounts", ())),
            "ports": tuple(PublishedPort(**item) for item in values.get("ports", ())),
            "health": HealthCheck(**{**health, "command": tuple(health["command"])}) if health else None,
            "tmpfs": tuple(values.get("tmpfs", ())),
        }
    )
