"""A link through a forward proxy, for interior and edge routers."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.checks import MEGABYTE, assert_whole, streams_of_every_kind
from tests.rig.management import add_management, wait_for
from tests.rig.network import Network
from tests.rig.ports import HOST
from tests.rig.programs import run_streams, stream_service
from tests.rig.routers import EMBEDDED


class Proxy:
    """A forward proxy that wants a password; it remembers what it was asked for."""

    def __init__(self, server: socket.socket, credentials: str) -> None:
        self.port: int = server.getsockname()[1]
        self.asked: list[str] = []
        self._server = server
        self._wanted = base64.b64encode(credentials.encode()).decode()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += client.recv(4096)
            first, *lines = request.decode().split("\r\n")
            target = first.split()[1]
            self.asked.append(target)
            if f"Proxy-Authorization: Basic {self._wanted}" not in lines:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\n")
                threading.Thread(target=_copy, args=(server, client), daemon=True).start()
                _copy(client, server)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socket.create_server((HOST, 0)) as server:
        yield Proxy(server, "me:s3cret")
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("role", ["inter-router", "edge"])
def test_a_link_through_a_proxy_carries_what_any_link_does(tmp_path: Path, proxy: Proxy, role: str) -> None:
    with stream_service() as streams, Network(tmp_path) as network:
        hub = network.add("hub", EMBEDDED)
        leaf = network.add("leaf", EMBEDDED, "edge" if role == "edge" else "interior")
        password = tmp_path / "password"
        password.write_text("s3cret")
        leaf.configuration.add(
            "proxyProfile",
            name="way-out",
            host=HOST,
            port=str(proxy.port),
            username="me",
            password=f"file:{password}",
        )
        port = hub.edge_port if role == "edge" else hub.access_port
        credentials = network.client_credentials("leaf-link")
        leaf.configuration.dial("link", port, credentials, role=role, proxy="way-out")
        network.expose("hub", "streams", streams)
        listener = network.consume("leaf", "streams")
        network.start()
        assert_whole(run_streams(streams_of_every_kind(listener, 5 * MEGABYTE, seed=1)))
        assert set(proxy.asked) == {f"{HOST}:{port}"}


def test_a_proxy_that_refuses_is_named_in_the_connector_s_message(tmp_path: Path, proxy: Proxy) -> None:
    with Network(tmp_path) as network:
        network.add("hub", EMBEDDED)
        leaf = network.add("leaf", EMBEDDED)
        leaf.configuration.add("proxyProfile", name="way-out", host=HOST, port=proxy.port)
        leaf.configuration.dial("link", 1, network.client_credentials("leaf-link"), proxy="way-out")
        management = add_management(leaf)
        network.start()
        found = wait_for(management, "connector", "link", lambda it: it["connectionStatus"] == "FAILED")
        assert found["connectionMsg"] == "the proxy refused: 407 Proxy Authentication Required"
        assert found["proxyProfile"] == "way-out"
