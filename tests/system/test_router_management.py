"""Management of running embedded routers: what they tell, and to whom they refuse what."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from skupper_local.amqp.client import AmqpClient
from skupper_local.management import RouterManagement
from skupper_local.management_messages import ADDRESS, Response, node_address, read_response
from skupper_local.site.observed import OBSERVED_TYPES, REMOTE_TYPES, observe
from skupper_local.tls import client_context
from tests.rig.certificates import Authority
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.programs import echo_service
from tests.rig.routers import EMBEDDED

TCP_LISTENER = "io.skupper.router.tcpListener"


class Running(NamedTuple):
    """West dials east; west is asked, on its local listener or on one that anybody may use."""

    local_port: int
    open_port: int
    service_port: int
    taken_port: int
    credentials: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("network")
    authority = Authority(directory / "local", "local-ca")
    credentials = authority.client("client").certificate.parent
    with Network(directory) as network, echo_service() as echo, socket.create_server((HOST, 0)) as taken:
        network.add("east", EMBEDDED)
        west = network.add("west", EMBEDDED)
        network.link("west", "east")
        network.expose("east", "echo", echo)
        service_port = network.consume("west", "echo")
        taken_port = taken.getsockname()[1]
        west.configuration.consume("echo", taken_port)
        local_port, open_port = free_port(), free_port()
        west.configuration.listen(local_port, authority.server("server"), role="normal", name="local")
        west.configuration.listen(open_port, None, role="normal", name="open")
        network.start()
        yield Running(local_port, open_port, service_port, taken_port, credentials)


def change(client: AmqpClient, operation: str, to: str = ADDRESS) -> Response:
    """Ask for a change; everything about the request is as it should be."""
    properties = {"operation": operation, "type": TCP_LISTENER, "name": "new"}
    answer = client.request(to, properties, {"host": HOST, "port": "1", "address": "a"})
    return read_response(answer.application_properties, answer.body)


def test_what_a_router_tells_is_what_is_there(running: Running) -> None:
    with socket.create_connection((HOST, running.service_port), timeout=10) as client:
        client.sendall(b"x" * 1000)
        received = 0
        while received < 1000:
            received += len(client.recv(1000))
        with RouterManagement.connect(HOST, running.local_port, credentials=running.credentials) as router:
            answers = router.query_all(OBSERVED_TYPES)
            remote = router.query_routers(["east"], REMOTE_TYPES)
    by_port = {entity["port"]: entity for entity in answers[TCP_LISTENER]}
    used = by_port[str(running.service_port)]
    assert used["operStatus"] == "up"
    assert used["connectionsOpened"] - used["connectionsClosed"] == 1
    assert {used["bytesIn"], used["bytesOut"]} == {1000}
    failed = by_port[str(running.taken_port)]
    assert failed["operStatus"] == "down"
    assert "in use" in failed["connectionMsg"]
    seen = observe(answers, remote_routers=remote)
    assert seen.nodes == {"east"}
    assert seen.remote_routers["east"].connector_keys == {"echo"}
    (link,) = seen.connectors.values()
    assert link.up
    assert {connection.container: connection.incoming for connection in seen.connections}["east"] is False


def test_who_authenticates_at_the_local_listener_is_told_that_changes_come_later(running: Running) -> None:
    directory = running.credentials
    context = client_context(
        ca=str(directory / "ca.crt"),
        certificate=str(directory / "tls.crt"),
        private_key=str(directory / "tls.key"),
    )
    with AmqpClient.connect(
        HOST, running.local_port, ssl_context=context, container_id="test", deadline_seconds=10
    ) as client:
        assert change(client, "CREATE").status == 501
        assert change(client, "DELETE").status == 404


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_whoever_did_not_authenticate_or_comes_through_another_router_may_change_nothing(
    running: Running, operation: str
) -> None:
    with AmqpClient.connect(HOST, running.open_port, container_id="test", deadline_seconds=10) as client:
        assert change(client, operation).status == 403
        assert change(client, operation, node_address("east")).status == 403


def test_a_client_that_falls_silent_is_no_burden_for_the_others(running: Running) -> None:
    silent = [socket.create_connection((HOST, running.local_port), timeout=10) for _ in range(20)]
    try:
        start = time.monotonic()
        with RouterManagement.connect(HOST, running.local_port, credentials=running.credentials) as router:
            assert router.query("router", ["id"]) == [{"id": "west"}]
        assert time.monotonic() - start < 5
    finally:
        for client in silent:
            client.close()
