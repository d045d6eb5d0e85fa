"""What the free-form settings of a Site and a Connector mean here: the router's container, and containers in place of a host.

The reference keeps ``spec.settings`` of both kinds and acts on none of it (reference-engine 3.2), so a declaration that uses
them survives a round trip through its tools. A Site may say into which engine network its router's container goes and how
much of the machine it may use; a Connector may name a container, or a service of a compose file, in place of a host. Its
``spec.selector``, which finds pods on Kubernetes, finds containers by their labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from skupper_local.resources.model import Connector, Link, Site
from skupper_local.resources.router_settings import LINK_SETTINGS, SITE_SETTINGS

NETWORK = "network"
CPUS = "cpus"
MEMORY = "memory"
CONTAINER = "container"
WORKLOAD = "workload"

HOST_NETWORK = "host"
_NO_NETWORKS = frozenset(("none", "private", "ns", "container", "slirp4netns", "pasta"))
"""Modes of ``podman run --network`` and ``docker run --network`` that are no network others can join."""

COMPOSE_LABELS = ("com.docker.compose.service", "io.podman.compose.service")
"""The label that a compose program gives each container of a service."""

SMALLEST_MEMORY = 6 << 20
"""Bytes; Docker accepts no smaller limit."""

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_CPUS = re.compile(r"\d{1,4}(?:\.\d{1,9})?")
_MEMORY = re.compile(r"(\d{1,15})([bkmgt]?)", re.IGNORECASE)
_ENGINE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}")
_LABEL_KEY = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9_./]{0,251}[a-zA-Z0-9])?")
_LABEL_VALUE = re.compile(r"[-a-zA-Z0-9_./:+@]{0,253}")
_COMPOSE = "compose/"


class How(Enum):
    """By what a connector finds its containers."""

    NAME = "container"
    SELECTOR = "selector"
    WORKLOAD = "workload"


@dataclass(frozen=True)
class ContainerChoice:
    """Which containers a connector follows: the one called ``value``, or all that bear one of these sets of ``labels``."""

    how: How
    value: str
    labels: tuple[Mapping[str, str], ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        """As messages and tables show it."""
        return self.value if self.how is How.SELECTOR else f"{self.how.value} {self.value}"

    def accepts(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it means the container of that name and these labels."""
        if self.how is How.NAME:
            return name == self.value
        return any(wanted.items() <= labels.items() for wanted in self.labels)


def containers_followed(connector: Connector) -> ContainerChoice | None:
    """The containers a connector stands for; None for one that names a host, which counts before everything else."""
    if connector.host:
        return None
    name, workload = connector.settings.get(CONTAINER, ""), connector.settings.get(WORKLOAD, "")
    if name:
        return ContainerChoice(How.NAME, name)
    if workload:
        service = workload.removeprefix(_COMPOSE)
        return ContainerChoice(How.WORKLOAD, workload, tuple({label: service} for label in COMPOSE_LABELS))
    if connector.selector:
        return ContainerChoice(How.SELECTOR, connector.selector, (_labels(connector.selector),))
    return None


@dataclass(frozen=True)
class ContainerSettings:
    """What a Site says of its router's container.

    ``network`` is an engine network (empty: the host's), ``cpus`` a number of processors, ``memory`` a number of bytes (0: no
    limit).
    """

    network: str = ""
    cpus: float = 0.0
    memory: int = 0


def container_settings(site: Site) -> ContainerSettings:
    """Those of a Site whose settings keep their rules."""
    network = site.settings.get(NETWORK, "")
    return ContainerSettings(
        network="" if network == HOST_NETWORK else network,
        cpus=float(site.settings.get(CPUS, "") or 0),
        memory=_bytes(site.settings.get(MEMORY, "")),
    )


# The rules of single values: what a value breaks, or nothing (see ``rules``).


def network_rule(name: str) -> str:
    """The name of an engine's network."""
    if name in _NO_NETWORKS or not _ENGINE_NAME.fullmatch(name):
        return "must be the name of a network of the engine: letters, digits, '_', '.' and '-'"
    return ""


def cpus_rule(cpus: str) -> str:
    """A number of processors."""
    if _CPUS.fullmatch(cpus) and float(cpus) >= 0.01:
        return ""
    return "must be a positive number of processors, such as 0.5 or 2"


def memory_rule(memory: str) -> str:
    """An amount of memory."""
    if _MEMORY.fullmatch(memory) and _bytes(memory) >= SMALLEST_MEMORY:
        return ""
    return "must be an amount of memory of at least 6m, such as 256m or 1g"


def container_rule(name: str) -> str:
    """The name of a container."""
    if _ENGINE_NAME.fullmatch(name):
        return ""
    return "must be the name of a container: letters, digits, '_', '.' and '-'"


def workload_rule(workload: str) -> str:
    """A service of a compose file."""
    if workload.startswith(_COMPOSE) and _ENGINE_NAME.fullmatch(workload.removeprefix(_COMPOSE)):
        return ""
    return "must be compose/SERVICE, a service of a compose file"


def selector_rule(selector: str) -> str:
    """Labels that a container must bear."""
    parts = [part.partition("=") for part in selector.split(",")]
    good = all(
        equals
        and _LABEL_KEY.fullmatch(key.strip())
        and _LABEL_VALUE.fullmatch(value.removeprefix("=").strip())
        for key, equals, value in parts
    )
    return "" if good else "must be labels with their values, such as app=backend or app=backend,tier=web"


CONTAINER_SETTINGS: Mapping[str, Callable[[str], str]] = {
    NETWORK: network_rule,
    CPUS: cpus_rule,
    MEMORY: memory_rule,
}
"""Settings of a Site that speak of its router's container, and the rule of each."""

SETTINGS: Mapping[type, Mapping[str, Callable[[str], str]]] = {
    Site: {**CONTAINER_SETTINGS, **SITE_SETTINGS},
    Connector: {CONTAINER: container_rule, WORKLOAD: workload_rule},
    Link: LINK_SETTINGS,
}
"""The settings that have an effect here, by kind, and the rule of each."""


def server_problem(host: str, selector: str, settings: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong with how a connector names its server, as field and rule; empty when nothing is."""
    named = [f"settings.{key}" for key in (CONTAINER, WORKLOAD) if settings.get(key)]
    if host and named:
        return f"spec.{named[0]}", "excludes spec.host: a container is found by its name, not by a host"
    if len(named) > 1 or (named and selector):
        return f"spec.{named[0]}", "excludes every other way to name containers"
    if not host and not named and not selector:
        return "spec.host", "is missing: name a host, or containers by a selector or in settings"
    if not host and selector:
        broken = selector_rule(selector)
        return ("spec.selector", broken) if broken else ("", "")
    return "", ""


def _labels(selector: str) -> dict[str, str]:
    """The labels a selector asks for; ``==`` means the same as ``=``."""
    parts = (part.partition("=") for part in selector.split(","))
    return {key.strip(): value.removeprefix("=").strip() for key, _, value in parts}


def _bytes(memory: str) -> int:
    found = _MEMORY.fullmatch(memory)
    return int(found[1]) * _UNITS[found[2].lower()] if found else 0
