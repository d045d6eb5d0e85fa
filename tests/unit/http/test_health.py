from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest

from skupper_local.http.server import Request, Response, Routes
from skupper_local.router.health import METRICS, RouterMetrics, health_routes, metrics_text


@dataclass
class State:
    ready: bool = True
    draining: bool = False


NUMBERS = RouterMetrics(*range(1, len(METRICS) + 1))


def numbers() -> RouterMetrics:
    return NUMBERS


def get(routes: Routes, path: str) -> Response:
    answer = routes(Request("GET", path))
    assert not inspect.isawaitable(answer)
    return answer


def test_healthz_is_what_the_reference_answers() -> None:
    answer = get(health_routes(State(), None), "/healthz")
    assert (answer.status, answer.body, answer.content_type) == (200, b"OK\n", "text/plain")


@pytest.mark.parametrize("state", [State(ready=False), State(draining=True)])
def test_healthz_is_503_before_the_router_is_ready_and_while_it_drains(state: State) -> None:
    assert get(health_routes(state, None), "/healthz").status == 503


def test_health_follows_the_router_as_it_changes() -> None:
    state = State(ready=False)
    routes = health_routes(state, None)
    assert get(routes, "/healthz").status == 503
    state.ready = True
    assert get(routes, "/healthz").status == 200


def test_every_metric_has_its_type_and_its_own_number() -> None:
    lines = metrics_text(NUMBERS).splitlines()
    assert lines[:2] == ["# TYPE qdr_connections_total gauge", "qdr_connections_total 1"]
    assert "# TYPE qdr_accepted_deliveries_total counter" in lines
    assert [line.split()[1] for line in lines if not line.startswith("#")] == [
        str(number) for number in range(1, len(METRICS) + 1)
    ]


def test_a_part_that_is_switched_off_is_not_found() -> None:
    assert get(health_routes(None, numbers), "/healthz").status == 404
    assert get(health_routes(State(), None), "/metrics").status == 404
    assert get(health_routes(State(), numbers), "/metrics").content_type.startswith(
        "text/plain; version=0.0.4"
    )


def test_what_the_router_does_not_count_is_left_out() -> None:
    text = metrics_text(RouterMetrics(connections=3, deliveries_transit=0))
    assert text == (
        "# TYPE qdr_connections_total gauge\nqdr_connections_total 3\n"
        "# TYPE qdr_deliveries_transit_total counter\nqdr_deliveries_transit_total 0\n"
    )
