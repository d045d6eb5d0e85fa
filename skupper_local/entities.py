"""The vocabulary of a router's configuration: its entities, their attributes, and the file that lists them.

A router is configured by *entities*: a listener, a connector, a certificate profile. Each has a type and a flat map of
attributes. The same entities stand in the file a router starts with (``[[type, {...}], ...]``), in the requests and answers
of its management, and in what a site is rendered to; this module is the one place that says which types there are, which
attributes they have, of which type, with which default, and what can be done to them while the router runs
(router-protocol 7, reference-engine 3). It is data and two functions; it judges no value. What a router makes of an entity
is decided in the router.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

LONG_NAME_PREFIX = "io.skupper.router."
"""Management knows every type by its name with this prefix."""

CONFIGURATION_BYTES_LIMIT = 16 << 20
"""A configuration file may not be larger: about a hundred times that of a site with a thousand listeners."""


class ValueType(Enum):
    """What the value of an attribute is."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    PORT = "port"
    """A port number or the name of a service, such as ``amqp``."""
    ENUM = "enum"
    """One of the attribute's ``choices``."""
    PATH = "path"
    MAP = "map"


@dataclass(frozen=True)
class Attribute:
    """An attribute of an entity type. ``default`` is None where the router has none.

    ``minimum`` and ``maximum`` bound an integer; ``update``: it can be changed while the router runs; ``secret``: its value
    is never shown.
    """

    name: str
    type: ValueType
    default: str | int | bool | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 2**31 - 1
    update: bool = False
    secret: bool = False


@dataclass(frozen=True)
class EntityType:
    """A type of entity: its name in the file, its attributes in the file's order, and what management can do to it.

    Everything can be read. ``single``: a router has exactly one.
    """

    name: str
    attributes: Mapping[str, Attribute]
    create: bool = False
    update: bool = False
    delete: bool = False
    single: bool = False

    @property
    def long_name(self) -> str:
        """The name management knows the type by."""
        inner = f"router.config.{self.name}" if self.name == "address" else self.name
        return LONG_NAME_PREFIX + inner


@dataclass(frozen=True)
class Entity:
    """One entity: its type as the file names it (``tcpListener``), and its attributes."""

    type: str
    attributes: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The entity's name; empty if it has none."""
        return str(self.attributes.get("name", ""))


class ConfigurationSyntaxError(ValueError):
    """A configuration file that is not a list of ``[type, {attribute: value, ...}]``. The text says where and why."""


# The types, in the order in which a file lists them (reference-engine 3.1).


def _text(
    name: str,
    default: str | None = None,
    *,
    required: bool = False,
    update: bool = False,
    secret: bool = False,
) -> Attribute:
    return Attribute(name, ValueType.STRING, default, required, update=update, secret=secret)


def _integer(
    name: str,
    default: int | None = None,
    *,
    minimum: int = 0,
    maximum: int = 2**31 - 1,
    required: bool = False,
    update: bool = False,
) -> Attribute:
    return Attribute(
        name, ValueType.INTEGER, default, required, minimum=minimum, maximum=maximum, update=update
    )


def _boolean(name: str, default: bool | None = None, *, update: bool = False) -> Attribute:
    return Attribute(name, ValueType.BOOLEAN, default, update=update)


def _port(default: str | None = None, *, update: bool = False) -> Attribute:
    return Attribute("port", ValueType.PORT, default, required=default is None, maximum=65535, update=update)


def _enum(
    name: str,
    choices: tuple[str, ...],
    default: str | None = None,
    *,
    required: bool = False,
    update: bool = False,
) -> Attribute:
    return Attribute(name, ValueType.ENUM, default, required, choices, update=update)


def _path(name: str, *, update: bool = False) -> Attribute:
    return Attribute(name, ValueType.PATH, update=update)


def _type(
    name: str,
    *attributes: Attribute,
    create: bool = False,
    update: bool = False,
    delete: bool = False,
    single: bool = False,
) -> EntityType:
    return EntityType(name, {item.name: item for item in attributes}, create, update, delete, single)


ROLES = ("normal", "inter-router", "route-container", "edge", "inter-edge", "inter-network")
DISTRIBUTIONS = ("multicast", "closest", "balanced", "unavailable")
OBSERVERS = ("none", "auto", "http1", "http2")
MULTI_ADDRESS_STRATEGIES = ("none", "priority", "weighted")
ADDRESS_FAMILIES = ("IPv4", "IPv6")
LOG_MODULES = (
    "ROUTER",
    "ROUTER_CORE",
    "ROUTER_HELLO",
    "ROUTER_LS",
    "ROUTER_MA",
    "MESSAGE",
    "SERVER",
    "AGENT",
    "CONTAINER",
    "ERROR",
    "POLICY",
    "HTTP",
    "CONN_MGR",
    "PYTHON",
    "PROTOCOL",
    "TCP_ADAPTOR",
    "HTTP_ADAPTOR",
    "FLOW_LOG",
    "ADDRESS_WATCH",
    "HTTP1_OBSERVER",
    "HTTP2_OBSERVER",
    "HTTP2_DECODER",
    "DEFAULT",
)
"""What a ``log`` entity can name."""

MINIMUM_MAX_FRAME_SIZE = 512
"""AMQP 1.0, 2.4.1."""

ROUTER = _type(
    "router",
    _text("id"),
    _enum("mode", ("standalone", "interior", "edge"), "standalone"),
    _integer("helloIntervalSeconds", 1, minimum=1),
    _integer("helloMaxAgeSeconds", 3, minimum=1),
    _text("dataConnectionCount", "auto"),
    _text("metadata"),
    _text("name"),
    _text("vanId"),
    _text("area", "0"),
    _integer("raIntervalSeconds", 30, minimum=1),
    _integer("raIntervalFluxSeconds", 4, minimum=1),
    _integer("remoteLsMaxAgeSeconds", 60, minimum=1),
    _integer("unreachableHoldoffSeconds", 1),
    _integer("workerThreads", 4, minimum=1),
    _enum("defaultDistribution", DISTRIBUTIONS, "balanced"),
    _boolean("dropTcpConnections", True),
    _path("debugDumpFile"),
    _path("saslConfigDir"),
    _text("saslConfigName", "skrouterd"),
    _boolean("timestampsInUTC"),
    _text("timestampFormat"),
    single=True,
)
SSL_PROFILE = _type(
    "sslProfile",
    _text("name", required=True),
    _path("certFile", update=True),
    _path("privateKeyFile", update=True),
    _path("caCertFile", update=True),
    _integer("ordinal", update=True),
    _integer("oldestValidOrdinal", update=True),
    _text("password", update=True, secret=True),
    _text("ciphers", update=True),
    _text("protocols", update=True),
    _text("uidFormat"),
    _path("uidNameMappingFile"),
    create=True,
    update=True,
    delete=True,
)
PROXY_PROFILE = _type(
    "proxyProfile",
    _text("name", required=True),
    _text("host", update=True),
    Attribute("port", ValueType.PORT, maximum=65535, update=True),
    _text("username", update=True),
    _text("password", update=True, secret=True),
    create=True,
    update=True,
    delete=True,
)
CONNECTOR = _type(
    "connector",
    _text("name"),
    _enum("role", ROLES, "normal"),
    _text("host", "127.0.0.1"),
    _port("amqp"),
    _integer("cost", 1, minimum=1),
    _text("sslProfile"),
    _text("proxyProfile"),
    _boolean("verifyHostname", True),
    _enum("socketAddressFamily", ADDRESS_FAMILIES),
    _text("saslMechanisms"),
    _text("saslUsername"),
    _text("saslPassword", secret=True),
    _integer("maxFrameSize", 16384),
    _integer("maxSessions", 32768, maximum=32768),
    _integer("maxSessionFrames"),
    _integer("idleTimeoutSeconds", 16),
    _integer("linkCapacity"),
    _enum("stripAnnotations", ("in", "out", "both", "no"), "both"),
    _boolean("allowRedirect", True),
    _text("messageLoggingComponents", "none"),
    _text("policyVhost"),
    Attribute("openProperties", ValueType.MAP),
    create=True,
    delete=True,
)
LISTENER = _type(
    "listener",
    _text("name"),
    _enum("role", ROLES, "normal"),
    _text("host", ""),
    _port("amqp"),
    _integer("cost", 1, minimum=1),
    _text("sslProfile"),
    _text("saslMechanisms"),
    _boolean("authenticatePeer", False),
    _boolean("requireEncryption", False),
    _boolean("requireSsl", False),
    _enum("socketAddressFamily", ADDRESS_FAMILIES),
    _integer("maxFrameSize", 16384),
    _integer("maxSessions", 32768, maximum=32768),
    _integer("maxSessionFrames"),
    _integer("idleTimeoutSeconds", 16),
    _integer("initialHandshakeTimeoutSeconds", 0),
    _integer("linkCapacity"),
    _enum("stripAnnotations", ("in", "out", "both", "no"), "both"),
    _text("failoverUrls"),
    _boolean("http", False),
    _boolean("healthz", True),
    _boolean("metrics", True),
    _boolean("websockets", True),
    _path("httpRootDir"),
    _text("messageLoggingComponents", "none"),
    _text("policyVhost"),
    Attribute("openProperties", ValueType.MAP),
    create=True,
    delete=True,
)
ADDRESS = _type(
    "address",
    _text("prefix"),
    _text("pattern"),
    _enum("distribution", DISTRIBUTIONS, "balanced"),
    _text("name"),
    _integer("priority", maximum=9),
    create=True,
    delete=True,
)
TCP_CONNECTOR = _type(
    "tcpConnector",
    _text("name"),
    _text("host", "127.0.0.1"),
    _port(),
    _text("address", required=True),
    _text("siteId"),
    _text("sslProfile"),
    _boolean("verifyHostname", True),
    _text("processId"),
    create=True,
    delete=True,
)
TCP_LISTENER = _type(
    "tcpListener",
    _text("name"),
    _text("host", ""),
    _port(),
    _text("address"),
    _text("siteId"),
    _text("sslProfile"),
    _enum("observer", OBSERVERS, "auto", update=True),
    _enum("multiAddressStrategy", MULTI_ADDRESS_STRATEGIES, "none"),
    _boolean("authenticatePeer", False),
    _integer("backlog", 0),
    create=True,
    update=True,
    delete=True,
)
LISTENER_ADDRESS = _type(
    "listenerAddress",
    _text("name"),
    _text("address", required=True),
    _integer("value", required=True),
    _text("listener", required=True),
    create=True,
    delete=True,
)
LOG = _type(
    "log",
    _enum("module", LOG_MODULES, required=True),
    _text("enable", update=True),
    _text("name"),
    _boolean("includeTimestamp", update=True),
    _boolean("includeSource", update=True),
    _path("outputFile", update=True),
    update=True,
)
SITE = _type(
    "site",
    _text("name"),
    _text("location"),
    _text("provider"),
    _text("platform"),
    _text("namespace"),
    _text("version"),
)

ENTITY_TYPES: Mapping[str, EntityType] = {
    item.name: item
    for item in (
        ROUTER,
        SSL_PROFILE,
        PROXY_PROFILE,
        CONNECTOR,
        LISTENER,
        ADDRESS,
        TCP_CONNECTOR,
        TCP_LISTENER,
        LISTENER_ADDRESS,
        LOG,
        SITE,
    )
}
"""Every type by its short name, in the order in which a file lists them."""

_BY_ANY_NAME: Mapping[str, EntityType] = {
    **{item.long_name: item for item in ENTITY_TYPES.values()},
    **ENTITY_TYPES,
    "router.config.address": ADDRESS,
}


def entity_type(name: str) -> EntityType | None:
    """The type of this short or long name (``listener``, ``io.skupper.router.listener``); None if there is none."""
    return _BY_ANY_NAME.get(name)


# The file.


def decode_configuration(data: bytes | str) -> list[Entity]:
    """Read a configuration: a JSON list of ``[type, {attribute: value, ...}]``. Values are kept as they stand.

    Long type names become short ones; types that are not known are kept as they are called. Lines that begin with ``#`` are
    comments, as for skrouterd. Raises ConfigurationSyntaxError.
    """
    import json

    if len(data) > CONFIGURATION_BYTES_LIMIT:
        raise ConfigurationSyntaxError(f"it is larger than {CONFIGURATION_BYTES_LIMIT >> 20} MiB")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        lines = ("" if line.lstrip().startswith("#") else line for line in text.split("\n"))
        entries = json.loads("\n".join(lines), object_pairs_hook=_map, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ConfigurationSyntaxError(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ConfigurationSyntaxError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ConfigurationSyntaxError("it is nested too deeply") from None
    except ConfigurationSyntaxError:
        raise
    except ValueError as error:  # a number of more digits than Python converts
        raise ConfigurationSyntaxError(str(error)) from None
    if not isinstance(entries, list):
        raise ConfigurationSyntaxError("it is not a list of entities")
    return [_entity(number, entry) for number, entry in enumerate(entries, start=1)]


def encode_configuration(entities: Iterable[Entity]) -> bytes:
    """Write a configuration as the reference does: four spaces of indent, no newline at the end, ``<``, ``>`` and ``&``
    escaped as Go escapes them, attributes in the order of the vocabulary (reference-engine 3.1). The order of the entities
    is kept.
    """
    import json

    entries = [[entity.type, _in_order(entity)] for entity in entities]
    text = json.dumps(entries, indent=4, ensure_ascii=False)
    return text.translate(_GO_ESCAPES).encode("utf-8", "backslashreplace")  # a lone surrogate stays an escape


_GO_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""They stand only inside of strings, where the escape means the same."""


def _in_order(entity: Entity) -> dict[str, Any]:
    known = ENTITY_TYPES.get(entity.type)
    order = tuple(known.attributes) if known else ()
    attributes = {name: entity.attributes[name] for name in order if name in entity.attributes}
    return {**attributes, **entity.attributes}


def _entity(number: int, entry: object) -> Entity:
    if not isinstance(entry, list) or len(entry) != 2:
        raise ConfigurationSyntaxError(f"entity {number} is not a pair of type and attributes")
    name, attributes = entry
    if not isinstance(name, str) or not isinstance(attributes, dict):
        raise ConfigurationSyntaxError(f"entity {number} is not a pair of type and attributes")
    known = entity_type(name)
    return Entity(known.name if known else name, attributes)


def _map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with an attribute twice is a mistake that would silently lose one of them."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigurationSyntaxError(f"attribute {twice} is given twice in one entity")
    return found


def _refuse_constant(text: str) -> Any:
    raise ConfigurationSyntaxError(f"{text} is not a number")
