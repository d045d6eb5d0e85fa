"""TLS between application and router: on a tcpListener, on a tcpConnector, on both, with the link between them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rig.certificates import Authority, Credentials
from tests.rig.management import add_management, entity
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.routers import EMBEDDED
from tests.rig.sockets import (
    PATIENCE,
    Server,
    connect,
    connect_and_be_reset,
    read_to_end,
    seconds_until_reset,
)

LARGE = bytes(range(256)) * 1_000


@dataclass
class Encrypted:
    """West listens, east connects. ``ports``: the listeners by what is special about the connection."""

    ports: dict[str, int]
    trusted: Credentials
    client: Credentials
    server: Server
    mute: Server
    management: int
    network: Network


def _tls_server(listening: Server, context: ssl.SSLContext) -> threading.Thread:
    """Serve ``listening``: read to the end, answer with the same, end; over TLS with half-close."""

    def serve() -> None:
        while True:
            try:
                plain = listening.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                received = read_to_end(connection)
                connection.sendall(received)
                connection.unwrap()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    directory = tmp_path_factory.mktemp("tls")
    authority, stranger = (Authority(directory / name, name) for name in ("services", "stranger"))
    right, elsewhere = authority.server("right"), authority.server("elsewhere", ["other.example"])
    wrong = stranger.server("wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(right.certificate, right.key)
    other_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other_context.load_cert_chain(elsewhere.certificate, elsewhere.key)
    plain, secure, other, mute = Server(), Server(), Server(), Server()
    _tls_server(secure, context)
    _tls_server(other, other_context)
    with Network(directory / "network") as network:
        west, east = network.add("west", EMBEDDED), network.add("east", EMBEDDED)
        network.link("east", "west")
        for node in (west, east):
            for name, credentials in (("right", right), ("wrong", wrong)):
                node.configuration.add(
                    "sslProfile",
                    name=name,
                    certFile=str(credentials.certificate),
                    privateKeyFile=str(credentials.key),
                    caCertFile=str(credentials.ca),
                )
        ports: dict[str, int] = {}

        def service(
            name: str, port: int, connector: dict[str, object], listener: dict[str, object] | None = None
        ) -> None:
            ports[name] = free_port()
            east.configuration.add(
                "tcpConnector", name=name, host=HOST, port=str(port), address=name, **connector
            )
            west.configuration.add(
                "tcpListener", name=name, host=HOST, port=str(ports[name]), address=name, **(listener or {})
            )

        service("listener", plain.port, {}, {"sslProfile": "right"})
        service("connector", secure.port, {"sslProfile": "right"})
        service("both", secure.port, {"sslProfile": "right"}, {"sslProfile": "right"})
        service("mutual", plain.port, {}, {"sslProfile": "right", "authenticatePeer": True})
        service("wrong name", other.port, {"sslProfile": "right"})
        service("name unchecked", other.port, {"sslProfile": "right", "verifyHostname": False})
        service("wrong ca", secure.port, {"sslProfile": "wrong"})
        service("no tls there", mute.port, {"sslProfile": "right"})
        west.listener_ports.extend(ports.values())
        management = add_management(east)
        network.start()
        plain.drop_pending()
        yield Encrypted(ports, right, authority.client("client"), plain, mute, management, network)
    for listening in (plain, secure, other, mute):
        listening.close()


def _client(encrypted: Encrypted, name: str, certificate: Credentials | None = None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(encrypted.trusted.ca)
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.key)
    return context.wrap_socket(connect(encrypted.ports[name]), server_hostname=HOST)


def _next(encrypted: Encrypted) -> socket.socket:
    """The next connection of a client of this test, behind those of the probes at the start."""
    while True:
        served = encrypted.server.accept()
        served.settimeout(PATIENCE)
        if served.recv(1):
            return served
        served.close()


def test_a_listener_serves_its_certificate_and_passes_on_plain_bytes(encrypted: Encrypted) -> None:
    client = _client(encrypted, "listener")
    client.sendall(b"!" + LARGE)
    served = _next(encrypted)
    received = b""
    while len(received) < len(LARGE):
        received += served.recv(1 << 20)
    assert received == LARGE
    served.sendall(LARGE)
    served.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == LARGE
    client.close()


def test_over_tls_the_server_may_end_first(encrypted: Encrypted) -> None:
    client = _client(encrypted, "listener")
    client.sendall(b"!")
    served = _next(encrypted)
    served.sendall(b"that is all")
    served.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == b"that is all"
    client.sendall(LARGE)
    client.close()
    assert read_to_end(served) == LARGE


@pytest.mark.parametrize("name", ["connector", "name unchecked"])
def test_a_connector_speaks_tls_to_its_server(encrypted: Encrypted, name: str) -> None:
    client = connect(encrypted.ports[name])
    client.sendall(LARGE)
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == LARGE


def test_half_close_passes_through_tls_on_both_sides(encrypted: Encrypted) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(encrypted.trusted.ca)
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    client = connect(encrypted.ports["both"])

    def exchange() -> None:
        if outgoing.pending:
            client.sendall(outgoing.read())
        incoming.write(client.recv(1 << 20))

    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            exchange()
    tls.write(LARGE[:10_000])
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.unwrap()  # our end of the stream; the answer is still to come
    received = b""
    while len(received) < 10_000:
        try:
            received += tls.read(1 << 20)
        except ssl.SSLWantReadError:
            exchange()
    assert received == LARGE[:10_000]
    client.close()


def test_a_listener_that_authenticates_refuses_clients_without_certificate(encrypted: Encrypted) -> None:
    with pytest.raises(OSError):  # noqa: PT011, PT012
        client = _client(encrypted, "mutual")
        client.sendall(b"x")
        if not client.recv(1):
            raise ConnectionResetError
    client = _client(encrypted, "mutual", encrypted.client)
    client.sendall(b"!")
    served = _next(encrypted)
    served.sendall(b"welcome")
    assert client.recv(10) == b"welcome"
    client.close()


def test_a_client_without_tls_is_cut_off_and_others_go_on(encrypted: Encrypted) -> None:
    client = connect(encrypted.ports["listener"])
    client.sendall(b"GET / HTTP/1.0\r\n\r\n" * 10)
    with contextlib.suppress(ConnectionResetError):
        assert b"200" not in read_to_end(client)
    test_a_connector_speaks_tls_to_its_server(encrypted, "connector")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong name", "other.example"),
        ("wrong ca", "certificate"),
        ("no tls there", "TLS"),
    ],
)
def test_a_server_that_cannot_be_trusted_costs_the_client_a_reset_and_the_reason_is_told(
    encrypted: Encrypted, name: str, reason: str
) -> None:
    if name == "no tls there":
        encrypted.mute.drop_pending()
        client = connect(encrypted.ports[name])
        encrypted.mute.accept().sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        assert seconds_until_reset(client) < 3
    else:
        assert connect_and_be_reset(encrypted.ports[name]) < 3
    found = entity(encrypted.management, "tcpConnector", name)
    assert found["operStatus"] == "down"
    assert reason in found["connectionMsg"]
    assert reason in encrypted.network.process("east").log_text()
