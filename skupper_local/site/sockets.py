"""Which sockets get in each other's way.

A socket on all interfaces takes the port on every one of them, so ``0.0.0.0:8080`` and ``127.0.0.1:8080`` exclude each
other; the reference compares the texts alone and leaves the clash to the router (reference-engine 2.3, "Not validated").
The two families of addresses are apart: routers bind ``::`` for IPv6 alone, and an empty host for both.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

DEFAULT_PORTS = {"inter-router": 55671, "edge": 45671}
"""The port of each role of a link access when none is said (reference-engine 3.2)."""

_ALL_IPV4 = "0.0.0.0"  # noqa: S104
_ALL_IPV6 = "::"
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


def ipv4_within(host: str) -> str:
    """The IPv4 address that an IPv6 address of the form ``::ffff:a.b.c.d`` stands for, else an empty text. Routers keep the
    families of addresses apart, so that nothing can be bound there."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or "")


class SocketTable:
    """The sockets of a site; finds the one that is in the way of another in constant time."""

    def __init__(self) -> None:
        self._ports: dict[int, tuple[dict[str, Socket], dict[str, Socket]]] = {}

    def in_the_way(self, socket: Socket) -> Socket | None:
        """A socket in the table that cannot be bound at the same time as ``socket``."""
        families = self._ports.get(socket.port)
        if not families:
            return None
        for place in _places(socket.host):
            taken = families[_family(place)]
            everywhere = _ALL_IPV6 if _family(place) else _ALL_IPV4
            if place == everywhere and taken:
                return next(iter(taken.values()))
            found = taken.get(place) or taken.get(everywhere)
            if found:
                return found
        return None

    def in_the_other_family(self, socket: Socket) -> Socket | None:
        """A socket of the other family of addresses that holds the port, when one of the two is on all addresses of IPv6.

        Where IPv6 sockets take IPv4 as well, as some engines have it for the ports they publish, these two exclude each other.
        """
        ipv4, ipv6 = self._ports.get(socket.port, ({}, {}))
        if _places(socket.host) == (_ALL_IPV6,):
            return next(iter(ipv4.values()), None)
        return ipv6.get(_ALL_IPV6)

    def add(self, socket: Socket) -> None:
        """Put ``socket`` into the table."""
        families = self._ports.setdefault(socket.port, ({}, {}))
        for place in _places(socket.host):
            families[_family(place)].setdefault(place, socket)


def _places(host: str) -> tuple[str, ...]:
    """The addresses a socket is bound to. A host name other than ``localhost`` counts as one IPv4 address of its own."""
    if host == "":
        return (_ALL_IPV4, _ALL_IPV6)
    if host == "localhost":
        return ("127.0.0.1", "::1")
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return (host,)


def _family(place: str) -> int:
    """0 for IPv4 and names, 1 for IPv6."""
    return 1 if ":" in place else 0


def _is(host: str, kind: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), kind))
    except ValueError:
        return False
