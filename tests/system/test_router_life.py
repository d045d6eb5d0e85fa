"""The life of a router process: starting, being told to stop, certificates that change, thousands of connections."""

from __future__ import annotations

import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rig.attacker import Attacker
from tests.rig.certificates import Authority
from tests.rig.configuration import Configuration
from tests.rig.management import add_management, entities, entity
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.programs import echo_service, run_job
from tests.rig.routers import EMBEDDED, Program
from tests.rig.sockets import Server, connect, read_to_end, reset, seconds_until_reset

MEGABYTE = 1 << 20


@contextmanager
def _pair(directory: Path) -> Iterator[tuple[Network, Server, int]]:
    """Two linked routers, a server of the test behind east, and west's port for it."""
    with Network(directory) as network:
        server = Server()
        network.add("west", EMBEDDED)
        network.add("east", EMBEDDED)
        network.link("east", "west")
        network.expose("east", "raw", server.port)
        port = network.consume("west", "raw")
        network.start()
        time.sleep(0.2)
        server.drop_pending()
        yield network, server, port
        server.close()


@pytest.mark.parametrize("stopped", ["west", "east"])
def test_a_connection_that_ends_in_time_is_carried_to_its_end_while_the_router_stops(
    tmp_path: Path, stopped: str
) -> None:
    with _pair(tmp_path) as (network, server, port):
        client = connect(port)
        client.sendall(b"question")
        served = server.accept()
        assert served.recv(20) == b"question"
        process = network.process(stopped)
        start = time.monotonic()
        process.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        served.sendall(b"answer" * 100_000)
        served.close()
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"answer" * 100_000
        assert process.process.wait(5) == 0
        assert time.monotonic() - start < 3, "the last connection ended before its time was up"


@pytest.mark.parametrize("stopped", ["west", "east"])
def test_a_connection_that_does_not_end_is_reset_and_the_router_stops_within_five_seconds(
    tmp_path: Path, stopped: str
) -> None:
    with _pair(tmp_path) as (network, server, port):
        client = connect(port)
        client.sendall(b"x")
        served = server.accept()
        assert served.recv(1) == b"x"
        process = network.process(stopped).process
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert 2 < seconds_until_reset(client) < 4.5
        assert seconds_until_reset(served) < 1
        assert process.wait(5) == 0
        assert time.monotonic() - start < 5
        assert network.process(stopped).complaints() == []


def test_without_connections_a_router_stops_at_once(tmp_path: Path) -> None:
    with Network(tmp_path) as network:
        network.add("alone", EMBEDDED)
        network.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            start = time.monotonic()
            network.process("alone").process.send_signal(number)
            assert network.process("alone").process.wait(5) == 0
            assert time.monotonic() - start < 1.5
            network.process("alone").start()


def _served_certificate(port: int, authority_file: Path, client: Any) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority_file)
    context.load_cert_chain(client.certificate, client.key)
    with context.wrap_socket(connect(port), server_hostname=HOST) as connection:
        return connection.getpeercert(binary_form=True) or b""


def test_sighup_reads_certificates_again_and_a_broken_file_keeps_the_old_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    with echo_service() as echo, Network(tmp_path / "network") as network:
        node = network.add("alone", EMBEDDED)
        links, secure = free_port(), free_port()
        client = authority.client("client")
        server = authority.server("server")
        node.configuration.listen(links, server, name="mine")
        node.configuration.expose("echo", echo)
        node.configuration.add(
            "tcpListener", name="tls", host=HOST, port=str(secure), address="echo", sslProfile="mine-server"
        )
        node.listener_ports.append(secure)
        management = add_management(node)
        network.start()
        lasting = Attacker(links, client)
        old = [_served_certificate(port, client.ca, client) for port in (links, secure)]
        authority.server("server")  # the same files, a new certificate
        assert [_served_certificate(port, client.ca, client) for port in (links, secure)] == old
        node.process.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while any(_served_certificate(port, client.ca, client) in old for port in (links, secure)):
            assert time.monotonic() < deadline, "the new certificate is not served"
            time.sleep(0.05)
        new = [_served_certificate(port, client.ca, client) for port in (links, secure)]
        assert new[0] == new[1]
        lasting.pump(0.1)
        assert not lasting.closed, "open connections go on"
        lasting.close()

        server.certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
        node.process.process.send_signal(signal.SIGHUP)
        while str(server.certificate) not in node.process.log_text():
            assert time.monotonic() < deadline + 5
            time.sleep(0.05)
        assert [_served_certificate(port, client.ca, client) for port in (links, secure)] == new
        assert entity(management, "tcpListener", "tls")["operStatus"] == "up"
        assert "Traceback" not in node.process.log_text()


def _run(configuration: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EMBEDDED.command, "-c", str(configuration)], capture_output=True, text=True, timeout=20, check=False
    )


def test_a_configuration_that_is_wrong_is_refused_with_every_reason(tmp_path: Path) -> None:
    configuration = Configuration("wrong")
    configuration.add("listener", name="odd-role", role="throne", host=HOST, port=free_port())
    configuration.add("tcpListener", name="no-port", host=HOST, address="x")
    configuration.add(
        "connector", name="nowhere", role="inter-router", host=HOST, port="1", sslProfile="absent"
    )
    configuration.write(tmp_path / "wrong.json")
    ran = _run(tmp_path / "wrong.json")
    assert ran.returncode == 2
    for word in ("odd-role", "no-port", "nowhere", "absent"):
        assert word in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("content", [None, "", "{", "[]", '[["router"]]', '"x"', "[" * 5000])
def test_a_configuration_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "router.json"
    if content is not None:
        file.write_text(content)
    ran = _run(file)
    assert ran.returncode in (1, 2)
    assert ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_second_router_on_the_same_ports_says_so_and_harms_nobody(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        node = network.add("first", EMBEDDED)
        network.expose("first", "echo", echo)
        port = network.consume("first", "echo")
        network.start()
        second = subprocess.Popen(
            [*EMBEDDED.command, "-c", str(node.process.configuration)], stderr=subprocess.PIPE, text=True
        )
        try:
            assert second.stderr
            seen = ""
            while "access-inter-router" not in seen or f"echo-{port}" not in seen:
                line = second.stderr.readline()
                assert line, "the second router ended without a word"
                seen += line
            assert "in use" in seen.lower()
            with connect(port) as client:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
        finally:
            second.terminate()
            assert second.wait(6) == 0
            second.communicate()
        assert node.process.healthy()


@pytest.mark.slow
def test_five_thousand_connections_leave_no_descriptor_and_no_memory_behind(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        network.add("west", EMBEDDED)
        network.add("east", EMBEDDED)
        network.link("east", "west")
        network.expose("east", "echo", echo)
        port = network.consume("west", "echo")
        network.start()
        routers = [network.process(name) for name in ("west", "east")]
        for _ in range(3):
            assert run_job("churn", port=port, rate=500.0, seconds=2.0)["lost"] == 0
        time.sleep(0.5)
        files = [router.open_files() for router in routers]
        memory = [router.resident_bytes() for router in routers]
        for _ in range(5):
            assert run_job("churn", port=port, rate=500.0, seconds=2.0)["lost"] == 0
        time.sleep(0.5)
        assert [router.open_files() for router in routers] == files
        for router, before in zip(routers, memory, strict=True):
            assert router.resident_bytes() - before < 6 * MEGABYTE


def test_connections_of_peers_and_clients_leave_nothing_behind(tmp_path: Path) -> None:
    with Network(tmp_path) as network:
        node = network.add("alone", EMBEDDED)
        management = add_management(node)
        network.start()
        credentials = network.client_credentials("peer")

        def visit(count: int) -> None:
            for number in range(count):
                Attacker(node.access_port, credentials, router_id=f"r{number}").close()
                entity(management, "router", "alone")
                reset(connect(node.access_port))

        visit(20)
        files, memory = node.process.open_files(), node.process.resident_bytes()
        visit(40)
        time.sleep(0.3)
        assert node.process.open_files() <= files
        assert node.process.resident_bytes() - memory < 8 * MEGABYTE


@pytest.mark.slow
def test_a_router_out_of_descriptors_goes_on_when_some_are_free_again(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        node = network.add("alone", EMBEDDED)
        network.expose("alone", "echo", echo)
        port = network.consume("alone", "echo")
        network.start()

        resource.prlimit(node.process.process.pid, resource.RLIMIT_NOFILE, (60, 60))
        clients = [connect(port) for _ in range(80)]
        time.sleep(0.5)
        for client in clients:
            client.close()
        deadline = time.monotonic() + 10
        while True:
            try:
                with connect(port) as client:
                    client.settimeout(1)
                    client.sendall(b"x")
                    if client.recv(1) == b"x":
                        break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert "Traceback" not in node.process.log_text()
        assert node.process.process.poll() is None


def test_a_router_with_more_listeners_than_files_still_answers_and_says_which_do_not_listen(
    tmp_path: Path,
) -> None:
    limited = Program("embedded", ("prlimit", "--nofile=100:100", *EMBEDDED.command))
    with Network(tmp_path) as network:
        node = network.add("alone", limited)
        management = add_management(node)
        network.expose("alone", "service", free_port())
        for _ in range(120):
            node.configuration.consume("service", free_port())
        network.start()
        found = entities(management, "tcpListener")
        assert len(found) == 120
        down = [item for item in found if item["operStatus"] == "down"]
        assert 40 < len(down) < 60
        assert {item["connectionMsg"] for item in down} == {
            "too many open files; raise the limit (ulimit -Hn)"
        }
        assert node.process.open_files() < 90


def test_signals_while_a_link_is_being_dialled_stop_the_router(tmp_path: Path) -> None:
    silent = socket.create_server((HOST, 0))
    with Network(tmp_path) as network:
        node = network.add("alone", EMBEDDED)
        node.configuration.dial("silent", silent.getsockname()[1], network.client_credentials("link"))
        network.start()
        accepted, _ = silent.accept()
        assert node.process.stop(3) == 0
        assert node.process.complaints() == []
        accepted.close()
    silent.close()


def test_stopping_under_load_ends_every_client(tmp_path: Path) -> None:
    with _pair(tmp_path) as (network, server, port):
        ended: list[str] = []

        def download() -> None:
            client = connect(port)
            try:
                while client.recv(MEGABYTE):
                    pass
                ended.append("end")
            except OSError as error:
                ended.append(type(error).__name__)

        def serve() -> None:
            served = server.accept()
            try:
                while True:
                    served.sendall(bytes(MEGABYTE))
            except OSError:
                return

        threads = [threading.Thread(target=work) for work in [download] * 4 + [serve] * 4]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        assert network.process("east").stop(5) == 0
        for thread in threads:
            thread.join(3)
            assert not thread.is_alive()
        assert ended == ["ConnectionResetError"] * 4
