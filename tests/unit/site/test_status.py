"""Statuses tell the truth: what the router says, why something is not well, and nothing better than that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from skupper_local.resources import Resource, decode_documents, document_of
from skupper_local.site.derive import active_resources
from skupper_local.site.observed import OBSERVED_TYPES, ObservedRouter, observe, site_name_of
from skupper_local.site.status import link_rows, with_statuses

from .samples import (
    LINK,
    NOW,
    SECRET,
    SITE_ID,
    access,
    connector,
    document,
    listener,
    model_of,
    multi_key_listener,
    site,
)

WEST = site(linkAccess="default") + listener("backend", key="k") + connector("db", key="d") + LINK + SECRET

UP = {"operStatus": "up", "connectionMsg": ""}
LINK_UP = {"connectionStatus": "SUCCESS", "connectionMsg": "[C1] up"}
EAST = "east-11112222"
OUT = {
    "container": EAST,
    "dir": "out",
    "role": "inter-router",
    "host": "192.168.1.20:55671",
    "operStatus": "up",
}
IN = {"container": "north-1753277107-482913577", "dir": "in", "role": "inter-router", "host": "10.0.0.9:4242"}


def answers(**changed: Any) -> dict[str, list[dict[str, Any]]]:
    """What a router says when everything of WEST is well."""
    said: dict[str, list[dict[str, Any]]] = {
        "router": [{"id": "west-6c1b0c6e"}],
        "router.node": [{"id": "west-6c1b0c6e", "nextHop": "(self)"}, {"id": EAST, "routerLink": 0}],
        "connection": [OUT],
        "connector": [{"name": "link-go-east", "host": "192.168.1.20", "port": "55671", **LINK_UP}],
        "listener": [{"name": name} for name in ("skupper-local-normal", "west-inter-router", "west-edge")],
        "tcpListener": [
            {"name": "listener/backend", "host": "0.0.0.0", "port": "8080", "address": "k", **UP}
        ],
        "tcpConnector": [
            {"name": "connector/db@127.0.0.1", "host": "127.0.0.1", "port": 9090, "address": "d"}
        ],
        "listenerAddress": [],
        "router.address": [{"name": "Mk", "subscriberCount": 0, "remoteCount": 1}],
    }
    for key, value in changed.items():
        said[key.replace("_", ".", 1) if key.startswith("router_") else key] = value
    return said


REMOTE = {
    EAST: {
        "router": [{"id": EAST, "metadata": '{"id":"east-site-id","version":"1"}'}],
        "tcpListener": [{"name": "listener/db", "address": "d"}],
        "tcpConnector": [{"name": "connector/k@a", "address": "k"}],
    }
}


def judged(said: dict[str, Any] | None, text: str = WEST, **more: Any) -> dict[str, Resource]:
    observed = None if said is None else observe(said, remote_routers=REMOTE)
    resources = more.pop("resources", None) or active_resources(model_of(text, router_kind="skrouterd"))
    found = with_statuses(resources, observed, site_id=SITE_ID, now=more.pop("now", NOW), **more)
    return {resource.title: resource for resource in found}


def summary(resource: Resource) -> tuple[str, str]:
    return resource.status["status"], resource.status["message"]


def condition(resource: Resource, kind: str) -> dict[str, str]:
    (found,) = (item for item in resource.status["conditions"] if item["type"] == kind)
    return dict(found)


# A router that answers.


def test_everything_is_ready_when_the_router_says_so() -> None:
    found = judged(answers())
    for title in (
        "Site west",
        "Listener backend",
        "Connector db",
        "Link link-go-east",
        "RouterAccess west",
        "RouterAccess skupper-local",
    ):
        assert summary(found[title]) == ("Ready", "OK"), title
    assert found["Listener backend"].status["hasMatchingConnector"] is True
    assert found["Connector db"].status["hasMatchingListener"] is True
    assert found["Link link-go-east"].status["remoteSiteName"] == "east"
    assert found["Link link-go-east"].status["remoteSiteId"] == "east-site-id"
    assert found["Site west"].status["sitesInNetwork"] == 2
    assert condition(found["Site west"], "Ready")["status"] == "True"


def test_long_and_short_type_names_are_understood() -> None:
    short = {kind: answers()[kind.removeprefix("io.skupper.router.")] for kind in OBSERVED_TYPES}
    assert observe(short) == observe(answers())


def test_endpoints_name_a_host_and_ports_as_text() -> None:
    endpoints = judged(answers())["RouterAccess west"].status["endpoints"]
    assert endpoints[0] == {
        "name": "west-inter-router",
        "host": "box.example",
        "port": "55671",
        "group": "skupper-router",
    }
    assert judged(answers())["Site west"].status["endpoints"] == endpoints
    assert "endpoints" not in judged(answers())["RouterAccess skupper-local"].status


def test_the_network_is_told_as_this_site_sees_it() -> None:
    own, east = judged(answers())["Site west"].status["network"]
    assert own == {
        "id": SITE_ID,
        "name": "west",
        "namespace": "west",
        "links": [
            {
                "name": "link-go-east",
                "remoteSiteId": "east-site-id",
                "remoteSiteName": "east",
                "operational": True,
            }
        ],
        "services": [
            {"routingKey": "d", "connectors": ["127.0.0.1"], "listeners": []},
            {"routingKey": "k", "connectors": [], "listeners": ["backend"]},
        ],
    }
    assert (east["id"], east["name"]) == ("east-site-id", "east")
    assert [service["routingKey"] for service in east["services"]] == ["d", "k"]
    assert "network" not in judged(None)["Site west"].status


def test_what_another_site_calls_itself_is_one_printable_line() -> None:
    there = {
        "router": [{"metadata": '{"id": "x\\u001b[31m"}'}],
        "site": [{"name": "a\nb", "platform": "\x00", "namespace": "n" * 500}],
        "tcpListener": [{"name": "listener/l\r", "address": "k\x1b"}],
    }
    observed = observe(answers(), remote_routers={EAST: there})
    found = with_statuses(active_resources(model_of(site())), observed, site_id=SITE_ID, now=NOW)
    (record,) = (record for record in found[0].status["network"] if record["id"] != SITE_ID)
    texts = [*map(str, (record["id"], record["name"], record["platform"], record["namespace"]))]
    texts += [record["services"][0]["routingKey"], *record["services"][0]["listeners"]]
    assert all(text.isprintable() and len(text) <= 200 for text in texts)


# Listeners with several keys.

SEVERAL = {"name": "multiAddress/m", "host": "127.0.0.1", "port": "7000", **UP}
WEIGHTED = {"weighted": {"routingKeys": {"a": 3, "b": 1}}}


def several(strategy: dict[str, Any], *, reachable: str, **changed: Any) -> Resource:
    """The listener ``m`` at a router that knows it, with these of its keys reachable."""
    text = site() + multi_key_listener("m", port=7000, host="127.0.0.1", strategy=strategy)
    values = {"a": 3, "b": 1} if "weighted" in strategy else {"a": 1, "b": 0}
    said = {
        "tcpListener": [SEVERAL],
        "listenerAddress": [
            {"name": f"m/{key}", "address": key, "value": value, "listener": "multiAddress/m"}
            for key, value in values.items()
        ],
        "router_address": [{"name": f"M{key}", "subscriberCount": 1} for key in reachable],
        **changed,
    }
    return judged(answers(**said), text)["MultiKeyListener m"]


def test_a_listener_with_several_keys_lists_those_it_reaches() -> None:
    both = several({"priority": {"routingKeys": ["a", "b"]}}, reachable="ba")
    assert summary(both) == ("Ready", "OK")
    assert both.status["hasDestination"] is True
    assert both.status["strategy"] == {"priority": {"routingKeysReachable": ["a", "b"]}}
    one = several(WEIGHTED, reachable="b")
    assert summary(one) == ("Ready", "OK")
    assert one.status["strategy"] == {"weighted": {"routingKeysReachable": {"b": 1}}}


def test_it_has_the_reference_s_conditions_and_no_mirrored_one() -> None:
    found = several(WEIGHTED, reachable="a")
    assert [item["type"] for item in found.status["conditions"]] == ["Configured", "Operational"]


def test_without_any_of_its_connectors_it_is_not_operational() -> None:
    found = several(WEIGHTED, reachable="", tcpListener=[{**SEVERAL, "operStatus": "down"}])
    assert summary(found) == ("Pending", "No matching connectors")
    assert found.status["hasDestination"] is False
    assert "strategy" not in found.status


def test_a_port_it_cannot_have_is_an_error() -> None:
    down = {**SEVERAL, "operStatus": "down", "connectionMsg": "Address already in use"}
    state, message = summary(several(WEIGHTED, reachable="a", tcpListener=[down]))
    assert state == "Error"
    assert "cannot listen on 127.0.0.1:7000: Address already in use" in message


@pytest.mark.parametrize(
    "changed",
    [
        {"tcpListener": []},
        {"tcpListener": [{**SEVERAL, "port": "7001"}]},
        {"listenerAddress": [{"address": "a", "value": 2, "listener": "multiAddress/m"}]},
    ],
)
def test_other_keys_or_weights_at_the_router_ask_for_a_reload(changed: dict[str, Any]) -> None:
    state, message = summary(several(WEIGHTED, reachable="a", **changed))
    assert state == "Pending"
    assert "system reload" in message


def test_a_router_that_tells_no_keys_is_not_blamed() -> None:
    assert summary(several(WEIGHTED, reachable="a", listenerAddress=[]))[0] == "Ready"


def test_keys_of_such_listeners_match_connectors_here_and_elsewhere() -> None:
    text = site() + connector("db", key="far") + connector("eb", port=9, key="near")
    text += multi_key_listener("m", "near", "other", port=7000)
    there: dict[str, list[dict[str, Any]]] = {
        "tcpListener": [{"name": "multiAddress/x", "multiAddressStrategy": "priority"}],
        "listenerAddress": [{"address": "far", "value": 0, "listener": "multiAddress/x"}],
    }
    observed = observe(answers(), remote_routers={EAST: there})
    found = with_statuses(
        active_resources(model_of(text, router_kind="skrouterd")), observed, site_id=SITE_ID, now=NOW
    )
    matched = {item.name: item.status["hasMatchingListener"] for item in found if item.name in ("db", "eb")}
    assert matched == {"db": True, "eb": True}


def test_kinds_that_nothing_acts_on_are_never_ready() -> None:
    text = site() + document("AccessGrant", "g") + document("ConfigMap", "c", api_version="v1")
    text += document("AttachedConnectorBinding", "b", connectorNamespace="n", routingKey="k")
    found = judged(answers(), text)
    assert summary(found["AccessGrant g"])[0] == "Error"
    assert condition(found["AccessGrant g"], "Processed")["status"] == "False"
    assert "Kubernetes" in condition(found["AttachedConnectorBinding b"], "Matched")["message"]
    assert not found["ConfigMap c"].status


# What is not well, and why.


def test_a_listener_without_connectors_says_so() -> None:
    said = answers(
        tcpListener=[{"name": "listener/backend", "operStatus": "down", "connectionMsg": ""}],
        router_address=[],
    )
    backend = judged(said)["Listener backend"]
    assert summary(backend) == ("Pending", "No matching connectors")
    assert backend.status["hasMatchingConnector"] is False
    assert "hasMatchingConnector" not in document_of(backend)["status"]


def test_a_port_in_use_is_an_error_with_the_router_s_words() -> None:
    socket = {"name": "listener/backend", "operStatus": "down", "connectionMsg": "Address already in use"}
    backend = judged(answers(tcpListener=[socket]))["Listener backend"]
    assert summary(backend) == ("Error", "cannot listen on 0.0.0.0:8080: Address already in use")
    assert backend.status["hasMatchingConnector"] is True


def test_a_listener_that_is_not_open_yet_is_not_ready() -> None:
    socket = {"name": "listener/backend", "operStatus": "down"}
    assert summary(judged(answers(tcpListener=[socket]))["Listener backend"])[0] == "Pending"


def test_a_connector_without_listeners_says_so() -> None:
    def told(observed: ObservedRouter) -> tuple[str, str]:
        found = with_statuses(active_resources(model_of(WEST)), observed, site_id=SITE_ID, now=NOW)
        return next(summary(resource) for resource in found if resource.title == "Connector db")

    far = {"router": [{"id": "east"}]}
    assert told(observe(answers(), remote_routers={"east": far})) == ("Pending", "No matching listeners")
    unknown = "No matching listeners: the routers of other sites do not answer"
    assert told(observe(answers())) == ("Pending", unknown)


def test_a_listener_of_the_same_site_matches_too() -> None:
    text = site() + listener("a", key="k") + connector("b", key="k")
    said = answers(
        tcpListener=[{"name": "listener/a", **UP}], tcpConnector=[{"name": "connector/b@127.0.0.1"}]
    )
    assert summary(judged(said, text)["Connector b"]) == ("Ready", "OK")


def seen_from_here(refusal: str, said: dict[str, Any], text: str = WEST) -> Resource:
    """The connector db, when this machine finds that of its server."""
    observed = replace(observe(said, remote_routers=REMOTE), servers={("127.0.0.1", 9090): refusal})
    found = with_statuses(active_resources(model_of(text)), observed, site_id=SITE_ID, now=NOW)
    (db,) = (resource for resource in found if resource.title == "Connector db")
    return db


def test_a_server_that_refuses_this_machine_counts_though_the_router_says_nothing() -> None:
    silent = answers(tcpConnector=[{"name": "connector/db@127.0.0.1"}])
    assert summary(seen_from_here("connection refused", silent)) == (
        "Pending",
        "cannot connect to 127.0.0.1:9090: connection refused",
    )
    assert summary(seen_from_here("", silent)) == ("Ready", "OK")


def test_a_refusal_of_some_time_ago_is_over_when_the_server_is_there_again() -> None:
    target = {"name": "connector/db@127.0.0.1", "operStatus": "down", "connectionMsg": "Connection refused"}
    assert summary(seen_from_here("", answers(tcpConnector=[target]))) == ("Ready", "OK")
    with_tls = WEST.replace('"routingKey": "d"', '"routingKey": "d", "tlsCredentials": "c"')
    assert with_tls != WEST
    assert summary(seen_from_here("", answers(tcpConnector=[target]), with_tls))[0] == "Pending"


def test_a_server_that_refuses_is_named() -> None:
    target = {"name": "connector/db@127.0.0.1", "operStatus": "down", "connectionMsg": "Connection refused"}
    found = judged(answers(tcpConnector=[target]))["Connector db"]
    assert summary(found) == ("Pending", "cannot connect to 127.0.0.1:9090: Connection refused")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("CONNECTING", "Connection to 192.168.1.20:55671 failed: Connection refused"),
        ("FAILED", "certificate verify failed: unable to get local issuer certificate"),
        ("INITIALIZING", ""),
    ],
)
def test_a_link_that_is_down_gives_the_router_s_reason(status: str, message: str) -> None:
    place = {"host": "192.168.1.20", "port": "55671"}
    dialler = {"name": "link-go-east", **place, "connectionStatus": status, "connectionMsg": message}
    link = judged(answers(connector=[dialler], connection=[]))["Link link-go-east"]
    assert summary(link)[0] == "Pending"
    assert summary(link)[1].startswith("not connected to 192.168.1.20:55671")
    assert message in summary(link)[1]
    assert "remoteSiteName" not in link.status


def test_a_connection_without_routing_is_not_a_link_yet() -> None:
    said = answers(router_node=[{"id": "west-6c1b0c6e", "nextHop": "(self)"}])
    assert summary(judged(said)["Link link-go-east"]) == (
        "Pending",
        "connected to 192.168.1.20:55671, waiting for the routers to know each other",
    )
    assert summary(judged(answers(connection=[]))["Link link-go-east"])[0] == "Pending"


def test_a_router_that_is_lost_counts_for_no_site_although_it_is_still_named() -> None:
    here = {"id": "west-6c1b0c6e", "nextHop": "(self)"}
    beyond = {"id": "north-1753277107-482913577", "nextHop": EAST, "routerLink": None}
    reached = [here, {"id": EAST, "nextHop": None, "routerLink": 0}, beyond]
    lost = [here, {"id": EAST, "nextHop": None, "routerLink": None, "cost": 1}, {**beyond, "nextHop": None}]

    def sites(said: dict[str, Any]) -> int:
        found = with_statuses(active_resources(model_of(WEST)), observe(said), site_id=SITE_ID, now=NOW)
        (number,) = [int(item.status["sitesInNetwork"]) for item in found if item.title == "Site west"]
        return number

    assert sites(answers(router_node=reached)) == 3
    assert sites(answers(router_node=lost, connection=[], connector=[])) == 1


def test_whoever_shows_a_certificate_that_has_expired_is_not_ready() -> None:
    text = site() + access("go") + listener("web", 8443, tlsCredentials="crt")
    text += connector("db", 5432, tlsCredentials="crt")
    text += connector("shop", 5433, tlsCredentials="own", useClientCert=True)
    servers = [
        {"name": f"connector/{name}@127.0.0.1", "host": "127.0.0.1", "port": port, "address": name, **UP}
        for name, port in (("db", 5432), ("shop", 5433))
    ]
    web = {"name": "listener/web", "host": "0.0.0.0", "port": "8443", "address": "web", **UP}
    accesses = [
        {"name": f"go-{role}", "host": "", "port": port, **UP}
        for role, port in (("inter-router", "55671"), ("edge", "45671"))
    ]
    said = answers(tcpListener=[web], tcpConnector=servers, listener=accesses)
    end = dict.fromkeys(("crt", "own", "go"), "2026-01-01 00:00 UTC")
    good, bad = judged(said, text), judged(said, text, expired=end)
    message = "its certificate crt has expired at 2026-01-01 00:00 UTC; nobody accepts it"
    for title, name in (("Listener web", "crt"), ("Connector shop", "own")):
        assert condition(good[title], "Configured")["status"] == "True"
        assert condition(bad[title], "Configured")["message"] == message.replace("crt", name)
    assert bad["Connector db"].status == good["Connector db"].status  # it shows none
    assert summary(good["RouterAccess go"]) == ("Ready", "OK")
    assert summary(bad["RouterAccess go"]) == ("Error", message.replace("crt", "go"))


def test_an_edge_link_needs_no_routing_protocol() -> None:
    text = site(edge=True) + LINK + SECRET
    resources = active_resources(model_of(text, router_kind="skrouterd"))
    dialler = {"name": "link-go-east", "host": "192.168.1.20", "port": "45671", **LINK_UP}
    connection = {**OUT, "role": "edge", "host": "192.168.1.20:45671"}
    said = answers(connector=[dialler], connection=[connection], router_node=[])
    assert summary(judged(said, resources=resources)["Link link-go-east"]) == ("Ready", "OK")


def test_a_link_without_an_endpoint_for_this_site_is_an_error() -> None:
    text = site() + LINK.replace("name: inter-router", "name: other") + SECRET
    link = judged(answers(), resources=decode_documents(text, "-").require())["Link link-go-east"]
    assert summary(link)[0] == "Error"
    assert "inter-router" in summary(link)[1]


def test_what_the_router_does_not_have_yet_asks_for_a_reload() -> None:
    found = judged(answers(tcpListener=[], tcpConnector=[], connector=[], listener=[]))
    for title in ("Listener backend", "Connector db", "Link link-go-east", "RouterAccess west", "Site west"):
        assert summary(found[title])[0] == "Pending", title
        assert "system reload" in summary(found[title])[1]


@pytest.mark.parametrize(
    ("kind", "title", "entity"),
    [
        (
            "tcpListener",
            "Listener backend",
            {"name": "listener/backend", "port": "8081", "address": "k", **UP},
        ),
        (
            "tcpListener",
            "Listener backend",
            {"name": "listener/backend", "host": "127.0.0.1", "address": "k", **UP},
        ),
        ("tcpListener", "Listener backend", {"name": "listener/backend", "address": "other", **UP}),
        ("tcpConnector", "Connector db", {"name": "connector/db@127.0.0.1", "port": "1", "address": "d"}),
        (
            "connector",
            "Link link-go-east",
            {"name": "link-go-east", "host": "other", "port": "55671", **LINK_UP},
        ),
    ],
)
def test_what_the_router_has_otherwise_than_declared_asks_for_a_reload(
    kind: str, title: str, entity: dict[str, Any]
) -> None:
    found = judged(answers(**{kind: [entity]}, router_address=[]))[title]
    assert summary(found)[0] == "Pending"
    assert "system reload" in summary(found)[1]
    assert not found.status.get("hasMatchingConnector")


def test_a_link_access_whose_port_is_taken_is_an_error_of_the_access_and_the_site() -> None:
    sockets = [
        {"name": "skupper-local-normal"},
        {"name": "west-edge"},
        {"name": "west-inter-router", "operStatus": "down", "connectionMsg": "Address already in use"},
    ]
    found = judged(answers(listener=sockets))
    for title in ("RouterAccess west", "Site west"):
        assert summary(found[title]) == ("Error", "cannot listen on port 55671: Address already in use")


def test_an_access_that_edge_sites_cannot_use_still_serves_the_others() -> None:
    sockets = [
        {"name": "west-inter-router", "operStatus": "up"},
        {"name": "west-edge", "operStatus": "down", "connectionMsg": "role edge is not supported"},
    ]
    found = judged(answers(listener=sockets))["RouterAccess west"]
    assert summary(found) == ("Ready", "OK")
    assert (
        condition(found, "Resolved")["message"] == "edge sites cannot link here: role edge is not supported"
    )


# A router that does not answer.


def test_nothing_is_ready_when_the_router_does_not_answer() -> None:
    earlier = tuple(judged(answers()).values())
    found = judged(None, resources=earlier, down_reason="The router is not running")
    for title in ("Site west", "Listener backend", "Connector db", "Link link-go-east", "RouterAccess west"):
        assert summary(found[title]) == ("Pending", "The router is not running"), title
    assert "sitesInNetwork" not in found["Site west"].status
    assert "hasMatchingConnector" not in found["Listener backend"].status
    assert "remoteSiteName" not in found["Link link-go-east"].status
    assert condition(found["Site west"], "Configured")["status"] == "True"


def test_there_is_a_reason_even_when_none_is_given() -> None:
    assert summary(judged(None)["Site west"])[1]


# Times and what is kept.


def test_a_transition_time_changes_with_the_status_alone() -> None:
    first = judged(answers(), now="2026-01-01T00:00:00Z")
    later = judged(answers(), resources=tuple(first.values()), now="2026-02-01T00:00:00Z")
    assert later == first
    down = judged(None, resources=tuple(later.values()), now="2026-03-01T00:00:00Z")["Site west"]
    assert condition(down, "Configured")["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert condition(down, "Running")["lastTransitionTime"] == "2026-03-01T00:00:00Z"


def test_a_malformed_earlier_status_is_replaced_and_foreign_keys_are_kept() -> None:
    (resource,) = (
        resource for resource in active_resources(model_of(site())) if resource.title == "Site west"
    )
    odd = replace(resource, status={"conditions": [1, {"type": 2}], "controller": ["kept"], "endpoints": "x"})
    found = judged(answers(), resources=(odd,))["Site west"]
    assert found.status["controller"] == ["kept"]
    assert found.status["endpoints"] == []
    assert len(found.status["conditions"]) == 3


# Rows of link status.


def rows(said: dict[str, Any] | None, text: str = WEST) -> list[tuple[str, bool, str, str, str]]:
    observed = None if said is None else observe(said, remote_routers=REMOTE)
    found = link_rows(active_resources(model_of(text)), observed)
    return [(row.name, row.outgoing, row.status, row.remote_site, row.message) for row in found]


def test_link_status_shows_both_directions() -> None:
    nodes = [{"id": EAST, "routerLink": 0}, {"id": IN["container"], "routerLink": 1}]
    assert rows(answers(connection=[OUT, IN], router_node=nodes)) == [
        ("link-go-east", True, "Ready", "east", "OK"),
        ("north-1753277107-482913577", False, "Ready", "north", "OK"),
    ]


def test_an_incoming_link_without_routing_is_pending() -> None:
    (_, incoming) = rows(answers(connection=[OUT, IN]))
    assert incoming[2] == "Pending"


def test_only_links_are_shown_and_each_once() -> None:
    others = [{**IN, "role": "normal"}, {**IN, "role": "inter-router-data"}, {**IN, "dir": "out"}, IN, IN]
    assert len(rows(answers(connection=[OUT, *others]))) == 2


def test_without_a_router_outgoing_links_are_shown_as_pending() -> None:
    ((name, outgoing, status, _, message),) = rows(None)
    assert (name, outgoing, status) == ("link-go-east", True, "Pending")
    assert message


# Hostile routers.


def test_names_from_other_routers_are_harmless() -> None:
    evil = "\x1b[31m" + "x" * 5000 + "\n"
    said = answers(
        connection=[{**IN, "container": evil, "reason": evil}],
        router_node=[{"id": evil[:253], "routerLink": 1}],
    )
    (row,) = [row for row in link_rows(active_resources(model_of(WEST)), observe(said)) if not row.outgoing]
    for text in (row.name, row.remote_site, row.message):
        assert text.isprintable()
        assert len(text) <= 253


def test_answers_of_wrong_types_are_taken_as_unknown() -> None:
    odd = {
        kind: [{"name": 5, "id": [1], "address": {}, "operStatus": 3, "metadata": 7}] for kind in answers()
    }
    assert isinstance(observe(odd, remote_routers={"r": odd}), ObservedRouter)
    assert observe({}) == ObservedRouter(router_id="")


@pytest.mark.parametrize(
    ("router_id", "name"),
    [
        ("west-6c1b0c6e", "west"),
        ("west-1-6c1b0c6e", "west-1"),
        ("west-1753277107-482913577", "west"),
        ("west-skupper-router-5d8-x", "west-skupper-router-5d8-x"),
        ("-6c1b0c6e", "-6c1b0c6e"),
    ],
)
def test_the_site_s_name_is_found_in_a_router_id(router_id: str, name: str) -> None:
    assert site_name_of(router_id) == name
