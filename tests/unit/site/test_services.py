"""Services as one site sees them."""

from __future__ import annotations

from dataclasses import replace

from skupper_local.resources import Connector, Listener, Metadata
from skupper_local.site.observed import ObservedRouter, observe
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
