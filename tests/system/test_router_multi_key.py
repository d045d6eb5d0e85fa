"""Listeners with several routing keys: which key serves the next connection, and when the port is open."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.management import add_management, entities, wait_for
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.programs import wait_until_accepts, wait_until_refuses
from tests.rig.routers import EMBEDDED, Program, reference_program


@contextlib.contextmanager
def greeter(word: str) -> Iterator[int]:
    """A server that says one word to everybody."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, contextlib.suppress(OSError):
                    client.sendall(word.encode())

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def greeting(port: int) -> str:
    with socket.create_connection((HOST, port), timeout=5) as client:
        client.settimeout(5)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(64):
                data += part
        return data.decode()


def wait_for_greeting(port: int, word: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError):
            if greeting(port) == word:
                return
        threading.Event().wait(0.05)
    raise AssertionError(f"port {port} never greets with {word}")


def programs() -> list[Program]:
    reference = reference_program()
    return [EMBEDDED, reference] if reference and "3.4" not in str(reference.command) else [EMBEDDED]


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_the_key_of_the_highest_priority_that_is_reachable_serves(tmp_path: Path, program: Program) -> None:
    with Network(tmp_path) as network, greeter("good") as good, greeter("best") as best:
        hub = network.add("hub", program)
        port = free_port()
        hub.configuration.consume_several("several", {"good": 3, "best": 7, "never": 9}, port, "priority")
        for name, service in (("good", good), ("best", best)):
            network.add(name, EMBEDDED)
            network.link(name, "hub")
            network.expose(name, name, service)
        for node in network.nodes.values():
            node.configuration.write(node.process.configuration)
        network.process("hub").start()
        wait_until_refuses(port, 2)
        network.process("good").start()
        wait_until_accepts(port, 10)
        wait_for_greeting(port, "good")
        network.process("best").start()
        wait_for_greeting(port, "best")
        assert {greeting(port) for _ in range(20)} == {"best"}
        network.process("best").kill()
        wait_for_greeting(port, "good")
        network.process("good").kill()
        wait_until_refuses(port, 15)


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_weights_say_how_often_a_key_serves(tmp_path: Path, program: Program) -> None:
    with Network(tmp_path) as network, greeter("one") as one, greeter("three") as three:
        hub = network.add("hub", program)
        port = free_port()
        weights = {"one": 10, "three": 30, "away": 1000}
        hub.configuration.consume_several("several", weights, port, "weighted")
        network.expose("hub", "one", one)
        network.expose("hub", "three", three)
        hub.listener_ports.append(port)
        network.start()
        served = Counter(greeting(port) for _ in range(400))
        assert served.keys() == {"one", "three"}
        assert 55 < served["one"] < 150, (
            served
        )  # 100 expected; the bounds are more than five standard deviations off


def test_management_counts_the_connections_of_each_key(tmp_path: Path) -> None:
    with Network(tmp_path) as network, greeter("a") as service:
        hub = network.add("hub", EMBEDDED)
        port = free_port()
        hub.configuration.consume_several("several", {"a": 2, "b": 1}, port, "priority")
        network.expose("hub", "a", service)
        hub.listener_ports.append(port)
        management = add_management(hub)
        network.start()
        for _ in range(5):
            assert greeting(port) == "a"
        listener = wait_for(management, "tcpListener", "several", lambda it: it["connectionsClosed"] >= 5)
        assert listener["multiAddressStrategy"] == "priority"
        assert "address" not in listener
        found = {item["address"]: item for item in entities(management, "listenerAddress")}
        assert {key: (item["value"], item["listener"]) for key, item in found.items()} == {
            "a": (2, "several"),
            "b": (1, "several"),
        }
        assert found["a"]["connectionsOpened"] == listener["connectionsOpened"]
        assert found["b"]["connectionsOpened"] == 0
        assert found["a"]["name"] == "several/a"
        assert json.dumps(found)
