"""Services as one site sees them: every routing key, who listens for it and who connects servers to it.

A service has no declaration of its own (concepts 9): it is a key with both ends somewhere in the network. What this site
declares is known with its names and states; what other sites have is known as far as their routers tell. A key with one end
only carries nothing, and that is what a person looks for. While the router does not answer, the other end may be anywhere:
then a missing one is not known to be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from skupper_local.resources import Connector, Listener, MultiKeyListener, Resource, printable
from skupper_local.site.observed import Endpoint, ObservedRouter
from skupper_local.site.status import NOT_RUNNING

READY = "Ready"
NO_CONNECTOR = "No connector"
NO_LISTENER = "No listener"
PENDING = "Pending"


@dataclass(frozen=True)
class ServiceEnd:
    """One listener or connector. ``site`` is empty for this site; ``status`` and ``message`` for its own resources, and for
    connectors elsewhere whose router says that they cannot reach their server."""

    site: str
    name: str
    host: str
    port: str
    status: str = ""
    message: str = ""


@dataclass(frozen=True)
class Service:
    """A routing key with its ends: those of this site first, then by site and name.

    ``status`` is Ready, Pending (both ends are there, and one of this site's is not ready, or no connector reaches its server,
    or nothing is known of other sites, for the reason ``unknown``), No connector or No listener.
    """

    key: str
    listeners: tuple[ServiceEnd, ...]
    connectors: tuple[ServiceEnd, ...]
    unknown: str = ""

    @property
    def status(self) -> str:
        """What the key is worth now."""
        if self.unknown:
            return PENDING
        if not self.connectors:
            return NO_CONNECTOR
        if not self.listeners:
            return NO_LISTENER
        return PENDING if self._not_ready else READY

    @property
    def message(self) -> str:
        """Why it is not Ready; empty when it is."""
        if self.unknown:
            return self.unknown
        if self.status == NO_CONNECTOR:
            return "no site connects a server to this key"
        if self.status == NO_LISTENER:
            return "no site listens for this key"
        if not (found := self._not_ready):
            return ""
        where = f"{found[0].name} at {found[0].site}" if found[0].site else found[0].name
        return f"{where}: {found[0].message}"

    @property
    def _not_ready(self) -> list[ServiceEnd]:
        """What keeps it from being Ready: an end of this site, or connectors elsewhere when there is no better one."""
        own = [end for end in (*self.listeners, *self.connectors) if not end.site and end.status != READY]
        failing = [end for end in self.connectors if end.status == PENDING]
        return own or (failing if len(failing) == len(self.connectors) else [])


def services(
    resources: Iterable[Resource], observed: ObservedRouter | None, down_reason: str = ""
) -> tuple[Service, ...]:
    """Every service this site can see, by key. ``resources`` carry their statuses of this moment.

    ``observed`` is None when the router does not answer; ``down_reason`` then says why.
    """
    unknown = observed.unseen if observed else down_reason or NOT_RUNNING
    listeners: dict[str, list[ServiceEnd]] = {}
    connectors: dict[str, list[ServiceEnd]] = {}
    for item in resources:
        if isinstance(item, Listener):
            listeners.setdefault(item.routing_key, []).append(_own(item))
        elif isinstance(item, MultiKeyListener):
            for key in item.strategy.routing_keys:
                listeners.setdefault(key, []).append(_own(item))
        elif isinstance(item, Connector):
            connectors.setdefault(item.routing_key, []).append(_own(item))
    for site, listening, connecting in _remote(observed):
        for ends, found in ((listeners, listening), (connectors, connecting)):
            for endpoint in found:
                if endpoint.address:
                    far = _far(site, endpoint, connects=ends is connectors)
                    ends.setdefault(_clean(endpoint.address), []).append(far)
    return tuple(
        Service(key, _sorted(listeners.get(key, ())), _sorted(connectors.get(key, ())), unknown)
        for key in sorted({*listeners, *connectors})
    )


def _own(item: Listener | MultiKeyListener | Connector) -> ServiceEnd:
    return ServiceEnd(
        "",
        item.name,
        item.host,
        str(item.port),
        str(item.status.get("status", "")),
        str(item.status.get("message", "")),
    )


def _remote(
    observed: ObservedRouter | None,
) -> Iterator[tuple[str, tuple[Endpoint, ...], tuple[Endpoint, ...]]]:
    for remote in observed.remote_routers.values() if observed else ():
        assert observed is not None
        yield _clean(observed.site_of(remote.router_id)[0]), remote.listeners, remote.connectors


def _far(site: str, endpoint: Endpoint, *, connects: bool) -> ServiceEnd:
    """An end at another site. Of a connector whose server its router could not reach the last time, that is known."""
    name = endpoint.name.partition("/")[2].partition("@")[0] or endpoint.name
    failing = connects and endpoint.up is False and bool(endpoint.message)
    return ServiceEnd(
        site,
        _clean(name),
        _clean(endpoint.host),
        _clean(endpoint.port),
        PENDING if failing else "",
        _clean(endpoint.message) if failing else "",
    )


def _sorted(ends: Iterable[ServiceEnd]) -> tuple[ServiceEnd, ...]:
    return tuple(sorted(ends, key=lambda end: (end.site, end.name, end.host, end.port)))


def _clean(text: str) -> str:
    """Text from another site: one printable line of bounded length."""
    return printable(text, limit=200)
