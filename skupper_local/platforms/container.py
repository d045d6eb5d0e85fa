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
from pathlib import Path
from typing import Any

from skupper_local.assets import templates_directory

HOST_NETWORK = "host"

LABEL_APPLICATION = "application"
APPLICATION = "skupper-v2"
LABEL_COMPONENT = "skupper.io/v2-component"
LABEL_SITE_ID = "skupper.io/site-id"
LABEL_SPECIFICATION = "skupper-local/specification"
"""Ours alone: which specification and configuration the container was made for (see :attr:`ContainerSpec.digest`)."""
LABEL_CONFIGURATION = "skupper-local/configuration"
"""Ours alone: the label of the start that made the container (see ``face.RouterSpec``)."""

ROUTER_COMPONENT = "router"
"""The value of LABEL_COMPONENT."""

PROFILES_TARGET = "/etc/skupper-router"
CONFIGURATION_TARGET = "/etc/skupper-router/config"
CERTIFICATES_TARGET = "/etc/skupper-router/runtime/certs"
STOP_SECONDS = 10

CAPABILITIES = ("NET_BIND_SERVICE",)
"""The only one a router keeps: listeners may have ports below 1024."""


def container_name(namespace: str) -> str:
    """The name of a namespace's router container (reference-engine 6.3)."""
    return f"{namespace}-skupper-router"


def own_network(namespace: str) -> str:
    """The name of the engine network that is made for a namespace whose router can be on no other."""
    return f"{namespace}-skupper"


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

    ``network`` is ``host`` or the name of an engine network; ``ports`` are published on the latter only, and ``aliases`` are
    further names of the container there. ``own_network`` says that the network is made for this container and removed with the
    site. ``cpus`` is a number
    of processors (0: no limit), ``memory`` a number of bytes (0: no limit). ``restart`` is the engine's policy: ``no`` when
    somebody else owns the router's life. Every capability but ``capabilities`` is dropped.
    """

    name: str
    image: str
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    network: str = HOST_NETWORK
    ports: tuple[PublishedPort, ...] = ()
    aliases: tuple[str, ...] = ()
    own_network: bool = False
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    userns: str = ""
    restart: str = "no"
    health: HealthCheck | None = None
    cpus: float = 0.0
    memory: int = 0
    tmpfs: tuple[str, ...] = ("/tmp",)  # noqa: S108 - inside the container, whose root is read-only
    capabilities: tuple[str, ...] = ()
    oom_score_adjustment: int = 100
    stop_seconds: int = STOP_SECONDS

    @property
    def digest(self) -> str:
        """Names this specification: a container that was made for another one has to be made anew."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As values that JSON can hold; :func:`container_from_json` reads them."""
        return asdict(self)


def container_from_json(values: Mapping[str, Any]) -> ContainerSpec:
    """The specification that :meth:`ContainerSpec.to_json` wrote. Raises TypeError or KeyError for anything else."""
    health = values.get("health")
    return ContainerSpec(
        **{
            **values,
            "mounts": tuple(Mount(**item) for item in values.get("mounts", ())),
            "ports": tuple(PublishedPort(**item) for item in values.get("ports", ())),
            "health": HealthCheck(**{**health, "command": tuple(health["command"])}) if health else None,
            "aliases": tuple(values.get("aliases", ())),
            "tmpfs": tuple(values.get("tmpfs", ())),
            "capabilities": tuple(values.get("capabilities", ())),
        }
    )


def router_container(
    *,
    namespace: str,
    home: Path,
    site_id: str,
    image: str,
    platform: str,
    uid: int,
    gid: int,
    rootless: bool,
    management_port: int,
    network: str = HOST_NETWORK,
    ports: tuple[PublishedPort, ...] = (),
    aliases: tuple[str, ...] = (),
    extra_hosts: Mapping[str, str] | None = None,
    cpus: float = 0.0,
    memory: int = 0,
    kept_by_engine: bool = True,
) -> ContainerSpec:
    """The router's container of a namespace (reference-engine 6.3).

    ``uid`` and ``gid`` own the files in ``home``: the router runs as their owner, because keys are readable by nobody else. In
    rootless Podman that user is mapped to itself (``keep-id``); in rootless Docker the container's root is that user.
    ``management_port`` is the one of the local listener, which the health check asks. ``kept_by_engine`` gives the engine's
    restart policy ``always``; otherwise somebody else keeps the router running.
    """
    owner = f"{uid}:{gid}"
    return ContainerSpec(
        name=container_name(namespace),
        image=image,
        labels={
            LABEL_APPLICATION: APPLICATION,
            LABEL_COMPONENT: ROUTER_COMPONENT,
            LABEL_SITE_ID: site_id,
        },
        environment={
            "APPLICATION_NAME": "skupper-router",
            "QDROUTERD_CONF": f"{CONFIGURATION_TARGET}/skrouterd.json",
            "QDROUTERD_CONF_TYPE": "json",
            "SKUPPER_SITE_ID": site_id,
            "SSL_PROFILE_BASE_PATH": PROFILES_TARGET,
        },
        mounts=(
            Mount(str(home / "runtime" / "router"), CONFIGURATION_TARGET),
            Mount(str(home / "runtime" / "certs"), CERTIFICATES_TARGET),
        ),
        network=network,
        ports=ports if network != HOST_NETWORK else (),
        aliases=aliases if network != HOST_NETWORK else (),
        own_network=network == own_network(namespace),
        extra_hosts=dict(extra_hosts or {}),
        user="0:0" if rootless and platform == "docker" else owner,
        userns="keep-id" if rootless and platform == "podman" else "",
        restart="always" if kept_by_engine else "no",
        health=health_check(management_port),
        cpus=cpus,
        memory=memory,
        capabilities=CAPABILITIES,
    )


def health_check(management_port: int) -> HealthCheck:
    """Whether the router talks AMQP over TLS on its local listener, asked inside the container with the site's own client
    certificate; Python is in the official image and in ours."""
    script = (templates_directory() / "router-health.py").read_text(encoding="utf-8")
    credentials = f"{CERTIFICATES_TARGET}/skupper-local-client"
    return HealthCheck(command=("python3", "-I", "-c", script, str(management_port), credentials))
