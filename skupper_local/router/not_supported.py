"""What skrouterd can be configured to do and the embedded router cannot, each with the reason a person is given.

Nothing that is asked for is left out in silence. Attributes that would change what the router does are refused, unless they
stand at the value the router acts on anyway; those that only ask for more speed are warned of.
"""

from __future__ import annotations

from collections.abc import Mapping

from skupper_local.entities import ENTITY_TYPES
from skupper_local.router.entity_reader import EntityReader

_NOT_YET = "is not supported by the embedded router"

ENTITY_TYPES_NOT_SUPPORTED: Mapping[str, str] = dict.fromkeys(
    ("network", "autoLink", "policy", "vhost", "vhostUserGroupSettings"),
    f"this type of entity {_NOT_YET}",
)
"""Types of entities that are refused, with the reason."""

_AS_DEFAULT: Mapping[str, tuple[str, ...]] = {
    "router": (
        "vanId",
        "area",
        "defaultDistribution",
        "dropTcpConnections",
        "debugDumpFile",
        "saslConfigDir",
        "saslConfigName",
        "timestampsInUTC",
        "timestampFormat",
    ),
    "sslProfile": ("password", "uidFormat", "uidNameMappingFile"),
    "listener": (
        "socketAddressFamily",
        "maxSessions",
        "initialHandshakeTimeoutSeconds",
        "stripAnnotations",
        "failoverUrls",
        "messageLoggingComponents",
        "policyVhost",
        "openProperties",
    ),
    "connector": (
        "socketAddressFamily",
        "saslUsername",
        "saslPassword",
        "maxSessions",
        "stripAnnotations",
        "allowRedirect",
        "messageLoggingComponents",
        "policyVhost",
        "openProperties",
    ),
    "tcpListener": ("backlog",),
    "address": ("priority",),
    "log": ("includeTimestamp", "includeSource", "outputFile"),
}
"""Attributes that must be absent or have their default."""

_REASONS: Mapping[tuple[str, str], str] = {
    (
        "sslProfile",
        "password",
    ): f"a private key with a password {_NOT_YET}; use a key without one, readable only by its owner",
    ("connector", "saslUsername"): f"authentication by password {_NOT_YET}",
    ("connector", "saslPassword"): f"authentication by password {_NOT_YET}",
    ("router", "defaultDistribution"): f"a distribution other than balanced {_NOT_YET}",
}

_ACCEPTED: Mapping[tuple[str, str], frozenset[object]] = {
    ("address", "priority"): frozenset({4}),
    ("log", "includeTimestamp"): frozenset({True}),
    ("log", "includeSource"): frozenset({False}),
    ("log", "outputFile"): frozenset({"stderr"}),
    ("router", "dropTcpConnections"): frozenset({True}),
}
"""Values beside the default that say what the router does anyway."""

_MODES = {
    "standalone": f"mode standalone (the default) {_NOT_YET}; use interior or edge",
}
_LISTENER_ROLES = ("normal", "inter-router", "edge")
_CONNECTOR_ROLES = ("inter-router", "edge")
_MECHANISMS = ("EXTERNAL", "ANONYMOUS")
_NO_ROOT_DIRECTORY = "disabled"
"""The reference writes ``httpRootDir: disabled`` to serve no files."""


def refuse_not_supported(entity_type: str, reader: EntityReader) -> None:
    """Record a problem for everything the entity asks for that the router cannot do."""
    attributes = ENTITY_TYPES[entity_type].attributes
    for name in _AS_DEFAULT.get(entity_type, ()):
        if not reader.given(name):
            continue
        value = reader.value(name)
        accepted = _ACCEPTED.get((entity_type, name), frozenset())
        if value != attributes[name].default and (isinstance(value, dict) or value not in accepted):
            reader.problem(name, _REASONS.get((entity_type, name), _NOT_YET))
    further = {
        "router": _router,
        "listener": _listener,
        "connector": _connector,
        "tcpListener": _tcp_listener,
        "address": _address,
    }.get(entity_type)
    if further:
        further(reader)


def warnings_of(entity_type: str, reader: EntityReader) -> list[str]:
    """What the entity asks for that has no effect, and changes nothing but speed or convenience."""
    found: list[str] = []
    if entity_type == "router":
        if reader.given("workerThreads"):
            found.append("workerThreads has no effect: the embedded router runs in one thread")
        if reader.text("dataConnectionCount") not in ("auto", "0"):
            found.append(
                "dataConnectionCount has no effect: the embedded router uses one connection for each link"
            )
    elif entity_type == "log":
        if reader.text("module") not in ("DEFAULT", "ROUTER_CORE"):
            found.append("has no effect: the embedded router has one level, that of the module DEFAULT")
    elif entity_type == "tcpListener":
        if reader.text("multiAddressStrategy") != "none" and reader.given("address"):
            found.append(
                "address has no effect: a listener with a multiAddressStrategy has listenerAddress entities"
            )
    elif entity_type == "listener":
        unasked = reader.boolean("websockets") and not reader.given("websockets")
        if is_http(reader) and unasked:
            found.append("AMQP over WebSockets is not served (websockets: false says so)")
    return [f"{reader.label}: {text}" for text in found]


def is_http(reader: EntityReader) -> bool:
    """Whether a listener serves HTTP; a root directory implies it."""
    root = reader.text("httpRootDir")
    return reader.boolean("http") or root not in ("", _NO_ROOT_DIRECTORY)


def _router(reader: EntityReader) -> None:
    reason = _MODES.get(reader.text("mode"))
    if reason:
        reader.problem("mode", reason)


def _listener(reader: EntityReader) -> None:
    role = reader.text("role")
    if role not in _LISTENER_ROLES:
        reader.problem("role", f"role {role} {_NOT_YET}")
    _mechanisms(reader)
    if not is_http(reader):
        return
    if role != "normal":
        reader.problem("role", f"a listener for HTTP has role normal, not {role}")
    if reader.text("httpRootDir") not in ("", _NO_ROOT_DIRECTORY):
        reader.problem("httpRootDir", f"serving files {_NOT_YET}")
    if reader.given("websockets") and reader.boolean("websockets"):
        reader.problem("websockets", f"AMQP over WebSockets {_NOT_YET}")
    for name in ("sslProfile", "authenticatePeer", "requireSsl", "requireEncryption", "saslMechanisms"):
        if reader.given(name) and reader.value(name):
            reader.problem(
                name,
                f"TLS or authentication on a listener for HTTP {_NOT_YET}; bind it to a loopback address",
            )


def _connector(reader: EntityReader) -> None:
    role = reader.text("role")
    if role not in _CONNECTOR_ROLES:
        reader.problem("role", f"role {role} {_NOT_YET}; a connector has role inter-router or edge")
    _mechanisms(reader)


def _mechanisms(reader: EntityReader) -> None:
    for mechanism in reader.words("saslMechanisms"):
        if mechanism not in _MECHANISMS:
            reader.problem("saslMechanisms", f"{mechanism[:40]} {_NOT_YET}; {' and '.join(_MECHANISMS)} are")


def _tcp_listener(reader: EntityReader) -> None:
    observer = reader.text("observer")
    if observer not in ("none", "auto"):
        reader.problem("observer", f"observing {observer} {_NOT_YET}")


def _address(reader: EntityReader) -> None:
    """Services are balanced; ``mc`` is where routers publish what they know to all who listen."""
    address = reader.text("prefix") or reader.text("pattern")
    first = address.replace(".", "/").split("/")[0]
    wanted = "multicast" if first == "mc" else "balanced"
    given = reader.text("distribution")
    if given != wanted:
        reader.problem("distribution", f"{given} {_NOT_YET} for this address; it is {wanted}")
