"""What a running router says of itself, taken from its management answers (router-protocol 7).

Routers differ in what they tell: skrouterd counts the destinations of an address in ``router.address``, names a bind error
only in ``connectionMsg`` of a ``tcpListener``, and knows nothing of the listeners of other sites. What was not said stays
unknown here; :mod:`skupper_local.site.status` never takes unknown for good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skupper_local.site.router_reasons import plain_reason

Answers = Mapping[str, Sequence[Mapping[str, Any]]]

_PREFIX = "io.skupper.router."

OBSERVED_TYPES: tuple[str, ...] = tuple(
    _PREFIX + name
    for name in (
        "router",
        "router.node",
        "connection",
        "connector",
        "listener",
        "tcpListener",
        "tcpConnector",
        "listenerAddress",
        "router.address",
    )
)
"""The entity types to QUERY at the site's own router, by their full names, for :func:`observe`."""

REMOTE_TYPES: tuple[str, ...] = tuple(
    _PREFIX + name for name in ("router", "site", "tcpListener", "tcpConnector", "listenerAddress")
)
"""The entity types to QUERY at each other router of the network."""

NEIGHBOUR_TYPES: tuple[str, ...] = tuple(_PREFIX + name for name in ("router.node", "connection"))
"""The entity types that :func:`neighbours_in` reads."""

_LINK_ROLES = ("inter-router", "edge")
_NAME_LIMIT = 253
_MESSAGE_LIMIT = 1000
# The id of a reference's router ends with seconds and nanoseconds, ours with eight characters of the site id.
_GENERATED_ID = re.compile(r"(?P<site>.+?)-(?:\d{9,11}-\d{1,9}|[0-9a-f]{8})")


@dataclass(frozen=True)
class Connection:
    """A connection to another router. ``up`` is False while it is being closed; ``host`` is the peer's ``host:port``."""

    container: str
    host: str
    role: str
    incoming: bool
    up: bool
    user: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Dialler:
    """A connector of the router: whether its connection stands, and what the router says about it."""

    name: str
    host: str
    port: str
    up: bool
    message: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A listener, tcpListener or tcpConnector. ``up`` is None when the router does not say; ``message`` holds its reason."""

    name: str
    up: bool | None
    message: str = ""
    host: str = ""
    port: str = ""
    address: str = ""

    def is_for(self, host: str, port: int, address: str = "") -> bool:
        """Whether it is configured with these values. What the router does not say counts as equal."""
        said = ((self.host, host), (self.port, str(port)), (self.address, address))
        return all(not mine or not wanted or mine == wanted for mine, wanted in said)


@dataclass(frozen=True)
class RemoteRouter:
    """Another router of the network: its id, the site it belongs to, and the listeners and connectors of services it has.

    A listener with several routing keys stands there once for each.
    """

    router_id: str
    site_id: str = ""
    site_name: str = ""
    namespace: str = ""
    platform: str = ""
    version: str = ""
    listeners: tuple[Endpoint, ...] = ()
    connectors: tuple[Endpoint, ...] = ()

    @property
    def listener_keys(self) -> frozenset[str]:
        """The routing keys it listens for."""
        return frozenset(endpoint.address for endpoint in self.listeners) - {""}

    @property
    def connector_keys(self) -> frozenset[str]:
        """The routing keys it connects servers to."""
        return frozenset(endpoint.address for endpoint in self.connectors) - {""}


@dataclass(frozen=True)
class ObservedRouter:
    """The router now. ``nodes`` are the ids of all other routers it can reach; ``destinations`` counts connectors by key.

    ``listener_addresses`` holds, for each listener with several routing keys, the number of each key. ``servers`` is no word
    of the router: why a server (host, port) takes no connections, as this machine sees it; empty when it takes them.

    See :func:`observe`.
    """

    router_id: str
    nodes: frozenset[str] = frozenset()
    connections: tuple[Connection, ...] = ()
    connectors: Mapping[str, Dialler] = field(default_factory=dict)
    listeners: Mapping[str, Endpoint] = field(default_factory=dict)
    tcp_listeners: Mapping[str, Endpoint] = field(default_factory=dict)
    tcp_connectors: Mapping[str, Endpoint] = field(default_factory=dict)
    listener_addresses: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    destinations: Mapping[str, int] = field(default_factory=dict)
    remote_routers: Mapping[str, RemoteRouter] = field(default_factory=dict)
    servers: Mapping[tuple[str, int], str] = field(default_factory=dict)

    @property
    def unseen(self) -> str:
        """Why nothing is known of the rest of the network although there is a link to it; empty where that is not so."""
        linked = any(item.role in _LINK_ROLES and item.up for item in self.connections)
        return "the routers of other sites do not answer" if linked and not self.remote_routers else ""

    def incoming_links(self) -> tuple[Connection, ...]:
        """The links that other sites dialled, one for each remote router."""
        found = {
            connection.container: connection
            for connection in self.connections
            if connection.incoming and connection.role in _LINK_ROLES
        }
        return tuple(found[container] for container in sorted(found))

    def outgoing_link(self, host: str, port: int, role: str) -> Connection | None:
        """The connection that was dialled to an endpoint."""
        wanted = {f"{host}:{port}", f"[{host}]:{port}"}
        for connection in self.connections:
            if not connection.incoming and connection.role == role and connection.host in wanted:
                return connection
        return None

    def site_of(self, router_id: str) -> tuple[str, str]:
        """Name and id of the site a router belongs to; the id is empty and the name a guess if it did not tell."""
        remote = self.remote_routers.get(router_id)
        if remote and remote.site_name:
            return remote.site_name, remote.site_id
        return site_name_of(router_id), remote.site_id if remote else ""


def site_name_of(router_id: str) -> str:
    """The site's name in a router id made by this program or by the reference; else the id itself."""
    found = _GENERATED_ID.fullmatch(router_id)
    return found["site"] if found else router_id


def observe(answers: Answers, *, remote_routers: Mapping[str, Answers] | None = None) -> ObservedRouter:
    """Translate management answers: entity type (full or short name) to the entities' attribute maps.

    ``remote_routers`` may hold the answers of other routers by router id (:data:`REMOTE_TYPES`); it is what tells whether a
    connector has a listener elsewhere, and a remote site's true name. Missing types and attributes count as unknown, and
    values of a wrong type, which a remote router might send, as missing.
    """
    router = next(_entities(answers, "router"), {})
    router_id = _text(router, "id")
    tcp_listeners = {_text(entity, "name"): _endpoint(entity) for entity in _entities(answers, "tcpListener")}
    tcp_connectors = {
        _text(entity, "name"): _endpoint(entity) for entity in _entities(answers, "tcpConnector")
    }
    nodes = {_text(node, "id") for node in _entities(answers, "router.node") if can_be_reached(node)}
    return ObservedRouter(
        router_id=router_id,
        nodes=frozenset(nodes - {router_id, ""}),
        connections=tuple(_connection(entity) for entity in _entities(answers, "connection")),
        connectors={_text(entity, "name"): _dialler(entity) for entity in _entities(answers, "connector")},
        listeners={_text(entity, "name"): _endpoint(entity) for entity in _entities(answers, "listener")},
        tcp_listeners=tcp_listeners,
        tcp_connectors=tcp_connectors,
        listener_addresses=_listener_addresses(answers),
        destinations=_destinations(answers),
        remote_routers={
            remote_id: _remote(remote_id, remote) for remote_id, remote in (remote_routers or {}).items()
        },
    )


def neighbours_in(answers: Answers) -> tuple[set[str], set[str]]:
    """The ids of interior and of edge routers that a router knows of: those it routes to, and those attached to it or it to.

    Of the texts of a remote router only those count that can be ids.
    """
    nodes = {_text(node, "id") for node in _entities(answers, "router.node") if can_be_reached(node)}
    attached = [
        connection
        for connection in map(_connection, _entities(answers, "connection"))
        if connection.role == "edge" and connection.up
    ]
    interiors = nodes | {connection.container for connection in attached if not connection.incoming}
    edges = {connection.container for connection in attached if connection.incoming}
    return set(filter(_may_be_id, interiors)), set(filter(_may_be_id, edges))


def _may_be_id(text: str) -> bool:
    return bool(text) and text.isprintable() and not {"/", " "} & set(text)


def can_be_reached(node: Mapping[str, Any]) -> bool:
    """Whether a router leads to another one: over a link of its own, or by a next router. It goes on naming a router that is
    lost for a minute, without either."""
    if node.get("nextHop") == "(self)":
        return False
    return node.get("routerLink") is not None or bool(node.get("nextHop"))


def _entities(answers: Answers, short: str) -> Iterator[Mapping[str, Any]]:
    return iter(answers.get(_PREFIX + short) or answers.get(short) or ())


def _text(entity: Mapping[str, Any], attribute: str, limit: int = _NAME_LIMIT) -> str:
    value = entity.get(attribute)
    if isinstance(value, str):
        return value[:limit]
    return "" if value is None or isinstance(value, bool) else str(value)[:limit]


def _message(entity: Mapping[str, Any], attribute: str = "connectionMsg") -> str:
    """What the router says of a connection, in plain words."""
    return plain_reason(_text(entity, attribute, _MESSAGE_LIMIT))[:_NAME_LIMIT]


def _connection(entity: Mapping[str, Any]) -> Connection:
    return Connection(
        container=_text(entity, "container"),
        host=_text(entity, "host"),
        role=_text(entity, "role"),
        incoming=_text(entity, "dir") == "in",
        up=entity.get("operStatus") in (None, "up"),
        user=_text(entity, "user"),
        reason=_message(entity, "reason"),
    )


def _dialler(entity: Mapping[str, Any]) -> Dialler:
    return Dialler(
        name=_text(entity, "name"),
        host=_text(entity, "host"),
        port=_text(entity, "port"),
        up=_text(entity, "connectionStatus").upper() == "SUCCESS",
        message=_message(entity),
    )


def _endpoint(entity: Mapping[str, Any]) -> Endpoint:
    status = _text(entity, "operStatus")
    return Endpoint(
        name=_text(entity, "name"),
        up=None if not status else status == "up",
        message=_text(entity, "connectionMsg"),
        host=_text(entity, "host"),
        port=_text(entity, "port"),
        address=_text(entity, "address"),
    )


def _listener_addresses(answers: Answers) -> dict[str, dict[str, int]]:
    """The routing keys of listeners that have several, each with its rank or weight, by the listener's name."""
    found: dict[str, dict[str, int]] = {}
    for entity in _entities(answers, "listenerAddress"):
        found.setdefault(_text(entity, "listener"), {})[_text(entity, "address")] = _count(entity, "value")
    return found


def _listeners(answers: Answers) -> Iterator[Endpoint]:
    """The listeners of services, those with several keys once for each."""
    several = _listener_addresses(answers)
    for entity in _entities(answers, "tcpListener"):
        endpoint = _endpoint(entity)
        if endpoint.name in several:
            yield from (replace(endpoint, address=address) for address in several[endpoint.name])
        else:
            yield endpoint


def _destinations(answers: Answers) -> dict[str, int]:
    """How many connectors each mobile address has here and how many routers offer it elsewhere."""
    found: dict[str, int] = {}
    for entity in _entities(answers, "router.address"):
        name = _text(entity, "name") or _text(entity, "key")
        count = sum(_count(entity, attribute) for attribute in ("subscriberCount", "remoteCount"))
        if name.startswith("M"):  # the class of a mobile address in the router's table (router-protocol 4)
            found[name[1:]] = found.get(name[1:], 0) + count
    return found


def _count(entity: Mapping[str, Any], attribute: str) -> int:
    value = entity.get(attribute)
    return value if isinstance(value, int) and value > 0 else 0


def _remote(router_id: str, answers: Answers) -> RemoteRouter:
    router = next(_entities(answers, "router"), {})
    site_id = ""
    try:
        metadata = json.loads(_text(router, "metadata"))
        site_id = str(metadata["id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass  # not ours to insist on: a router may have no metadata
    site = next(_entities(answers, "site"), {})
    return RemoteRouter(
        router_id=router_id,
        site_id=site_id,
        site_name=site_name_of(_text(site, "name") or router_id),
        namespace=_text(site, "namespace"),
        platform=_text(site, "platform"),
        version=_text(site, "version"),
        listeners=tuple(_listeners(answers)),
        connectors=tuple(_endpoint(entity) for entity in _entities(answers, "tcpConnector")),
    )
