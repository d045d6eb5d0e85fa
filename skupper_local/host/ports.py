"""TCP ports: whether one can be bound here, and the next one that can.

The only honest test is to bind. It is a statement about this moment: between the test and the router's own bind somebody else
may take the port, and then the router reports it. Those who choose ports take turns, so that it is at least none of them.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import sys
import time
from collections.abc import Collection, Iterator

from skupper_local.errors import SkupperLocalError

_LAST = 65_535

_TURN = "\0skupper-local/port-choice"
"""A name that one socket of a network namespace can have at a time: ports are chosen among its programs, whoever runs them."""
_POLL = 0.05


class NoFreePortError(SkupperLocalError):
    """Every port from the first wanted one up is taken."""

    code = "no-free-port"


def bind_problem(host: str, port: int) -> str:
    """Why a listening socket cannot be opened on ``host`` (empty: all interfaces) and ``port``; empty when it can.

    As the routers do, an address in TIME_WAIT is no obstacle, a listening socket is one.
    """
    try:
        choices = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError) as error:
        return f"{host}: {getattr(error, 'strerror', None) or error}"
    problem = ""
    bound: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in choices:
            reason, kept = _bind(family, kind, protocol, address)
            if kept is not None:
                bound.append(kept)
            problem = problem or reason
    finally:
        for kept in bound:
            kept.close()
    return problem


def _bind(
    family: int, kind: int, protocol: int, address: tuple[object, ...]
) -> tuple[str, socket.socket | None]:
    try:
        probe = socket.socket(family, kind, protocol)
    except OSError:
        return "", None  # this machine has no such address family, so nobody can hold its port
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind(address)
        probe.listen(1)
    except OSError as error:
        probe.close()
        if error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET6 and address[0] == "::":
            return "", None  # IPv6 is switched off
        return (error.strerror or str(error)).lower(), None
    return "", probe


def is_free(port: int, host: str = "") -> bool:
    """Whether a listening socket can be opened on ``port`` now."""
    return not bind_problem(host, port)


def next_free(first: int, *, host: str = "", taken: Collection[int] = ()) -> int:
    """The lowest port from ``first`` up that is free and not in ``taken`` (ports promised to somebody who is not up yet)."""
    for port in range(first, _LAST + 1):
        if port not in taken and is_free(port, host):
            return port
    raise NoFreePortError(
        f"No free TCP port from {first} to {_LAST}",
        why="each of them is in use or reserved by another site",
        next_step="stop something that listens, or choose a port in a RouterAccess resource",
    )


@contextlib.contextmanager
def turn_to_choose(seconds: float) -> Iterator[bool]:
    """While it is held, no other site of this machine chooses ports and starts on them; of other users and data homes neither.

    It is waited for at most ``seconds``, and then done without (the value is false): whoever keeps it out of malice or by
    hanging must not keep others from starting.
    """
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        while True:
            try:
                claim.bind(_TURN)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                    time.sleep(_POLL)
                    continue
                yield False
                return
            yield True
            return


def on_loopback_only(wanted: Collection[int]) -> frozenset[int]:
    """Those of the ports on which somebody listens, and only where this machine alone can connect."""
    hosts: dict[int, set[str]] = {}
    for port, row in _listening_rows(wanted):
        hosts.setdefault(port, set()).add(row[1].rpartition(":")[0])
    return frozenset(port for port, where in hosts.items() if all(_is_loopback(host) for host in where))


def holders_of(wanted: Collection[int]) -> dict[int, str]:
    """Who listens on each of these ports, as ``process 123 (python3)``; what the kernel does not tell this user is left out.

    It is asked once for all of them.
    """
    ports_of: dict[str, int] = {f"socket:[{row[9]}]": port for port, row in _listening_rows(wanted)}
    holders: dict[int, str] = {}
    if not ports_of:
        return holders
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with os.scandir(f"/proc/{pid}/fd") as descriptors:
                held = {ports_of.get(_target(entry.path), 0) for entry in descriptors} - {0}
            if not held:
                continue
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                holder = f"process {pid} ({file.read().strip()})"
        except OSError:
            continue  # it ended, or belongs to somebody else
        for port in held:
            holders.setdefault(port, holder)
    return holders


def listening_addresses(
    wanted: Collection[int],
) -> dict[int, list[ipaddress.IPv4Address | ipaddress.IPv6Address]]:
    """The addresses at which somebody listens, for each of these ports that has any."""
    found: dict[int, list[ipaddress.IPv4Address | ipaddress.IPv6Address]] = {}
    for port, row in _listening_rows(wanted) if wanted else ():
        found.setdefault(port, []).append(_address(row[1].rpartition(":")[0]))
    return found


def _listening_rows(wanted: Collection[int]) -> list[tuple[int, list[str]]]:
    """What the kernel says of the sockets that listen on these ports, by port (proc(5), /proc/net/tcp)."""
    listening = "0A"
    ports = frozenset(wanted)
    found: list[tuple[int, list[str]]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        for row in rows:
            port = int(row[1].rpartition(":")[2], 16)
            if row[3] == listening and port in ports:
                found.append((port, row))
    return found


def _is_loopback(host: str) -> bool:
    return _address(host).is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as in /proc/net/tcp: 32-bit words in the order of the machine's bytes."""
    words = [int(host[start : start + 8], 16) for start in range(0, len(host), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    address = ipaddress.ip_address(packed)
    mapped: ipaddress.IPv4Address | None = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
