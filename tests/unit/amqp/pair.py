"""Two connections joined without sockets, and frames made by hand, for tests of the state machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skupper_local.amqp import events
from skupper_local.amqp.connection import Connection, ConnectionSettings, State
from skupper_local.amqp.connection_output import FRAME
from skupper_local.amqp.events import Event
from skupper_local.amqp.link import Link
from skupper_local.amqp.performatives import (
    AMQP_HEADER,
    SASL_HEADER,
    AnyBody,
    Attach,
    Begin,
    Body,
    Close,
    Flow,
    Open,
    SaslInit,
    SaslMechanisms,
    Terminus,
    decode_body,
)

CLIENT = ConnectionSettings("client", server=False, idle_timeout=0.0)
SERVER = ConnectionSettings("server", server=True, idle_timeout=0.0)


def kept(event: Event) -> Event:
    """An event whose payload outlives the receive buffer."""
    if isinstance(event, events.TransferReceived):
        return event._replace(payload=memoryview(bytes(event.payload)))
    return event


def feed(connection: Connection, data: bytes) -> list[Event]:
    """Let ``connection`` receive ``data``, as far as it reads; its events, payloads kept."""
    happened: list[Event] = []
    view = memoryview(data)
    while view and connection.state is not State.CLOSED:
        buffer = connection.get_buffer()
        count = min(len(buffer), len(view))
        buffer[:count] = view[:count]
        view = view[count:]
        connection.buffer_updated(count)
        happened += [kept(event) for event in connection.take_events()]
    return happened


class Pair:
    """A client and a server connection with a wire of each direction between them, delivered when and how a test wants."""

    def __init__(self, client: ConnectionSettings = CLIENT, server: ConnectionSettings = SERVER) -> None:
        self.client = Connection(client)
        self.server = Connection(server)
        self.to_client = bytearray()
        self.to_server = bytearray()
        self.client_events: list[Event] = []
        self.server_events: list[Event] = []

    def collect(self) -> None:
        """Take what both sides want to send onto the wires, and what happened on both."""
        self.to_server += self.client.output.take()
        self.to_client += self.server.output.take()
        self.client_events += [kept(event) for event in self.client.take_events()]
        self.server_events += [kept(event) for event in self.server.take_events()]

    def deliver(self, *, to_server: bool, count: int) -> None:
        """The next ``count`` bytes of one wire arrive."""
        self.collect()
        wire = self.to_server if to_server else self.to_client
        data = bytes(wire[:count])
        del wire[:count]
        if to_server:
            self.server_events += feed(self.server, data)
        else:
            self.client_events += feed(self.client, data)
        self.collect()

    def settle(self) -> None:
        """Deliver until both wires are empty."""
        self.collect()
        while self.to_client or self.to_server:
            self.deliver(to_server=True, count=len(self.to_server))
            self.deliver(to_server=False, count=len(self.to_client))

    def open(self) -> Pair:
        """Both sides open; the events of that are taken away."""
        self.settle()
        assert self.client.state is State.OPEN
        assert self.server.state is State.OPEN
        self.client_events.clear()
        self.server_events.clear()
        return self

    def link(self, name: str = "link", *, credit: int = 10, from_client: bool = True) -> tuple[Link, Link]:
        """A link on a new session: (our sender, the other side's receiver); the events of that are taken away."""
        one = self.client if from_client else self.server
        sender = one.begin().attach_sender(name, target=Terminus("somewhere"))
        self.settle()
        happened = self.server_events if from_client else self.client_events
        receiver = only(happened, events.LinkRequested).link
        receiver.accept()
        receiver.issue_credit(credit)
        self.settle()
        self.client_events.clear()
        self.server_events.clear()
        return sender, receiver


def of_kind(happened: list[Event], kind: type[Any]) -> list[Any]:
    """The events of one kind, in order."""
    return [event for event in happened if isinstance(event, kind)]


def only(happened: list[Event], kind: type[Any]) -> Any:
    """The only event of a kind."""
    found = of_kind(happened, kind)
    assert len(found) == 1, f"{len(found)} events of kind {kind.__name__} in {happened}"
    return found[0]


def frame(body: Body | bytes = b"", channel: int = 0, kind: int = 0) -> bytes:
    """One frame."""
    data = body if isinstance(body, bytes) else body.encode()
    return FRAME.pack(8 + len(data), 2, kind, channel) + data


def frames(data: bytes) -> list[tuple[int, AnyBody | bytes]]:
    """What a connection sent after its headers: (channel, body); transfers as bytes, heartbeats left out."""
    found: list[tuple[int, AnyBody | bytes]] = []
    start = 0
    while start < len(data):
        if data[start : start + 4] == b"AMQP":
            start += 8
            continue
        size, offset, _, channel = FRAME.unpack_from(data, start)
        body = data[start + offset * 4 : start + size]
        start += size
        if body:
            found.append((channel, body if body[:3] == b"\x00\x53\x14" else decode_body(body)))
    return found


def bodies(data: bytes, kind: type[Any]) -> list[Any]:
    """The frame bodies of one kind among what a connection sent."""
    return [body for _, body in frames(data) if isinstance(body, kind)]


class HandMade:
    """One real connection whose peer is a test that writes frames by hand."""

    def __init__(self, settings: ConnectionSettings = SERVER, **changes: Any) -> None:
        self.connection = Connection(replace(settings, **changes))
        self.events: list[Event] = []
        self.sent = b""

    def send(self, *parts: Body | bytes, channel: int = 0) -> HandMade:
        """Frames (or raw bytes that begin with ``AMQP`` or a frame header) arrive together."""
        data = b"".join(part if isinstance(part, bytes) else frame(part, channel) for part in parts)
        self.events += feed(self.connection, data)
        self.sent += self.connection.output.take()
        return self

    def opened(self, **fields: Any) -> HandMade:
        """Go through the handshake as the peer."""
        opening = Open("peer", **fields)
        if self.connection.settings.server:
            return self.send(SASL_HEADER, frame(SaslInit("ANONYMOUS"), kind=1), AMQP_HEADER, opening)
        self.send(SASL_HEADER, frame(SaslMechanisms(("ANONYMOUS",)), kind=1))
        return self.send(frame(b"\x00\x53\x44\xc0\x03\x01\x50\x00", kind=1), AMQP_HEADER, opening)

    def begun(self, channel: int = 0, window: int = 100, next_id: int = 0) -> HandMade:
        """The peer begins a session."""
        return self.send(Begin(None, next_id, window, 0x7FFFFFFF), channel=channel)

    def sender_attached(self, handle: int = 0, name: str = "in", credit: int = 10) -> Link:
        """The peer attaches a link on which it sends, and it is accepted."""
        self.events.clear()
        self.send(Attach(name, handle, False, source=Terminus(), target=Terminus(), initial_delivery_count=0))
        link: Link = only(self.events, events.LinkRequested).link
        link.accept()
        link.issue_credit(credit)
        self.send()
        return link

    def receiver_attached(self, handle: int = 0, name: str = "out", credit: int = 10) -> Link:
        """The peer attaches a link on which it receives, and it is accepted and gets credit."""
        self.events.clear()
        self.send(Attach(name, handle, True, source=Terminus(), target=Terminus()))
        link: Link = only(self.events, events.LinkRequested).link
        link.accept()
        self.send(Flow(0, 100, 0, 100, handle, 0, credit))
        return link

    def answers(self, kind: type[Any]) -> list[Any]:
        """The frame bodies of one kind among what was answered since the last call."""
        sent, self.sent = self.sent, b""
        return bodies(sent, kind)

    @property
    def condition(self) -> str:
        """The error condition with which the connection ended."""
        closed = only(self.events, events.Closed)
        assert self.connection.state is State.CLOSED
        return closed.error.condition if closed.error else "(none)"

    @property
    def told(self) -> str:
        """The error condition in the ``close`` the peer was sent."""
        close = bodies(self.sent, Close)[-1]
        return close.error.condition if close.error else "(none)"
