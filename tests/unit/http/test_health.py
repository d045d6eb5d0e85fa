from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest

from skupper_local.http.server import Request, Response, Routes
from skupper_local.router.health import METRICS, health_routes, metrics_text


@dataclass
class Numbers:
    ready: bool = True
    draining: bool = False
    connections: int = 1
    links: int = 2
    addresses: int = 3
    routers: int = 4
    presettled_deliveries: int = 5
    dropped_presettled_deliveries: int = 6
    accepted_deliveries: int = 7
    released_deliveries: int = 8
    rejected_deliveries: int = 9
    modified_deliveries: int = 10
    deliveries_ingress: int = 11
    deliveries_egress: int = 12
    deliveries_transit: int = 13
    deliveries_delayed_1sec: int = 14
    deliveries_delayed_10sec: int = 15
    deliveries_stuck: int = 16
    links_blocked: int = 17
    last_topology_change: int = 18


def get(routes: Routes, path: str) -> Response:
    answer = routes(Request("GET", path))
    assert not inspect.isawaitable(answer)
    return answer


def test_healthz_is_what_the_reference_answers() -> None:
    answer = get(health_routes(Numbers(), None), "/healthz")
    assert (answer.status, answer.body, answer.content_type) == (200, b"OK\n", "text/plain")


@pytest.mark.parametrize("state", [Numbers(ready=False), Numbers(draining=True)])
def test_healthz_is_503_before_the_router_is_ready_and_while_it_drains(state: Numbers) -> None:
    assert get(health_routes(state, None), "/healthz").status == 503


def test_health_follows_the_router_as_it_changes() -> None:
    state = Numbers(ready=False)
    routes = health_routes(state, None)
    assert get(routes, "/healthz").status == 503
    state.ready = True
    assert get(routes, "/healthz").status == 200


def test_every_metric_has_its_type_and_its_own_number() -> None:
    lines = metrics_text(Numbers()).splitlines()
    assert lines[:2] == ["# TYPE qdr_connections_total gauge", "qdr_connections_total 1"]
    assert "# TYPE qdr_accepted_deliveries_total counter" in lines
    assert [line.split()[1] for line in lines if not line.startswith("#")] == [
        str(number) for number in range(1, len(METRICS) + 1)
    ]


def test_a_part_that_is_switched_off_is_not_found() -> None:
    assert get(health_routes(None, Numbers()), "/healthz").status == 404
    assert get(health_routes(Numbers(), None), "/metrics").status == 404
    assert get(health_routes(Numbers(), Numbers()), "/metrics").content_type.startswith(
        "text/plain; version=0.0.4"
    )
