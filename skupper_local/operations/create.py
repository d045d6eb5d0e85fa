"""Declare a site, a listener or a connector: ``site create``, ``listener create``, ``connector create``."""

from __future__ import annotations

from dataclasses import dataclass

from skupper_local.namespace.lock import lock_namespace
from skupper_local.operations.declarations import Written, declare
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import (
    Connector,
    InvalidResourcesError,
    Listener,
    Metadata,
    Problem,
    Resource,
    Site,
    host_rule,
    name_rule,
    port_rule,
    printable,
    routing_key_rule,
)


@dataclass(frozen=True)
class Created:
    """What was declared; ``started`` says that the site has been started before, so that a reload is the next step."""

    written: tuple[Written, ...]
    started: bool

    @property
    def main(self) -> Written:
        """The resource that was asked for."""
        return self.written[-1]


def create_site(
    target: Target, name: str, *, enable_link_access: bool = False, force: bool = False
) -> Created:
    """Declare the site of a namespace."""
    _check("Site", name)
    site = Site(metadata=Metadata(name=name), link_access="default" if enable_link_access else "")
    return _create(target, site, force=force)


def create_listener(
    target: Target,
    name: str,
    port: int,
    *,
    host: str = "0.0.0.0",  # noqa: S104 - the reference's default: a listener serves the machine's network
    routing_key: str = "",
    tls_credentials: str = "",
    force: bool = False,
) -> Created:
    """Declare a listener; the routing key is the name unless given."""
    routing_key = routing_key or name
    _check("Listener", name, host=host, port=port, routing_key=routing_key, tls_credentials=tls_credentials)
    listener = Listener(
        metadata=Metadata(name=name),
        routing_key=routing_key,
        host=host,
        port=port,
        tls_credentials=tls_credentials,
        type="tcp",
    )
    return _create(target, listener, force=force)


def create_connector(
    target: Target,
    name: str,
    port: int,
    *,
    host: str = "localhost",
    routing_key: str = "",
    tls_credentials: str = "",
    force: bool = False,
) -> Created:
    """Declare a connector; the routing key is the name unless given."""
    routing_key = routing_key or name
    _check("Connector", name, host=host, port=port, routing_key=routing_key, tls_credentials=tls_credentials)
    connector = Connector(
        metadata=Metadata(name=name),
        routing_key=routing_key,
        host=host,
        port=port,
        tls_credentials=tls_credentials,
        type="tcp",
    )
    return _create(target, connector, force=force)


def _create(target: Target, resource: Resource, *, force: bool) -> Created:
    platform_of(target)
    with lock_namespace(target.paths, command=target.command) as held:
        written = declare(held, (resource,), force=force)
    return Created(written, target.paths.router_config.exists())


def _check(
    kind: str,
    name: str,
    *,
    host: str | None = None,
    port: int | None = None,
    routing_key: str | None = None,
    tls_credentials: str = "",
) -> None:
    """Every wrong argument at once, as the reference does (reference-cli, "Exit status")."""
    found = [("name", name, name_rule(name))]
    if routing_key is not None and routing_key != name:
        found.append(("routing key", routing_key, routing_key_rule(routing_key)))
    if host is not None:
        found.append(("host", host, host_rule(host)))
    if port is not None:
        found.append(("port", str(port), port_rule(port)))
    if tls_credentials:
        found.append(("TLS credentials", tls_credentials, name_rule(tls_credentials)))
    problems = [
        Problem("command line", 0, kind, field, repr(printable(value)), rule)
        for field, value, rule in found
        if rule
    ]
    if problems:
        raise InvalidResourcesError(
            problems,
            what=f"The {kind.lower()} cannot be declared like that",
            next_step="correct what is named above and run the command again",
        )
