"""Declared and observed in, status conditions out; never optimistic (reference-engine 10).

Each kind has required conditions; the status of a resource is the first of them that is not fulfilled, with its reason, or
Ready. What the router did not say counts as not fulfilled, and when it does not answer at all nothing that depends on it is
Ready, whatever an earlier status said.

A condition is ``Pending`` when it may come by itself (a connector appears, a link is dialled again) and ``Error`` when
somebody has to do something (a port that is taken, a link without an endpoint for this site).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skupper_local.resources import (
    AccessGrant,
    AccessToken,
    AttachedConnector,
    AttachedConnectorBinding,
    Connector,
    Link,
    Listener,
    MultiKeyListener,
    Resource,
    RouterAccess,
    SecuredAccess,
    Site,
    kept_because,
    printable,
)
from skupper_local.site.conditions import ERROR, PENDING, READY, Condition, overall_of, status_of
from skupper_local.site.network_records import LinkRecord, network_records
from skupper_local.site.observed import Connection, ObservedRouter
from skupper_local.site.reach import Reach, Target
from skupper_local.site.sockets import DEFAULT_PORTS, is_unspecified

ENDPOINT_GROUP = "skupper-router"
NOT_RUNNING = "The router does not answer"

_LONGEST_ADVICE = 600
_RELOAD = "the running router does not know it as declared; type: skupper-local system reload"

_KEPT: Mapping[type[Resource], tuple[str, ...]] = {
    AccessGrant: ("Processed", "Resolved"),
    AccessToken: ("Redeemed",),
    SecuredAccess: ("Configured", "Resolved"),
    AttachedConnector: ("Configured",),
    AttachedConnectorBinding: ("Configured", "Matched"),
}
"""The required conditions of kinds that nothing here acts on (reference-engine 10.1, concepts 11)."""


@dataclass(frozen=True)
class LinkRow:
    """One line of ``link status``: a link that this site dials (``outgoing``) or one that another site dialled.

    ``name`` of an incoming link is the remote router's id, as its own name is known only there, and its ``cost`` is 0, not
    known. ``status`` is ``Ready``, ``Pending`` or ``Error``; ``message`` is ``OK`` or the reason.
    """

    name: str
    outgoing: bool
    status: str
    cost: int
    role: str
    remote_site: str
    remote_site_id: str
    message: str


def with_statuses(
    resources: Iterable[Resource],
    observed: ObservedRouter | None,
    *,
    site_id: str,
    now: str,
    down_reason: str = "",
    reach: Reach | None = None,
    expired: Mapping[str, str] | None = None,
) -> tuple[Resource, ...]:
    """The active resources with their statuses of this moment, of a router that stands where ``reach`` says.

    ``expired`` has the names of credentials whose certificate is no longer valid, and until when it was: a router goes on
    showing it, and nobody accepts it.

    ``observed`` is None when the router does not answer; ``down_reason`` then says why. ``now`` (RFC 3339, UTC) becomes the
    transition time of conditions that changed since the status the resource carries.
    """
    resources = tuple(resources)
    judge = _Judge(resources, observed, site_id, down_reason or NOT_RUNNING, reach or Reach(), expired or {})
    return tuple(judge.judged(resource, now) for resource in resources)


def link_rows(
    resources: Iterable[Resource], observed: ObservedRouter | None, *, down_reason: str = ""
) -> tuple[LinkRow, ...]:
    """Outgoing links by name, then incoming ones by remote router."""
    resources = tuple(resources)
    judge = _Judge(resources, observed, "", down_reason or NOT_RUNNING)
    links = sorted(
        (resource for resource in resources if isinstance(resource, Link)), key=lambda link: link.name
    )
    return (
        *(judge.outgoing_row(link) for link in links),
        *(judge.incoming_row(connection) for connection in (observed.incoming_links() if observed else ())),
    )


def endpoints_of(access: RouterAccess) -> list[dict[str, str]]:
    """The endpoints of a link access as statuses list them: ports are text, an unknown host is left out."""
    bound = access.bind_host
    named = [name for name in access.subject_alternative_names if not name.startswith("*.")]
    host = (named[0] if named else "") if is_unspecified(bound) else bound
    endpoints = []
    for role in access.roles:
        if role.name in DEFAULT_PORTS:
            endpoint = {"name": f"{access.name}-{role.name}", "host": host}
            endpoint["port"] = str(role.port or DEFAULT_PORTS[role.name])
            endpoint["group"] = ENDPOINT_GROUP
            endpoints.append({key: value for key, value in endpoint.items() if value})
    return endpoints


@dataclass(eq=False, repr=False)
class _Judge:
    """Compares each resource with the router."""

    resources: tuple[Resource, ...]
    observed: ObservedRouter | None
    site_id: str
    down: str
    reach: Reach = field(default_factory=Reach)
    expired: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accesses = [
            resource
            for resource in self.resources
            if isinstance(resource, RouterAccess) and resource.accepts_links
        ]
        self.edge = any(isinstance(resource, Site) and resource.edge for resource in self.resources)
        self.listener_keys = {
            resource.routing_key for resource in self.resources if isinstance(resource, Listener)
        }
        for several in self.resources:
            if isinstance(several, MultiKeyListener):
                self.listener_keys.update(several.strategy.routing_keys)
        for remote in self.observed.remote_routers.values() if self.observed else ():
            self.listener_keys |= remote.listener_keys
        self.present: dict[str, set[str]] = {}
        """The router's tcpConnectors of each connector: their names begin with its name, up to an @."""
        for name in self.observed.tcp_connectors if self.observed else ():
            self.present.setdefault(name.partition("@")[0], set()).add(name)

    @property
    def link_role(self) -> str:
        return "edge" if self.edge else "inter-router"

    def judged(self, resource: Resource, now: str) -> Resource:
        match resource:
            case Site():
                conditions, details = self.site(resource)
            case Listener():
                conditions, details = self.listener(resource)
            case MultiKeyListener():
                conditions, details = self.multi_key_listener(resource)
            case Connector():
                conditions, details = self.connector(resource)
            case Link():
                conditions, details = self.link(resource)
            case RouterAccess():
                conditions, details = self.access(resource)
            case _:
                why = kept_because(resource)
                conditions, details = (
                    [Condition(kind, ERROR, why) for kind in _KEPT.get(type(resource), ())],
                    {},
                )
                if not conditions:
                    return resource
        # The reference gives this one kind no condition Ready (reference-engine 10.1).
        mirrored = not isinstance(resource, MultiKeyListener)
        return replace(
            resource, status=status_of(resource.status, conditions, details, now, mirrored=mirrored)
        )

    # Each kind.

    def site(self, site: Site) -> tuple[list[Condition], dict[str, Any]]:
        running = Condition("Running") if self.observed else Condition("Running", PENDING, self.down)
        conditions = [Condition("Configured"), running]
        endpoints = [endpoint for access in self.accesses for endpoint in endpoints_of(access)]
        if site.accepts_links:
            broken = [state for access in self.accesses if (state := self.resolved(access)).state != READY]
            none = Condition("Resolved", PENDING, "The site has no link access")
            conditions.append(next(iter(broken), Condition("Resolved") if endpoints else none))
        details: dict[str, Any] = {"endpoints": endpoints}
        if self.observed:
            details["sitesInNetwork"] = self.count_sites(self.observed)
            details["network"] = network_records(
                self.resources, self.link_records(), self.observed, self.site_id
            )
        return conditions, details

    def link_records(self) -> list[LinkRecord]:
        """The links that this site dials, by name."""
        links = sorted(
            (item for item in self.resources if isinstance(item, Link)), key=lambda link: link.name
        )
        rows = (self.outgoing_row(link) for link in links)
        return [
            LinkRecord(row.name, row.status == READY, row.remote_site, row.remote_site_id) for row in rows
        ]

    def count_sites(self, observed: ObservedRouter) -> int:
        """Sites that can be reached, this one among them. Routers of one site count once when their site is known."""
        reached = {
            *observed.nodes,
            *observed.remote_routers,
            *(link.container for link in observed.incoming_links()),
        }
        remote = {observed.site_of(router_id)[1] or router_id for router_id in reached - {observed.router_id}}
        return len(remote - {self.site_id}) + 1

    def listener(self, listener: Listener) -> tuple[list[Condition], dict[str, Any]]:
        if not self.observed:
            return [Condition("Configured"), Condition("Matched", PENDING, self.down)], {}
        configured, matched = Condition("Configured"), Condition("Matched")
        socket = self.observed.tcp_listeners.get(f"listener/{listener.name}")
        bound = self.reach.bound(listener.host)
        if socket and not socket.is_for(bound, listener.port, listener.routing_key):
            socket = None
        reachable = self.observed.destinations.get(listener.routing_key, 0) > 0 or bool(socket and socket.up)
        if socket is None:
            configured = Condition("Configured", PENDING, _RELOAD)
        elif socket.up is False and socket.message:
            message = f"cannot listen on {listener.host}:{listener.port}: {_clean(socket.message)}"
            configured = Condition("Configured", ERROR, message)
        else:
            configured = self.shown(configured, listener.tls_credentials)
        if not reachable:
            matched = Condition("Matched", PENDING, "No matching connectors")
        elif socket and socket.up is False:
            matched = Condition("Matched", PENDING, f"not listening on {listener.host}:{listener.port} yet")
        return [configured, matched], {
            **self.place_in_network(listener.port),
            "hasMatchingConnector": reachable,
        }

    def shown(self, good: Condition, credentials: str) -> Condition:
        """Good unless the certificate that is shown to the other side has expired."""
        end = self.expired.get(credentials)
        if not credentials or end is None:
            return good
        return Condition(
            good.type, ERROR, f"its certificate {credentials} has expired at {end}; nobody accepts it"
        )

    def place_in_network(self, port: int) -> dict[str, Any]:
        """Where containers reach a listener whose router is in an engine network."""
        if not self.reach.network:
            return {}
        place = {"name": self.reach.network, "host": self.reach.router_name, "port": str(port)}
        return {"engineNetwork": {key: value for key, value in place.items() if value}}

    def multi_key_listener(self, listener: MultiKeyListener) -> tuple[list[Condition], dict[str, Any]]:
        if not self.observed:
            return [Condition("Configured"), Condition("Operational", PENDING, self.down)], {}
        configured, operational = Condition("Configured"), Condition("Operational")
        strategy = listener.strategy
        name = f"multiAddress/{listener.name}"
        socket = self.observed.tcp_listeners.get(name)
        keys = self.observed.listener_addresses.get(name)
        wanted = dict(zip(strategy.routing_keys, strategy.values, strict=True))
        place = f"{listener.host}:{listener.port}"
        if (
            socket is None
            or not socket.is_for(self.reach.bound(listener.host), listener.port)
            or (keys is not None and dict(keys) != wanted)
        ):
            configured, socket = Condition("Configured", PENDING, _RELOAD), None
        elif socket.up is False and socket.message:
            configured = Condition("Configured", ERROR, f"cannot listen on {place}: {_clean(socket.message)}")
        else:
            configured = self.shown(configured, listener.tls_credentials)
        reachable = [key for key in strategy.routing_keys if self.observed.destinations.get(key, 0) > 0]
        has_destination = bool(reachable or (socket and socket.up))
        if not has_destination:
            operational = Condition("Operational", PENDING, "No matching connectors")
        elif socket and socket.up is False:
            operational = Condition("Operational", PENDING, f"not listening on {place} yet")
        details: dict[str, Any] = {"hasDestination": has_destination}
        if reachable:
            found: Any = {key: wanted[key] for key in reachable} if strategy.weights else reachable
            details["strategy"] = {strategy.name: {"routingKeysReachable": found}}
        return [configured, operational], details

    def connector(self, connector: Connector) -> tuple[list[Condition], dict[str, Any]]:
        targets = self.reach.targets(connector)
        details: dict[str, Any] = {}
        if containers := [_container(target) for target in targets if target.container]:
            details["containers"] = containers
        configured = self.followed(connector) or Condition("Configured")
        if not self.observed:
            return [configured, Condition("Matched", PENDING, self.down)], details
        if configured.state == READY:
            broken = (self.configured(connector, target) for target in targets)
            configured = next((state for state in broken if state.state != READY), configured)
        wanted = {f"connector/{connector.name}@{target.label}" for target in targets}
        present = self.present.get(f"connector/{connector.name}", set())
        if configured.state == READY and present - wanted:
            configured = Condition("Configured", PENDING, _RELOAD)
        if configured.state == READY and connector.use_client_cert:
            configured = self.shown(configured, connector.tls_credentials)
        matched = Condition("Matched")
        has_listener = connector.routing_key in self.listener_keys
        if not has_listener:
            unseen = f": {self.observed.unseen}" if self.observed.unseen else ""
            matched = Condition("Matched", PENDING, f"No matching listeners{unseen}")
        operational = self.server(connector, targets) if configured.state == READY else None
        found = [configured, *([operational] if operational else []), matched]
        return found, {**details, "hasMatchingListener": has_listener}

    def followed(self, connector: Connector) -> Condition | None:
        """Why a connector does not reach its server, or all containers it follows, as far as that can be seen from here."""
        why = self.reach.warning(connector)
        if not why:
            return None
        found = self.reach.followed.get(connector.name)
        lasting = found is not None and bool(found.out_of_reach)
        return Condition("Configured", ERROR if lasting else PENDING, printable(why, limit=_LONGEST_ADVICE))

    def configured(self, connector: Connector, target: Target) -> Condition:
        """Whether the router has a connector for one of the places it leads to."""
        assert self.observed is not None
        seen = self.observed.tcp_connectors.get(f"connector/{connector.name}@{target.label}")
        if seen is None or not seen.is_for(target.host, target.port, connector.routing_key):
            return Condition("Configured", PENDING, _RELOAD)
        return Condition("Configured")

    def server(self, connector: Connector, targets: Sequence[Target]) -> Condition | None:
        """Whether its servers take connections, of which the router's configuration says nothing; None if nobody knows."""
        assert self.observed is not None
        known = False
        for target in targets:
            seen = self.observed.tcp_connectors.get(f"connector/{connector.name}@{target.label}")
            # Where it takes connections now, what the router found some time ago is over, but for what TLS said.
            refusal = self.observed.servers.get((target.host, target.port))
            accepts = refusal == "" and not connector.tls_credentials
            known = known or accepts or bool(seen and seen.up)
            reason = seen.message if seen and seen.up is False and not accepts else ""
            if reason := _clean(reason or refusal or ""):
                failure = f"cannot connect to {target.host}:{target.port}: "
                return Condition("Operational", PENDING, failure + reason.removeprefix(failure))
        return Condition("Operational") if known else None

    def link(self, link: Link) -> tuple[list[Condition], dict[str, Any]]:
        endpoint = link.endpoint_for(self.link_role)
        if endpoint is None:
            message = f"the link has no endpoint named {self.link_role}, which this site dials"
            return [Condition("Configured", ERROR, message), Condition("Operational", ERROR, message)], {}
        operational, connection = self.operational(link, f"{endpoint.host}:{endpoint.port}")
        details: dict[str, Any] = {}
        if self.observed and connection and operational.state == READY:
            name, site_id = self.observed.site_of(connection.container)
            details = {"remoteSiteName": _clean(name), "remoteSiteId": _clean(site_id)}
        return [Condition("Configured"), operational], details

    def operational(self, link: Link, place: str) -> tuple[Condition, Connection | None]:
        """Whether traffic can pass, and the connection it passes through."""
        endpoint = link.endpoint_for(self.link_role)
        if not self.observed or endpoint is None:
            return Condition("Operational", PENDING, self.down), None
        dialler = self.observed.connectors.get(link.name)
        if dialler is None or (dialler.host, dialler.port) != (endpoint.host, str(endpoint.port)):
            return Condition("Operational", PENDING, _RELOAD), None
        connection = self.observed.outgoing_link(endpoint.host, endpoint.port, self.link_role)
        if not dialler.up or (connection and not connection.up):
            why = dialler.message or (connection.reason if connection else "")
            reason = f": {_clean(why)}" if why else ""
            return Condition("Operational", PENDING, f"not connected to {place}{reason}"), connection
        if connection is None or self.awaits_routing(connection):
            message = f"connected to {place}, waiting for the routers to know each other"
            return Condition("Operational", PENDING, message), connection
        return Condition("Operational"), connection

    def awaits_routing(self, connection: Connection) -> bool:
        """An interior link carries traffic only when the remote router is known to the routing protocol."""
        return (
            connection.role == "inter-router"
            and self.observed is not None
            and connection.container not in self.observed.nodes
        )

    def access(self, access: RouterAccess) -> tuple[list[Condition], dict[str, Any]]:
        endpoints = endpoints_of(access)
        return [Condition("Configured"), self.resolved(access)], {"endpoints": endpoints} if endpoints else {}

    def resolved(self, access: RouterAccess) -> Condition:
        """Whether remote routers can connect. Without the edge role interior sites still can, so that one is a remark."""
        if not self.observed:
            return Condition("Resolved", PENDING, self.down)
        remark = "OK"
        for role in access.roles:
            socket = self.observed.listeners.get(f"{access.name}-{role.name}")
            port = role.port or DEFAULT_PORTS.get(role.name, 0)
            if socket is None or not socket.is_for(self.reach.access_bound(access.bind_host), port):
                return Condition("Resolved", PENDING, _RELOAD)
            if socket.up is False:
                reason = f": {_clean(socket.message)}" if socket.message else ""
                if role.name != "edge" or len(access.roles) == 1:
                    return Condition("Resolved", ERROR, f"cannot listen on port {port}{reason}")
                remark = f"edge sites cannot link here{reason}"
        return self.shown(Condition("Resolved", READY, remark), access.tls_credentials or access.name)

    # Rows of link status.

    def outgoing_row(self, link: Link) -> LinkRow:
        conditions, details = self.link(link)
        overall = overall_of(conditions)
        return LinkRow(
            name=link.name,
            outgoing=True,
            status=overall.state,
            cost=max(1, link.cost),
            role=self.link_role,
            remote_site=details.get("remoteSiteName", ""),
            remote_site_id=details.get("remoteSiteId", ""),
            message=overall.message,
        )

    def incoming_row(self, connection: Connection) -> LinkRow:
        assert self.observed is not None
        name, site_id = self.observed.site_of(connection.container)
        status, message = READY, "OK"
        if not connection.up:
            status, message = PENDING, _clean(connection.reason) or "the connection is being closed"
        elif self.awaits_routing(connection):
            status, message = PENDING, "connected, waiting for the routers to know each other"
        return LinkRow(
            name=_clean(connection.container),
            outgoing=False,
            status=status,
            cost=0,
            role=connection.role,
            remote_site=_clean(name),
            remote_site_id=_clean(site_id),
            message=message,
        )


def _container(target: Target) -> dict[str, str]:
    """A container that a connector leads to, as its status lists it: where the router dials it."""
    return {"name": target.container, "host": target.host, "port": str(target.port)}


def _clean(text: str) -> str:
    """Text from a router, ours or another's: one printable line of bounded length."""
    return printable(text, limit=200)
