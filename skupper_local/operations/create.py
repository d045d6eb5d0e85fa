"""Declare a site, a listener or a connector: ``site create``, ``site update``, ``listener create``, ``connector create``.

``new_site``, ``new_listener``, ``new_multi_key_listener`` and ``new_connector`` make the resource alone, for ``generate``.
What is declared by a command is checked as far as it can be now: a setting that the site's platform cannot have and a container
that its router cannot reach are refused here already, a container that is not there is only remarked on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import lock_namespace
from skupper_local.operations.declarations import Declarations, Written, declare, read_declarations
from skupper_local.operations.errors import AlreadyDeclaredError
from skupper_local.operations.spelling import (
    host_advice,
    name_advice,
    no_site,
    not_declared,
    routing_key_advice,
)
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import (
    Connector,
    InvalidResourcesError,
    Listener,
    Metadata,
    MultiKeyListener,
    Problem,
    Resource,
    Site,
    Strategy,
    decode_documents,
    encode_resource,
    kind_of,
    name_rule,
    port_rule,
    printable,
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
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the reference's default: a listener serves the machine's network
_WEIGHT_DIGITS = 10

AnyResource = TypeVar("AnyResource", bound=Resource)


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
    edge: bool = False,
    settings: Mapping[str, str | None] | None = None,
    force: bool = False,
) -> Created:
    """Declare the site of a namespace; see :func:`new_site`."""
    site = new_site(target, name, enable_link_access=enable_link_access, edge=edge, settings=settings)
    return _create(target, site, force=force)


def new_site(
    target: Target,
    name: str,
    *,
    enable_link_access: bool = False,
    edge: bool = False,
    settings: Mapping[str, str | None] | None = None,
) -> Site:
    """A Site. ``settings`` are of its router's container; None and empty say nothing. An edge site takes no links."""
    given = {key: value for key, value in (settings or {}).items() if value}
    check_arguments("Site", name, settings=given, kind_of_settings=Site, platform=platform_of(target))
    link_access = "default" if enable_link_access else ""
    site = Site(metadata=Metadata(name=name), link_access=link_access, edge=edge, settings=given)
    _refuse_links_to_edge(site, "--edge", "leave --enable-link-access away")
    return site


def _refuse_links_to_edge(site: Site, flag: str, way_out: str) -> None:
    if site.edge and site.accepts_links:
        raise refused("Site", flag, "true", f"an edge site takes no links: {way_out}")


def update_site(
    target: Target,
    name: str = "",
    *,
    enable_link_access: bool | None = None,
    edge: bool | None = None,
    settings: Mapping[str, str | None] | None = None,
) -> Created:
    """Change the declared site; None leaves a value as it is, and empty text takes a setting back.

    Without a name it is the one there is. Raises NotDeclaredError.
    """
    said = {key: value for key, value in (settings or {}).items() if value is not None}
    given = {key: value for key, value in said.items() if value}
    check_arguments("Site", name or None, settings=given, kind_of_settings=Site, platform=platform_of(target))
    with lock_namespace(target.paths, command=target.command) as held:
        site = _declared_site(read_declarations(held.paths.input_resources), target, name)
        kept = {key: value for key, value in site.settings.items() if key not in said}
        link_access = site.link_access
        if enable_link_access is not None and enable_link_access != site.accepts_links:
            link_access = "default" if enable_link_access else "none"
        changed = replace(
            site,
            link_access=link_access,
            edge=site.edge if edge is None else edge,
            settings={**kept, **given},
        )
        if edge:
            _refuse_links_to_edge(changed, "--edge", "add --disable-link-access")
        else:
            _refuse_links_to_edge(changed, "--enable-link-access", "add --no-edge")
        written = declare(held, (changed,), force=True)
    return Created(written, target.paths.router_config.exists())


def _declared_site(declarations: Declarations, target: Target, name: str) -> Site:
    for item in declarations.of_kind("Site"):
        if isinstance(item.resource, Site) and name in ("", item.resource.name):
            return item.resource
    names = [item.resource.name for item in declarations.of_kind("Site")]
    error = not_declared("site", name, target.namespace, names)
    if not names:
        error.next_step = no_site(target.paths).next_step
    raise error


def create_listener(
    target: Target,
    name: str,
    port: int,
    *,
    host: str = EVERYWHERE,
    routing_key: str = "",
    tls_credentials: str = "",
    observer: str = "",
    force: bool = False,
) -> Created:
    """Declare a listener; the routing key is the name unless given."""
    listener = new_listener(
        name, port, host=host, routing_key=routing_key, tls_credentials=tls_credentials, observer=observer
    )
    return _create(target, listener, force=force)


def new_listener(
    name: str,
    port: int,
    *,
    host: str = EVERYWHERE,
    routing_key: str = "",
    tls_credentials: str = "",
    observer: str = "",
) -> Listener:
    """A Listener; the routing key is the name unless given."""
    routing_key = routing_key or name
    check_arguments(
        "Listener", name, host=host, port=port, routing_key=routing_key, tls_credentials=tls_credentials
    )
    return Listener(
        metadata=Metadata(name=name),
        routing_key=routing_key,
        host=host,
        port=port,
        tls_credentials=tls_credentials,
        observer=observer,
        type="tcp",
    )


def create_multi_key_listener(
    target: Target,
    name: str,
    port: int,
    routing_keys: str,
    *,
    strategy: str = "",
    host: str = EVERYWHERE,
    tls_credentials: str = "",
    observer: str = "",
    force: bool = False,
) -> Created:
    """Declare a listener for several routing keys; see :func:`new_multi_key_listener`."""
    listener = new_multi_key_listener(
        name,
        port,
        routing_keys,
        strategy=strategy,
        host=host,
        tls_credentials=tls_credentials,
        observer=observer,
    )
    return _create(target, listener, force=force)


def new_multi_key_listener(
    name: str,
    port: int,
    routing_keys: str,
    *,
    strategy: str = "",
    host: str = EVERYWHERE,
    tls_credentials: str = "",
    observer: str = "",
) -> MultiKeyListener:
    """A MultiKeyListener. ``routing_keys`` as in :func:`parse_strategy`."""
    parsed = parse_strategy(routing_keys, strategy)
    check_arguments("MultiKeyListener", name, host=host, port=port, tls_credentials=tls_credentials)
    return require_valid(
        MultiKeyListener(
            metadata=Metadata(name=name),
            host=host,
            port=port,
            strategy=parsed,
            tls_credentials=tls_credentials,
            observer=observer,
        )
    )


def parse_strategy(routing_keys: str, strategy: str = "") -> Strategy:
    """``a,b`` in their order of preference (``priority``), or ``a=3,b=1`` by weight (``weighted``; a key alone weighs 1).

    Without a strategy, weights mean ``weighted``. Raises InvalidResourcesError.
    """
    kind = "MultiKeyListener"
    strategy = strategy or ("weighted" if "=" in routing_keys else "priority")
    keys: list[str] = []
    weights: list[int] = []
    for word in routing_keys.split(","):
        key, equals, weight = (part.strip() for part in word.partition("="))
        if not key:
            raise refused(kind, "--routing-keys", routing_keys, "must be keys with commas between them: a,b")
        if key in keys:
            raise refused(kind, "--routing-keys", routing_keys, f"names {key} twice")
        if equals and strategy != "weighted":
            raise refused(kind, "--routing-keys", routing_keys, "has weights: say --strategy weighted")
        if equals and not (weight.isascii() and weight.isdecimal() and len(weight) < _WEIGHT_DIGITS):
            raise refused(kind, "--routing-keys", routing_keys, f"the weight of {key} must be a whole number")
        keys.append(key)
        weights.append(int(weight) if equals else 1)
    if strategy == "weighted":
        return Strategy.weighted(dict(zip(keys, weights, strict=True)))
    return Strategy(routing_keys=tuple(keys))


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
    use_client_cert: bool = False,
    verify_hostname: bool = False,
    force: bool = False,
) -> Created:
    """Declare a connector; see :func:`new_connector`.

    Raises ContainerOutOfReachError for a container that runs where the router cannot reach it.
    """
    connector = new_connector(
        name,
        port,
        host=host,
        container=container,
        selector=selector,
        workload=workload,
        routing_key=routing_key,
        tls_credentials=tls_credentials,
        use_client_cert=use_client_cert,
        verify_hostname=verify_hostname,
    )
    return _create(target, connector, force=force)


def new_connector(
    name: str,
    port: int,
    *,
    host: str = "localhost",
    container: str = "",
    selector: str = "",
    workload: str = "",
    routing_key: str = "",
    tls_credentials: str = "",
    use_client_cert: bool = False,
    verify_hostname: bool = False,
) -> Connector:
    """A Connector; the routing key is the name unless given.

    Its server is at ``host``, or, where that is empty, in a container, or in those with the labels of a selector or of the
    service of a compose file.
    """
    routing_key = routing_key or name
    settings = {
        key: value for key, value in ((CONTAINER, container), (WORKLOAD, workload)) if value and not host
    }
    check_arguments(
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
        use_client_cert=use_client_cert,
        verify_hostname=verify_hostname,
        type="tcp",
    )
    require_tls(connector)
    return connector


def require_tls(connector: Connector) -> None:
    """What is said of TLS is said of a connector that speaks it. Raises InvalidResourcesError."""
    said = (
        ("--use-client-cert", connector.use_client_cert),
        ("--verify-hostname", connector.verify_hostname),
    )
    for flag, value in said:
        if value and not connector.tls_credentials:
            raise refused("Connector", flag, "true", "means nothing without --tls-credentials")


def _create(target: Target, resource: Resource, *, force: bool) -> Created:
    platform_of(target)
    warnings = containers_in_reach(target, resource) if isinstance(resource, Connector) else ()
    with lock_namespace(target.paths, command=target.command) as held:
        _require_one_listener(target, read_declarations(held.paths.input_resources), resource)
        written = declare(held, (resource,), force=force)
    return created(target, written, warnings)


def created(target: Target, written: tuple[Written, ...], warnings: tuple[str, ...]) -> Created:
    """What was declared, with what is in the way of it."""
    from skupper_local.operations.ports import port_warnings

    warnings = (*warnings, *port_warnings(target.paths, written))
    return Created(written, target.paths.router_config.exists(), warnings)


def _require_one_listener(target: Target, declarations: Declarations, resource: Resource) -> None:
    """The commands know a listener by its name, whether it has one key or several."""
    other = {"Listener": "MultiKeyListener", "MultiKeyListener": "Listener"}.get(kind_of(resource), "")
    present = declarations.find(other, resource.name)
    if present:
        raise AlreadyDeclaredError(
            f"{present.resource.title} is declared already",
            why="a listener of that name would be another one",
            next_step=f"choose another name, or first: skupper-local listener delete {resource.name} -n {target.namespace}",
        )


def containers_in_reach(target: Target, connector: Connector) -> tuple[str, ...]:
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


def check_arguments(
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
    found = [("name", name, name_advice(name))] if name is not None else []
    for key, value in (settings or {}).items():
        found.append((key, value, SETTINGS[kind_of_settings][key](value)))
        if kind_of_settings is Site and platform == LINUX and (key, value) != (NETWORK, HOST_NETWORK):
            found.append(
                (f"--{key}", value, "has no meaning on platform linux: the router is in no container")
            )
    if selector:
        found.append(("selector", selector, selector_rule(selector)))
    if routing_key is not None and routing_key != name:
        found.append(("routing key", routing_key, routing_key_advice(routing_key)))
    if host is not None:
        found.append(("host", host, host_advice(host)))
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
        raise _invalid(kind, problems)


def refused(kind: str, field: str, value: str, rule: str) -> InvalidResourcesError:
    """The error for one wrong argument."""
    return _invalid(kind, [Problem("command line", 0, kind, field, repr(printable(value)), rule)])


def require_valid(resource: AnyResource) -> AnyResource:
    """The resource itself, if its file could be read. Raises InvalidResourcesError, which names all that is wrong."""
    decoded = decode_documents(encode_resource(resource), "command line")
    if decoded.problems:
        raise _invalid(kind_of(resource), [replace(problem, line=0) for problem in decoded.problems])
    return resource


def _invalid(kind: str, problems: Sequence[Problem]) -> InvalidResourcesError:
    named = "listener" if kind == "MultiKeyListener" else kind.lower()
    return InvalidResourcesError(
        problems,
        what=f"The {named} cannot be declared like that",
        next_step="correct what is named above and run the command again",
    )
