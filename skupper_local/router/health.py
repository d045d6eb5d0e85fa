"""``/healthz`` and ``/metrics`` of the router (router-protocol 7).

``/healthz`` answers ``OK`` while the router takes traffic: before it is ready and while it drains the answer is 503 with the
reason, so that a probe takes it out of service. ``/metrics`` is Prometheus text under the reference's names; what this router
does not count is left out, and so are the reference's memory pools, which have no meaning here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class RouterMetrics:
    """The numbers of one moment; None for what this router does not count, which is then left out.

    Deliveries are counted since the start. Every TCP connection is one delivery that enters the network here and one that
    leaves it. ``last_topology_change`` is in seconds since the Unix epoch, 0 for never.
    """

    connections: int | None = None
    links: int | None = None
    addresses: int | None = None
    routers: int | None = None
    presettled_deliveries: int | None = None
    dropped_presettled_deliveries: int | None = None
    accepted_deliveries: int | None = None
    released_deliveries: int | None = None
    rejected_deliveries: int | None = None
    modified_deliveries: int | None = None
    deliveries_ingress: int | None = None
    deliveries_egress: int | None = None
    deliveries_transit: int | None = None
    deliveries_delayed_1sec: int | None = None
    deliveries_delayed_10sec: int | None = None
    deliveries_stuck: int | None = None
    links_blocked: int | None = None
    last_topology_change: int | None = None


class Metric(NamedTuple):
    """A metric: its name, its Prometheus type, and the field of RouterMetrics that holds it."""

    name: str
    kind: str
    field: str


METRICS: tuple[Metric, ...] = (
    Metric("qdr_connections_total", "gauge", "connections"),
    Metric("qdr_links_total", "gauge", "links"),
    Metric("qdr_addresses_total", "gauge", "addresses"),
    Metric("qdr_routers_total", "gauge", "routers"),
    Metric("qdr_presettled_deliveries_total", "counter", "presettled_deliveries"),
    Metric("qdr_dropped_presettled_deliveries_total", "counter", "dropped_presettled_deliveries"),
    Metric("qdr_accepted_deliveries_total", "counter", "accepted_deliveries"),
    Metric("qdr_released_deliveries_total", "counter", "released_deliveries"),
    Metric("qdr_rejected_deliveries_total", "counter", "rejected_deliveries"),
    Metric("qdr_modified_deliveries_total", "counter", "modified_deliveries"),
    Metric("qdr_deliveries_ingress_total", "counter", "deliveries_ingress"),
    Metric("qdr_deliveries_egress_total", "counter", "deliveries_egress"),
    Metric("qdr_deliveries_transit_total", "counter", "deliveries_transit"),
    Metric("qdr_deliveries_delayed_1sec_total", "counter", "deliveries_delayed_1sec"),
    Metric("qdr_deliveries_delayed_10sec_total", "counter", "deliveries_delayed_10sec"),
    Metric("qdr_deliveries_stuck_total", "gauge", "deliveries_stuck"),
    Metric("qdr_links_blocked_total", "gauge", "links_blocked"),
    Metric("qdr_last_topology_change_timestamp", "gauge", "last_topology_change"),
)
"""Names, types and order of the reference."""


def health_handler(source: HealthSource) -> Handler:
    """The handler of ``/healthz``."""

    def healthz(request: Request) -> Response:
        if source.draining:
            return plain_response(503, "the router is stopping")
        if not source.ready:
            return plain_response(503, "the router is starting")
        return Response(200, b"OK\n", "text/plain")

    return healthz


def metrics_handler(read: Callable[[], RouterMetrics]) -> Handler:
    """The handler of ``/metrics``; ``read`` is called for each request."""

    def metrics(request: Request) -> Response:
        return Response(200, metrics_text(read()).encode("ascii"), METRICS_CONTENT_TYPE)

    return metrics


def metrics_text(metrics: RouterMetrics) -> str:
    """The Prometheus text of every metric that has a value."""
    values = ((metric, getattr(metrics, metric.field)) for metric in METRICS)
    return "".join(
        f"# TYPE {metric.name} {metric.kind}\n{metric.name} {value}\n"
        for metric, value in values
        if value is not None
    )


def health_routes(health: HealthSource | None, read_metrics: Callable[[], RouterMetrics] | None) -> Routes:
    """What an ``http`` listener serves; None for what its ``healthz`` or ``metrics`` attribute switches off."""
    routes: dict[str, dict[str, Handler]] = {}
    if health is not None:
        routes["/healthz"] = {"GET": health_handler(health)}
    if read_metrics is not None:
        routes["/metrics"] = {"GET": metrics_handler(read_metrics)}
    return Routes(routes)
