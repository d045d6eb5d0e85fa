"""Asking a router: what comes back, and what a person is told when nothing does."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skupper_local.amqp.message import Message, encode_message
from skupper_local.errors import SkupperLocalError
from skupper_local.management import RouterManagement
from skupper_local.management.errors import (
    CredentialsUnusableError,
    ManagementAnswerError,
    ManagementRequestError,
    RouterDisconnectedError,
    RouterNotAnsweringError,
    RouterRefusedError,
    RouterTlsError,
    RouterUnreachableError,
)
from skupper_local.management_messages import ADDRESS, Response, node_address
from skupper_local.router.management_agent import ManagementAgent
from skupper_local.tls import server_context
from tests.rig.certificates import Authority, Credentials
from tests.unit.management.peer import RouterPeer, listening

HOST = "127.0.0.1"


class Listeners:
    """The entities of a router with this many listeners."""

    def __init__(self, count: int) -> None:
        self._count = count

    def entities(self, long_type_name: str) -> list[dict[str, Any]]:
        if long_type_name == "io.skupper.router.router":
            return [{"id": "west", "mode": "interior"}]
        if long_type_name == "io.skupper.router.tcpListener":
            return [
                {"name": f"listener-{n}", "address": "a" * 100, "bytesIn": 2**50} for n in range(self._count)
            ]
        return []


def agent(listeners: int = 3) -> Callable[[Message], Response]:
    respond = ManagementAgent(Listeners(listeners)).respond
    return lambda request: respond(request.application_properties, request.body, may_change=False)


def connect(port: int, *, seconds: float = 5.0, **arguments: Any) -> RouterManagement:
    return RouterManagement.connect(
        HOST, port, seconds=seconds, credentials=arguments.pop("credentials", None), **arguments
    )


def test_several_questions_are_answered_on_one_connection() -> None:
    peer = RouterPeer(agent())
    with listening(peer.serve) as port:
        with connect(port) as router:
            assert router.router_id == "west"
            assert router.query("tcpListener", ["name"]) == [{"name": f"listener-{n}"} for n in range(3)]
            assert router.read("tcpListener", "listener-1")["bytesIn"] == 2**50
            everything = router.query_all(["router", "tcpListener", "connector", "nonsense"])
        assert {name.rpartition(".")[2]: len(found) for name, found in everything.items()} == {
            "router": 1,
            "tcpListener": 3,
            "connector": 0,
        }
    assert peer.mechanisms_used == ["ANONYMOUS"]
    assert peer.closed_in_order == 1


def test_an_answer_of_many_frames_arrives_whole() -> None:
    with listening(RouterPeer(agent(5000), max_frame_size=512).serve) as port, connect(port) as router:
        assert len(router.query("tcpListener")) == 5000


def test_a_refused_request_says_what_the_router_said() -> None:
    with listening(RouterPeer(agent()).serve) as port, connect(port) as router:
        with pytest.raises(ManagementRequestError, match="No entity with name='absent'") as refused:
            router.read("tcpListener", "absent")
        assert refused.value.status == 404
        assert router.query("router", ["id"]) == [{"id": "west"}]


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, "OK", {}),
        Response(200, "OK", {"attributeNames": ["name"], "results": [["a", "b"]]}),
        Response(200, "OK", {"attributeNames": [1], "results": [[1]]}),
        Response(200, "OK", [1, 2]),
        b"\x00\x53\x77\xa1\xff",
        b"\x00\x53\x00\x45",
        b"no message at all",
    ],
)
def test_an_answer_that_makes_no_sense_is_told_from_a_good_one(answer: Response | bytes) -> None:
    with listening(RouterPeer(lambda _: answer).serve) as port, connect(port) as router:
        with pytest.raises(ManagementAnswerError) as malformed:
            router.query("router")
        assert malformed.value.why


def test_an_answer_without_a_status_is_malformed() -> None:
    def without_status(request: Message) -> bytes:
        return encode_message(Message(to=request.reply_to, correlation_id=request.correlation_id, body={}))

    with (
        listening(RouterPeer(without_status).serve) as port,
        connect(port) as router,
        pytest.raises(ManagementAnswerError, match="status code"),
    ):
        router.query("router")


# ---------------------------------------------------------------------------------------------- routers elsewhere


def test_routers_elsewhere_are_asked_together_and_the_silent_ones_left_out() -> None:
    respond = agent()
    malformed = Response(200, "OK", {"attributeNames": "none"})

    def answer(request: Message) -> Response | None:
        if request.to == node_address("silent"):
            return None
        return malformed if request.to == node_address("mad") else respond(request)

    peer = RouterPeer(answer, known=lambda address: address != node_address("gone"))
    routers = ["silent", "east", "gone", "mad", "south"]
    with listening(peer.serve) as port, connect(port, seconds=5) as router:
        start = time.monotonic()
        found = router.query_routers(routers, ["router", "tcpListener"], seconds=0.4)
        assert time.monotonic() - start < 2
        assert {name: len(types) for name, types in found.items()} == {"east": 2, "south": 2}
        assert router.query("router", ["id"]) == [{"id": "west"}]


def test_edge_routers_are_asked_at_an_address_of_their_own() -> None:
    asked: list[str] = []

    def answer(request: Message) -> Response | None:
        asked.append(request.to or "")
        return agent()(request)

    with (
        listening(RouterPeer(answer, known=lambda _: True).serve) as port,
        connect(port, seconds=5) as router,
    ):
        found = router.query_routers(["east"], ["router"], edges=["rim", "east"])
    assert set(found) == {"east", "rim"}
    assert sorted(asked) == ["amqp:/_edge/rim/$management", node_address("east")]


def test_routers_that_cannot_be_reached_do_not_use_up_the_time() -> None:
    with listening(RouterPeer(agent()).serve) as port, connect(port, seconds=20) as router:
        start = time.monotonic()
        assert router.query_routers([f"gone-{n}" for n in range(100)], ["router", "site"]) == {}
        assert time.monotonic() - start < 10


def test_more_requests_than_the_router_takes_at_once_are_all_answered() -> None:
    peer = RouterPeer(agent(), known=lambda _: True)
    with listening(peer.serve) as port, connect(port, seconds=20) as router:
        found = router.query_routers([f"router-{n}" for n in range(400)], ["router"])
    assert len(found) == 400


# ---------------------------------------------------------------------------------------------------- bad luck


def refusing_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def complete(error: SkupperLocalError) -> bool:
    return bool(error.what and error.why and error.next_step)


def test_a_port_where_nothing_listens_is_unreachable_and_says_so_at_once() -> None:
    with pytest.raises(RouterUnreachableError, match="connection refused") as refused:
        connect(refusing_port())
    assert complete(refused.value)


def silent(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def test_a_router_that_says_nothing_is_given_up_in_time() -> None:
    start = time.monotonic()
    with listening(silent) as port, pytest.raises(RouterNotAnsweringError) as given_up:
        connect(port, seconds=0.3)
    assert time.monotonic() - start < 2
    assert complete(given_up.value)


def test_a_router_that_does_not_answer_a_question_is_given_up_in_time() -> None:
    start = time.monotonic()
    with (
        listening(RouterPeer(lambda _: None).serve) as port,
        connect(port, seconds=0.5) as router,
        pytest.raises(RouterNotAnsweringError, match=r"\$management"),
    ):
        router.query("router")
    assert time.monotonic() - start < 3


def dripping(sock: socket.socket) -> None:
    """One byte of a good protocol header at a time, slowly: a deadline for each read would never end."""
    for byte in b"AMQP\x03\x01\x00\x00" + bytes(1000):
        sock.sendall(bytes((byte,)))
        if threading.Event().wait(0.05):
            return


def test_the_deadline_holds_against_a_router_that_answers_a_byte_at_a_time() -> None:
    start = time.monotonic()
    with listening(dripping) as port, pytest.raises((RouterNotAnsweringError, RouterDisconnectedError)):
        connect(port, seconds=0.6)
    assert time.monotonic() - start < 3


def test_a_router_that_closes_at_once_is_disconnected() -> None:
    with (
        listening(lambda sock: None) as port,
        pytest.raises((RouterDisconnectedError, RouterUnreachableError)),
    ):
        connect(port)


def test_a_router_that_closes_in_the_middle_of_a_question_is_disconnected() -> None:
    def die(_: Message) -> None:
        raise ConnectionResetError

    with (
        listening(RouterPeer(die).serve) as port,
        connect(port) as router,
        pytest.raises((RouterDisconnectedError, RouterUnreachableError)) as lost,
    ):
        router.query("router")
    assert complete(lost.value)


def test_a_server_that_does_not_speak_amqp_is_told_from_a_silent_one() -> None:
    def http(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        silent(sock)

    with listening(http) as port, pytest.raises(RouterDisconnectedError, match="not an AMQP") as wrong:
        connect(port)
    assert complete(wrong.value)


def test_a_listener_that_wants_no_clients_refuses() -> None:
    peer = RouterPeer(agent(), accepts_links=False)
    with (
        listening(peer.serve) as port,
        connect(port) as router,
        pytest.raises(RouterRefusedError, match="no clients here") as refused,
    ):
        router.query("router")
    assert complete(refused.value)


def test_a_listener_that_wants_another_way_to_authenticate_is_named() -> None:
    peer = RouterPeer(agent(), mechanisms=("PLAIN",))
    with listening(peer.serve) as port, pytest.raises(SkupperLocalError, match="PLAIN") as refused:
        connect(port)
    assert complete(refused.value)


# --------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Credentials:
    return authority.server("server")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Credentials:
    return authority.client("client")


def server_side(credentials: Credentials, ca: Path | None = None) -> ssl.SSLContext:
    return server_context(
        certificate=str(credentials.certificate),
        private_key=str(credentials.key),
        ca=str(ca or credentials.ca),
        require_client_certificate=True,
    )


def client_directory(directory: Path, credentials: Credentials, ca: Path | None = None) -> Path:
    """A directory as a site has it for its local client."""
    directory.mkdir(exist_ok=True)
    files = {"ca.crt": ca or credentials.ca, "tls.crt": credentials.certificate, "tls.key": credentials.key}
    for name, source in files.items():
        (directory / name).write_bytes(source.read_bytes())
    return directory


def test_a_client_with_credentials_authenticates_with_its_certificate(
    server: Credentials, client: Credentials, tmp_path: Path
) -> None:
    peer = RouterPeer(agent(), mechanisms=("EXTERNAL",))
    credentials = client_directory(tmp_path, client)
    with listening(peer.serve, server_side(server)) as port:
        for name in (HOST, "localhost"):
            with connect(port, credentials=credentials, server_name=name) as router:
                assert router.query("router", ["id"]) == [{"id": "west"}]
    assert peer.mechanisms_used == ["EXTERNAL", "EXTERNAL"]


def test_a_router_with_a_certificate_of_another_ca_is_not_trusted(
    server: Credentials, client: Credentials, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other-ca").server("server")
    credentials = client_directory(tmp_path / "client", client)
    with (
        listening(silent, server_side(other)) as port,
        pytest.raises(RouterTlsError, match="certificate verify failed") as untrusted,
    ):
        connect(port, credentials=credentials)
    assert complete(untrusted.value)


def test_a_client_whose_certificate_the_router_does_not_trust_learns_that(
    server: Credentials, client: Credentials, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger-ca").client("client")
    credentials = client_directory(tmp_path / "client", stranger, ca=server.ca)
    with listening(silent, server_side(server)) as port, pytest.raises(RouterTlsError, match="unknown ca"):
        connect(port, credentials=credentials)


def test_a_certificate_for_another_name_is_not_accepted(
    server: Credentials, client: Credentials, tmp_path: Path
) -> None:
    credentials = client_directory(tmp_path, client)
    with (
        listening(silent, server_side(server)) as port,
        pytest.raises(RouterTlsError, match=r"not for elsewhere\.example.*localhost"),
    ):
        connect(port, credentials=credentials, server_name="elsewhere.example")


def test_a_listener_without_tls_is_told_from_one_with_bad_certificates(
    client: Credentials, tmp_path: Path
) -> None:
    credentials = client_directory(tmp_path, client)
    with listening(RouterPeer(agent()).serve) as port, pytest.raises(RouterTlsError) as plain:
        connect(port, credentials=credentials)
    assert complete(plain.value)


def test_a_router_that_never_ends_the_tls_handshake_is_given_up_in_time(
    client: Credentials, tmp_path: Path
) -> None:
    credentials = client_directory(tmp_path, client)
    start = time.monotonic()
    with listening(silent) as port, pytest.raises(RouterNotAnsweringError, match="TLS handshake"):
        connect(port, credentials=credentials, seconds=0.4)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("name", ["ca.crt", "tls.crt", "tls.key"])
@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_credentials_that_are_damaged_are_named_before_anything_is_sent(
    client: Credentials, tmp_path: Path, name: str, damage: str
) -> None:
    credentials = client_directory(tmp_path, client)
    if damage == "missing":
        (credentials / name).unlink()
    else:
        (credentials / name).write_bytes(b"")
    with pytest.raises(CredentialsUnusableError, match=name) as unusable:
        connect(refusing_port(), credentials=credentials)
    assert complete(unusable.value)


def test_the_address_of_a_request_is_that_of_the_management_node() -> None:
    peer = RouterPeer(agent())
    with listening(peer.serve) as port, connect(port) as router:
        router.query("router", ["id"])
    (request,) = peer.requests
    assert request.to == ADDRESS
    assert request.application_properties["entityType"] == "io.skupper.router.router"


def test_asking_routers_loads_only_what_a_status_needs() -> None:
    program = "import sys, skupper_local.management; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not {"ssl", "asyncio", "cryptography", "yaml", "jinja2", "rich"} & set(loaded.split())
