"""Services as one site sees them."""

from __future__ import annotations

from dataclasses import replace

from skupper_local.resources import Connector, Listener, Metadata
from skupper_local.site.observed import ObservedRouter, neighbours_in, observe
from skupper_local.site.services import services

READY = {"status": "Ready", "message": "OK"}


def listener(name: str, key: str, status: dict[str, str] | None = None) -> Listener:
    return replace(
        Listener(metadata=Metadata(name=name), routing_key=key, host="127.0.0.1", port=8080),
        status=status or READY,
    )


def connector(name: str, key: str, status: dict[str, str] | None = None) -> Connector:
    return replace(
        Connector(metadata=Metadata(name=name), routing_key=key, host="db", port=5432), status=status or READY
    )


def network(listening: str = "", connecting: str = "", site: str = "east") -> ObservedRouter:
    far = {
        "router": [{"id": "east-1", "metadata": '{"id": "2"}'}],
        "site": [{"name": site}],
        "tcpListener": [{"name": "listener/web", "host": "::", "port": "80", "address": listening}],
        "tcpConnector": [
            {"name": "connector/db@10.0.0.1", "host": "10.0.0.1", "port": "1", "address": connecting}
        ],
    }
    return observe({"router": [{"id": "west"}]}, remote_routers={"east-1": far})


def test_a_key_with_both_ends_is_ready_wherever_they_are() -> None:
    (found,) = services([listener("l", "k")], network(connecting="k"))
    assert (found.key, found.status, found.message) == ("k", "Ready", "")
    assert [(end.site, end.name, end.host, end.port) for end in found.connectors] == [
        ("east", "db", "10.0.0.1", "1")
    ]
    assert [(end.site, end.name) for end in found.listeners] == [("", "l")]


def test_a_key_with_one_end_says_which_is_missing() -> None:
    found = {item.key: item for item in services([listener("l", "a"), connector("c", "b")], network())}
    assert found["a"].status == "No connector"
    assert found["b"].status == "No listener"
    assert found["b"].message == "no site listens for this key"


def test_while_the_router_is_silent_an_end_elsewhere_is_not_called_missing() -> None:
    found = services([listener("l", "a"), connector("c", "b")], None, "the router is not running")
    assert [(item.status, item.message) for item in found] == [("Pending", "the router is not running")] * 2


def test_nothing_is_called_missing_while_the_routers_of_other_sites_are_silent() -> None:
    link = {"container": "east", "role": "edge", "dir": "out", "operStatus": "up"}
    silent = observe({"router": [{"id": "west"}], "connection": [link]})
    (found,) = services([listener("l", "a")], silent)
    assert (found.status, found.message) == ("Pending", "the routers of other sites do not answer")
    alone = observe({"router": [{"id": "west"}], "connection": [{**link, "role": "normal"}]})
    (found,) = services([listener("l", "a")], alone)
    assert found.status == "No connector"


def test_a_router_knows_those_it_routes_to_and_those_attached() -> None:
    said: dict[str, list[dict[str, object]]] = {
        "router.node": [
            {"id": "east", "routerLink": 1},
            {"id": "mad/$management", "routerLink": 2},
            {"id": 7, "routerLink": 3},
            {"id": None, "routerLink": 4},
            {"id": "gone"},
        ],
        "connection": [
            {"container": "rim", "role": "edge", "dir": "in"},
            {"container": "leaving", "role": "edge", "dir": "in", "operStatus": "closing"},
            {"container": "hub", "role": "edge", "dir": "out"},
            {"container": "east", "role": "inter-router", "dir": "in"},
            {"container": "client", "role": "normal", "dir": "in"},
            {"role": "edge"},
        ],
    }
    assert neighbours_in(said) == ({"east", "7", "hub"}, {"rim"})


def test_services_between_other_sites_are_seen_too() -> None:
    (found,) = services([], network(listening="k", connecting="k"))
    assert found.status == "Ready"
    assert [end.site for end in (*found.listeners, *found.connectors)] == ["east", "east"]


def test_an_end_of_this_site_that_is_not_ready_keeps_the_service_pending() -> None:
    held = listener("l", "k", {"status": "Error", "message": "cannot listen on 127.0.0.1:8080"})
    (found,) = services([held], network(connecting="k"))
    assert found.status == "Pending"
    assert found.message == "l: cannot listen on 127.0.0.1:8080"


def test_what_other_sites_say_cannot_reach_the_terminal_as_it_is() -> None:
    (found,) = services([], network(listening="k\x1b[2J", site="ea\x07st"))
    assert found.key.isprintable()
    assert found.listeners[0].site.isprintable()


def failing(site: str, router_id: str, *, up: bool) -> dict[str, dict[str, list[dict[str, str]]]]:
    state = {"operStatus": "up"} if up else {"operStatus": "down", "connectionMsg": "cannot connect: refused"}
    end = {"name": "connector/db@h", "host": "h", "port": "1", "address": "k", **state}
    return {router_id: {"router": [{"id": router_id}], "site": [{"name": site}], "tcpConnector": [end]}}


def test_a_key_whose_only_server_elsewhere_refuses_is_pending() -> None:
    own = [listener("l", "k")]
    routers = failing("east", "east-1", up=False)
    (found,) = services(own, observe({"router": [{"id": "west"}]}, remote_routers=routers))
    assert (found.status, found.message) == ("Pending", "db at east: cannot connect: refused")
    assert [(end.status, end.message) for end in found.connectors] == [("Pending", "cannot connect: refused")]
    more = {**routers, **failing("north", "north-1", up=True)}
    (found,) = services(own, observe({"router": [{"id": "west"}]}, remote_routers=more))
    assert (found.status, found.message) == ("Ready", "")


def test_of_a_listener_elsewhere_that_waits_for_connectors_nothing_is_said() -> None:
    far = {
        "router": [{"id": "east-1"}],
        "tcpListener": [{"name": "listener/l", "address": "k", "operStatus": "down", "connectionMsg": "x"}],
    }
    (found,) = services([connector("c", "k")], observe({}, remote_routers={"east-1": far}))
    assert (found.status, found.message) == ("Ready", "")
