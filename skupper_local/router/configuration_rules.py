"""What a value must be beyond its type, and what the entities of one configuration must be to each other.

The bounds are those of skrouterd, or narrower where the embedded router bounds what a peer can make it hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from skupper_local.entities import MINIMUM_MAX_FRAME_SIZE
from skupper_local.router.entity_reader import EntityReader
from skupper_local.router.errors import ConfigurationProblem
from skupper_local.router.not_supported import is_http
from skupper_local.router.routing.settings import RoutingLimits

LARGEST_FRAME = 1 << 20
"""A connection keeps room for a frame of the size it offers."""

_PROTOCOLS = ("TLSv1.2", "TLSv1.3")
_ILLEGAL_IN_ROUTER_ID = "|$/"
_LEVELS = ("none", "trace", "debug", "info", "notice", "warning", "error", "critical", "default")
_LEVEL = re.compile(rf"(?:{'|'.join(_LEVELS)})\+?")
_HOST_LENGTH = 255
_HEADER_TEXT = re.compile(r"[^\x00-\x1f\x7f]*")
_LIMITS = RoutingLimits()

Readers = Mapping[str, list[EntityReader]]


def check_values(entity_type: str, reader: EntityReader) -> None:
    """Record what is wrong with the values of one entity."""
    check = {
        "router": _router,
        "sslProfile": _ssl_profile,
        "listener": _amqp,
        "connector": _connector,
        "tcpListener": _tcp_listener,
        "tcpConnector": _tcp_connector,
        "address": _address,
        "log": _log,
        "proxyProfile": _proxy_profile,
        "listenerAddress": _listener_address,
    }.get(entity_type)
    if check:
        check(reader)


def check_relations(readers: Readers, problems: list[ConfigurationProblem]) -> None:
    """Record what is wrong between entities, and with the certificate files that are used."""
    problems += _duplicates(readers)
    profiles = {reader.text("name"): reader for reader in readers["sslProfile"]}
    _roles(readers)
    _references(readers)
    seen: set[tuple[str, str]] = set()
    for user, purpose in _users_of_profiles(readers):
        name = user.text("sslProfile")
        profile = profiles.get(name)
        if not name:
            _without_tls(user, purpose)
        elif profile is None:
            user.problem("sslProfile", f"there is no sslProfile {name}")
        else:
            _usable(user, purpose, profile, seen)


# The values of one entity.


def _router(reader: EntityReader) -> None:
    router_id = reader.text("id")
    illegal = [character for character in _ILLEGAL_IN_ROUTER_ID if character in router_id]
    if illegal or not router_id.isprintable():
        found = f"contains {' '.join(illegal)}" if illegal else "contains a character that cannot be printed"
        reader.problem("id", f"{found}, which a router id cannot")
    if len(router_id) > _LIMITS.id_length:
        reader.problem("id", f"is longer than {_LIMITS.id_length} characters")
    if reader.integer("helloMaxAgeSeconds") <= reader.integer("helloIntervalSeconds"):
        reader.problem(
            "helloMaxAgeSeconds", "is not larger than helloIntervalSeconds: no neighbour would stay"
        )
    count = reader.text("dataConnectionCount")
    if count != "auto" and not (count.isdecimal() and len(count) < 10):
        reader.problem("dataConnectionCount", f"{count[:60]!r} is neither auto nor a number")


def _ssl_profile(reader: EntityReader) -> None:
    certificate, key = reader.given("certFile"), reader.given("privateKeyFile")
    if certificate != key:
        reader.problem(
            "privateKeyFile" if certificate else "certFile",
            "is missing: a certificate and its key go together",
        )
    for protocol in reader.words("protocols"):
        if protocol not in _PROTOCOLS:
            reader.problem("protocols", f"{protocol[:40]} is not one of {', '.join(_PROTOCOLS)}")
    if reader.given("ciphers"):
        from skupper_local.tls import TlsSettingsError, check_ciphers

        try:
            check_ciphers(reader.text("ciphers"))
        except TlsSettingsError as error:
            reader.problem("ciphers", str(error))
    if reader.integer("oldestValidOrdinal") > reader.integer("ordinal"):
        reader.problem("oldestValidOrdinal", "is larger than ordinal")


def _amqp(reader: EntityReader) -> None:
    _host(reader)
    size = reader.integer("maxFrameSize")
    if size and not MINIMUM_MAX_FRAME_SIZE <= size <= LARGEST_FRAME:
        reader.problem(
            "maxFrameSize", f"{size} is not in the range {MINIMUM_MAX_FRAME_SIZE} to {LARGEST_FRAME}"
        )
    if reader.integer("maxSessionFrames") == 1:
        reader.problem("maxSessionFrames", "1 is too small: the least is 2")


def _connector(reader: EntityReader) -> None:
    _amqp(reader)
    _needs_host(reader)


def _tcp_listener(reader: EntityReader) -> None:
    _host(reader)
    if not reader.given("address") and reader.text("multiAddressStrategy") == "none":
        reader.problem("address", "is missing")
    _bounded_address(reader, "address", reader.text("address"))


def _listener_address(reader: EntityReader) -> None:
    if reader.value("address") == "":
        reader.problem("address", "is empty")
    _bounded_address(reader, "address", reader.text("address"))


def _proxy_profile(reader: EntityReader) -> None:
    _host(reader)
    _needs_host(reader)
    if not reader.given("port"):
        reader.problem("port", "is missing")
    if not _HEADER_TEXT.fullmatch(reader.text("username")) or ":" in reader.text("username"):
        reader.problem("username", "contains a character that HTTP does not take in a user name")
    if reader.given("password"):
        password = reader.text("password")
        if password.startswith("env:"):
            reader.problem("password", "a password from the environment is not supported; use file:PATH")
        if not reader.given("username"):
            reader.problem("username", "is missing: a password goes with a user name")


def _tcp_connector(reader: EntityReader) -> None:
    _host(reader)
    _needs_host(reader)
    if reader.value("address") == "":
        reader.problem("address", "is empty")
    _bounded_address(reader, "address", reader.text("address"))


def _address(reader: EntityReader) -> None:
    given = [name for name in ("prefix", "pattern") if reader.given(name)]
    if len(given) != 1:
        reader.problem(
            "prefix", "one of prefix and pattern is needed" if not given else "has no place beside a pattern"
        )
    for name in given:
        _bounded_address(reader, name, reader.text(name))


def _log(reader: EntityReader) -> None:
    for level in reader.words("enable"):
        if not _LEVEL.fullmatch(level):
            reader.problem(
                "enable", f"{level[:40]!r} is not one of {', '.join(_LEVELS)}, with + for that and above"
            )


def _host(reader: EntityReader) -> None:
    host = reader.text("host")
    if len(host) > _HOST_LENGTH or not host.isprintable() or any(character.isspace() for character in host):
        reader.problem("host", f"{host[:60]!r} is neither a name nor an address")


def _needs_host(reader: EntityReader) -> None:
    if not reader.text("host"):
        reader.problem("host", "is empty")


def _bounded_address(reader: EntityReader, attribute: str, address: str) -> None:
    if len(address) > _LIMITS.key_length:
        reader.problem(attribute, f"is longer than {_LIMITS.key_length} characters")


# Between entities.


def _roles(readers: Readers) -> None:
    """An edge router dials interior routers with role edge, and nobody dials it (router-protocol 6)."""
    edge = any(reader.text("mode") == "edge" for reader in readers["router"])
    for reader in readers["connector"]:
        if edge and reader.text("role") == "inter-router":
            reader.problem("role", "a router of mode edge links with role edge only")
        elif not edge and reader.text("role") == "edge":
            reader.problem(
                "role", "edge needs a router of mode edge; an interior router links with inter-router"
            )
    for reader in readers["listener"]:
        if edge and reader.text("role") in ("inter-router", "edge"):
            reader.problem("role", "a router of mode edge accepts no other routers")


def _references(readers: Readers) -> None:
    """What entities other than sslProfile are named by others."""
    proxies = {reader.text("name") for reader in readers["proxyProfile"]}
    for reader in readers["connector"]:
        name = reader.text("proxyProfile")
        if name and name not in proxies:
            reader.problem("proxyProfile", f"there is no proxyProfile {name}")
    strategies = {
        reader.text("name"): reader.text("multiAddressStrategy") for reader in readers["tcpListener"]
    }
    for reader in readers["listenerAddress"]:
        name = reader.text("listener")
        if name and name not in strategies:
            reader.problem("listener", f"there is no tcpListener {name}")
        elif strategies.get(name) == "none":
            reader.problem("listener", f"tcpListener {name} has no multiAddressStrategy")


_AMQP = ("listener", "connector")
_SERVER, _MUTUAL, _CLIENT = "server", "server that asks for a certificate", "client"
_NEEDED: Mapping[str, tuple[str, ...]] = {
    _SERVER: ("certFile", "privateKeyFile"),
    _MUTUAL: ("certFile", "privateKeyFile", "caCertFile"),
    _CLIENT: ("caCertFile",),
}
_USED: Mapping[str, tuple[str, ...]] = {
    _SERVER: _NEEDED[_SERVER],
    _MUTUAL: _NEEDED[_MUTUAL],
    _CLIENT: ("certFile", "privateKeyFile", "caCertFile"),
}
_UNIQUE: Mapping[str, tuple[str, ...]] = {"log": ("module",), "address": ("prefix", "pattern")}


def _duplicates(readers: Readers) -> Iterator[ConfigurationProblem]:
    """Entities of all types share one space of names (router-protocol 11).

    The site is left out: its name is what people call the place, and nothing in the router is found by it.
    """
    owner: dict[str, EntityReader] = {}
    for kind, items in readers.items():
        for reader in items:
            name = reader.text("name")
            if name and kind != "site" and owner.setdefault(name, reader) is not reader:
                yield ConfigurationProblem(
                    reader.label, "name", f"is the name of another {owner[name].kind} too"
                )
        for attribute in _UNIQUE.get(kind, ()):
            values: set[Any] = set()
            for reader in items:
                value = reader.optional(attribute)
                if value and value in values:
                    yield ConfigurationProblem(
                        reader.label, attribute, f"{value[:60]} is named by another {kind} too"
                    )
                values.add(value)
    if len(readers["site"]) > 1:
        yield ConfigurationProblem("site", "", "there is more than one")


def _users_of_profiles(readers: Readers) -> Iterator[tuple[EntityReader, str]]:
    """What refers to an sslProfile, or could, with the use it makes of it."""
    for reader in readers["listener"]:
        mutual = reader.boolean("authenticatePeer") or "EXTERNAL" in reader.words("saslMechanisms")
        if not is_http(reader):
            yield reader, _MUTUAL if mutual else _SERVER
    for reader in readers["tcpListener"]:
        yield reader, _MUTUAL if reader.boolean("authenticatePeer") else _SERVER
    for reader in (*readers["connector"], *readers["tcpConnector"]):
        yield reader, _CLIENT


def _without_tls(user: EntityReader, purpose: str) -> None:
    """Check what an entity without an sslProfile cannot ask for."""
    if user.kind == "listener":
        for name in ("requireSsl", "requireEncryption"):
            if user.boolean(name):
                user.problem(name, "needs an sslProfile")
    mechanisms = user.words("saslMechanisms") if user.kind in _AMQP else ()
    if "EXTERNAL" in mechanisms and "ANONYMOUS" not in mechanisms:
        user.problem("saslMechanisms", "EXTERNAL needs an sslProfile")
    elif purpose == _MUTUAL and user.boolean("authenticatePeer"):
        user.problem("authenticatePeer", "needs an sslProfile: peers are known by their certificates only")


def _usable(user: EntityReader, purpose: str, profile: EntityReader, seen: set[tuple[str, str]]) -> None:
    """Check the profile for this use: what it must have, and that its files can be read; ``seen`` are those looked at."""
    name = profile.text("name")
    mechanisms = user.words("saslMechanisms") if user.kind in _AMQP else ()
    if user.kind == "listener" and user.boolean("authenticatePeer") and "EXTERNAL" not in mechanisms:
        user.problem(
            "authenticatePeer", "needs saslMechanisms EXTERNAL: peers are known by their certificates only"
        )
    for attribute in _NEEDED[purpose]:
        if not profile.given(attribute):
            user.problem("sslProfile", f"sslProfile {name} has no {attribute}")
    if user.kind == "connector" and mechanisms == ("EXTERNAL",) and not profile.given("certFile"):
        user.problem("saslMechanisms", f"EXTERNAL needs a certificate, and sslProfile {name} has no certFile")
    for attribute in _USED[purpose]:
        if profile.given(attribute) and (name, attribute) not in seen:
            seen.add((name, attribute))
            _readable(profile, attribute)


def _readable(profile: EntityReader, attribute: str) -> None:
    path = profile.text(attribute)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            empty = not os.read(descriptor, 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        profile.problem(attribute, f"{path}: {error.strerror or error}")
    else:
        if empty:
            profile.problem(attribute, f"{path}: the file is empty")
