"""Servers behind connectors, looked at from where the router dials them."""

from __future__ import annotations

import socket

import pytest

from skupper_local.operations.servers import with_servers
from skupper_local.resources import Connector, Metadata
from skupper_local.site.observed import ObservedRouter, observe
from skupper_local.site.reach import Reach

HOST = "127.0.0.1"


def seen(platform: str, reach: Reach, *places: tuple[str, int]) -> dict[tuple[str, int], str]:
    connectors = [
        Connector(metadata=Metadata(name=f"c{n}"), routing_key="k", host=host, port=port)
        for n, (host, port) in enumerate(places)
    ]
    entities = [{"name": f"connector/{item.name}@{item.host}"} for item in connectors]
    observed = with_servers(observe({"tcpConnector": entities}), connectors, reach, platform)
    assert isinstance(observed, ObservedRouter)
    return dict(observed.servers)


@pytest.mark.parametrize("platform", ["linux", "podman", "docker"])
def test_on_the_machines_own_network_every_address_is_dialled_as_the_router_does(platform: str) -> None:
    with socket.create_server((HOST, 0)) as server, socket.create_server((HOST, 0)) as gone:
        up, down = server.getsockname()[1], gone.getsockname()[1]
        gone.close()
        found = seen(platform, Reach(), (HOST, up), (HOST, down), ("localhost", up))
    assert found == {(HOST, up): "", (HOST, down): "connection refused", ("localhost", up): ""}


def test_of_names_that_a_container_may_know_otherwise_nothing_is_said() -> None:
    assert seen("podman", Reach(), ("no-such-host.invalid", 1)) == {}
    assert seen("linux", Reach(), ("no-such-host.invalid", 1))["no-such-host.invalid", 1]


def test_in_a_network_of_the_engine_nothing_is_known() -> None:
    assert seen("podman", Reach(network="net", host_name="host"), (HOST, 1)) == {}
