"""From where a site's router sees the world: the machine's own network, or a network of the container engine.

On the host's network a router binds and dials as any process of the machine. In an engine network the machine's ``localhost``
is somewhere else. Then

* every listening socket is bound to all addresses of the container, so that containers reach it by the router's name, and its
  port is published on the machine at the address that was declared: 127.0.0.1 stays visible to the machine alone;
* a connector to ``localhost`` means the machine, under the name the engine gives it.

A connector may follow containers. Where such a container can be reached depends on both sides, and is found out here from what
the engine says (:func:`resolve`): its name or address on a network that both are on; its address on a bridge of this machine
when the engine runs as root; else the port it publishes.

An engine network here is one that others can join; ``host`` is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from skupper_local.resources import Connector, is_ip
from skupper_local.resources.settings import ContainerChoice, How, containers_followed
from skupper_local.site.sockets import is_loopback, is_unspecified

ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - inside a container: what the machine shows is what is published
_RESOLVED = re.compile(r"[a-z][-_a-z0-9]{0,62}")
"""Names that lead there on every engine: capital letters and dots are not found by some name servers, digits mean addresses."""

HOST = "host"
"""The name under which engines list a container that is on the machine's own network."""


class Published(NamedTuple):
    """A port of the router that the engine opens on the machine, at this address; empty: at all."""

    host: str
    port: int


@dataclass(frozen=True)
class SeenContainer:
    """What an engine says of a container. ``addresses`` are its own by network, ``published`` are places on the machine by the
    container's port."""

    name: str
    running: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where a connector leads, as the router dials it. ``container`` is the name of the container behind it.

    ``label`` tells the targets of one connector apart: the host, with the port where several may share a host.
    """

    host: str
    port: int
    container: str = ""
    by_port: bool = False

    @property
    def label(self) -> str:
        """What stands after ``@`` in the name of the tcpConnector."""
        return f"{self.host}:{self.port}" if self.by_port else self.host


@dataclass(frozen=True)
class Obstacle:
    """Why a connector does not reach a container, and what to do. ``lasting``: it will not come by itself."""

    container: str
    reason: str
    way_out: str
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.reason}; {self.way_out}" if self.way_out else self.reason


@dataclass(frozen=True)
class Followed:
    """What has become of the containers a connector follows."""

    targets: tuple[Target, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def out_of_reach(self) -> tuple[Obstacle, ...]:
        """What somebody has to do something about before the connector leads anywhere at all."""
        return () if self.targets else tuple(item for item in self.obstacles if item.lasting)


@dataclass(frozen=True)
class Reach:
    """Where the router stands.

    ``network`` is the engine network it is in (empty: the machine's), ``router_name`` its name there (empty: it has none) and
    ``host_name`` the machine's, ``host_address`` what the engine has to be told of it (empty: it knows). ``names`` tells
    whether that network resolves the names of containers, and ``taken`` which ones others have. ``rootless`` and ``engine``
    are of the engine that has the containers. ``loopback_ports`` are those at which this machine listens on its loopback
    alone. ``followed`` is, by the name of the connector, what its containers have come to.
    """

    network: str = ""
    router_name: str = ""
    host_name: str = ""
    host_address: str = ""
    names: bool = False
    taken: frozenset[str] = frozenset()
    rootless: bool = False
    engine: str = ""
    loopback_ports: frozenset[int] = frozenset()
    followed: Mapping[str, Followed] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON can hold; :func:`reach_from_json` reads them."""
        return {**asdict(self), "taken": sorted(self.taken), "loopback_ports": sorted(self.loopback_ports)}

    def bound(self, host: str) -> str:
        """The address a declared listening socket is bound to."""
        return ALL_ADDRESSES if self.network else host

    def access_bound(self, host: str) -> str:
        """The same for an access, where empty means everywhere."""
        return "" if self.network else host

    def targets(self, connector: Connector) -> tuple[Target, ...]:
        """Where a connector leads: one place, or one for each container it follows."""
        if containers_followed(connector):
            return self.followed.get(connector.name, Followed()).targets
        host = self.host_name if self.network and is_loopback(connector.host) else connector.host
        return (Target(host, connector.port),)

    def warning(self, connector: Connector) -> str:
        """What stands between a connector and its server, and the way out; empty when nothing that is known does."""
        if containers_followed(connector):
            return "; ".join(str(item) for item in self.followed.get(connector.name, Followed()).obstacles)
        if self.network and is_loopback(connector.host) and connector.port in self.loopback_ports:
            stands = (
                f"a container cannot reach what listens on the loopback alone, as port {connector.port} does"
            )
            return f"{stands}: {self.loopback_way_out()}"
        return ""

    def loopback_way_out(self) -> str:
        """What makes a server on the machine's loopback reachable, for each engine; all of it was tried on real ones."""
        if not self.rootless:
            return (
                "let it listen on 0.0.0.0 or on the gateway of a container network, run it in a container "
                "(--container), or put the router on the host's network (skupper-local site update --network host)"
            )
        if self.engine == "docker":
            return "let it listen on an address of this machine, or run it in a container (--container)"
        return (
            "let it listen on an address of this machine, run it in a container (--container), put the router on the host's "
            "network (skupper-local site update --network host), or say "
            'network_cmd_options = ["allow_host_loopback=true"] under [engine] '
            "in containers.conf (Podman 4 with slirp4netns) and name the host 10.0.2.2"
        )


def reach_from_json(values: Mapping[str, Any]) -> Reach:
    """The reach that :meth:`Reach.to_json` wrote. Raises TypeError, KeyError or AttributeError for anything else."""
    followed = {
        str(name): Followed(
            tuple(Target(**target) for target in item["targets"]),
            tuple(Obstacle(**obstacle) for obstacle in item["obstacles"]),
        )
        for name, item in values["followed"].items()
    }
    sets = {key: frozenset(values[key]) for key in ("taken", "loopback_ports")}
    return Reach(**{**values, **sets, "followed": followed})


def published_at(host: str) -> str:
    """The address on the machine at which the port of a listening socket is published; see :class:`Published`."""
    if host in ("", ALL_ADDRESSES, "::") or is_unspecified(host):
        return ""
    return "127.0.0.1" if host == "localhost" else host


def can_be_published(host: str) -> bool:
    """Engines publish at addresses; of names they know none but the loopback's."""
    return host in ("", "localhost") or is_ip(host)


def resolve(
    choice: ContainerChoice, port: int, containers: Iterable[SeenContainer], reach: Reach
) -> Followed:
    """Where the router reaches ``port`` of the containers that are meant, by name; ``containers`` may be all there are."""
    meant = sorted(
        (item for item in containers if choice.accepts(item.name, item.labels)), key=lambda item: item.name
    )
    running = [item for item in meant if item.running]
    if not running:
        return Followed(obstacles=(_absent(choice, meant, reach),))
    targets: dict[str, Target] = {}
    obstacles: list[Obstacle] = []
    for container in running:
        found = _place(container, port, reach)
        if isinstance(found, Target):
            targets.setdefault(found.label, found)
        else:
            obstacles.append(found)
    return Followed(tuple(targets.values()), tuple(obstacles))


def _absent(choice: ContainerChoice, meant: list[SeenContainer], reach: Reach) -> Obstacle:
    where = f" on {reach.engine}" if reach.engine else ""
    if meant:
        names = ", ".join(item.name for item in meant)
        stands = f"container {names} is not running{where}"
    elif choice.how is How.NAME:
        stands = f"there is no container {choice.value}{where}"
    else:
        stands = f"no container{where} matches {choice}"
    return Obstacle(meant[0].name if meant else choice.value, stands, "reload when it runs")


def _place(container: SeenContainer, port: int, reach: Reach) -> Target | Obstacle:
    """Where the router reaches a port of a running container."""
    if reach.network:
        return _from_network(container, port, reach)
    if not reach.rootless:
        for network, address in sorted(container.addresses.items()):
            if address and network != HOST:
                return Target(address, port, container.name)
    if HOST in container.addresses:
        return Target("127.0.0.1", port, container.name, by_port=True)
    for host, host_port in container.published.get(port, ()):
        return Target(_dialled(host), host_port, container.name, by_port=True)
    way_out = f"publish it (-p 127.0.0.1:{port}:{port})"
    networks = sorted(name for name, address in container.addresses.items() if name != HOST and address)
    if networks:
        way_out += f", or put the router on its network (skupper-local site update --network {networks[0]})"
    kind = f"rootless {reach.engine}".strip() if reach.rootless else reach.engine
    reason = f"port {port} of container {container.name} cannot be reached from the host"
    return Obstacle(container.name, f"{reason}{f' under {kind}' if kind else ''}", way_out, lasting=True)


def _from_network(container: SeenContainer, port: int, reach: Reach) -> Target | Obstacle:
    """Where a router in an engine network reaches it."""
    address = container.addresses.get(reach.network, "")
    if address:
        by_name = reach.names and _RESOLVED.fullmatch(container.name)
        return Target(container.name if by_name else address, port, container.name)
    if HOST in container.addresses:
        return Target(reach.host_name, port, container.name, by_port=True)
    for host, host_port in container.published.get(port, ()):
        if not is_loopback(host):  # the machine's loopback cannot be reached from a container
            seen = reach.host_name if is_unspecified(host) else host
            return Target(seen, host_port, container.name, by_port=True)
    joined = (
        f"connect it ({reach.engine} network connect {reach.network} {container.name})"
        if container.addresses
        else f"run it there (--network {reach.network})"  # engines connect no container that is on none
    )
    return Obstacle(
        container.name,
        f"container {container.name} is not on network {reach.network}, on which the router is",
        f"{joined}, or publish port {port} on an address other than the loopback",
        lasting=True,
    )


def _dialled(host: str) -> str:
    """What to dial on this machine for a port that is published at ``host``."""
    return "127.0.0.1" if is_unspecified(host) else host
