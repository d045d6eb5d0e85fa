"""What is recorded of where a router stands, and what makes its container anew."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.containers import (
    ContainerOutOfReachError,
    encode_reach,
    find_reach,
    host_entries,
    reach_now,
    read_reach,
    recreation_lines,
    require_within_reach,
)
from skupper_local.operations.ports import Socket, require_free, sockets_on_machine
from skupper_local.platforms.container import ContainerSpec, PublishedPort, container_from_json
from skupper_local.resources import decode_documents
from skupper_local.site.configuration import router_configuration
from skupper_local.site.reach import Followed, Obstacle, Reach, Target, reach_from_json
from tests.unit.site.samples import connector, document, listener, model_of, site

SPEC = ContainerSpec(name="west-skupper-router", image="localhost/router", network="apps")

texts = st.text(max_size=12)
reaches = st.builds(
    Reach,
    network=texts,
    router_name=texts,
    host_name=texts,
    host_address=texts,
    names=st.booleans(),
    taken=st.frozensets(texts, max_size=3),
    rootless=st.booleans(),
    engine=texts,
    loopback_ports=st.frozensets(st.integers(1, 65535), max_size=3),
    followed=st.dictionaries(
        texts,
        st.builds(
            Followed,
            targets=st.lists(st.builds(Target, host=texts, port=st.integers(1, 65535)), max_size=2).map(
                tuple
            ),
            obstacles=st.lists(st.builds(Obstacle, texts, texts, texts, st.booleans()), max_size=2).map(
                tuple
            ),
        ),
        max_size=2,
    ),
)


@given(reaches)
def test_a_recorded_reach_is_read_back_the_same(reach: Reach) -> None:
    assert reach_from_json(json.loads(encode_reach(reach))) == reach


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"followed": {"a": 1}}', b"\xff"])
def test_without_a_record_that_can_be_read_the_router_is_on_the_machine_s_network(
    tmp_path: Path, content: bytes | None
) -> None:
    paths = NamespacePaths.of("west", tmp_path)
    if content is not None:
        paths.reach.parent.mkdir(parents=True)
        paths.reach.write_bytes(content)
    assert read_reach(paths) == Reach()


def test_what_makes_a_container_anew_is_said_line_by_line() -> None:
    wanted = replace(
        SPEC,
        ports=(PublishedPort("127.0.0.1", 8080), PublishedPort("::1", 8081), PublishedPort("", 8082)),
        aliases=("backend",),
        cpus=0.5,
    )
    prefix = "~ container west-skupper-router made anew: "
    assert recreation_lines(SPEC, wanted) == (
        f"{prefix}publishes 127.0.0.1:8080",
        f"{prefix}publishes [::1]:8081",
        f"{prefix}publishes *:8082",
        f"{prefix}is called backend too",
        f"{prefix}cpus unlimited -> 0.5",
    )
    gone = recreation_lines(wanted, replace(wanted, ports=wanted.ports[1:]))
    assert gone == (f"{prefix}no longer publishes 127.0.0.1:8080",)
    assert recreation_lines(wanted, replace(SPEC, network="host", cpus=0.5)) == (
        f"{prefix}network apps -> host",
    )


def test_nothing_is_said_where_no_container_was_or_nothing_of_it_changes() -> None:
    assert recreation_lines(None, SPEC) == recreation_lines(SPEC, None) == recreation_lines(SPEC, SPEC) == ()
    assert recreation_lines(SPEC, replace(SPEC, image="localhost/other")) == ()


def test_a_recorded_specification_keeps_its_further_names_and_its_own_network() -> None:
    spec = replace(SPEC, aliases=("backend", "db"), own_network=True)
    assert container_from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_only_what_is_out_of_reach_for_good_is_refused() -> None:
    text = site() + document("Connector", "web", routingKey="web", port=80, settings={"container": "web"})
    absent = Followed(obstacles=(Obstacle("web", "there is no container web", "reload"),))
    require_within_reach(model_of(text, platform="podman", reach=Reach(followed={"web": absent})))
    beyond = Followed(obstacles=(Obstacle("web", "port 80 cannot be reached", "publish it", lasting=True),))
    with pytest.raises(ContainerOutOfReachError) as caught:
        require_within_reach(model_of(text, platform="podman", reach=Reach(followed={"web": beyond})))
    assert caught.value.next_step == "publish it"


def test_the_host_s_name_is_told_only_to_a_container_that_has_to_know() -> None:
    told = Reach(network="apps", host_name="host.docker.internal", host_address="host-gateway")
    assert host_entries(told) == {"host.docker.internal": "host-gateway"}
    assert host_entries(replace(told, network="")) == host_entries(replace(told, host_address="")) == {}


def test_a_site_that_follows_no_container_asks_no_engine() -> None:
    resources = decode_documents(site() + connector("db") + listener("web"), "-").require()
    nowhere = {"CONTAINER_ENDPOINT": "unix:///nowhere"}
    for platform in ("linux", "podman", ""):
        assert find_reach(resources, namespace="west", platform=platform, environ=nowhere) == Reach()


def test_an_engine_that_does_not_answer_is_the_reason_of_the_connectors_that_need_it(tmp_path: Path) -> None:
    text = site() + document("Connector", "web", routingKey="web", port=80, selector="app=web")
    resources = decode_documents(text, "-").require()
    endpoint = f"unix://{tmp_path}/no.sock"
    reach = reach_now(resources, namespace="west", platform="podman", endpoint=endpoint)
    (obstacle,) = reach.followed["web"].obstacles
    assert "no.sock" in str(obstacle)
    assert not obstacle.lasting
    beside = find_reach(
        resources, namespace="west", platform="linux", environ={"CONTAINER_ENDPOINT": endpoint}
    )
    assert "no container engine" in str(beside.followed["web"].obstacles[0])


@pytest.mark.parametrize("endpoint", ["unix:///nowhere/podman.sock", "tcp://10.0.0.1:2375"])
def test_what_was_found_before_stays_while_no_engine_answers(endpoint: str) -> None:
    text = site() + document("Connector", "web", routingKey="web", port=80, selector="app=web")
    resources = decode_documents(text, "-").require()
    target = Target("127.0.0.1", 9100, "web", by_port=True)
    found = find_reach(
        resources,
        namespace="west",
        platform="linux",
        environ={"CONTAINER_ENDPOINT": endpoint},
        former=Reach(followed={"web": Followed((target,)), "gone": Followed((target,))}),
    )
    assert set(found.followed) == {"web"}
    assert found.followed["web"].targets == (target,)
    assert found.followed["web"].obstacles
    assert not found.followed["web"].out_of_reach


def test_ports_of_a_container_are_looked_for_where_it_publishes_them() -> None:
    reach = Reach(network="apps", router_name="west-skupper-router", host_name="h")
    model = model_of(site() + listener("web", 8080, "127.0.0.1"), platform="podman", reach=reach)
    container = replace(SPEC, ports=tuple(PublishedPort(*item) for item in model.published))
    found = sockets_on_machine(router_configuration(model), container)
    assert found == {
        Socket("127.0.0.1", 5671): "access skupper-local-normal",
        Socket("127.0.0.1", 8080): "listener web",
    }


@pytest.mark.parametrize("held", ["", "0.0.0.0", "127.0.0.1"])
def test_what_a_router_of_the_site_holds_is_no_obstacle_whatever_the_words_for_it(held: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        require_free({Socket("0.0.0.0", port): "listener web"}, {Socket(held, port): "listener web"})
