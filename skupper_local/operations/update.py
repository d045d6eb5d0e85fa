"""Change what is declared: ``listener update``, ``connector update``, ``link update``.

Whatever an update is not told to change stays as it is, fields that this program does not know included; the reference's
update drops the observer, the settings and the labels. None says nothing; empty text takes a value back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from skupper_local.namespace.lock import lock_namespace
from skupper_local.operations.create import (
    Created,
    check_arguments,
    parse_strategy,
    refused,
    require_tls,
    require_valid,
)
from skupper_local.operations.declarations import declare, read_declarations
from skupper_local.operations.delete import find_declaration
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import Connector, Link, Listener, MultiKeyListener, Resource, Strategy
from skupper_local.resources.settings import CONTAINER, WORKLOAD


def update_listener(
    target: Target,
    name: str,
    *,
    port: int | None = None,
    host: str | None = None,
    routing_key: str | None = None,
    routing_keys: str | None = None,
    strategy: str | None = None,
    tls_credentials: str | None = None,
    observer: str | None = None,
) -> Created:
    """Change a listener, of one key or of several. Raises NotDeclaredError and InvalidResourcesError."""
    check_arguments(
        "Listener",
        None,
        port=port,
        host=host,
        routing_key=routing_key,
        tls_credentials=tls_credentials or "",
    )
    said = _said(port=port, host=host, tls_credentials=tls_credentials, observer=observer)

    def changed(resource: Resource) -> Resource:
        if isinstance(resource, MultiKeyListener):
            if routing_key is not None:
                raise refused(
                    "MultiKeyListener", "--routing-key", routing_key, "it has several: --routing-keys"
                )
            new = _strategy(resource.strategy, routing_keys, strategy)
            return replace(resource, **said, strategy=new)
        assert isinstance(resource, Listener)
        for flag, value in (("--routing-keys", routing_keys), ("--strategy", strategy)):
            if value is not None:
                rule = "the listener has one routing key: delete it, and create it with several"
                raise refused("Listener", flag, value, rule)
        return replace(resource, **said, **_said(routing_key=routing_key))

    return _update(target, ("Listener", "MultiKeyListener"), name, changed)


def update_connector(
    target: Target,
    name: str,
    *,
    port: int | None = None,
    host: str | None = None,
    routing_key: str | None = None,
    tls_credentials: str | None = None,
    use_client_cert: bool | None = None,
    verify_hostname: bool | None = None,
) -> Created:
    """Change a connector; a host takes the place of containers that were followed.

    Raises NotDeclaredError and InvalidResourcesError.
    """
    check_arguments(
        "Connector",
        None,
        port=port,
        host=host,
        routing_key=routing_key,
        tls_credentials=tls_credentials or "",
    )

    def changed(resource: Resource) -> Resource:
        assert isinstance(resource, Connector)
        said = _said(
            port=port,
            routing_key=routing_key,
            tls_credentials=tls_credentials,
            use_client_cert=use_client_cert,
            verify_hostname=verify_hostname,
        )
        if host is not None:
            kept = {
                key: value for key, value in resource.settings.items() if key not in (CONTAINER, WORKLOAD)
            }
            said |= {"host": host, "selector": "", "settings": kept}
        connector = replace(resource, **said)
        require_tls(connector)
        return connector

    return _update(target, ("Connector",), name, changed)


def update_link(
    target: Target, name: str, *, cost: int | None = None, tls_credentials: str | None = None
) -> Created:
    """Change a link that this site dials. Raises NotDeclaredError and InvalidResourcesError."""
    check_arguments("Link", None, tls_credentials=tls_credentials or "")

    def changed(resource: Resource) -> Resource:
        assert isinstance(resource, Link)
        return replace(resource, **_said(cost=cost, tls_credentials=tls_credentials))

    return _update(target, ("Link",), name, changed)


def _update(
    target: Target, kinds: tuple[str, ...], name: str, changed: Callable[[Resource], Resource]
) -> Created:
    platform_of(target)
    with lock_namespace(target.paths, command=target.command) as held:
        present = find_declaration(read_declarations(held.paths.input_resources), target, kinds, name)
        resource = require_valid(changed(present.resource))
        written = declare(held, (resource,), force=True)
    return Created(written, target.paths.router_config.exists())


def _said(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _strategy(present: Strategy, routing_keys: str | None, wanted: str | None) -> Strategy:
    """The keys or the strategy may change alone: the keys stay, or the way they are chosen from."""
    if routing_keys is None and wanted in (None, present.name):
        return present
    keys = ",".join(present.routing_keys) if routing_keys is None else routing_keys
    parsed = parse_strategy(keys, wanted or ("" if "=" in keys else present.name))
    inside = present.unknown_inside if parsed.name == present.name else {}
    return replace(parsed, unknown=present.unknown, unknown_inside=inside)
