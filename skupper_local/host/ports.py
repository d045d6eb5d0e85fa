"""TCP ports: whether one can be bound here, and the next one that can.

The only honest test is to bind. It is a statement about this moment: between the test and the router's own bind somebody else
may take the port, and then the router reports it.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Collection

from skupper_local.errors import SkupperLocalError

_LAST = 65_535


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


def on_loopback_only(port: int) -> bool:
    """Whether somebody listens on ``port``, and only where this machine alone can connect."""
    hosts = {row[1].rpartition(":")[0] for row in _listening_rows(port)}
    return bool(hosts) and all(_is_loopback(host) for host in hosts)


def holder_of(port: int) -> str:
    """Who listens on ``port``, as ``process 123 (python3)``; empty when the kernel does not tell this user."""
    sockets = _listening_sockets(port)
    if not sockets:
        return ""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with os.scandir(f"/proc/{pid}/fd") as descriptors:
                if not any(_target(entry.path) in sockets for entry in descriptors):
                    continue
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                return f"process {pid} ({file.read().strip()})"
        except OSError:
            continue  # it ended, or belongs to somebody else
    return ""


def _listening_sockets(port: int) -> set[str]:
    """The sockets that listen on a port, as they are named in ``/proc/PID/fd``."""
    return {f"socket:[{row[9]}]" for row in _listening_rows(port)}


def _listening_rows(port: int) -> list[list[str]]:
    """What the kernel says of the sockets that listen on a port (proc(5), /proc/net/tcp)."""
    listening = "0A"
    found: list[list[str]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        found += [row for row in rows if row[3] == listening and int(row[1].rpartition(":")[2], 16) == port]
    return found


def _is_loopback(host: str) -> bool:
    """Of an address as in /proc/net/tcp: 32-bit words in the order of the machine's bytes."""
    words = [int(host[start : start + 8], 16) for start in range(0, len(host), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
