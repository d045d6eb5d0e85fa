"""Which sockets get in each other's way.

A socket on all interfaces takes the port on every one of them, so ``0.0.0.0:8080`` and ``127.0.0.1:8080`` exclude each
other; the reference compares the texts alone and leaves the clash to the router (reference-engine 2.3, "Not validated").
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

DEFAULT_PORTS = {"inter-router": 55671, "edge": 45671}
"""The port of each role of a link access when none is said (reference-engine 3.2)."""

_ALL_IPV4 = "0.0.0.0"  # noqa: S104
_EVERYWHERE = ("", "::")  # a socket bound to :: takes IPv4 as well
LOOPBACK_NAMES = ("127.0.0.1", "localhost")


class Socket(NamedTuple):
    """A listening socket and the title of whoever has it."""

    host: str
    port: int
    owner: str


def is_unspecified(host: str) -> bool:
    """Whether ``host`` means all interfaces."""
    return host == "" or _is(host, "is_unspecified")


def is_loopback(host: str) -> bool:
    """Whether ``host`` reaches this machine only."""
    return host == "localhost" or _is(host, "is_loopback")


def is_offerable(address: str) -> bool:
    """Whether another machine could use ``address``: neither loopback nor link-local, multicast or unspecified."""
    return not any(
        _is(address, kind) for kind in ("is_loopback", "is_link_local", "is_multicast", "is_unspecified")
    )


class SocketTable:
    """The sockets of a site; finds the one that is in the way of another in constant time."""

    def __init__(self) -> None:
        self._ports: dict[int, dict[str, Socket]] = {}

    def in_the_way(self, socket: Socket) -> Socket | None:
        """A socket in the table that cannot be bound at the same time as ``socket``."""
        taken = self._ports.get(socket.port)
        if not taken:
            return None
        host = _normal(socket.host)
        if host in _EVERYWHERE:
            return next(iter(taken.values()))
        if host == _ALL_IPV4:
            return next((other for key, other in taken.items() if ":" not in key or key in _EVERYWHERE), None)
        keys = (host, *_EVERYWHERE) if ":" in host else (host, *_EVERYWHERE, _ALL_IPV4)
        return next((taken[key] for key in keys if key in taken), None)

    def add(self, socket: Socket) -> None:
        """Put ``socket`` into the table."""
        self._ports.setdefault(socket.port, {}).setdefault(_normal(socket.host), socket)


def _normal(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _is(host: str, kind: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), kind))
    except ValueError:
        return False
