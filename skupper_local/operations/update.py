"""Change what is declared: ``listener update``, ``connector update``, ``link update``.

Whatever an update is not told to change stays as it is, fields that this program does not know included; the reference's
update drops the observer, the settings and the labels. None says nothing; empty text takes a value back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from skupper_local.namespace.lock import lock_namespace
from skupper_local.operations.create import (
    Created,
    check_arguments,
    containers_in_reach,
    created,
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
    server: Mapping[str, str] | None = None,
    routing_key: str | None = None,
    tls_credentials: str | None = None,
    use_client_cert: bool | None = None,
    verify_hostname: bool | None = None,
) -> Created:
    """Change a connector. ``server`` says anew where the server is: its ``host``, ``container``, ``selector`` or ``workload``.

    Raises NotDeclaredError, InvalidResourcesError, and ContainerOutOfReachError as a new connector would.
    """
    where = server or {}
    followed = {
        key: where[word]
        for key, word in ((CONTAINER, "container"), (WORKLOAD, "workload"))
        if where.get(word)
    }
    check_arguments(
        "Connector",
        None,
        port=port,
        host=where.get("host") or None,
        routing_key=routing_key,
        tls_credentials=tls_credentials or "",
        settings=followed,
        kind_of_settings=Connector,
        selector=where.get("selector", ""),
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
        if where:
            kept = {
                key: value for key, value in resource.settings.items() if key not in (CONTAINER, WORKLOAD)
            }
            said |= {
                "host": where.get("host", ""),
                "selector": where.get("selector", ""),
                "settings": {**kept, **followed},
            }
        connector = replace(resource, **said)
        require_tls(connector)
        return connector

    return _update(target, ("Connector",), name, changed)


def update_link(
    target: Target, name: str, *, cost: int | None = None, tls_credentials: str | None = None
) -> Created:
    """Change a link that this site dials. Raises NotDeclaredError and InvalidResourcesError, also for credentials that are not
    there: a link without them cannot be dialled."""
    check_arguments("Link", None, tls_credentials=tls_credentials or "")
    if tls_credentials is not None:
        declarations = read_declarations(target.paths.input_resources)
        directory = target.paths.input_certs / (tls_credentials or "-")
        if not declarations.find("Secret", tls_credentials) and not directory.is_dir():
            rule = f"no Secret of that name is declared, and there is no directory {directory}"
            raise refused(
                "Link",
                "--tls-credentials",
                tls_credentials,
                rule if tls_credentials else "a link has credentials",
            )

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
        resource = replace(require_valid(changed(present.resource)), origin=None)  # not as the file has it
        warnings = containers_in_reach(target, resource) if isinstance(resource, Connector) else ()
        written = declare(held, (resource,), force=True)
    return created(target, written, warnings)


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
