"""``/healthz`` and ``/metrics`` of the router (router-protocol 7).

``/healthz`` answers ``OK`` while the router takes traffic: before it is ready and while it drains the answer is 503 with the
reason, so that a probe takes it out of service. ``/metrics`` is Prometheus text under the reference's names; metrics of the
reference that have no meaning here (its memory pools) are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from skupper_local.http.server import Handler, Request, Response, Routes, plain_response

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class HealthSource(Protocol):
    """Whether the router takes traffic."""

    @property
    def ready(self) -> bool:
        """Its listeners and links were started."""

    @property
    def draining(self) -> bool:
        """It was told to stop."""


class MetricsSource(Protocol):
    """The numbers of this moment. Deliveries are counted since the start; a router without a number shows 0.

    ``last_topology_change`` is in seconds since the Unix epoch, 0 for never.
    """

    @property
    def connections(self) -> int: ...
    @property
    def links(self) -> int: ...
    @property
    def addresses(self) -> int: ...
    @property
    def routers(self) -> int: ...
    @property
    def presettled_deliveries(self) -> int: ...
    @property
    def dropped_presettled_deliveries(self) -> int: ...
    @property
    def accepted_deliveries(self) -> int: ...
    @property
    def released_deliveries(self) -> int: ...
    @property
    def rejected_deliveries(self) -> int: ...
    @property
    def modified_deliveries(self) -> int: ...
    @property
    def deliveries_ingress(self) -> int: ...
    @property
    def deliveries_egress(self) -> int: ...
    @property
    def deliveries_transit(self) -> int: ...
    @property
    def deliveries_delayed_1sec(self) -> int: ...
    @property
    def deliveries_delayed_10sec(self) -> int: ...
    @property
    def deliveries_stuck(self) -> int: ...
    @property
    def links_blocked(self) -> int: ...
    @property
    def last_topology_change(self) -> int: ...


class Metric(NamedTuple):
    """A metric: its name, its Prometheus type, and where its value comes from."""

    name: str
    kind: str
    value: Callable[[MetricsSource], int]


METRICS: tuple[Metric, ...] = (
    Metric("qdr_connections_total", "gauge", lambda source: source.connections),
    Metric("qdr_links_total", "gauge", lambda source: source.links),
    Metric("qdr_addresses_total", "gauge", lambda source: source.addresses),
    Metric("qdr_routers_total", "gauge", lambda source: source.routers),
    Metric("qdr_presettled_deliveries_total", "counter", lambda source: source.presettled_deliveries),
    Metric(
        "qdr_dropped_presettled_deliveries_total",
        "counter",
        lambda source: source.dropped_presettled_deliveries,
    ),
    Metric("qdr_accepted_deliveries_total", "counter", lambda source: source.accepted_deliveries),
    Metric("qdr_released_deliveries_total", "counter", lambda source: source.released_deliveries),
    Metric("qdr_rejected_deliveries_total", "counter", lambda source: source.rejected_deliveries),
    Metric("qdr_modified_deliveries_total", "counter", lambda source: source.modified_deliveries),
    Metric("qdr_deliveries_ingress_total", "counter", lambda source: source.deliveries_ingress),
    Metric("qdr_deliveries_egress_total", "counter", lambda source: source.deliveries_egress),
    Metric("qdr_deliveries_transit_total", "counter", lambda source: source.deliveries_transit),
    Metric("qdr_deliveries_delayed_1sec_total", "counter", lambda source: source.deliveries_delayed_1sec),
    Metric("qdr_deliveries_delayed_10sec_total", "counter", lambda source: source.deliveries_delayed_10sec),
    Metric("qdr_deliveries_stuck_total", "gauge", lambda source: source.deliveries_stuck),
    Metric("qdr_links_blocked_total", "gauge", lambda source: source.links_blocked),
    Metric("qdr_last_topology_change_timestamp", "gauge", lambda source: source.last_topology_change),
)


def health_handler(source: HealthSource) -> Handler:
    """The handler of ``/healthz``."""

    def healthz(request: Request) -> Response:
        if source.draining:
            return plain_response(503, "the router is stopping")
        if not source.ready:
            return plain_response(503, "the router is starting")
        return Response(200, b"OK\n", "text/plain")

    return healthz


def metrics_handler(source: MetricsSource) -> Handler:
    """The handler of ``/metrics``."""

    def metrics(request: Request) -> Response:
        return Response(200, metrics_text(source).encode("ascii"), METRICS_CONTENT_TYPE)

    return metrics


def metrics_text(source: MetricsSource) -> str:
    """The Prometheus text of all metrics."""
    return "".join(
        f"# TYPE {metric.name} {metric.kind}\n{metric.name} {metric.value(source)}\n" for metric in METRICS
    )


def health_routes(health: HealthSource | None, metrics: MetricsSource | None) -> Routes:
    """What an ``http`` listener serves; None for what its ``healthz`` or ``metrics`` attribute switches off."""
    routes: dict[str, dict[str, Handler]] = {}
    if health is not None:
        routes["/healthz"] = {"GET": health_handler(health)}
    if metrics is not None:
        routes["/metrics"] = {"GET": metrics_handler(metrics)}
    return Routes(routes)
