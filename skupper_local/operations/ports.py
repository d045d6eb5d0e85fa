"""Whether the ports a site declares can be bound, asked before anything is changed.

A router that cannot bind a port says so in its log and goes on without it; a person who starts a site wants to know at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from skupper_local.entities import Entity
from skupper_local.host import ports
from skupper_local.operations.errors import PortInUseError
from skupper_local.platforms.container import HOST_NETWORK, ContainerSpec
from skupper_local.site.sockets import Socket as SiteSocket
from skupper_local.site.sockets import SocketTable

_SOCKETS = ("listener", "tcpListener")


class Socket(NamedTuple):
    """An address the router listens on; the host is empty for all interfaces."""

    host: str
    port: int


def sockets_of(configuration: Iterable[Entity]) -> dict[Socket, str]:
    """Every listening socket of a configuration, with what it is for."""
    found: dict[Socket, str] = {}
    for entity in configuration:
        port = str(entity.attributes.get("port", ""))
        if entity.type in _SOCKETS and port.isdecimal():
            name = str(entity.attributes.get("name", ""))
            what = (
                f"listener {name.removeprefix('listener/')}"
                if entity.type == "tcpListener"
                else f"access {name}"
            )
            found[Socket(str(entity.attributes.get("host", "")), int(port))] = what
    return found


def sockets_on_machine(configuration: Iterable[Entity], container: ContainerSpec | None) -> dict[Socket, str]:
    """As :func:`sockets_of`, as this machine sees them: a container in an engine network shows what is published of it."""
    inside = sockets_of(configuration)
    if container is None or container.network == HOST_NETWORK:
        return inside
    names = {socket.port: what for socket, what in inside.items()}
    return {Socket(item.host, item.port): names[item.port] for item in container.ports if item.port in names}


def require_free(wanted: Mapping[Socket, str], held: Collection[Socket]) -> None:
    """Raise PortInUseError, naming every port that cannot be bound. Those ``held`` by a router of this site are ours."""
    blocked: list[str] = []
    ours = SocketTable()
    for socket in held:
        ours.add(SiteSocket(socket.host, socket.port, ""))
    hosts: set[Socket] = set()
    steps: dict[str, None] = {}
    for socket, what in wanted.items():
        if ours.in_the_way(SiteSocket(socket.host, socket.port, "")):
            continue  # only the router itself could tell, once it has given up what it holds
        problem = ports.bind_problem(socket.host, socket.port)
        if problem:
            holder = ports.holder_of(socket.port)
            blocked.append(
                f"{what}: {socket.host or '*'}:{socket.port}: {problem}{f' by {holder}' if holder else ''}"
            )
            hosts.add(socket)
            steps[_way_out(socket, problem)] = None
    if blocked:
        raise PortInUseError(
            f"Ports of this site that cannot be bound: {', '.join(str(socket.port) for socket in sorted(hosts))}",
            why="\n".join(blocked),
            next_step="\n".join(steps),
        )


def _way_out(socket: Socket, problem: str) -> str:
    """What to do about an address that cannot be bound: only one that is in use has somebody who holds it."""
    if "in use" in problem:
        return f"end what holds it (ss -ltnp 'sport = :{socket.port}'), or declare another port"
    if "permission denied" in problem or "not permitted" in problem:
        return "declare a port from 1024 on; those below are for root"
    return f"declare an address of this machine in place of {socket.host} (ip -brief address shows them)"
