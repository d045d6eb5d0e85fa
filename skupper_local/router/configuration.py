"""The configuration of the embedded router: what ``-c FILE`` takes, read, checked and frozen.

The file is the one ``skrouterd`` starts with (reference-engine 3, router-protocol 7): a list of entities with the same types,
attributes and defaults. Reading has four steps, and none of them stops at the first mistake: every entity is read against the
vocabulary (``skupper_local.entities``); what this router cannot do is refused with entity and reason
(``not_supported``); what entities say of each other is checked (names, certificate profiles); the certificate files in use
are looked at. All problems are reported together, because a person wants to correct a file once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from skupper_local.entities import (
    CONFIGURATION_BYTES_LIMIT,
    ENTITY_TYPES,
    ConfigurationSyntaxError,
    Entity,
    decode_configuration,
    entity_type,
)
from skupper_local.router.configuration_rules import check_relations, check_values
from skupper_local.router.entity_reader import EntityReader, camel_case
from skupper_local.router.errors import (
    ConfigurationProblem,
    RouterConfigurationError,
    RouterConfigurationUnreadableError,
)
from skupper_local.router.not_supported import (
    ENTITY_TYPES_NOT_SUPPORTED,
    is_http,
    refuse_not_supported,
    warnings_of,
)


@dataclass(frozen=True)
class RouterSettings:
    """The ``router`` entity. Intervals in seconds."""

    id: str
    mode: str
    metadata: str
    hello_interval: int
    hello_max_age: int
    ra_interval: int
    ra_interval_flux: int
    remote_ls_max_age: int
    unreachable_holdoff: int
    data_connection_count: str
    worker_threads: int


@dataclass(frozen=True)
class SslProfile:
    """An ``sslProfile``: paths of PEM files, each None when not given. ``ciphers`` are those of TLS 1.2."""

    name: str
    cert_file: str | None
    private_key_file: str | None
    ca_cert_file: str | None
    ciphers: str | None
    protocols: tuple[str, ...]
    ordinal: int
    oldest_valid_ordinal: int


@dataclass(frozen=True)
class ListenerSettings:
    """A ``listener``. ``host`` is empty for all interfaces; None means that the router decides.

    With an ``ssl_profile`` every connection is TLS from its first byte. ``http``: it serves health and metrics only.
    """

    name: str
    host: str
    port: int
    role: str
    cost: int
    ssl_profile: str | None
    sasl_mechanisms: tuple[str, ...]
    authenticate_peer: bool
    require_ssl: bool
    max_frame_size: int | None
    max_session_frames: int | None
    idle_timeout_seconds: int
    link_capacity: int | None
    http: bool
    healthz: bool
    metrics: bool


@dataclass(frozen=True)
class ConnectorSettings:
    """A ``connector``: a link that this router dials. None means that the router decides."""

    name: str
    host: str
    port: int
    role: str
    cost: int
    ssl_profile: str | None
    verify_hostname: bool
    sasl_mechanisms: tuple[str, ...]
    max_frame_size: int | None
    max_session_frames: int | None
    idle_timeout_seconds: int
    link_capacity: int | None
    proxy_profile: str | None = None


@dataclass(frozen=True)
class ProxyProfile:
    """A ``proxyProfile``: a forward proxy that connectors go through. ``password`` is ``file:PATH``, ``pass:TEXT`` or the
    text itself; a file is read at each dial, so that it can be changed."""

    name: str
    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True)
class ListenerAddress:
    """A ``listenerAddress``: one of the addresses of a tcpListener with a strategy; ``value`` is its priority or weight."""

    name: str
    address: str
    value: int
    listener: str


@dataclass(frozen=True)
class TcpListenerSettings:
    """A ``tcpListener``: clients connect to it and reach a connector of the same address.

    With a ``strategy`` other than none it has no address of its own but ``addresses``, in the order of the file.
    """

    name: str
    host: str
    port: int
    address: str
    ssl_profile: str | None
    authenticate_peer: bool
    site_id: str | None
    observer: str
    strategy: str = "none"
    addresses: tuple[ListenerAddress, ...] = ()


@dataclass(frozen=True)
class TcpConnectorSettings:
    """A ``tcpConnector``: the server behind an address."""

    name: str
    host: str
    port: int
    address: str
    ssl_profile: str | None
    verify_hostname: bool
    site_id: str | None
    process_id: str | None


@dataclass(frozen=True)
class AddressSettings:
    """An ``address``: how messages to it are distributed. One of ``prefix`` and ``pattern`` is set."""

    prefix: str | None
    pattern: str | None
    distribution: str


@dataclass(frozen=True)
class LogSettings:
    """A ``log``: the levels a module of the router writes, such as ``error+``."""

    module: str
    enable: str


@dataclass(frozen=True)
class SiteSettings:
    """The ``site``: what others are told about the place this router runs in."""

    name: str
    location: str | None
    provider: str | None
    platform: str | None
    namespace: str | None
    version: str | None


@dataclass(frozen=True)
class RouterConfiguration:
    """A whole configuration that can be run. ``warnings`` name what has no effect."""

    router: RouterSettings
    ssl_profiles: dict[str, SslProfile] = field(default_factory=dict)
    listeners: tuple[ListenerSettings, ...] = ()
    connectors: tuple[ConnectorSettings, ...] = ()
    tcp_listeners: tuple[TcpListenerSettings, ...] = ()
    tcp_connectors: tuple[TcpConnectorSettings, ...] = ()
    addresses: tuple[AddressSettings, ...] = ()
    logs: tuple[LogSettings, ...] = ()
    site: SiteSettings | None = None
    proxy_profiles: dict[str, ProxyProfile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def load_configuration(path: str | Path) -> RouterConfiguration:
    """Read the configuration file of a router.

    Raises RouterConfigurationUnreadableError, or RouterConfigurationError with every problem.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(CONFIGURATION_BYTES_LIMIT + 1)
        entities = decode_configuration(data)
    except OSError as error:
        raise RouterConfigurationUnreadableError(str(path), error.strerror or str(error)) from error
    except ConfigurationSyntaxError as error:
        raise RouterConfigurationUnreadableError(str(path), str(error)) from error
    return make_configuration(entities, source=str(path))


def make_configuration(entities: Iterable[Entity], *, source: str = "given") -> RouterConfiguration:
    """Make a configuration of entities; ``source`` names them in errors. Raises RouterConfigurationError."""
    problems: list[ConfigurationProblem] = []
    readers: dict[str, list[EntityReader]] = {name: [] for name in ENTITY_TYPES}
    for number, entity in enumerate(entities, start=1):
        _sort_in(number, entity, readers, problems)
    if len(readers["router"]) != 1 and not any(problem.entity.startswith("router ") for problem in problems):
        reason = "there is more than one" if readers["router"] else "there is none"
        problems.append(ConfigurationProblem("router", "", reason))
    check_relations(readers, problems)
    if problems:
        raise RouterConfigurationError(source, problems)
    several: dict[str, list[ListenerAddress]] = {}
    for item in _each(readers["listenerAddress"], _listener_address):
        several.setdefault(item.listener, []).append(item)
    return RouterConfiguration(
        router=_router(readers["router"][0]),
        ssl_profiles={profile.name: profile for profile in _each(readers["sslProfile"], _ssl_profile)},
        listeners=_each(readers["listener"], _listener),
        connectors=_each(readers["connector"], _connector),
        tcp_listeners=_each(readers["tcpListener"], lambda reader: _tcp_listener(reader, several)),
        tcp_connectors=_each(readers["tcpConnector"], _tcp_connector),
        addresses=_each(readers["address"], _address),
        logs=_each(readers["log"], _log),
        site=next(iter(_each(readers["site"], _site)), None),
        proxy_profiles={profile.name: profile for profile in _each(readers["proxyProfile"], _proxy_profile)},
        warnings=tuple(
            warning
            for name, items in readers.items()
            for item in items
            for warning in warnings_of(name, item)
        ),
    )


def _sort_in(
    number: int,
    entity: Entity,
    readers: Mapping[str, list[EntityReader]],
    problems: list[ConfigurationProblem],
) -> None:
    known = entity_type(entity.type) or entity_type(camel_case(entity.type))
    name = known.name if known else camel_case(entity.type)
    label = f"{name[:60]} {entity.attributes.get('name') or f'(entity {number})'}"[:200]
    if reason := ENTITY_TYPES_NOT_SUPPORTED.get(name):
        problems.append(ConfigurationProblem(label, "", reason))
    elif known is None:
        problems.append(ConfigurationProblem(label, "", "this type of entity is not known"))
    else:
        reader = EntityReader(entity, known, label, problems)
        check_values(known.name, reader)
        refuse_not_supported(known.name, reader)
        readers[known.name].append(reader)


_Settings = TypeVar("_Settings")


def _each(
    readers: Iterable[EntityReader], make: Callable[[EntityReader], _Settings]
) -> tuple[_Settings, ...]:
    return tuple(make(reader) for reader in readers)


def _router(reader: EntityReader) -> RouterSettings:
    mode = reader.text("mode")
    return RouterSettings(
        id=reader.text("id") or f"{mode}_{secrets.token_hex(8)}",
        mode=mode,
        metadata=reader.text("metadata"),
        hello_interval=reader.integer("helloIntervalSeconds"),
        hello_max_age=reader.integer("helloMaxAgeSeconds"),
        ra_interval=reader.integer("raIntervalSeconds"),
        ra_interval_flux=reader.integer("raIntervalFluxSeconds"),
        remote_ls_max_age=reader.integer("remoteLsMaxAgeSeconds"),
        unreachable_holdoff=reader.integer("unreachableHoldoffSeconds"),
        data_connection_count=reader.text("dataConnectionCount"),
        worker_threads=reader.integer("workerThreads"),
    )


def _ssl_profile(reader: EntityReader) -> SslProfile:
    return SslProfile(
        name=reader.text("name"),
        cert_file=reader.optional("certFile"),
        private_key_file=reader.optional("privateKeyFile"),
        ca_cert_file=reader.optional("caCertFile"),
        ciphers=reader.optional("ciphers"),
        protocols=reader.words("protocols"),
        ordinal=reader.integer("ordinal"),
        oldest_valid_ordinal=reader.integer("oldestValidOrdinal"),
    )


def _listener(reader: EntityReader) -> ListenerSettings:
    return ListenerSettings(
        name=_name("listener", reader),
        host=reader.text("host"),
        port=reader.port(),
        role=reader.text("role"),
        cost=reader.integer("cost"),
        ssl_profile=reader.optional("sslProfile"),
        sasl_mechanisms=reader.words("saslMechanisms"),
        authenticate_peer=reader.boolean("authenticatePeer"),
        require_ssl=reader.boolean("requireSsl") or reader.boolean("requireEncryption"),
        max_frame_size=reader.optional_integer("maxFrameSize"),
        max_session_frames=reader.optional_integer("maxSessionFrames"),
        idle_timeout_seconds=reader.integer("idleTimeoutSeconds"),
        link_capacity=reader.optional_integer("linkCapacity"),
        http=is_http(reader),
        healthz=reader.boolean("healthz"),
        metrics=reader.boolean("metrics"),
    )


def _connector(reader: EntityReader) -> ConnectorSettings:
    return ConnectorSettings(
        name=_name("connector", reader),
        host=reader.text("host"),
        port=reader.port(),
        role=reader.text("role"),
        cost=reader.integer("cost"),
        ssl_profile=reader.optional("sslProfile"),
        verify_hostname=reader.boolean("verifyHostname"),
        sasl_mechanisms=reader.words("saslMechanisms"),
        max_frame_size=reader.optional_integer("maxFrameSize"),
        max_session_frames=reader.optional_integer("maxSessionFrames"),
        idle_timeout_seconds=reader.integer("idleTimeoutSeconds"),
        link_capacity=reader.optional_integer("linkCapacity"),
        proxy_profile=reader.optional("proxyProfile"),
    )


def _proxy_profile(reader: EntityReader) -> ProxyProfile:
    return ProxyProfile(
        name=reader.text("name"),
        host=reader.text("host"),
        port=reader.port(),
        username=reader.optional("username"),
        password=reader.optional("password"),
    )


def _listener_address(reader: EntityReader) -> ListenerAddress:
    return ListenerAddress(
        name=reader.text("name"),
        address=reader.text("address"),
        value=reader.integer("value"),
        listener=reader.text("listener"),
    )


def _tcp_listener(reader: EntityReader, several: Mapping[str, list[ListenerAddress]]) -> TcpListenerSettings:
    name = _name("tcpListener", reader)
    strategy = reader.text("multiAddressStrategy")
    return TcpListenerSettings(
        name=name,
        host=reader.text("host"),
        port=reader.port(),
        address=reader.text("address"),
        ssl_profile=reader.optional("sslProfile"),
        authenticate_peer=reader.boolean("authenticatePeer"),
        site_id=reader.optional("siteId"),
        observer=reader.text("observer"),
        strategy=strategy,
        addresses=() if strategy == "none" else tuple(several.get(name, ())),
    )


def _tcp_connector(reader: EntityReader) -> TcpConnectorSettings:
    return TcpConnectorSettings(
        name=_name("tcpConnector", reader),
        host=reader.text("host"),
        port=reader.port(),
        address=reader.text("address"),
        ssl_profile=reader.optional("sslProfile"),
        verify_hostname=reader.boolean("verifyHostname"),
        site_id=reader.optional("siteId"),
        process_id=reader.optional("processId"),
    )


def _address(reader: EntityReader) -> AddressSettings:
    return AddressSettings(
        prefix=reader.optional("prefix"),
        pattern=reader.optional("pattern"),
        distribution=reader.text("distribution"),
    )


def _log(reader: EntityReader) -> LogSettings:
    return LogSettings(module=reader.text("module"), enable=reader.text("enable") or "default")


def _site(reader: EntityReader) -> SiteSettings:
    return SiteSettings(
        name=reader.text("name"),
        location=reader.optional("location"),
        provider=reader.optional("provider"),
        platform=reader.optional("platform"),
        namespace=reader.optional("namespace"),
        version=reader.optional("version"),
    )


def _name(kind: str, reader: EntityReader) -> str:
    """An entity without a name is called after its socket, as in skrouterd."""
    return reader.text("name") or f"{kind}/{reader.text('host')}:{reader.port()}"
