"""Whether the ports a site declares can be bound, all of them at once, asked before anything is changed.

A router that cannot bind a port says so in its log and goes on without it; a person who starts a site wants to know at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from skupper_local.entities import Entity
from skupper_local.errors import SkupperLocalError
from skupper_local.host import ports
from skupper_local.namespace.paths import NamespacePaths, list_namespaces
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.operations.declarations import Outcome, Written
from skupper_local.operations.errors import OpenFilesLimitError, PortInUseError
from skupper_local.operations.preparation import read_configuration
from skupper_local.platforms.container import HOST_NETWORK, ContainerSpec
from skupper_local.platforms.record import read_router_record
from skupper_local.resources import Listener, MultiKeyListener
from skupper_local.site.sockets import Socket as SiteSocket
from skupper_local.site.sockets import SocketTable

_SOCKETS = ("listener", "tcpListener")
_OTHER_FILES = 64
"""Files a router needs beside its listening sockets, at the least."""


class Socket(NamedTuple):
    """An address the router listens on; the host is empty for all interfaces."""

    host: str
    port: int


def sockets_of(
    configuration: Iterable[Entity], *, called: Callable[[Entity], str] | None = None
) -> dict[Socket, str]:
    """Every listening socket of a configuration, with what it is for, or what it is ``called``."""
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
            found[Socket(str(entity.attributes.get("host", "")), int(port))] = (
                called(entity) if called else what
            )
    return found


def sockets_on_machine(
    configuration: Iterable[Entity],
    container: ContainerSpec | None,
    *,
    called: Callable[[Entity], str] | None = None,
) -> dict[Socket, str]:
    """As :func:`sockets_of`, as this machine sees them: a container in an engine network shows what is published of it."""
    inside = sockets_of(configuration, called=called)
    if container is None or container.network == HOST_NETWORK:
        return inside
    names = {socket.port: what for socket, what in inside.items()}
    return {Socket(item.host, item.port): names[item.port] for item in container.ports if item.port in names}


def sockets_of_others(paths: NamespacePaths) -> Iterator[tuple[str, dict[Socket, str]]]:
    """The sockets of every other namespace that runs, or is to run when the machine is up again."""
    for other in list_namespaces(paths.data_home):
        if other.name == paths.name:
            continue
        with suppress(SkupperLocalError, OSError):  # a damaged record of another site is that site's trouble
            if read_desired_state(other) is not DesiredState.RUNNING:
                continue
            container = read_router_record(other.router_record).container
            found = sockets_on_machine(read_configuration(other), container)
            yield other.name, {socket: f"{what} of namespace {other.name}" for socket, what in found.items()}


def port_warnings(paths: NamespacePaths, written: Iterable[Written]) -> tuple[str, ...]:
    """What is in the way of the listeners that were just declared, on this machine now: a start or reload would refuse them."""
    listeners = [
        item.resource
        for item in written
        if item.outcome in (Outcome.ADDED, Outcome.CHANGED)
        and isinstance(item.resource, Listener | MultiKeyListener)
    ]
    if not listeners:
        return ()
    ours = _table(sockets_of(read_configuration(paths)))
    others = [_table(sockets) for _, sockets in sockets_of_others(paths)]
    taken: list[tuple[Listener | MultiKeyListener, str]] = []
    for listener in listeners:
        asked = SiteSocket(listener.host, listener.port, "")
        if ours.in_the_way(asked):
            continue
        other = next((found for table in others if (found := table.in_the_way(asked))), None)
        reason = f"it is the port of {other.owner}" if other else ports.bind_problem(*asked[:2])
        if reason:
            taken.append((listener, reason))
    holders = ports.holders_of({listener.port for listener, _ in taken})
    told = []
    for listener, reason in taken:
        holder = holders.get(listener.port, "") if "in use" in reason else ""
        by = f" by {holder}" if holder else ""
        told.append(f"{listener.title}: port {listener.port} cannot be bound at present: {reason}{by}")
    return tuple(told)


def require_apart(
    wanted: Mapping[Socket, str], held: Collection[Socket], others: Iterable[tuple[str, Mapping[Socket, str]]]
) -> None:
    """Raise PortInUseError for what other namespaces of this user have, which ``others`` lists with their names.

    Routers bind a listener only while its service can be reached: of two sites with the same one, either may be the one that
    has it at any time. Those ``held`` by a router of this site are ours.
    """
    ours = _table(dict.fromkeys(held, ""))
    taken = [(name, _table(sockets)) for name, sockets in others]
    found: list[tuple[Socket, str, str]] = []
    for socket, what in wanted.items():
        asked = SiteSocket(socket.host, socket.port, "")
        if ours.in_the_way(asked):
            continue
        for name, table in taken:
            other = table.in_the_way(asked)
            if other:
                found.append((socket, name, f"{what}: {socket.host or '*'}:{socket.port}: {other.owner}"))
    if found:
        names = sorted({name for _, name, _ in found})
        ports_named = ", ".join(str(port) for port in sorted({socket.port for socket, _, _ in found}))
        raise PortInUseError(
            f"Ports of this site that another namespace has: {ports_named}",
            why="\n".join(line for _, _, line in found),
            next_step="declare another port, or stop the other site: "
            + "; ".join(f"skupper-local system stop -n {name}" for name in names),
        )


def _table(sockets: Mapping[Socket, str]) -> SocketTable:
    table = SocketTable()
    for socket, owner in sockets.items():
        table.add(SiteSocket(socket.host, socket.port, owner))
    return table


def require_free(wanted: Mapping[Socket, str], held: Collection[Socket]) -> None:
    """Raise PortInUseError, naming every port that cannot be bound. Those ``held`` by a router of this site are ours."""
    blocked: dict[Socket, str] = {}
    ours = _table(dict.fromkeys(held, ""))
    for socket in wanted:
        if ours.in_the_way(SiteSocket(socket.host, socket.port, "")):
            continue  # only the router itself could tell, once it has given up what it holds
        problem = ports.bind_problem(socket.host, socket.port)
        if problem:
            blocked[socket] = problem
    if blocked:
        holders = ports.holders_of({socket.port for socket in blocked})
        raise PortInUseError(
            f"Ports of this site that cannot be bound: {', '.join(str(socket.port) for socket in sorted(blocked))}",
            why="\n".join(
                _obstacle(socket, wanted[socket], problem, holders.get(socket.port, ""))
                for socket, problem in blocked.items()
            ),
            next_step="\n".join(
                dict.fromkeys(_way_out(socket, problem) for socket, problem in blocked.items())
            ),
        )


def require_open_files(wanted: Collection[Socket], limit: int) -> None:
    """Raise OpenFilesLimitError when a process that may have ``limit`` files open cannot listen on all of these sockets."""
    needed = sum(
        1 if socket.host else 2 for socket in wanted
    )  # on all interfaces: one for IPv4, one for IPv6
    if needed + _OTHER_FILES <= limit:
        return
    raise OpenFilesLimitError(
        f"The router cannot listen on {needed} sockets: it may have {limit} files open",
        why=f"that is the hard limit of this shell (ulimit -Hn), and {_OTHER_FILES} more are for links and connections",
        next_step="raise it (as root: ulimit -n 65536; for a user: a line 'NAME - nofile 65536' in "
        "/etc/security/limits.conf, then a new login), or let systemd keep the router: "
        "skupper-local system start --with-systemd",
    )


def _obstacle(socket: Socket, what: str, problem: str, holder: str) -> str:
    return f"{what}: {socket.host or '*'}:{socket.port}: {problem}{f' by {holder}' if holder else ''}"


def _way_out(socket: Socket, problem: str) -> str:
    """What to do about an address that cannot be bound: only one that is in use has somebody who holds it."""
    if "in use" in problem:
        return f"end what holds it (ss -ltnp 'sport = :{socket.port}'), or declare another port"
    if "permission denied" in problem or "not permitted" in problem:
        return "declare a port from 1024 on; those below are for root"
    return f"declare an address of this machine in place of {socket.host} (ip -brief address shows them)"
