"""Where a router stands: on the machine's network or in an engine's, and how it reaches containers from there."""

from __future__ import annotations

from typing import Any

import pytest

from skupper_local.resources import InvalidResourcesError
from skupper_local.resources.settings import ContainerChoice, How, container_settings
from skupper_local.site.configuration import router_configuration
from skupper_local.site.model import SiteModel
from skupper_local.site.observed import observe
from skupper_local.site.reach import (
    Followed,
    Obstacle,
    Published,
    Reach,
    SeenContainer,
    Target,
    resolve,
)
from skupper_local.site.status import with_statuses

from .samples import NOW, SITE_ID, access, connector, document, listener, model_of, site

NET = Reach(
    network="apps", router_name="west-skupper-router", host_name="host.containers.internal", names=True
)
WEB = ContainerChoice(How.SELECTOR, "app=web", ({"app": "web"},))


def follows(name: str, port: int = 8080, **spec: Any) -> str:
    return document("Connector", name, routingKey=name, port=port, **spec)


def places(model: SiteModel, *types: str) -> dict[str, tuple[str, str]]:
    """Host and port by name, of entities of these types."""
    return {
        entity.name: (str(entity.attributes.get("host", "")), str(entity.attributes["port"]))
        for entity in router_configuration(model)
        if entity.type in types
    }


def web(name: str = "web", **facts: Any) -> SeenContainer:
    return SeenContainer(**{"name": name, "running": True, "labels": {"app": "web"}, **facts})


# The router's own sockets.


def test_in_an_engine_network_sockets_are_bound_inside_and_published_where_they_are_declared() -> None:
    text = site(linkAccess="default") + listener("own", 8080, "127.0.0.1") + listener("all", 8081)
    text += (
        listener("one", 8082, "192.168.1.5")
        + listener("six", 8083, "::1")
        + listener("local", 8084, "localhost")
    )
    model = model_of(text, platform="podman", reach=NET)
    assert set(places(model, "tcpListener").values()) == {
        ("0.0.0.0", str(port)) for port in (8080, 8081, 8082, 8083, 8084)
    }
    assert {host for host, _ in places(model, "listener").values()} == {""}
    assert model.published == (
        Published("", 8081),
        Published("", 45671),
        Published("", 55671),
        Published("127.0.0.1", 5671),
        Published("127.0.0.1", 8080),
        Published("127.0.0.1", 8084),
        Published("192.168.1.5", 8082),
        Published("::1", 8083),
    )


def test_on_the_machine_s_network_nothing_is_published() -> None:
    model = model_of(site() + listener("own", 8080, "127.0.0.1"), platform="podman")
    assert model.published == ()
    assert model.aliases == ()
    assert places(model, "tcpListener", "listener") == {
        "listener/own": ("127.0.0.1", "8080"),
        "skupper-local-normal": ("127.0.0.1", "5671"),
    }


def test_a_link_access_is_published_where_it_is_declared() -> None:
    text = site() + access("go", bindHost="127.0.0.1")
    model = model_of(text, platform="docker", reach=NET)
    assert model.published == tuple(Published("127.0.0.1", port) for port in (5671, 45671, 55671))


def test_listeners_give_the_router_names_unless_a_container_has_them() -> None:
    reach = Reach(network="apps", names=True, taken=frozenset({"db"}))
    text = site() + listener("db", 5432) + listener("web", 8080)
    assert model_of(text, platform="podman", reach=reach).aliases == ("web",)
    nameless = Reach(network="apps")
    assert model_of(text, platform="podman", reach=nameless).aliases == ()


def test_the_certificate_of_a_listener_names_the_router_in_its_network() -> None:
    text = site() + listener("web", 8443, "127.0.0.1", tlsCredentials="web-tls")
    model = model_of(text, platform="podman", reach=NET)
    (wanted,) = (item for item in model.certificates if item.name == "web-tls")
    assert wanted.hosts == ("127.0.0.1", "localhost", "west-skupper-router", "web")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (listener("a", 8080, "127.0.0.1") + listener("b", 8080, "192.168.1.5"), "spec.port"),
        (listener("a", 8080, "db.example.com"), "spec.host"),
        (access("a", bindHost="box.example"), "spec.bindHost"),
        (access("a", "edge") + listener("b", 45671, "127.0.0.1"), "spec.port"),
        (listener("a", 5671, "192.168.1.5"), "spec.port"),
    ],
)
def test_what_cannot_be_published_is_refused(text: str, field: str) -> None:
    with pytest.raises(InvalidResourcesError) as caught:
        model_of(site() + text, platform="podman", ports={"skupper-local/normal": 5671}, reach=NET)
    assert field in [problem.field for problem in caught.value.problems]


@pytest.mark.parametrize(("key", "value"), [("network", "apps"), ("cpus", "1"), ("memory", "64m")])
def test_settings_of_a_container_are_refused_by_name_where_there_is_none(key: str, value: str) -> None:
    text = site(settings={key: value})
    with pytest.raises(InvalidResourcesError) as caught:
        model_of(text, platform="linux")
    assert [problem.field for problem in caught.value.problems] == [f"spec.settings.{key}"]
    assert model_of(text, platform="docker")


def test_the_host_network_may_be_said_everywhere() -> None:
    model = model_of(site(settings={"network": "host"}), platform="linux")
    assert container_settings(model.state.site).network == ""


# Connectors to the machine.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_from_an_engine_network_localhost_is_the_machine(host: str) -> None:
    model = model_of(site() + connector("db", 5432, host), platform="podman", reach=NET)
    assert places(model, "tcpConnector") == {
        "connector/db@host.containers.internal": ("host.containers.internal", "5432")
    }


def test_other_hosts_of_connectors_stay_what_they_are() -> None:
    model = model_of(site() + connector("db", 5432, "10.1.2.3"), platform="podman", reach=NET)
    assert places(model, "tcpConnector") == {"connector/db@10.1.2.3": ("10.1.2.3", "5432")}


# Connectors to containers.

BRIDGED = {"addresses": {"apps": "10.89.0.7"}}
PORTS = {"published": {8080: (("127.0.0.1", 18080),)}}
OPEN = {"published": {8080: (("", 18080),)}}


@pytest.mark.parametrize(
    ("reach", "container", "target"),
    [
        (NET, BRIDGED, Target("web", 8080, "web")),
        (Reach(network="apps", host_name="h"), BRIDGED, Target("10.89.0.7", 8080, "web")),
        (NET, OPEN, Target("host.containers.internal", 18080, "web", by_port=True)),
        (
            NET,
            {"published": {8080: (("192.168.1.5", 1),)}},
            Target("192.168.1.5", 1, "web", by_port=True),
        ),
        (NET, {"addresses": {"host": "127.0.0.1"}}, Target(NET.host_name, 8080, "web", by_port=True)),
        (Reach(), {**BRIDGED, **PORTS}, Target("10.89.0.7", 8080, "web")),
        (Reach(), {"addresses": {"host": "127.0.0.1"}}, Target("127.0.0.1", 8080, "web", by_port=True)),
        (Reach(rootless=True), {**BRIDGED, **PORTS}, Target("127.0.0.1", 18080, "web", by_port=True)),
        (Reach(rootless=True), OPEN, Target("127.0.0.1", 18080, "web", by_port=True)),
    ],
)
def test_a_container_is_reached_by_what_both_sides_share(
    reach: Reach, container: dict[str, Any], target: Target
) -> None:
    found = resolve(WEB, 8080, [web(**container), web("other", labels={"app": "db"})], reach)
    assert found == Followed((target,))


@pytest.mark.parametrize(
    ("reach", "container", "words"),
    [
        (
            Reach(rootless=True, engine="podman"),
            BRIDGED,
            ("rootless podman", "-p 127.0.0.1:8080:8080", "--network apps"),
        ),
        (Reach(rootless=True), {}, ("publish it",)),
        (NET, PORTS, ("network apps", "run it there (--network apps)")),
        (NET, {"addresses": {"else": "10.90.0.2"}}, ("network connect apps web",)),
    ],
)
def test_a_container_out_of_reach_is_an_obstacle_with_its_way_out(
    reach: Reach, container: dict[str, Any], words: tuple[str, ...]
) -> None:
    found = resolve(WEB, 8080, [web(**container)], reach)
    assert found.targets == ()
    (obstacle,) = found.obstacles
    assert obstacle.lasting
    for word in words:
        assert word in str(obstacle)


@pytest.mark.parametrize(
    ("containers", "words"),
    [([], "no container on podman matches app=web"), ([web(running=False)], "container web is not running")],
)
def test_a_container_that_is_not_there_may_come(containers: list[SeenContainer], words: str) -> None:
    (obstacle,) = resolve(WEB, 8080, containers, Reach(engine="podman")).obstacles
    assert words in str(obstacle)
    assert not obstacle.lasting


def test_all_matching_containers_that_run_are_followed() -> None:
    containers = [web("b", addresses={"apps": "10.89.0.3"}), web("a", addresses={"apps": "10.89.0.2"})]
    found = resolve(WEB, 8080, [*containers, web("c", running=False)], NET)
    assert [target.host for target in found.targets] == ["a", "b"]
    assert not found.obstacles


def test_one_container_out_of_reach_does_not_take_the_others_along() -> None:
    containers = [web("a", addresses={"apps": "10.89.0.2"}), web("b")]
    found = resolve(WEB, 8080, containers, NET)
    assert [target.host for target in found.targets] == ["a"]
    assert [obstacle.container for obstacle in found.obstacles] == ["b"]
    assert not found.out_of_reach
    assert resolve(WEB, 8080, containers[1:], NET).out_of_reach


def test_a_network_full_of_odd_names_makes_this_configuration() -> None:
    odd = [
        web(name, addresses={"apps": f"10.89.0.{number}"})
        for number, name in enumerate(("web_1", "Web", "a.b", "1", 'x" , "y', "späť\n", "a" * 64), start=2)
    ]
    found = resolve(WEB, 8080, odd, NET)
    reach = Reach(network="apps", router_name="r", host_name="h", names=True, followed={"web": found})
    model = model_of(
        site() + follows("web", selector="app=web") + listener("x", 8081, "::1") + connector("y", 1, "::1"),
        platform="podman",
        reach=reach,
    )
    assert places(model, "tcpConnector", "tcpListener") == {
        "connector/web@10.89.0.5": ("10.89.0.5", "8080"),
        "connector/web@10.89.0.3": ("10.89.0.3", "8080"),
        "connector/web@10.89.0.4": ("10.89.0.4", "8080"),
        "connector/web@10.89.0.6": ("10.89.0.6", "8080"),
        "connector/web@10.89.0.7": ("10.89.0.7", "8080"),
        "connector/web@10.89.0.8": ("10.89.0.8", "8080"),
        "connector/web@web_1": ("web_1", "8080"),
        "connector/y@h": ("h", "1"),
        "listener/x": ("0.0.0.0", "8081"),
    }


def test_two_containers_behind_published_ports_are_told_apart() -> None:
    containers = [web("a", published={8080: (("", 1),)}), web("b", published={8080: (("", 2),)})]
    found = resolve(WEB, 8080, containers, Reach(rootless=True))
    model = model_of(
        site() + follows("web", selector="app=web"), reach=Reach(rootless=True, followed={"web": found})
    )
    assert places(model, "tcpConnector") == {
        "connector/web@127.0.0.1:1": ("127.0.0.1", "1"),
        "connector/web@127.0.0.1:2": ("127.0.0.1", "2"),
    }


@pytest.mark.parametrize(
    "labels", [{"com.docker.compose.service": "web"}, {"io.podman.compose.service": "web"}]
)
def test_a_workload_is_a_service_of_either_compose_program(labels: dict[str, str]) -> None:
    text = site() + follows("c", settings={"workload": "compose/web"})
    (declared,) = model_of(text).state.connectors.values()
    from skupper_local.resources.settings import containers_followed

    choice = containers_followed(declared)
    assert choice
    assert choice.accepts("proj_web_1", labels)
    assert not choice.accepts("web", {"com.docker.compose.service": "db"})


# Statuses.


def connector_status(followed: Followed, answers: dict[str, Any], reach: Reach = NET) -> dict[str, Any]:
    reach = Reach(
        network=reach.network, names=reach.names, host_name=reach.host_name, followed={"web": followed}
    )
    model = model_of(site() + follows("web", selector="app=web"), platform="podman", reach=reach)
    observed = observe({"io.skupper.router.router": [{"id": "west-6c1b0c6e"}], **answers})
    (judged,) = (
        item
        for item in with_statuses(
            model.state.connectors.values(), observed, site_id=SITE_ID, now=NOW, reach=model.facts.reach
        )
    )
    return dict(judged.status)


def tcp_connectors(*hosts: str) -> dict[str, Any]:
    return {
        "io.skupper.router.tcpConnector": [
            {
                "name": f"connector/web@{host}",
                "host": host,
                "port": "8080",
                "address": "web",
                "operStatus": "up",
            }
            for host in hosts
        ]
    }


def test_the_status_of_a_connector_shows_the_containers_it_leads_to() -> None:
    status = connector_status(Followed((Target("a", 8080, "a"),)), tcp_connectors("a"))
    assert status["containers"] == [{"name": "a", "host": "a", "port": "8080"}]
    assert status["message"] == "No matching listeners"


def test_a_container_that_moved_is_said_until_a_reload() -> None:
    status = connector_status(Followed((Target("10.89.0.8", 8080, "a"),)), tcp_connectors("10.89.0.7"))
    assert "system reload" in status["message"]
    left = connector_status(Followed((Target("a", 8080, "a"),)), tcp_connectors("a", "b"))
    assert "system reload" in left["message"]


def test_a_missing_container_makes_a_connector_pending_and_one_out_of_reach_an_error() -> None:
    missing = Followed(obstacles=(Obstacle("web", "there is no container web", "reload when it runs"),))
    status = connector_status(missing, {})
    assert (status["status"], status["message"]) == (
        "Pending",
        "there is no container web; reload when it runs",
    )
    beyond = Followed(obstacles=(Obstacle("web", "out of reach", "publish it", lasting=True),))
    assert connector_status(beyond, {})["status"] == "Error"


def test_listeners_in_an_engine_network_are_judged_by_where_they_are_bound() -> None:
    model = model_of(site() + listener("own", 8080, "127.0.0.1"), platform="podman", reach=NET)
    answers = {
        "io.skupper.router.router": [{"id": "west-6c1b0c6e"}],
        "io.skupper.router.tcpListener": [
            {"name": "listener/own", "host": "0.0.0.0", "port": "8080", "address": "own", "operStatus": "up"}
        ],
    }
    (judged,) = with_statuses(
        model.state.listeners.values(), observe(answers), site_id=SITE_ID, now=NOW, reach=NET
    )
    assert judged.status["status"] == "Ready"
    assert judged.status["engineNetwork"] == {"name": "apps", "host": "west-skupper-router", "port": "8080"}
