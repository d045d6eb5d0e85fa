"""A tcpListener's socket is open while its address can be reached, and a port that is taken heals by itself."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tests.rig.management import add_management, entity, wait_for
from tests.rig.network import Network
from tests.rig.ports import HOST
from tests.rig.programs import echo_service, wait_until_accepts, wait_until_refuses
from tests.rig.routers import EMBEDDED
from tests.rig.sockets import connect, seconds_until_reset


def test_a_listening_socket_opens_and_closes_with_the_reachability_of_its_address(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        west, east = network.add("west", EMBEDDED), network.add("east", EMBEDDED)
        network.link("east", "west")
        network.expose("east", "remote", echo)
        network.expose("west", "local", echo)
        remote, local = network.consume("west", "remote"), network.consume("west", "local")
        nowhere = network.consume("west", "nowhere")
        west.listener_ports.clear()
        management = add_management(west)
        for node in (west, east):
            node.configuration.write(node.process.configuration)
        west.process.start()
        wait_until_accepts(local, 5)
        found = entity(management, "tcpListener", f"listener/remote-{remote}")
        assert found["operStatus"] == "down"
        assert "connectionMsg" not in found, "nothing is wrong with the port"
        assert wait_until_refuses(remote, 1) < 1

        east.process.start()
        wait_until_accepts(remote, 5)
        assert entity(management, "tcpListener", f"listener/remote-{remote}")["operStatus"] == "up"

        client = connect(remote)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        east.process.kill()
        assert seconds_until_reset(client) < 1
        # The address keeps its place for the hold-off, in case the router comes back at once; then the socket closes.
        wait_until_refuses(remote, 15)
        assert wait_until_accepts(local, 1) < 1
        assert wait_until_refuses(nowhere, 1) < 1

        east.process.start()
        wait_until_accepts(remote, 10)
        assert west.process.stop() == 0


def test_a_port_that_is_taken_is_reported_and_listened_on_when_it_is_free(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        node = network.add("alone", EMBEDDED)
        network.expose("alone", "echo", echo)
        port = network.consume("alone", "echo")
        node.listener_ports.clear()
        name = f"listener/echo-{port}"
        management = add_management(node)
        taken = socket.create_server((HOST, port))
        access = socket.create_server((HOST, node.access_port))
        network.start()
        found = entity(management, "tcpListener", name)
        assert found["operStatus"] == "down"
        assert "in use" in found["connectionMsg"].lower()
        assert "in use" in entity(management, "listener", "access-inter-router")["connectionMsg"].lower()
        assert f"tcpListener {name}" in node.process.log_text()
        assert "listener access-inter-router" in node.process.log_text()
        taken.close()
        access.close()
        wait_for(management, "tcpListener", name, lambda seen: seen["operStatus"] == "up", 5)
        wait_for(management, "listener", "access-inter-router", lambda seen: seen["operStatus"] == "up", 5)
        client = connect(port)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        lines = [line for line in node.process.log_text().splitlines() if "in use" in line.lower()]
        assert len(lines) == 2, "told once each, not at every attempt"


def test_a_connection_at_the_moment_the_server_side_goes_never_hangs(tmp_path: Path) -> None:
    with echo_service() as echo, Network(tmp_path) as network:
        network.add("west", EMBEDDED)
        network.add("east", EMBEDDED)
        network.link("east", "west")
        network.expose("east", "echo", echo)
        port = network.consume("west", "echo")
        network.start()
        network.process("east").kill()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                client = connect(port)
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                continue  # connected in the moment in which the socket was closed, or reset before it knew
            assert seconds_until_reset(client) < 2
