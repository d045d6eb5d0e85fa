"""Where a site's router stands among containers, and where those are that its connectors follow: an engine's answers, as facts.

What follows from the facts is decided in ``site.reach``. A site on an engine asks its own engine. One on ``linux`` asks the
engines of this machine, each at its usual endpoint, Podman first; without a connector that names containers it asks nobody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.host import addresses, ports
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.platforms.container import (
    HOST_NETWORK,
    ContainerSpec,
    PublishedPort,
    container_name,
    own_network,
)
from skupper_local.platforms.endpoints import engine_endpoint, socket_path
from skupper_local.platforms.engine import ContainerFacts, Engine, EngineFacts, NetworkMissingError, engine_of
from skupper_local.resources import Connector, Resource, Site
from skupper_local.resources.settings import (
    COMPOSE_LABELS,
    ContainerChoice,
    How,
    container_settings,
    containers_followed,
)
from skupper_local.site.model import SiteModel
from skupper_local.site.reach import Followed, Obstacle, Reach, SeenContainer, reach_from_json, resolve
from skupper_local.site.sockets import is_loopback

LINUX = "linux"
_ENGINES = ("podman", "docker")

_HOST_NAMES = {"podman": "host.containers.internal", "docker": "host.docker.internal"}
"""Under which name a container reaches the machine it runs on. Podman knows its own; Docker has to be told."""

_HOST_GATEWAY = "host-gateway"
_NAMELESS = {"podman": "podman", "docker": "bridge"}
"""The network of each engine on which containers have no names."""

_NAME_SERVERS = (
    "/usr/lib/podman/aardvark-dns",
    "/usr/libexec/podman/aardvark-dns",
    "/usr/local/lib/podman/aardvark-dns",
    "/usr/local/libexec/podman/aardvark-dns",
)
"""Where Podman's name server may be; without it names of containers are not resolved."""


class ContainerOutOfReachError(InvalidRequestError):
    """A connector follows a container that the router cannot reach from where it is."""

    code: ClassVar[str] = "container-out-of-reach"


Following = Mapping[str, tuple[ContainerChoice, int]]


def find_reach(
    resources: Iterable[Resource],
    *,
    namespace: str,
    platform: str,
    endpoint: str = "",
    engine: Engine | None = None,
    environ: Mapping[str, str] | None = None,
    to_start: bool = True,
    former: Reach | None = None,
) -> Reach:
    """Where the router of these declarations stands. ``engine`` is the site's, when the caller has it already.

    An empty ``platform`` is one that is not chosen yet. ``to_start`` also finds out which names others have, which only a start
    has to know. ``former`` is what was found before: beside an engine that does not answer it stays. Raises the errors of a
    site's own engine that does not answer, and NetworkMissingError.
    """
    declared = tuple(resources)
    following = _following(declared)
    environ = os.environ if environ is None else environ
    if not platform:
        return Reach()
    if platform == LINUX:
        return _beside_engines(following, namespace, environ, former or Reach())
    network = _network(declared)
    if platform == "podman" and not network and not following:
        return Reach()
    with _connected(platform, endpoint, engine, environ) as connected:
        facts = connected.facts()
        reach = _standing(connected, facts, network, namespace)
        if reach.network:
            taken = _taken(connected.containers({}), namespace) if to_start else frozenset()
            reach = replace(reach, taken=taken, loopback_ports=_loopback_ports(declared))
        return _followed(reach, following, connected, namespace)


def reach_now(
    resources: Iterable[Resource],
    *,
    namespace: str,
    platform: str,
    endpoint: str = "",
    former: Reach | None = None,
) -> Reach:
    """As :func:`find_reach`, for a status: an engine that does not answer is the reason that is shown."""
    declared = tuple(resources)
    try:
        return find_reach(
            declared,
            namespace=namespace,
            platform=platform,
            endpoint=endpoint,
            to_start=False,
            former=former,
        )
    except SkupperLocalError as error:
        unknown = Followed(
            obstacles=(Obstacle("", f"{error.what}: {error.why}" if error.why else error.what, ""),)
        )
        network = _network(declared) if platform != LINUX else ""
        return Reach(network=network, followed=dict.fromkeys(_following(declared), unknown))


def encode_reach(reach: Reach) -> bytes:
    """The content of ``internal/reach.json``: from where the router was started."""
    return f"{json.dumps(reach.to_json(), indent=2, sort_keys=True)}\n".encode()


def read_reach(paths: NamespacePaths) -> Reach:
    """From where the router was started; the machine's own network when there is no record that can be read."""
    try:
        return reach_from_json(json.loads(paths.reach.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Reach()


def require_within_reach(model: SiteModel) -> None:
    """Raise ContainerOutOfReachError for connectors to containers that are there and cannot be reached."""
    found = [
        (name, obstacle)
        for name, followed in sorted(model.facts.reach.followed.items())
        for obstacle in followed.out_of_reach
    ]
    if found:
        raise out_of_reach(found)


def out_of_reach(found: Iterable[tuple[str, Obstacle]]) -> ContainerOutOfReachError:
    """The error for connectors, by name, and what is in their way."""
    found = tuple(found)
    names = ", ".join(dict.fromkeys(name for name, _ in found))
    return ContainerOutOfReachError(
        f"Containers that cannot be reached by connector {names}",
        why="\n".join(obstacle.reason for _, obstacle in found),
        next_step="\n".join(dict.fromkeys(obstacle.way_out for _, obstacle in found)),
    )


def host_entries(reach: Reach) -> dict[str, str]:
    """The names that the router's container has to be told."""
    return {reach.host_name: reach.host_address} if reach.network and reach.host_address else {}


def recreation_lines(former: ContainerSpec | None, wanted: ContainerSpec | None) -> tuple[str, ...]:
    """What in a container makes that it has to be made anew, a line for each, as in a plan.

    A new configuration or image alone is no line: those are named elsewhere.
    """
    if former is None or wanted is None:
        return ()
    lines: list[str] = []
    if former.network != wanted.network:
        lines.append(f"network {former.network} -> {wanted.network}")
    lines += [f"publishes {_place(item)}" for item in wanted.ports if item not in former.ports]
    if wanted.network != HOST_NETWORK:
        lines += [f"no longer publishes {_place(item)}" for item in former.ports if item not in wanted.ports]
    named = ", ".join(name for name in wanted.aliases if name not in former.aliases)
    if named:
        lines.append(f"is called {named} too")
    for what, was, shall in (("cpus", former.cpus, wanted.cpus), ("memory", former.memory, wanted.memory)):
        if was != shall:
            lines.append(f"{what} {was or 'unlimited'} -> {shall or 'unlimited'}")
    return tuple(f"~ container {wanted.name} made anew: {line}" for line in lines)


# What is declared.


def _following(declared: Iterable[Resource]) -> Following:
    """The connectors that follow containers, by name, with the port they want of them."""
    return {
        item.name: (choice, item.port)
        for item in declared
        if isinstance(item, Connector) and (choice := containers_followed(item))
    }


def _network(declared: Iterable[Resource]) -> str:
    return next((container_settings(item).network for item in declared if isinstance(item, Site)), "")


def _loopback_ports(declared: Iterable[Resource]) -> frozenset[int]:
    """Ports of connectors to this machine at which somebody listens, but on the loopback alone."""
    wanted = {item.port for item in declared if isinstance(item, Connector) and is_loopback(item.host)}
    return ports.on_loopback_only(wanted)


# Beside the engines of the machine.


def _beside_engines(following: Following, namespace: str, environ: Mapping[str, str], former: Reach) -> Reach:
    """The reach of a router that is a process of this machine.

    An engine that does not answer says nothing of its containers: those go on as they are, and so does what leads to them.
    """
    if not following:
        return Reach()
    found: dict[str, Followed] = {}
    asked: list[str] = []
    silence: Obstacle | None = None
    for name in _ENGINES:
        try:
            endpoint = engine_endpoint(name, environ, os.getuid())
            if endpoint in asked or not os.path.exists(socket_path(endpoint)):
                continue
            with _connected(name, endpoint, None, environ) as engine:
                asked.append(endpoint)
                reach = Reach(rootless=engine.facts().rootless, engine=name)
                there = _followed(reach, following, engine, namespace).followed
        except SkupperLocalError as error:
            silence = silence or Obstacle("", error.what, error.next_step)
            continue
        for connector, followed in there.items():
            known = found.get(connector)
            if known is None or (followed.targets and not known.targets):
                found[connector] = followed
    if not asked and silence is None:
        silence = Obstacle("", "no container engine answers on this machine", "start it, or name a host")
    for connector in following:
        if silence and not found.get(connector, Followed()).targets:
            kept = former.followed.get(connector, Followed()).targets
            found[connector] = Followed(kept, (silence,))
    return Reach(followed=found)


# In a container.


@contextmanager
def _connected(
    platform: str, endpoint: str, engine: Engine | None, environ: Mapping[str, str]
) -> Iterator[Engine]:
    if engine:
        yield engine
        return
    connected = engine_of(platform, endpoint, environ)
    try:
        yield connected
    finally:
        connected.close()


def _standing(engine: Engine, facts: EngineFacts, network: str, namespace: str) -> Reach:
    """In which network the router is, and what it sees there."""
    name = engine.name
    reach = Reach(rootless=facts.rootless, engine=name)
    own = own_network(namespace)
    if network and network != own and network not in (known := engine.networks()):
        there = ", ".join(item for item in known if item not in ("host", "none"))
        raise NetworkMissingError(
            f"There is no network {network} on {name}",
            why=f"the site's settings name it; there are {there}" if there else "there is none at all",
            next_step=f"{name} network create {network}, or choose another: skupper-local site update SITE --network NAME",
        )
    if not network and facts.network_is_ours:
        return reach
    network = network or own
    names = network != _NAMELESS[name] and (name != "podman" or any(map(os.path.exists, _NAME_SERVERS)))
    return replace(
        reach,
        network=network,
        router_name=container_name(namespace) if names else "",
        host_name=_HOST_NAMES[name],
        host_address=_host_address(name, facts),
        names=names,
    )


def _host_address(engine: str, facts: EngineFacts) -> str:
    """The address for the machine's name where the engine has to be told one. The gateway that rootless Docker would take is
    inside its own network; there the machine answers at the addresses that others use."""
    if engine == "podman":
        return ""
    if facts.network_is_ours:
        return _HOST_GATEWAY
    usable = (item.text for item in addresses.usable_addresses() if not item.temporary)
    return next(usable, _HOST_GATEWAY)


def _taken(containers: Iterable[ContainerFacts], namespace: str) -> frozenset[str]:
    """The names that others may be called by on a network: of containers, and of the services compose made them for."""
    found: set[str] = set()
    for item in containers:
        if item.name != container_name(namespace):
            found |= {item.name, *(item.labels.get(label, "") for label in COMPOSE_LABELS)}
    return frozenset(found - {""})


def _followed(reach: Reach, following: Following, engine: Engine, namespace: str) -> Reach:
    found: dict[str, Followed] = {}
    for connector, (choice, port) in following.items():
        seen = (_seen(item) for item in _candidates(choice, engine) if item.name != container_name(namespace))
        found[connector] = resolve(choice, port, seen, reach)
    return replace(reach, followed=found)


def _candidates(choice: ContainerChoice, engine: Engine) -> Iterable[ContainerFacts]:
    if choice.how is How.NAME:
        found = engine.container(choice.value)
        return (found,) if found else ()
    each = {item.id: item for labels in choice.labels for item in engine.containers(labels)}
    return each.values()


def _seen(container: ContainerFacts) -> SeenContainer:
    return SeenContainer(
        name=container.name,
        running=container.running,
        labels=container.labels,
        addresses=container.addresses,
        published=container.published,
    )


def _place(published: PublishedPort) -> str:
    host = f"[{published.host}]" if ":" in published.host else published.host or "*"
    return f"{host}:{published.port}"
