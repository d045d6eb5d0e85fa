"""The network as one site's status tells it: a record for each site that can be seen (reference-engine 10).

This site's record is made of what it declares, those of others of what their routers answer. The links of other sites are
known to them alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from skupper_local.resources import Connector, Listener, MultiKeyListener, Resource, Site, printable
from skupper_local.site.observed import ObservedRouter, RemoteRouter


class LinkRecord(NamedTuple):
    """A link of this site: whether it carries traffic, and where it leads if that is known."""

    name: str
    operational: bool
    remote_site: str = ""
    remote_site_id: str = ""


def network_records(
    resources: Iterable[Resource], links: Iterable[LinkRecord], observed: ObservedRouter, site_id: str
) -> list[dict[str, Any]]:
    """The records, this site's first, then by name. Routers of one site make one record."""
    records = [_own(resources, links, site_id)]
    remote: dict[str, list[RemoteRouter]] = {}
    for router in observed.remote_routers.values():
        if not site_id or router.site_id != site_id:
            remote.setdefault(router.site_id or router.router_id, []).append(router)
    others = (_other(identity, routers) for identity, routers in remote.items())
    return [*records, *sorted(others, key=lambda record: (record["name"], record["id"]))]


def _own(resources: Iterable[Resource], links: Iterable[LinkRecord], site_id: str) -> dict[str, Any]:
    record: dict[str, Any] = {"id": site_id}
    listeners: dict[str, list[str]] = {}
    connectors: dict[str, list[str]] = {}
    for resource in resources:
        if isinstance(resource, Site):
            record |= {"name": resource.name, "namespace": resource.metadata.namespace}
        elif isinstance(resource, Listener):
            listeners.setdefault(resource.routing_key, []).append(resource.name)
        elif isinstance(resource, MultiKeyListener):
            for key in resource.strategy.routing_keys:
                listeners.setdefault(key, []).append(resource.name)
        elif isinstance(resource, Connector):
            connectors.setdefault(resource.routing_key, []).append(resource.host or resource.name)
    record["links"] = [
        {
            "name": link.name,
            "remoteSiteId": link.remote_site_id,
            "remoteSiteName": link.remote_site,
            "operational": link.operational,
        }
        for link in links
    ]
    record["services"] = _services(listeners, connectors)
    return record


def _other(identity: str, routers: list[RemoteRouter]) -> dict[str, Any]:
    listeners: dict[str, list[str]] = {}
    connectors: dict[str, list[str]] = {}
    for router in routers:
        for endpoint in router.listeners:
            name = endpoint.name.partition("/")[2] or endpoint.name
            listeners.setdefault(endpoint.address, []).append(name)
        for endpoint in router.connectors:
            connectors.setdefault(endpoint.address, []).append(endpoint.host)
    first = routers[0]
    said = {
        "id": identity,
        "name": first.site_name,
        "namespace": first.namespace,
        "platform": first.platform,
        "version": first.version,
    }
    services = _services(listeners, connectors)
    return {**{key: _clean(value) for key, value in said.items()}, "services": services}


def _services(
    listeners: Mapping[str, list[str]], connectors: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    return [
        {
            "routingKey": _clean(key),
            "connectors": sorted(map(_clean, connectors.get(key, ()))),
            "listeners": sorted(map(_clean, listeners.get(key, ()))),
        }
        for key in sorted({*listeners, *connectors} - {""})
    ]


def _clean(text: str) -> str:
    """Text from another site: one printable line of bounded length."""
    return printable(text, limit=200)
