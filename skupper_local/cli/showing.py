"""What the status commands print: the reference's tables and labels (reference-cli, sections 2 to 5), and ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skupper_local.cli.documents import print_documents
from skupper_local.cli.tables import say_table
from skupper_local.cli.terminal import say, talk, warn

if TYPE_CHECKING:
    from skupper_local.operations.status import SiteView
    from skupper_local.operations.target import Target
    from skupper_local.resources import Connector, Listener, MultiKeyListener, Resource, Strategy
    from skupper_local.site.status import LinkRow

_SITE = ("NAME", "STATUS", "MESSAGE")
_LISTENER = ("NAME", "STATUS", "ROUTING-KEY", "HOST", "PORT", "MATCHING-CONNECTOR", "MESSAGE")
_CONNECTOR = (
    "NAME",
    "STATUS",
    "ROUTING-KEY",
    "SELECTOR",
    "HOST",
    "PORT",
    "HAS MATCHING LISTENER",
    "MESSAGE",
)
_LINK = ("NAME", "STATUS", "COST", "MESSAGE")
_INCOMING = ("REMOTE SITE", "STATUS", "MESSAGE")
_NAMESPACE = ("NAME", "SITE", "PLATFORM", "STATUS", "MESSAGE")


def show_sites(target: Target, name: str, output: str) -> None:
    """``site status``."""
    view = _view(target)
    sites = _chosen(view, "Site", name)
    if output:
        _print_resources(sites, output)
        return
    if sites:
        say_table(_SITE, [(item.name, _status(view, item), _message(item)) for item in sites])
    else:
        talk("There is no existing Skupper site resource")
    _tell_next(view, target)


def show_listeners(target: Target, name: str, output: str) -> None:
    """``listener status``: those of one routing key and of several."""
    view = _view(target)
    listeners: list[Any] = sorted(
        (item for kind in ("Listener", "MultiKeyListener") for item in view.of_kind(kind)),
        key=lambda item: item.name,
    )
    if name:
        several = [item for item in view.of_kind("MultiKeyListener") if item.name == name]
        listeners = several or [view.named("Listener", name)]
    if output:
        _print_resources(listeners, output)
        return
    if not listeners:
        talk("No listeners found")
    elif name:
        item = listeners[0]
        _print_labelled(
            ("Name", item.name),
            ("Status", _status(view, item)),
            ("Routing key", _keys(item)),
            ("Host", item.host),
            ("Port", item.port),
            *_network(item),
            ("Has Matching Connector", _has_connector(item)),
            ("Message", _message(item)),
        )
    else:
        rows = [
            (
                item.name,
                _status(view, item),
                _keys(item),
                item.host,
                item.port,
                _has_connector(item),
                _message(item),
            )
            for item in listeners
        ]
        say_table(_LISTENER, rows)
    _tell_next(view, target, declare="" if listeners else "listener create backend 8080")


def _keys(listener: Listener | MultiKeyListener) -> str:
    """The routing key, or all of them as ``--routing-keys`` takes them."""
    strategy: Strategy | None = getattr(listener, "strategy", None)
    if strategy is None:
        return str(getattr(listener, "routing_key", ""))
    if not strategy.weights:
        return ",".join(strategy.routing_keys)
    pairs = zip(strategy.routing_keys, strategy.weights, strict=True)
    return ",".join(f"{key}={weight}" for key, weight in pairs)


def _has_connector(listener: Listener | MultiKeyListener) -> bool:
    """Whether a connector of one of its keys can be reached."""
    return bool(listener.status.get("hasMatchingConnector") or listener.status.get("hasDestination"))


def show_connectors(target: Target, name: str, output: str) -> None:
    """``connector status``."""
    view = _view(target)
    chosen: Sequence[Any] = _chosen(view, "Connector", name)
    connectors: Sequence[Connector] = chosen
    if output:
        _print_resources(connectors, output)
        return
    if not connectors:
        talk("No connectors found")
    elif name:
        item = connectors[0]
        _print_labelled(
            ("Name", item.name),
            ("Status", _status(view, item)),
            ("Routing key", item.routing_key),
            ("Selector", _selector(item)),
            ("Host", _host(item)),
            ("Port", item.port),
            ("Has Matching Listener", bool(item.status.get("hasMatchingListener"))),
            ("Message", _message(item)),
        )
    else:
        rows = [
            (
                item.name,
                _status(view, item),
                item.routing_key,
                _selector(item),
                _host(item),
                item.port,
                bool(item.status.get("hasMatchingListener")),
                _message(item),
            )
            for item in connectors
        ]
        say_table(_CONNECTOR, rows)
    _tell_next(view, target, declare="" if connectors else "connector create backend 8080")


def _network(listener: Listener | MultiKeyListener) -> list[tuple[str, object]]:
    """Where containers reach a listener of a router that is in an engine network."""
    place = listener.status.get("engineNetwork") or {}
    if not place:
        return []
    return [
        (
            "Network",
            f"{place['name']}, at {place['host']}:{place['port']}" if "host" in place else place["name"],
        )
    ]


def _selector(connector: Connector) -> str:
    """By what a connector finds its containers."""
    from skupper_local.resources.settings import containers_followed

    return str(containers_followed(connector) or connector.selector)


def _host(connector: Connector) -> str:
    """Where its server is: the host, or the place of each container it leads to, with the port where that is another one."""
    containers = connector.status.get("containers") or ()
    places = (
        item["host"] if item["port"] == str(connector.port) else f"{item['host']}:{item['port']}"
        for item in containers
    )
    return connector.host or ", ".join(places)


def show_links(target: Target, name: str, output: str) -> None:
    """``link status``: the links this site dials, then those that other sites dialled."""
    from skupper_local.cli.declaring import namespace_flag

    view = _view(target)
    outgoing = [row for row in view.links if row.outgoing and name in ("", row.name)]
    incoming = [row for row in view.links if not row.outgoing and name in ("", row.name)]
    if name and not outgoing and not incoming:
        view.named("Link", name)
    if output:
        resources = [item for item in view.of_kind("Link") if name in ("", item.name)]
        _print_resources(resources, output, [_incoming_document(row) for row in incoming])
        return
    if name and outgoing:
        row = outgoing[0]
        _print_labelled(
            ("Name", row.name), ("Status", row.status), ("Cost", row.cost), ("Message", row.message)
        )
        _tell_next(view, target)
        return
    if outgoing:
        say_table(_LINK, [(row.name, row.status, row.cost, row.message) for row in outgoing])
    if incoming:
        if outgoing:
            say()
        say("Links from remote sites:")
        say_table(_INCOMING, [(row.remote_site or row.name, row.status, row.message) for row in incoming])
    if view.started and view.observed is None:
        talk(f"Whether other sites are linked to this one is not known: {view.reason}")
    elif not outgoing and not incoming:
        talk("There are no links in this namespace")
    if outgoing or incoming or not view.started or view.observed is None:
        _tell_next(view, target)
        if view.observed and any(row.status != "Ready" for row in outgoing):
            talk(f"next: skupper-local system check{namespace_flag(target)}")
    else:
        _tell_how_to_link(view, target)


def _tell_how_to_link(view: SiteView, target: Target) -> None:
    """A link is printed by one site, which accepts it, and applied by the other, which dials it."""
    from skupper_local.cli.declaring import namespace_flag

    flag = namespace_flag(target)
    if any(getattr(item, "accepts_links", False) for item in view.of_kind("Site")):
        talk(f"next: skupper-local link generate{flag} > link.yaml (for another site, which applies it)")
    else:
        talk(
            f"next: skupper-local system apply -f link.yaml{flag} (printed at another site by link generate)"
        )


def show_namespaces(output: str) -> None:
    """``namespace list``."""
    from skupper_local.operations.status import view_namespaces

    rows = view_namespaces()
    if output:
        found = [
            {
                key: value
                for key, value in (
                    ("name", row.name),
                    ("site", row.site),
                    ("platform", row.platform),
                    ("status", row.state),
                    ("message", row.message),
                )
                if value
            }
            for row in rows
        ]
        print_documents([{"namespaces": found}], output)
    elif not rows:
        talk("There are no namespaces")
        talk("next: skupper-local site create my-site")
    else:
        say_table(_NAMESPACE, [(row.name, row.site, row.platform, row.state, row.message) for row in rows])


def _tell_next(view: SiteView, target: Target, *, declare: str = "") -> None:
    """What to type where there is nothing to show (``declare`` makes some of it), or nothing that runs."""
    from skupper_local.cli.declaring import namespace_flag, start_step
    from skupper_local.platforms.face import NOT_RUNNING

    flag = namespace_flag(target)
    if declare:
        talk(f"next: skupper-local {declare}{flag}")
    elif not view.started or view.reason == NOT_RUNNING:
        talk(f"next: {start_step(target)}")
    elif view.observed is None:
        talk(f"next: skupper-local system status{flag}")


def _view(target: Target) -> SiteView:
    from skupper_local.operations.status import NEVER_STARTED, view_site

    view = view_site(target)
    for text in view.warnings:
        warn(text)
    if view.resources and not view.started:
        talk(NEVER_STARTED)
    return view


def _chosen(view: SiteView, kind: str, name: str) -> Sequence[Resource]:
    return (view.named(kind, name),) if name else view.of_kind(kind)


def _status(view: SiteView, resource: Resource) -> str:
    """Nothing is said about a site that was never started (reference-cli, section 2)."""
    return str(resource.status.get("status", "")) if view.started else ""


def _message(resource: Resource) -> str:
    return str(resource.status.get("message", ""))


def _print_labelled(*pairs: tuple[str, object]) -> None:
    for label, value in pairs:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        say(f"{label}: {text}")


def _print_resources(
    resources: Iterable[Resource], output: str, further: Iterable[Mapping[str, Any]] = ()
) -> None:
    from skupper_local.resources import document_of

    documents = [document_of(item) for item in resources]
    for document in documents:
        for condition in document.get("status", {}).get("conditions", ()):
            # Nobody was watching when it changed; to say "now" each time would be wrong and differ each time.
            condition.pop("lastTransitionTime", None)
    print_documents([*documents, *further], output)


def _incoming_document(row: LinkRow) -> dict[str, Any]:
    """A link from elsewhere is no resource of this site; its document says so by its kind."""
    status = {
        "status": row.status,
        "message": row.message,
        "role": row.role,
        "remoteSiteId": row.remote_site_id,
        "remoteSiteName": row.remote_site,
    }
    return {
        "kind": "IncomingLink",
        "metadata": {"name": row.name},
        "status": {key: value for key, value in status.items() if value},
    }
