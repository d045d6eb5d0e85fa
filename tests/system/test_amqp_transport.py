"""AMQP connections over real sockets, with and without TLS: data whole, memory bounded, endings told."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.connection import Connection, ConnectionSettings, State
from skupper_local.amqp.connection_output import FRAME
from skupper_local.amqp.link import IncomingDelivery, Link, OutgoingDelivery
from skupper_local.amqp.performatives import AMQP_HEADER, Begin, Body, Flow, Open, Terminus
from skupper_local.amqp.tls_stream import TlsStream
from skupper_local.amqp.transport import CLOSE_TIMEOUT, HIGH_WATER, AmqpTransport
from tests.rig.certificates import Authority

MEGABYTE = 1_048_576
PIECE = bytes(range(256)) * 256  # 64 KiB

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """TLS contexts (of the client, of the server) that trust each other."""
    directory: Path = tmp_path_factory.mktemp("credentials")
    authority = Authority(directory)
    made = []
    for server in (False, True):
        leaf = authority.server("server") if server else authority.client("client")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(leaf.certificate, leaf.key)
        context.load_verify_locations(leaf.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        made.append(context)
    return made[0], made[1]


@pytest.fixture(params=["plain", "TLS"])
def security(request: pytest.FixtureRequest, contexts: Contexts) -> Contexts | None:
    """Each test once without and once with TLS."""
    return None if request.param == "plain" else contexts


class Node:
    """One side: accepts every link, gives credit, and remembers what came."""

    def __init__(self, name: str, sock: socket.socket, tls: TlsStream | None, **changes: Any) -> None:
        settings = {"container_id": name, "server": name == "server", **changes}
        self.connection = Connection(ConnectionSettings(**settings))
        self.loop = asyncio.get_running_loop()
        self.transport = AmqpTransport(self.loop, sock, self.connection, self.handle, tls)
        self.happened: list[events.Event] = []
        self.digests: dict[IncomingDelivery, Any] = {}
        self.complete: list[IncomingDelivery] = []
        self.senders: list[Sender] = []
        self.changed = asyncio.Event()
        self.closed: events.Closed | None = None

    def handle(self, batch: list[events.Event]) -> None:
        """What the transport tells."""
        for event in batch:
            if isinstance(event, events.TransferReceived):
                self.digests.setdefault(event.delivery, hashlib.sha256()).update(event.payload)
                if not event.more:
                    self.complete.append(event.delivery)
                continue
            self.happened.append(event)
            if isinstance(event, events.LinkRequested):
                event.link.accept()
                if not event.link.is_sender:
                    event.link.issue_credit(10)
            elif isinstance(event, events.Closed):
                self.closed = event
            elif isinstance(event, events.WindowOpened | events.CreditReceived):
                for sender in self.senders:
                    sender.go()
        self.changed.set()

    async def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait for something that an event brings about."""

        async def wait() -> None:
            while not condition():
                self.changed.clear()
                await self.changed.wait()

        await asyncio.wait_for(wait(), seconds)

    def of_kind(self, kind: type[Any]) -> list[Any]:
        """The events of one kind (not transfers)."""
        return [event for event in self.happened if isinstance(event, kind)]


class Sender:
    """Sends one delivery of ``total`` bytes as fast as window and socket take it."""

    def __init__(self, node: Node, link: Link, total: int) -> None:
        self.node = node
        self.link = link
        self.left = total
        self.digest = hashlib.sha256()
        self.delivery: OutgoingDelivery | None = None
        self.waited = 0
        node.senders.append(self)
        self.go()

    def go(self) -> None:
        """Send what may be sent now."""
        session, transport = self.link.session, self.node.transport
        while self.left and not self.link.closed:
            if self.delivery is None:
                if self.link.credit <= 0:
                    return
                self.delivery = self.link.begin_delivery()
            if session.remote_window < 8:
                session.window_wanted = True
                return
            if transport.congested:
                self.waited += 1
                transport.when_writable(self.go)
                return
            piece = PIECE[: min(len(PIECE), self.left)]
            self.left -= len(piece)
            self.digest.update(piece)
            self.delivery.send(piece, more=self.left > 0)


async def _shake_hands(stream: TlsStream) -> None:
    while not stream.handshake():
        await asyncio.sleep(0.001)


def _sockets() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    client.setblocking(False)
    server.setblocking(False)
    return client, server


@contextlib.asynccontextmanager
async def joined(security: Contexts | None, **changes: Any) -> AsyncIterator[tuple[Node, Node]]:
    """A client and a server that have opened their connection."""
    client_socket, server_socket = _sockets()
    streams: list[TlsStream | None] = [None, None]
    if security is not None:
        client_tls = TlsStream(client_socket, security[0], server=False, host="127.0.0.1")
        server_tls = TlsStream(server_socket, security[1], server=True)
        await asyncio.gather(_shake_hands(client_tls), _shake_hands(server_tls))
        streams = [client_tls, server_tls]
    client = Node("client", client_socket, streams[0], **changes)
    server = Node("server", server_socket, streams[1], **changes)
    client.transport.start()
    server.transport.start()
    try:
        await client.until(lambda: client.connection.state is State.OPEN)
        await server.until(lambda: server.connection.state is State.OPEN)
        yield client, server
    finally:
        client.transport.abort("the test is over")
        server.transport.abort("the test is over")


@contextlib.asynccontextmanager
async def by_hand(**changes: Any) -> AsyncIterator[tuple[socket.socket, Node]]:
    """A server whose peer is a bare socket that has sent its ``open``."""
    sock, server_socket = _sockets()
    server = Node("server", server_socket, None, **changes)
    server.transport.start()
    sock.send(AMQP_HEADER + frame(Open("by hand")))
    try:
        await server.until(lambda: server.connection.state is State.OPEN)
        yield sock, server
    finally:
        sock.close()
        server.transport.abort("the test is over")


def frame(body: Body, channel: int = 0) -> bytes:
    data = body.encode()
    return FRAME.pack(8 + len(data), 2, 0, channel) + data


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, within a limit."""
    asyncio.run(asyncio.wait_for(coroutine, 60))


def test_large_deliveries_arrive_whole_in_both_directions_at_once(security: Contexts | None) -> None:
    async def scenario() -> None:
        async with joined(security, incoming_window=256) as (client, server):
            sessions = [client.connection.begin(), server.connection.begin()]
            senders = []
            for node, session in zip((client, server), sessions, strict=True):
                for name in "ab":
                    link = session.attach_sender(name, target=Terminus("x"))
                    senders.append(Sender(node, link, 12 * MEGABYTE + 1))
            await client.until(lambda: len(client.complete) == 2)
            await server.until(lambda: len(server.complete) == 2)
            for node, other in ((client, server), (server, client)):
                expected = [sender.digest.hexdigest() for sender in senders if sender.node is node]
                assert [other.digests[one].hexdigest() for one in other.complete] == expected

    run(scenario())


def test_many_small_deliveries_arrive_in_order(security: Contexts | None) -> None:
    async def scenario() -> None:
        async with joined(security) as (client, server):
            link = client.connection.begin().attach_sender("s", target=Terminus("x"))
            for number in range(500):
                await client.until(lambda: link.credit > 0)
                link.begin_delivery(settled=True).send(b"%d" % number, more=False)
                client.transport.dispatch()
            await server.until(lambda: len(server.complete) == 500)
            digests = [server.digests[delivery].hexdigest() for delivery in server.complete]
            assert digests == [hashlib.sha256(b"%d" % number).hexdigest() for number in range(500)]

    run(scenario())


def test_a_reader_that_stops_costs_bounded_memory_and_gets_everything_later(
    security: Contexts | None,
) -> None:
    async def scenario() -> None:
        async with joined(security) as (client, server):
            link = client.connection.begin().attach_sender("s", target=Terminus("x"))
            await client.until(lambda: link.credit > 0)
            loop, descriptor = server.loop, server.transport._fd
            loop.remove_reader(descriptor)
            sender = Sender(client, link, 60 * MEGABYTE)
            most = 0
            for _ in range(50):
                await asyncio.sleep(0.01)
                most = max(most, client.connection.output.size)
            assert sender.waited
            assert sender.left > 20 * MEGABYTE
            assert most < HIGH_WATER + 2 * len(PIECE)
            loop.add_reader(descriptor, server.transport._readable)
            await server.until(lambda: server.complete)
            assert server.digests[server.complete[0]].hexdigest() == sender.digest.hexdigest()

    run(scenario())


def test_a_peer_that_vanishes_is_told_with_all_that_was_on_the_connection(security: Contexts | None) -> None:
    async def scenario() -> None:
        async with joined(security) as (client, server):
            link = client.connection.begin().attach_sender("s", target=Terminus("x"))
            await client.until(lambda: link.credit > 0)
            server.loop.remove_reader(server.transport._fd)
            sender = Sender(client, link, 60 * MEGABYTE)
            await asyncio.sleep(0.1)
            waited = []
            client.transport.when_writable(lambda: waited.append(True))
            server.transport._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            server.transport._sock.close()
            await client.until(lambda: client.closed)
            assert client.closed is not None
            assert client.closed.by_peer
            assert client.closed.error is not None
            assert client.closed.error.condition == "amqp:connection:forced"
            assert [event.delivery for event in client.of_kind(events.DeliveryLost)] == [sender.delivery]
            await asyncio.sleep(0)
            assert waited
            assert client.transport.closed

    run(scenario())


def test_closing_is_orderly_when_both_go_along(security: Contexts | None) -> None:
    async def scenario() -> None:
        async with joined(security) as (client, server):
            client.connection.close()
            client.transport.dispatch()
            await client.until(lambda: client.closed)
            await server.until(lambda: server.closed)
            assert client.closed is not None
            assert server.closed is not None
            assert (client.closed.error, server.closed.error) == (None, None)
            assert client.transport.closed
            assert server.transport.closed

    run(scenario())


def test_a_peer_that_does_not_answer_the_close_is_not_waited_for_long() -> None:
    async def scenario() -> None:
        async with by_hand() as (_, server):
            began = server.loop.time()
            server.connection.close()
            server.transport.dispatch()
            await server.until(lambda: server.closed)
            assert CLOSE_TIMEOUT * 0.9 < server.loop.time() - began < CLOSE_TIMEOUT + 5

    run(scenario())


def test_a_silent_peer_is_dropped_with_a_reason_and_live_ones_stay(security: Contexts | None) -> None:
    async def scenario() -> None:
        async with by_hand(idle_timeout=0.6) as (sock, silent), joined(security, idle_timeout=0.6) as nodes:
            await silent.until(lambda: silent.closed)
            assert silent.closed is not None
            assert silent.closed.error is not None
            assert silent.closed.error.condition == "amqp:resource-limit-exceeded"
            await asyncio.sleep(1.5)
            assert all(node.connection.state is State.OPEN for node in nodes)
            sock.setblocking(True)
            assert b"nothing was heard" in sock.recv(10_000)

    run(scenario())


def test_a_peer_that_breaks_the_protocol_gets_the_condition_and_the_end_of_the_stream() -> None:
    async def scenario() -> None:
        async with by_hand() as (sock, server):
            sock.send(frame(Flow(0, 1, 0, 1), channel=9))
            await server.until(lambda: server.closed)
            sock.setblocking(True)
            received = b""
            while data := sock.recv(10_000):
                received += data
            assert b"amqp:not-allowed" in received

    run(scenario())


def test_a_peer_that_asks_and_asks_and_never_reads_is_closed_before_it_fills_the_memory() -> None:
    async def scenario() -> None:
        async with by_hand() as (sock, server):
            sock.send(frame(Begin(None, 0, 1, 1)))
            questions = frame(Flow(0, 1, 0, 1, echo=True)) * 2000
            largest = 0
            while server.closed is None:
                with contextlib.suppress(OSError):
                    sock.send(questions)
                await asyncio.sleep(0)
                largest = max(largest, server.connection.output.size)
            assert server.closed.error is not None
            assert server.closed.error.condition == "amqp:resource-limit-exceeded"
            assert largest < 12 * MEGABYTE

    run(scenario())


def test_a_defect_that_one_peer_brings_to_light_costs_that_peer_only(security: Contexts | None) -> None:
    async def scenario() -> None:
        async with joined(security) as (client, server):
            reported: list[dict[str, Any]] = []
            server.loop.set_exception_handler(lambda _, context: reported.append(context))
            handle = server.handle

            def stumble(batch: list[events.Event]) -> None:
                handle(batch)
                if any(isinstance(event, events.LinkRequested) for event in batch):
                    raise RuntimeError("a defect")

            server.transport._on_events = stumble
            client.connection.begin().attach_sender("s")
            await server.until(lambda: server.closed)
            await client.until(lambda: client.closed)
            assert [str(context["exception"]) for context in reported] == ["a defect"]
            assert server.transport.closed

    run(scenario())
