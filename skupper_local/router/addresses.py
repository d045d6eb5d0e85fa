"""What an AMQP address means to a router: the class of a destination and its hash key.

A router looks destinations up by a *key*: one class character and the rest of the address (router-protocol 5.1). Topological
addresses name a router, and mean something else on that router than anywhere else; all other addresses are mobile: whoever
consumes from them, wherever, gets the messages. Every text has a meaning, so nothing is refused here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

OWN_AREA = "0"
"""The only area there is."""

_SCHEME = re.compile(r"[^/][^:]*(?::[^/][^:]*)*:/", re.DOTALL)
"""Everything up to the first ``:/``; a colon as the very first character does not count, as in the reference."""


class AddressKind(Enum):
    """The class of an address; the value is the first character of the key."""

    MOBILE = "M"
    """A service address: its consumers may be anywhere in the network."""
    LOCAL = "L"
    """Something inside this router: ``_local/X``, or a topological address that names this router."""
    ALL_ROUTERS = "T"
    """``_topo/0/all/X``: X on every router."""
    ROUTER = "R"
    """``_topo/0/<router>/X``: X on another interior router; the key names the router only."""
    EDGE = "H"
    """``_edge/<router>/X``: X on an edge router; the key names the router only."""
    AREA = "A"
    """``_topo/<area>/...`` with another area: no router can be there."""


@dataclass(frozen=True)
class Address:
    """One parsed address."""

    kind: AddressKind
    name: str
    """The address within its destination: the service address, or what the router named in ``router`` looks up."""
    router: str = ""
    """The router id of a ``ROUTER`` or ``EDGE`` address, the area of an ``AREA`` address, else empty."""

    @property
    def key(self) -> str:
        """The hash key: ``"Mbackend"``, ``"Lqdhello"``, ``"Tqdrouter"``, ``"Rwest"``, ``"Hleaf"``."""
        return self.kind.value + (self.router if self.kind in _KEYED_BY_ROUTER else self.name)


_KEYED_BY_ROUTER = frozenset({AddressKind.ROUTER, AddressKind.EDGE, AddressKind.AREA})


def parse_address(text: str, router_id: str) -> Address:
    """The meaning of the address ``text`` on the interior router ``router_id``.

    A scheme and host (``amqp:/``, ``amqp://host/``) or leading slash is not part of the address, nor is one trailing ``.`` or
    ``/``. The network element of ``_xtopo/<network>/`` and ``_xedge/<network>/`` is skipped: this router belongs to no named
    network, and the reference then does the same.
    """
    path = _without_host(text)
    if path.endswith((".", "/")):
        path = path[:-1]
    if path.startswith("_local/"):
        return Address(AddressKind.LOCAL, path[len("_local/") :])
    if path.startswith(("_topo/", "_xtopo/")):
        return _topological(_after_network(path, "_xtopo/", "_topo/"), router_id)
    if path.startswith(("_edge/", "_xedge/")):
        router, separator, name = _after_network(path, "_xedge/", "_edge/").partition("/")
        if router == router_id and separator:
            return Address(AddressKind.LOCAL, name)
        return Address(AddressKind.EDGE, name, router)
    return Address(AddressKind.MOBILE, path)


def _without_host(text: str) -> str:
    """The text after ``scheme:/``, ``scheme://host/``, ``/`` or ``//host/``; the whole text when it has none of them."""
    if text.startswith("/"):
        rest = text[1:]
    else:
        scheme = _SCHEME.match(text)
        if scheme is None:
            return text
        rest = text[scheme.end() :]
    if rest.startswith("/"):
        _, slash, path = rest[1:].partition("/")
        return path if slash else text
    return rest or text


def _after_network(path: str, with_network: str, without: str) -> str:
    if path.startswith(with_network):
        return path[len(with_network) :].partition("/")[2]
    return path[len(without) :]


def _topological(rest: str, router_id: str) -> Address:
    area, separator, rest = rest.partition("/")
    if not separator or area not in (OWN_AREA, "all"):
        return Address(AddressKind.AREA, rest, area)
    router, separator, name = rest.partition("/")
    if separator and router == "all":
        return Address(AddressKind.ALL_ROUTERS, name)
    if separator and router == router_id:
        return Address(AddressKind.LOCAL, name)
    return Address(AddressKind.ROUTER, name, router)
