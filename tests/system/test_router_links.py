"""Links between routers: several in line and in a ring, neighbours that die, freeze and come back, links that must not be."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rig.certificates import Authority, Credentials
from tests.rig.configuration import Configuration
from tests.rig.management import add_management, entities, entity, wait_for
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.programs import echo_service
from tests.rig.routers import EMBEDDED, RouterProcess
from tests.rig.sockets import PATIENCE, connect, seconds_until_reset


def _echoes(port: int, message: bytes = b"hello") -> bool:
    """Whether a connection to the port is served now."""
    try:
        with connect(port) as client:
            client.settimeout(3)
            client.sendall(message)
            return client.recv(len(message)) == message
    except OSError:
        return False


def _eventually_echoes(port: int, seconds: float = 10.0) -> float:
    start = time.monotonic()
    while not _echoes(port):
        assert time.monotonic() - start < seconds, "the service does not come back"
        time.sleep(0.05)
    return time.monotonic() - start


def test_four_routers_in_line_carry_traffic_from_end_to_end(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        names = ["one", "two", "three", "four"]
        for name in names:
            network.add(name, EMBEDDED)
        # Dialled and accepted alternate, so that transit goes through both kinds of link in both directions.
        network.link("two", "one")
        network.link("three", "two")
        network.link("four", "three")
        network.expose("four", "far", echo)
        network.expose("one", "near", echo)
        there, back = network.consume("one", "far"), network.consume("four", "near")
        management = add_management(network.nodes["one"])
        network.start()
        assert all(_echoes(port) for port in (there, back, there))
        nodes = {node["id"]: node for node in entities(management, "router.node")}
        assert set(nodes) == set(names)
        assert (nodes["four"]["cost"], nodes["four"]["nextHop"]) == (3, "two")
        connections = entities(management, "connection")
        assert [item["dir"] for item in connections if item["role"] == "inter-router"] == ["in"]
        client = connect(there)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        network.process("three").kill()
        assert seconds_until_reset(client) < 2, "a router in the middle died under an open connection"
        assert network.process("one").complaints() == []


def test_a_ring_of_five_goes_on_while_one_is_killed_and_comes_back(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        names = ["a", "b", "c", "d", "e"]
        for name in names:
            network.add(name, EMBEDDED)
        for index, name in enumerate(names[1:], 1):
            network.link(name, names[index - 1])
        network.link("e", "a")
        network.expose("c", "echo", echo)
        port = network.consume("a", "echo")  # by way of b
        network.start()
        assert _echoes(port)
        failures: list[float] = []
        served = 0
        done = threading.Event()

        def traffic() -> None:
            nonlocal served
            while not done.is_set():
                if _echoes(port):
                    served += 1
                else:
                    failures.append(time.monotonic())
                time.sleep(0.01)

        thread = threading.Thread(target=traffic)
        thread.start()
        time.sleep(0.3)
        killed = time.monotonic()
        network.process("b").kill()
        time.sleep(1.5)
        before = served
        network.process("b").start()
        time.sleep(2)
        done.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert before > 20
        assert served > before + 20
        late = [moment - killed for moment in failures if moment - killed > 1.0]
        assert late == [], "connections fail although there is another way"


@pytest.mark.slow
def test_a_frozen_neighbour_is_noticed_and_taken_back(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        west = network.add("west", EMBEDDED)
        network.add("east", EMBEDDED)
        network.link("east", "west")
        network.expose("east", "echo", echo)
        port = network.consume("west", "echo")
        management = add_management(west)
        network.start()
        assert _echoes(port)
        client = connect(port)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        process = network.process("east").process
        process.send_signal(signal.SIGSTOP)
        try:
            start = time.monotonic()
            while any(
                node["id"] == "east" and node.get("nextHop") for node in entities(management, "router.node")
            ):
                assert time.monotonic() - start < 6, "hello-max-age is 3 s"
                time.sleep(0.1)
            assert time.monotonic() - start > 1
            client.settimeout(30)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            assert time.monotonic() - start < 25, "nobody waits longer than the idle time-out"
        finally:
            process.send_signal(signal.SIGCONT)
        _eventually_echoes(port, 15)


def test_every_open_connection_is_reset_at_once_when_the_other_router_is_killed(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        for name in ("west", "east"):
            network.add(name, EMBEDDED)
        network.link("east", "west")
        network.expose("east", "echo", echo)
        port = network.consume("west", "echo")
        network.start()
        clients = [connect(port) for _ in range(200)]
        for client in clients:
            client.sendall(b"x")
        for client in clients:
            assert client.recv(1) == b"x"
        network.process("east").kill()
        start = time.monotonic()
        for client in clients:
            seconds_until_reset(client)
        assert time.monotonic() - start < 2
        network.process("east").start()
        assert _eventually_echoes(port) < 10


def test_a_link_is_dialled_again_when_the_listener_comes_back(tmp_path: Path) -> None:
    with Network(tmp_path) as network:
        west, east = network.add("west", EMBEDDED), network.add("east", EMBEDDED)
        network.link("east", "west")
        management = add_management(east)
        for node in (west, east):
            node.configuration.write(node.process.configuration)
        east.process.start()
        name = "link-east-west"
        found = wait_for(management, "connector", name, lambda seen: seen["connectionStatus"] == "FAILED")
        assert "refused" in found["connectionMsg"]
        for _ in range(2):
            west.process.start()
            found = wait_for(
                management, "connector", name, lambda seen: seen["connectionStatus"] == "SUCCESS"
            )
            assert "west" in found["connectionMsg"]
            west.process.kill()
            wait_for(management, "connector", name, lambda seen: seen["connectionStatus"] == "FAILED", 3)
        attempts = [line for line in east.process.log_text().splitlines() if f"connector {name}" in line]
        assert len(attempts) < 12, "the same failure is told once"


def test_of_two_links_the_cheaper_is_used_and_the_dearer_when_it_is_gone(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        west, east = network.add("west", EMBEDDED), network.add("east", EMBEDDED)
        second = free_port()
        west.configuration.listen(second, network.server_credentials("second"), name="second")
        network.link("east", "west", cost=5)
        east.configuration.dial("cheap", second, network.client_credentials("cheap"), 2)
        network.expose("east", "echo", echo)
        port = network.consume("west", "echo")
        management = add_management(west)
        network.start()

        def cost() -> Any:
            return next(node["cost"] for node in entities(management, "router.node") if node["id"] == "east")

        deadline = time.monotonic() + 5
        while cost() != 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert _echoes(port)


@contextmanager
def _dialling(
    tmp_path: Path, configure: Callable[[Configuration], None]
) -> Iterator[tuple[int, RouterProcess]]:
    """A lone router with links that must fail; gives its management port."""
    configuration = Configuration("dialler")
    http, management = free_port(), free_port()
    configuration.http(http)
    configuration.listen(management, None, role="normal", name="management")
    configure(configuration)
    process = RouterProcess(EMBEDDED, "dialler", tmp_path, http)
    configuration.write(process.configuration)
    try:
        process.start()
        yield management, process
    finally:
        process.kill()


def test_links_that_cannot_be_trusted_are_refused_with_the_real_reason(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours", "ours"), Authority(tmp_path / "theirs", "theirs")
    listening: dict[str, int] = {}
    with Network(tmp_path / "network") as network:
        node = network.add("listener", EMBEDDED)
        for name, credentials in (
            ("good", ours.server("good")),
            ("expired", ours.server("expired", expired=True)),
            ("wrong-name", ours.server("wrong-name", ["other.example"])),
            ("wrong-ca", theirs.server("wrong-ca")),
        ):
            listening[name] = free_port()
            node.configuration.listen(listening[name], credentials, name=name)
        listening["plain"], normal = free_port(), free_port()
        node.configuration.listen(normal, ours.server("normal"), role="normal", name="for-clients")
        node.configuration.listen(listening["plain"], None, name="plain")
        management_of_listener = add_management(node)
        network.start()

        def links(configuration: Configuration) -> None:
            for name, port in listening.items():
                configuration.dial(name, port, ours.client(f"client-{name}"))
            configuration.dial("foreign-client", listening["good"], theirs.client("foreign"))
            foreign = configuration.entities[-2]
            assert foreign[0] == "sslProfile"
            foreign[1]["caCertFile"] = str(ours.client("only-the-ca").ca)
            configuration.dial(
                "expired-client", listening["good"], ours.client("expired-client", expired=True)
            )
            configuration.dial("clear-text", listening["good"], None)
            configuration.dial("no-router", normal, ours.client("no-router"))

        with _dialling(tmp_path, links) as (management, process):
            reasons = {
                "expired": "expired",
                "wrong-name": "other.example",
                "wrong-ca": "certificate",
                "plain": "TLS",
                "foreign-client": "unknown ca",
                "expired-client": "expired",
                "clear-text": "",
                "no-router": "management clients only",
            }
            wait_for(management, "connector", "good", lambda seen: seen["connectionStatus"] == "SUCCESS")
            for name, reason in reasons.items():
                found = wait_for(
                    management, "connector", name, lambda seen: seen["connectionStatus"] == "FAILED"
                )
                message = found["connectionMsg"]
                assert reason.lower() in message.lower(), (name, message)
                assert message
            log = network.process("listener").log_text()
            assert "expired" in log
            assert "Traceback" not in log + process.log_text()
            connections = entities(management_of_listener, "connection")
            assert [item["container"] for item in connections if item["role"] == "inter-router"] == [
                "dialler"
            ]


def test_every_address_of_a_host_name_is_tried(tmp_path: Path) -> None:
    """``localhost`` resolves to ::1 and 127.0.0.1 on most machines; only the second one listens."""
    addresses = {item[4][0] for item in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    authority = Authority(tmp_path / "certificates")
    with Network(tmp_path / "network") as network:
        node = network.add("listener", EMBEDDED)
        port = free_port()
        node.configuration.listen(port, authority.server("server"), name="by-name")
        network.start()

        def links(configuration: Configuration) -> None:
            configuration.dial("by-name", port, authority.client("client"))
            configuration.entities[-1][1]["host"] = "localhost"

        with _dialling(tmp_path, links) as (management, _):
            wait_for(
                management, "connector", "by-name", lambda seen: seen["connectionStatus"] == "SUCCESS", 5
            )
        assert HOST in addresses


def test_a_broken_certificate_file_keeps_the_link_down_until_it_is_repaired(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    with Network(tmp_path / "network") as network:
        node = network.add("listener", EMBEDDED)
        port = free_port()
        server = authority.server("server")
        node.configuration.listen(port, server, name="mine")
        network.start()
        client = authority.client("client")
        good = client.certificate.read_bytes()
        client.certificate.write_text("nothing")

        with _dialling(tmp_path, lambda item: item.dial("link", port, client)) as (management, _):
            found = wait_for(
                management, "connector", "link", lambda seen: seen["connectionStatus"] == "FAILED"
            )
            assert str(client.certificate) in found["connectionMsg"]
            client.certificate.write_bytes(good)
            wait_for(management, "connector", "link", lambda seen: seen["connectionStatus"] == "SUCCESS", 8)
            assert entity(management, "connector", "link")["connectionMsg"]


def test_a_listener_whose_certificate_is_broken_says_so(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    server, client = authority.server("server"), authority.client("client")
    good = server.key.read_bytes()
    server.key.write_text("nothing")
    with Network(tmp_path / "network") as network:
        node = network.add("listener", EMBEDDED)
        port = free_port()
        node.configuration.listen(port, server, name="mine")
        management = add_management(node)
        network.start()
        found = entity(management, "listener", "mine-inter-router")
        assert str(server.key) in found["connectionMsg"]
        assert str(server.key) in node.process.log_text()
        server.key.write_bytes(good)
        with _dialling(tmp_path, lambda item: item.dial("link", port, client)) as (dialler, _):
            wait_for(dialler, "connector", "link", lambda seen: seen["connectionStatus"] == "SUCCESS", 8)
        assert "connectionMsg" not in entity(management, "listener", "mine-inter-router")


def _copy(source: Credentials, target: Credentials, *files: str) -> None:
    for name in files:
        getattr(target, name).write_bytes(getattr(source, name).read_bytes())


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (("certificate", "key", "ca"), "certificate verification failed"),
        (("ca",), "certificate verification failed"),
        (("certificate", "key"), "unknown ca"),
    ],
)
def test_a_link_that_its_new_credentials_could_not_make_does_not_go_on_with_the_old_ones(
    tmp_path: Path, files: tuple[str, ...], reason: str
) -> None:
    ours, foreign = Authority(tmp_path / "ours"), Authority(tmp_path / "foreign", "foreign-ca")
    with Network(tmp_path / "network") as network:
        node = network.add("listener", EMBEDDED)
        port = free_port()
        node.configuration.listen(port, ours.server("server"), name="mine")
        network.start()
        client, wrong = ours.client("client"), foreign.client("client")
        good = {name: getattr(client, name).read_bytes() for name in files}
        with _dialling(tmp_path, lambda item: item.dial("link", port, client)) as (management, process):
            wait_for(management, "connector", "link", lambda seen: seen["connectionStatus"] == "SUCCESS")
            _copy(wrong, client, *files)
            process.process.send_signal(signal.SIGHUP)
            failed = wait_for(
                management, "connector", "link", lambda seen: seen["connectionStatus"] == "FAILED", 5
            )
            assert reason in failed["connectionMsg"].lower()
            time.sleep(1)
            assert reason in entity(management, "connector", "link")["connectionMsg"].lower()
            for name, content in good.items():
                getattr(client, name).write_bytes(content)
            process.process.send_signal(signal.SIGHUP)
            wait_for(management, "connector", "link", lambda seen: seen["connectionStatus"] == "SUCCESS", 10)
            assert "Traceback" not in process.log_text() + node.process.log_text()


def test_a_renewed_certificate_breaks_no_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    with echo_service() as echo, Network(tmp_path / "network") as network:
        west, east = network.add("west", EMBEDDED), network.add("east", EMBEDDED)
        port, server, client = free_port(), authority.server("server"), authority.client("client")
        west.configuration.listen(port, server, name="mine")
        east.configuration.dial("link", port, client)
        network.expose("east", "echo", echo)
        listener = network.consume("west", "echo")
        management = add_management(east)
        network.start()
        with connect(listener) as lasting:
            lasting.sendall(b"before")
            assert lasting.recv(16) == b"before"
            for unreachable in (False, True):
                authority.client("client")
                if unreachable:
                    # A peer that takes no new connections says nothing about the credentials.
                    west.process.process.send_signal(signal.SIGSTOP)
                east.process.process.send_signal(signal.SIGHUP)
                time.sleep(1)
                if unreachable:
                    west.process.process.send_signal(signal.SIGCONT)
                deadline = time.monotonic() + 15
                while east.process.log_text().count("its new credentials are good") < 1 + unreachable:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                lasting.sendall(b"after")
                assert lasting.recv(16) == b"after"
            authority.server("server")
            west.process.process.send_signal(signal.SIGHUP)
            east.process.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            lasting.sendall(b"later")
            assert lasting.recv(16) == b"later"
        assert east.process.log_text().count("its new credentials are good") == 2, (
            "nothing changed the last time"
        )
        assert (
            len([item for item in entities(management, "connection") if item["role"] == "inter-router"]) == 1
        )
        assert east.process.complaints() == west.process.complaints() == []
