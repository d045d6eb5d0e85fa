"""The router's container as values."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.platforms.container import (
    ContainerSpec,
    HealthCheck,
    Mount,
    PublishedPort,
    container_from_json,
    router_container,
)

HOME = Path("/srv/a b/namespaces/west")


def router(**changes: Any) -> ContainerSpec:
    values: dict[str, Any] = {
        "namespace": "west",
        "home": HOME,
        "site_id": "1234",
        "image": "quay.io/skupper/skupper-router:1",
        "platform": "podman",
        "uid": 1000,
        "gid": 100,
        "rootless": True,
        "management_port": 5671,
    }
    return router_container(**{**values, **changes})


def test_names_labels_mounts_and_environment_are_the_reference_s() -> None:
    """reference-engine 6.3."""
    spec = router()
    assert spec.name == "west-skupper-router"
    assert spec.labels == {
        "application": "skupper-v2",
        "skupper.io/v2-component": "router",
        "skupper.io/site-id": "1234",
    }
    assert spec.environment == {
        "APPLICATION_NAME": "skupper-router",
        "QDROUTERD_CONF": "/etc/skupper-router/config/skrouterd.json",
        "QDROUTERD_CONF_TYPE": "json",
        "SKUPPER_SITE_ID": "1234",
        "SSL_PROFILE_BASE_PATH": "/etc/skupper-router",
    }
    assert {(mount.source, mount.target) for mount in spec.mounts} == {
        (f"{HOME}/runtime/router", "/etc/skupper-router/config"),
        (f"{HOME}/runtime/certs", "/etc/skupper-router/runtime/certs"),
    }
    assert (spec.network, spec.restart, spec.oom_score_adjustment) == ("host", "always", 100)


@pytest.mark.parametrize(
    ("platform", "rootless", "user", "userns"),
    [
        ("podman", True, "1000:100", "keep-id"),
        ("podman", False, "1000:100", ""),
        ("docker", False, "1000:100", ""),
        ("docker", True, "0:0", ""),
    ],
)
def test_the_router_runs_as_the_owner_of_the_files(
    platform: str, rootless: bool, user: str, userns: str
) -> None:
    spec = router(platform=platform, rootless=rootless)
    assert (spec.user, spec.userns) == (user, userns)


def test_ports_are_published_on_an_engine_network_only() -> None:
    ports = (PublishedPort("127.0.0.1", 8080),)
    assert router(ports=ports).ports == ()
    assert router(ports=ports, network="apps").ports == ports


def test_a_router_that_somebody_else_keeps_is_not_restarted_by_the_engine() -> None:
    assert router(kept_by_engine=False).restart == "no"


def test_the_health_check_asks_the_local_listener_with_the_site_s_own_client_certificate() -> None:
    health = router(management_port=5673).health
    assert health is not None
    assert health.command[-2:] == ("5673", "/etc/skupper-router/runtime/certs/skupper-local-client")
    compile(health.command[3], "health", "exec")


specifications = st.builds(
    ContainerSpec,
    name=st.text(min_size=1, max_size=20),
    image=st.text(max_size=20),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    environment=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    mounts=st.lists(
        st.builds(Mount, st.text(max_size=5), st.text(max_size=5), st.booleans()), max_size=2
    ).map(tuple),
    network=st.text(max_size=5),
    ports=st.lists(st.builds(PublishedPort, st.text(max_size=5), st.integers(1, 65_535)), max_size=2).map(
        tuple
    ),
    aliases=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    extra_hosts=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    health=st.none() | st.builds(HealthCheck, st.lists(st.text(max_size=5), max_size=3).map(tuple)),
    cpus=st.floats(0, 64),
    memory=st.integers(0, 1 << 40),
    capabilities=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)


@given(specifications)
def test_a_recorded_specification_comes_back_the_same(spec: ContainerSpec) -> None:
    again = container_from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.digest == spec.digest


@pytest.mark.parametrize(
    "change",
    [
        {"image": "other"},
        {"labels": {"a": "b"}},
        {"memory": 1},
        {"restart": "no"},
        {"ports": (PublishedPort("", 1),)},
        {"health": None},
    ],
)
def test_every_change_gives_another_digest(change: dict[str, Any]) -> None:
    assert replace(router(), **change).digest != router().digest


def test_a_record_of_something_else_is_refused() -> None:
    with pytest.raises(TypeError):
        container_from_json({"name": "x", "image": "y", "colour": "green"})
