"""Peers that attack: each is closed with the right error or refused, and nobody else notices."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.codec import decode
from skupper_local.amqp.performatives import MODIFIED, REJECTED, RELEASED, Terminus
from skupper_local.amqp.session import Session
from skupper_local.amqp.types import Described, ULong
from skupper_local.management_messages import Request, read_request
from skupper_local.router.message_head import TCP_STREAM_FLAGS, Annotations, encode_message, tcp_stream_head
from tests.rig.attacker import DATA, Attacker
from tests.rig.certificates import Credentials
from tests.rig.management import add_management, entities, entity
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.programs import echo_service
from tests.rig.routers import EMBEDDED, RouterProcess
from tests.rig.sockets import Server, connect, seconds_until_reset
from tests.soak.conversation import attach

MEGABYTE = 1 << 20


@dataclass
class Victim:
    """A router with an honest neighbour, whose echo service is asked all the time, and doors for attackers."""

    process: RouterProcess
    tls: int
    plain: int
    management: int
    echo: int
    lure: int
    unread: Server
    credentials: Credentials
    disturbed: list[str]
    attackers: list[Attacker] = field(default_factory=list)

    def attacker(self, port: int | None = None, *, router_id: str = "evil") -> Attacker:
        """A peer with a good certificate; on another port than that for routers one without."""
        attacker = Attacker(port or self.tls, None if port else self.credentials, router_id=router_id)
        self.attackers.append(attacker)
        return attacker


def _bystander(port: int, done: threading.Event, disturbed: list[str]) -> None:
    """One connection that lasts, and new ones beside it, through the victim to its honest neighbour."""
    with connect(port) as lasting:
        while not done.is_set():
            try:
                lasting.sendall(b"still there?")
                if lasting.recv(64) != b"still there?":
                    raise ConnectionError("the lasting connection ended")
                with connect(port) as new:
                    new.sendall(b"x")
                    if new.recv(1) != b"x":
                        raise ConnectionError("a new connection ended")
            except OSError as error:
                disturbed.append(f"{os.environ.get('PYTEST_CURRENT_TEST')}: {error!r}")
                return
            time.sleep(0.02)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with echo_service() as echo, Network(tmp_path_factory.mktemp("hostile")) as network:
        network.add("honest", EMBEDDED)
        node = network.add("victim", EMBEDDED)
        network.link("victim", "honest")
        network.expose("honest", "echo", echo)
        unread = Server()
        network.expose("victim", "unread", unread.port)
        port = network.consume("victim", "echo")
        plain, lure = free_port(), free_port()
        node.configuration.listen(plain, None, name="open")
        node.configuration.consume("lure", lure)
        management = add_management(node)
        network.start()
        credentials = network.client_credentials("attacker")
        assert credentials
        disturbed: list[str] = []
        done = threading.Event()
        bystander = threading.Thread(target=_bystander, args=(port, done, disturbed))
        bystander.start()
        yield Victim(
            node.process, node.access_port, plain, management, port, lure, unread, credentials, disturbed
        )
        done.set()
        bystander.join(30)
        unread.close()
        assert not bystander.is_alive()
        assert "Traceback" not in node.process.log_text()
        assert network.process("honest").complaints() == []


@pytest.fixture(autouse=True)
def _nobody_else_notices(victim: Victim) -> Iterator[None]:
    before = victim.process.resident_bytes()
    yield
    while victim.attackers:
        victim.attackers.pop().close()
    assert victim.disturbed == []
    assert victim.process.healthy()
    assert victim.process.resident_bytes() - before < 64 * MEGABYTE
    neighbours = [
        item["container"] for item in entities(victim.management, "connection") if item["dir"] == "out"
    ]
    assert neighbours == ["honest"]


def _ended(connection: socket.socket, seconds: float) -> float:
    """Seconds until the router ended the connection."""
    start = time.monotonic()
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while connection.recv(65_536):
            pass
    return time.monotonic() - start


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00" * 4096,
        b"AMQP\x00\x00\x09\x01",
        b"AMQP\x03\x01\x00\x00" + b"\xff" * 200,
        b"AMQP\x00\x01\x00\x00" + b"\x00\x00\x00\x07\x02\x00\x00\x00",
        os.urandom(10_000),
    ],
)
def test_garbage_ends_the_connection_at_once(victim: Victim, garbage: bytes) -> None:
    client = connect(victim.plain)
    client.sendall(garbage)
    assert _ended(client, 2) < 2
    client = connect(victim.tls)
    client.sendall(garbage)
    client.shutdown(socket.SHUT_WR)
    assert _ended(client, 2) < 2


def test_silent_connections_do_not_keep_routers_out(victim: Victim) -> None:
    silent = [connect(victim.tls) for _ in range(400)]
    start = time.monotonic()
    victim.attacker().become_neighbour()
    assert time.monotonic() - start < 3
    for client in silent:
        client.close()


@pytest.mark.slow
def test_half_a_handshake_is_given_up_after_ten_seconds_wherever_it_stops(victim: Victim) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(victim.credentials.ca)
    context.load_cert_chain(victim.credentials.certificate, victim.credentials.key)
    silent = connect(victim.tls)
    begun = connect(victim.tls)
    begun.sendall(b"\x16\x03\x01\x02\x00\x01")
    after_tls = context.wrap_socket(connect(victim.tls), server_hostname=HOST)
    after_header = connect(victim.plain)
    after_header.sendall(b"AMQP\x03\x01\x00\x00")
    without_open = connect(victim.plain)
    without_open.sendall(b"AMQP\x00\x01\x00\x00")
    dripping = connect(victim.plain)
    start = time.monotonic()
    for byte in b"AMQP\x03\x01\x00":
        dripping.sendall(bytes((byte,)))
        time.sleep(1)
    for client in (silent, begun, after_tls, after_header, without_open, dripping):
        _ended(client, 15)
        assert 5 < time.monotonic() - start < 14


def test_an_oversized_frame_ends_the_connection(victim: Victim) -> None:
    attacker = victim.attacker()
    attacker.send_raw(struct.pack(">IBBH", 0x7FFFFFFF, 2, 0, 0))
    error = attacker.wait_closed()
    assert error
    assert error.condition == "amqp:connection:framing-error"


def test_deep_nesting_ends_the_connection(victim: Victim) -> None:
    attacker = victim.attacker()
    nested = b"\x40"
    for _ in range(3000):
        nested = b"\xd0" + struct.pack(">II", len(nested) + 4, 1) + nested
    body = b"\x00\x53\x11" + nested
    attacker.send_raw(struct.pack(">IBBH", 8 + len(body), 2, 0, 0) + body)
    error = attacker.wait_closed()
    assert error
    assert error.condition == "amqp:decode-error"


def test_parts_without_a_head_are_refused_and_the_rest_of_them_dropped(victim: Victim) -> None:
    attacker = victim.attacker()
    delivery = attacker.data_link().begin_delivery()
    for _ in range(20):
        for _ in range(1000):
            delivery.send(b"x" * 40, more=True)
        attacker.pump()
    attacker.wait_until(lambda: attacker.outcomes == [REJECTED])
    assert not attacker.closed


def _attaches(session: Session, first: int, count: int, address: str | None = None) -> bytes:
    return b"".join(
        attach(session.channel, first + number, sender=True, capability="qd.router-data", address=address)
        for number in range(count)
    )


@pytest.mark.slow
def test_tens_of_thousands_of_links_end_the_connection(victim: Victim) -> None:
    attacker = victim.attacker()
    session = attacker.begin()
    attacker.pump(0.2)
    answers = b""
    for first in range(0, 70_000, 1000):
        if not attacker.send_raw(_attaches(session, first, 1000)):
            break
        attacker.socket.settimeout(0.01)
        with contextlib.suppress(OSError):
            while part := attacker.socket.recv(1 << 20):
                answers = (answers + part)[-20_000:]
    attacker.socket.settimeout(10)
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while part := attacker.socket.recv(1 << 20):
            answers = (answers + part)[-20_000:]
    assert b"amqp:resource-limit-exceeded" in answers


def test_a_peer_that_asks_and_never_reads_is_given_up(victim: Victim) -> None:
    attacker = victim.attacker()
    session = attacker.begin()
    attacker.pump(0.2)
    for first in range(0, 60_000, 500):
        if not attacker.send_raw(_attaches(session, first, 500, "x" * 1700)):
            return
    raise AssertionError("the router answers on and on")


def _stream_message(attacker: Attacker, address: str) -> bytes:
    annotations = Annotations(TCP_STREAM_FLAGS, None, f"0/{attacker.router_id}", (f"0/{attacker.router_id}",))
    return tcp_stream_head(annotations, address, f"amqp:/_topo/0/{attacker.router_id}/temp.answer", "flow")


def test_a_stream_that_ignores_the_window_is_reset_before_it_costs_much(victim: Victim) -> None:
    attacker = victim.attacker()
    attacker.become_neighbour()
    before = victim.process.resident_bytes()
    streams = []
    for _ in range(4):
        delivery = attacker.data_link(capable=True).begin_delivery()
        delivery.send(_stream_message(attacker, "unread"), more=True)
        streams.append(delivery)
    attacker.pump(0.3)
    served = [victim.unread.accept() for _ in streams]
    for delivery in streams:
        for _ in range(40):
            for _ in range(8):
                if not delivery.settled and delivery.link.session.remote_window > 0:
                    delivery.send(bytes(60_000), more=True)
            attacker.pump()
    attacker.wait_until(lambda: attacker.outcomes.count(MODIFIED) == len(streams))
    assert not attacker.closed
    assert victim.process.resident_bytes() - before < 40 * MEGABYTE
    for connection in served:
        assert seconds_until_reset(connection) < 2


def test_a_client_may_not_write_router_annotations_nor_reach_services(victim: Victim) -> None:
    attacker = victim.attacker(victim.management)
    link = attacker.begin().attach_sender("to-anywhere", Terminus(), Terminus())
    attacker.wait_until(lambda: link.credit > 0)
    annotations = Annotations(0, None, "0/honest", ("0/honest",))
    link.begin_delivery().send(encode_message(annotations, to="$management", body={}), more=False)
    attacker.wait_until(lambda: attacker.outcomes == [REJECTED])
    for to in ("echo", "_topo/0/honest/temp.whatever", "_topo/0/all/qdrouter", "_local/qdhello", "mc/all"):
        link.begin_delivery().send(encode_message(None, to=to, body="x"), more=False)
        attacker.outcomes.clear()
        attacker.wait_until(lambda: attacker.outcomes)
        assert attacker.outcomes == [RELEASED], to
    stream = _stream_message(attacker, "unread")[len(Annotations(5, None, "0/evil", ("0/evil",)).encode()) :]
    link.begin_delivery().send(stream, more=True)
    attacker.outcomes.clear()
    attacker.wait_until(lambda: attacker.outcomes)
    assert attacker.outcomes == [RELEASED]


def _ask(attacker: Attacker, request: Request) -> tuple[int, Any]:
    link = attacker.data_link()
    node = f"0/{attacker.router_id}"
    message = encode_message(
        Annotations(0, None, node, (node,)),
        to="amqp:/_topo/0/victim/$management",
        reply_to=f"amqp:/_topo/0/{attacker.router_id}/temp.answer",
        correlation_id="1",
        application_properties=request.application_properties,
        body=request.body,
    )
    attacker.received.clear()
    link.begin_delivery().send(message, more=False)
    attacker.wait_until(lambda: attacker.received)
    head, data = attacker.received[0]
    body, _ = decode(data, head.body_offset)
    return head.application_properties["statusCode"], body.value


def test_over_a_link_management_may_be_read_and_never_changed(victim: Victim) -> None:
    attacker = victim.attacker()
    attacker.become_neighbour()
    attacker.data_receiver()
    assert _ask(attacker, read_request("router", "victim"))[0] == 200
    name = f"listener/lure-{victim.lure}"
    for operation in ("CREATE", "UPDATE", "DELETE"):
        properties = {
            "operation": operation,
            "type": "io.skupper.router.tcpListener",
            "name": name,
        }
        body = {"address": "stolen", "port": "1", "host": HOST, "name": name}
        assert _ask(attacker, Request(properties, body))[0] == 403, operation
    assert entity(victim.management, "tcpListener", name)["address"] == "lure"


def test_without_a_certificate_management_changes_nothing_either(victim: Victim) -> None:
    attacker = victim.attacker(victim.management)
    session = attacker.begin()
    receiver = session.attach_receiver("answers", Terminus(dynamic=True), Terminus())
    sender = session.attach_sender("questions", Terminus(), Terminus(address="$management"))
    attacker.wait_until(lambda: receiver.established and sender.credit > 0)
    assert receiver.remote_source
    message = encode_message(
        None,
        to="$management",
        reply_to=receiver.remote_source.address,
        application_properties={"operation": "DELETE", "type": "io.skupper.router.tcpListener", "name": "x"},
        body={},
    )
    sender.begin_delivery().send(message, more=False)
    attacker.wait_until(lambda: attacker.received)
    assert attacker.received[0][0].application_properties["statusCode"] == 403


def test_a_flood_of_messages_for_nobody_is_released_one_by_one(victim: Victim) -> None:
    attacker = victim.attacker()
    link = attacker.data_link()
    node = Annotations(0, None, "0/evil", ("0/evil",))
    message = encode_message(node, to="nobody", body=b"x" * 500)
    sent = 0
    end = time.monotonic() + 2
    while time.monotonic() < end:
        while link.credit > 0 and link.session.remote_window > 0:
            link.begin_delivery().send(message, more=False)
            sent += 1
        attacker.pump()
    assert sent > 1000
    attacker.wait_until(lambda: set(attacker.outcomes) == {RELEASED})
    assert not attacker.closed


def test_unfinished_messages_on_many_links_are_bounded_together(victim: Victim) -> None:
    attacker = victim.attacker()
    session = attacker.begin()
    node = Annotations(0, None, "0/evil", ("0/evil",))
    start = encode_message(node, to="_topo/0/victim/$management", body=b"x" * 10)[:-4]
    links = [session.attach_sender(f"slow.{number}", DATA, DATA) for number in range(150)]
    attacker.wait_until(lambda: all(link.credit > 0 or link.closed for link in links))
    deliveries = [link.begin_delivery() for link in links if not link.closed]
    before = victim.process.resident_bytes()
    for delivery in deliveries:
        delivery.send(start + bytes(400_000), more=True)
        attacker.pump()
    attacker.pump(0.5)
    assert REJECTED in attacker.outcomes, "60 MB were kept for messages that never end"
    assert victim.process.resident_bytes() - before < 48 * MEGABYTE


def test_a_head_that_never_ends_is_refused(victim: Victim) -> None:
    attacker = victim.attacker()
    link = attacker.data_link()
    delivery = link.begin_delivery()
    for byte in Annotations(0, None, "x" * 20_000).encode()[:2000]:
        if not delivery.settled:
            delivery.send(bytes((byte,)), more=True)
    attacker.wait_until(lambda: attacker.outcomes == [REJECTED])


@pytest.mark.parametrize("trick", ["takes credit back", "refuses links", "ends streams"])
def test_a_neighbour_that_lures_clients_and_lets_them_down_harms_only_them(
    victim: Victim, trick: str
) -> None:
    attacker = victim.attacker()
    attacker.become_neighbour(("lure",))

    def on_event(event: events.Event) -> bool:
        if isinstance(event, events.LinkRequested) and not event.link.is_sender:
            if trick == "refuses links":
                event.link.refuse("amqp:not-allowed", "no")
            else:
                event.link.accept()
                event.link.issue_credit(1)
                if trick == "takes credit back":
                    event.link.issue_credit(0)
            return True
        if (
            isinstance(event, events.TransferReceived)
            and trick == "ends streams"
            and event.delivery.context is None
        ):
            head_ok = b"lure" in bytes(event.payload)
            if head_ok:
                event.delivery.context = "mine"
                event.delivery.update(Described(ULong(MODIFIED), [True]), settled=True)
            return head_ok
        return False

    attacker.on_event = on_event
    clients: list[socket.socket] = []
    deadline = time.monotonic() + 5
    while len(clients) < 5:
        attacker.pump(0.05)
        with contextlib.suppress(ConnectionRefusedError):
            clients.append(connect(victim.lure))
        assert time.monotonic() < deadline
    attacker.pump(0.5)
    if trick == "takes credit back":
        attacker.close()  # until then they wait: it is the service they asked for
    for client in clients:
        assert seconds_until_reset(client) < 3


def test_what_peers_call_themselves_cannot_write_lines_into_the_log(victim: Victim) -> None:
    attacker = victim.attacker(router_id="evil\n2026-01-01 00:00:00 ERROR forged\x1b[31m")
    attacker.become_neighbour()
    attacker.close()
    time.sleep(0.3)
    log = victim.process.log_text()
    assert "forged" in log
    assert "\x1b" not in log
    assert not any(line.startswith("2026-01-01 00:00:00 ERROR forged") for line in log.splitlines())


def test_attackers_together_leave_nothing_behind(victim: Victim) -> None:
    deadline = time.monotonic() + 5
    while len(entities(victim.management, "connection")) > 2:  # the honest neighbour and the one who asks
        assert time.monotonic() < deadline
        time.sleep(0.1)
