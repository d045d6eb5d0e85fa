"""Declare a site, a listener or a connector: ``site create``, ``site update``, ``listener create``, ``connector create``.

What is declared by a command is checked as far as it can be now: a setting that the site's platform cannot have and a container
that its router cannot reach are refused here already, a container that is not there is only remarked on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import lock_namespace
from skupper_local.operations.declarations import Declarations, Written, declare, read_declarations
from skupper_local.operations.errors import NotDeclaredError
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
from skupper_local.resources.settings import (
    CONTAINER,
    HOST_NETWORK,
    NETWORK,
    SETTINGS,
    WORKLOAD,
    containers_followed,
    selector_rule,
)

LINUX = "linux"


@dataclass(frozen=True)
class Created:
    """What was declared; ``started`` says that the site has been started before, so that a reload is the next step.

    ``warnings`` say what is in the way of it now.
    """

    written: tuple[Written, ...]
    started: bool
    warnings: tuple[str, ...] = ()

    @property
    def main(self) -> Written:
        """The resource that was asked for."""
        return self.written[-1]


def create_site(
    target: Target,
    name: str,
    *,
    enable_link_access: bool = False,
    settings: Mapping[str, str | None] | None = None,
    force: bool = False,
) -> Created:
    """Declare the site of a namespace. ``settings`` are of its router's container; None and empty say nothing."""
    given = {key: value for key, value in (settings or {}).items() if value}
    _check("Site", name, settings=given, kind_of_settings=Site, platform=platform_of(target))
    link_access = "default" if enable_link_access else ""
    site = Site(metadata=Metadata(name=name), link_access=link_access, settings=given)
    return _create(target, site, force=force)


def update_site(
    target: Target,
    name: str = "",
    *,
    enable_link_access: bool | None = None,
    settings: Mapping[str, str | None] | None = None,
) -> Created:
    """Change the declared site; None leaves a value as it is, and empty text takes a setting back.

    Without a name it is the one there is. Raises NotDeclaredError.
    """
    said = {key: value for key, value in (settings or {}).items() if value is not None}
    given = {key: value for key, value in said.items() if value}
    _check("Site", name or None, settings=given, kind_of_settings=Site, platform=platform_of(target))
    with lock_namespace(target.paths, command=target.command) as held:
        site = _declared_site(read_declarations(held.paths.input_resources), target, name)
        kept = {key: value for key, value in site.settings.items() if key not in said}
        link_access = site.link_access
        if enable_link_access is not None and enable_link_access != site.accepts_links:
            link_access = "default" if enable_link_access else "none"
        changed = replace(site, link_access=link_access, settings={**kept, **given})
        written = declare(held, (changed,), force=True)
    return Created(written, target.paths.router_config.exists())


def _declared_site(declarations: Declarations, target: Target, name: str) -> Site:
    for item in declarations.of_kind("Site"):
        if isinstance(item.resource, Site) and name in ("", item.resource.name):
            return item.resource
    there = ", ".join(item.resource.name for item in declarations.of_kind("Site"))
    raise NotDeclaredError(
        f"There is no site {name} in namespace {target.namespace}".replace("  ", " "),
        why=f"there is: {there}" if there else "no Site is declared there",
        next_step=f"declare it: skupper-local site create {name or 'NAME'} -n {target.namespace}",
    )


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
    container: str = "",
    selector: str = "",
    workload: str = "",
    routing_key: str = "",
    tls_credentials: str = "",
    force: bool = False,
) -> Created:
    """Declare a connector; the routing key is the name unless given.

    Its server is at ``host``, or, where that is empty, in a container, or in those with the labels of a selector or of the
    service of a compose file. Raises ContainerOutOfReachError for one that runs where the router cannot reach it.
    """
    routing_key = routing_key or name
    settings = {
        key: value for key, value in ((CONTAINER, container), (WORKLOAD, workload)) if value and not host
    }
    _check(
        "Connector",
        name,
        host=host or None,
        port=port,
        routing_key=routing_key,
        tls_credentials=tls_credentials,
        settings=settings,
        kind_of_settings=Connector,
        selector=selector,
    )
    connector = Connector(
        metadata=Metadata(name=name),
        routing_key=routing_key,
        host=host,
        port=port,
        selector=selector,
        settings=settings,
        tls_credentials=tls_credentials,
        type="tcp",
    )
    return _create(target, connector, force=force)


def _create(target: Target, resource: Resource, *, force: bool) -> Created:
    platform_of(target)
    warnings = _containers_in_reach(target, resource) if isinstance(resource, Connector) else ()
    with lock_namespace(target.paths, command=target.command) as held:
        written = declare(held, (resource,), force=force)
    return Created(written, target.paths.router_config.exists(), warnings)


def _containers_in_reach(target: Target, connector: Connector) -> tuple[str, ...]:
    """What is in the way between the router of a started site and the containers of a new connector.

    Before the first start nobody knows where the router will be; then the start says it.
    """
    from skupper_local.operations.placement import recorded_placement

    placement = recorded_placement(target.paths)
    if not containers_followed(connector) or placement is None:
        return ()
    from skupper_local.operations.containers import find_reach, out_of_reach

    sites = read_declarations(target.paths.input_resources).of_kind("Site")
    try:
        reach = find_reach(
            (*(item.resource for item in sites), connector),
            namespace=target.namespace,
            platform=placement.platform,
            endpoint=placement.endpoint,
            to_start=False,
        )
    except SkupperLocalError as error:
        return (f"{connector.title}: {error.what}{f': {error.why}' if error.why else ''}",)
    followed = reach.followed[connector.name]
    if followed.out_of_reach:
        raise out_of_reach((connector.name, obstacle) for obstacle in followed.out_of_reach)
    return tuple(f"{connector.title}: {obstacle}" for obstacle in followed.obstacles)


def _check(
    kind: str,
    name: str | None,
    *,
    host: str | None = None,
    port: int | None = None,
    routing_key: str | None = None,
    tls_credentials: str = "",
    settings: Mapping[str, str] | None = None,
    kind_of_settings: type[Resource] = Site,
    selector: str = "",
    platform: str = "",
) -> None:
    """Every wrong argument at once, as the reference does (reference-cli, "Exit status")."""
    found = [("name", name, name_rule(name))] if name is not None else []
    for key, value in (settings or {}).items():
        found.append((key, value, SETTINGS[kind_of_settings][key](value)))
        if kind_of_settings is Site and platform == LINUX and (key, value) != (NETWORK, HOST_NETWORK):
            found.append(
                (f"--{key}", value, "has no meaning on platform linux: the router is in no container")
            )
    if selector:
        found.append(("selector", selector, selector_rule(selector)))
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
