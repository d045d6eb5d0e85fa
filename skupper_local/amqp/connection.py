"""The AMQP 1.0 connection as a state machine without I/O.

Theory of operation
-------------------
The owner reads bytes into ``get_buffer()`` and calls ``buffer_updated(count)``; it then takes ``take_events()`` and acts on
them through the objects they carry. Whatever is to be sent stands in ``output``. ``check_idle(now)`` keeps the heartbeat.
Nothing here knows sockets or the time.

::

    client   SASL_HEADER ─ SASL_EXCHANGE ─ AMQP_HEADER ─ OPENING ─ OPEN ─ CLOSING ─ CLOSED
    server   SASL_HEADER ─ SASL_EXCHANGE ─ AMQP_HEADER ─ OPENING ─ OPEN ─ CLOSING ─ CLOSED
                        └──────────── (SASL not required) ─┘

Errors are local (``LocalProtocolError``: our code is wrong) or remote (``RemoteProtocolError``: the peer is wrong). A remote
error never leaves this module: the peer gets a ``close`` with the condition and the owner gets ``Closed``. Everything a peer
can make us remember is bounded: frame size, nesting, channels, links, unsettled deliveries, and the size of SASL frames.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from skupper_local.amqp import events
from skupper_local.amqp.codec import DecodeError
from skupper_local.amqp.connection_output import EMPTY_FRAME, FRAME, Output
from skupper_local.amqp.errors import LocalProtocolError, RemoteProtocolError
from skupper_local.amqp.performatives import (
    AMQP_HEADER,
    SASL_HEADER,
    AmqpError,
    Attach,
    Begin,
    Body,
    Close,
    End,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    decode_body,
)
from skupper_local.amqp.session import HANDLERS, Session

FRAME_AMQP = 0
FRAME_SASL = 1
MAX_SASL_FRAME = 4096
TRANSFER_PREFIX = 0x14
TRANSFER_OVERHEAD = 64
"""More than the frame header and performative of any transfer we send."""

READ_SIZE = 131_072

MAX_ATTACH = 4096
"""Bytes of an attach: names and addresses are kept for as long as the link."""

MAX_REPLIES = 4 * 1_048_576
"""Bytes of frames other than large transfers that may be queued for a peer that does not read; see ``_check_reading``."""

SASL_OK = 0
SASL_AUTH_FAILED = 1


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What one side of a connection says and allows.

    ``sasl_mechanisms``: as server what is offered, as client what is acceptable in order of preference.
    ``sasl_required``: as server, refuse a client that skips SASL. ``idle_timeout`` in seconds, 0 for none: a peer that is
    silent for so long is dropped; half of it is advertised, as the standard recommends.
    """

    container_id: str
    server: bool
    hostname: str | None = None
    max_frame_size: int = 65536
    channel_max: int = 32767
    idle_timeout: float = 16.0
    offered_capabilities: tuple[str, ...] = ()
    properties: dict[Any, Any] = field(default_factory=dict)
    sasl_mechanisms: tuple[str, ...] = ("ANONYMOUS",)
    sasl_required: bool = False
    incoming_window: int = 8192
    max_sessions: int = 512
    max_links: int = 65536
    max_unsettled: int = 65536


class State(enum.Enum):
    """Where the connection is in its life; see the module's first lines."""

    SASL_HEADER = "waiting for the protocol header"
    SASL_EXCHANGE = "SASL"
    AMQP_HEADER = "waiting for the AMQP header"
    OPENING = "waiting for open"
    OPEN = "open"
    CLOSING = "waiting for close"
    CLOSED = "closed"


class Connection:
    """One AMQP connection. ``context`` belongs to the owner."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self.settings = settings
        self.state = State.SASL_HEADER
        self.output = Output()
        self.context: Any = None
        self.peer: Open | None = None
        self.sasl_mechanism: str | None = None
        self.max_payload = 512 - TRANSFER_OVERHEAD
        self.links = 0
        self._events: list[events.Event] = []
        self._buffer = bytearray(2 * READ_SIZE + settings.max_frame_size)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._channels: dict[int, Session] = {}
        self._remote_channels: dict[int, Session] = {}
        self._replies = 0
        self._replies_since = 0
        self._heard = True
        self._heard_at: float | None = None
        if not settings.server:
            self.output.put(SASL_HEADER)

    # ------------------------------------------------------------------ bytes in

    def get_buffer(self) -> memoryview:
        """Where to read the next bytes. Views in earlier events are invalid from here on."""
        if len(self._buffer) - self._end < READ_SIZE:
            size = self._end - self._start
            self._buffer[:size] = self._buffer[self._start : self._end]
            self._start, self._end = 0, size
        return self._view[self._end :]

    def buffer_updated(self, count: int) -> None:
        """``count`` bytes were read into the buffer: parse every complete frame."""
        self._end += count
        self._heard = True
        try:
            self._parse()
        except RemoteProtocolError as error:
            self._fail(error.error)
        except DecodeError as error:
            self._fail(AmqpError("amqp:decode-error", str(error)))
        if self._replies > MAX_REPLIES:
            self._check_reading()
        if self._start == self._end:
            self._start = self._end = 0

    def receive(self, data: bytes | memoryview) -> list[events.Event]:
        """Bytes from anywhere, copied in; returns the events (tests and blocking clients).

        Payload views are valid until the next call; a large piece is taken in several steps, and payloads of all but the
        last are then copied.
        """
        view = memoryview(data)
        collected: list[events.Event] = []
        last = 0
        while view and self.state is not State.CLOSED:
            if collected:
                collected[last:] = [_kept(event) for event in collected[last:]]
            last = len(collected)
            buffer = self.get_buffer()
            count = min(len(buffer), len(view))
            buffer[:count] = view[:count]
            view = view[count:]
            self.buffer_updated(count)
            collected += self.take_events()
        return collected

    def take_events(self) -> list[events.Event]:
        """What happened since the last call, in order."""
        taken = self._events
        if taken:
            self._events = []
        return taken

    def connection_lost(self, reason: str) -> None:
        """The transport is gone: everything on it is lost."""
        self._finish(AmqpError("amqp:connection:forced", reason), by_peer=True)

    def _parse(self) -> None:
        buffer, view = self._buffer, self._view
        largest = self.settings.max_frame_size
        while True:
            start = self._start
            available = self._end - start
            if available < 8:
                return
            state = self.state
            if state is State.CLOSED:
                self._start = self._end
                return
            if state is State.SASL_HEADER or state is State.AMQP_HEADER:
                self._start = start + 8
                self._protocol_header(bytes(buffer[start : start + 8]))
                continue
            size, offset, kind, channel = FRAME.unpack_from(buffer, start)
            offset *= 4
            if size > largest or size < 8 or offset < 8 or offset > size:
                raise RemoteProtocolError("amqp:connection:framing-error", "a frame of an impossible size")
            if available < size:
                return
            end = start + size
            body = view[start + offset : end]
            self._start = end
            if kind == FRAME_AMQP and state is not State.SASL_EXCHANGE:
                if body:
                    self._amqp_frame(channel, body)
            elif kind == FRAME_SASL and state is State.SASL_EXCHANGE:
                if size > MAX_SASL_FRAME:
                    raise RemoteProtocolError(
                        "amqp:connection:framing-error", "a SASL frame of an impossible size"
                    )
                self._sasl_frame(decode_body(bytes(body)))
            else:
                raise RemoteProtocolError("amqp:connection:framing-error", "a frame of the wrong type")

    # ------------------------------------------------------------------ headers and SASL

    def _protocol_header(self, header: bytes) -> None:
        settings = self.settings
        if self.state is State.SASL_HEADER:
            if header == SASL_HEADER:
                self.state = State.SASL_EXCHANGE
                if settings.server:
                    self.output.put(SASL_HEADER)
                    self._send_sasl(SaslMechanisms(settings.sasl_mechanisms))
                return
            if settings.server and header == AMQP_HEADER and not settings.sasl_required:
                self._amqp_header_received()
                return
            if settings.server and header[:4] == b"AMQP":
                self.output.put(SASL_HEADER)  # part 2.2: answer with what is supported, then close
        elif header == AMQP_HEADER:
            self._amqp_header_received()
            return
        self._finish(AmqpError("amqp:connection:framing-error", "not an AMQP 1.0 peer"), by_peer=False)

    def _amqp_header_received(self) -> None:
        if self.settings.server:
            self.output.put(AMQP_HEADER)
            self._send_open()
        self.state = State.OPENING

    def _send_sasl(self, body: Body) -> None:
        data = body.encode()
        self.output.put(FRAME.pack(8 + len(data), 2, FRAME_SASL, 0) + data)

    def _sasl_frame(self, body: object) -> None:
        settings = self.settings
        if settings.server and isinstance(body, SaslInit):
            accepted = body.mechanism in settings.sasl_mechanisms
            self._send_sasl(SaslOutcome(SASL_OK if accepted else SASL_AUTH_FAILED))
            if not accepted:
                self._finish(
                    AmqpError("amqp:unauthorized-access", "a SASL mechanism that was not offered"),
                    by_peer=False,
                )
                return
            self.sasl_mechanism = body.mechanism
            self.state = State.AMQP_HEADER
        elif not settings.server and isinstance(body, SaslMechanisms) and self.sasl_mechanism is None:
            chosen = next((name for name in settings.sasl_mechanisms if name in body.mechanisms), None)
            if chosen is None:
                offered = ", ".join(body.mechanisms)[:200] or "nothing"
                self._finish(
                    AmqpError(
                        "amqp:unauthorized-access", f"the peer offers no usable SASL mechanism ({offered})"
                    ),
                    by_peer=False,
                )
                return
            self.sasl_mechanism = chosen
            response = b"" if chosen == "EXTERNAL" else b"anonymous"
            self._send_sasl(SaslInit(chosen, response, settings.hostname))
        elif not settings.server and isinstance(body, SaslOutcome) and self.sasl_mechanism is not None:
            if body.code != SASL_OK:
                self._finish(
                    AmqpError("amqp:unauthorized-access", f"SASL authentication failed (code {body.code})"),
                    by_peer=True,
                )
                return
            self.state = State.AMQP_HEADER
            self.output.put(AMQP_HEADER)
            self._send_open()
        else:
            raise RemoteProtocolError("amqp:not-allowed", "a SASL frame out of turn")

    def _send_open(self) -> None:
        settings = self.settings
        self.send_frame(
            0,
            Open(
                container_id=settings.container_id,
                hostname=settings.hostname,
                max_frame_size=settings.max_frame_size,
                channel_max=settings.channel_max,
                idle_time_out=int(settings.idle_timeout * 500) or None,
                offered_capabilities=settings.offered_capabilities,
                desired_capabilities=settings.offered_capabilities,
                properties=settings.properties or None,
            ).encode(),
        )

    # ------------------------------------------------------------------ AMQP frames

    def _amqp_frame(self, channel: int, body: memoryview) -> None:
        if body[0] == 0 and len(body) > 3 and body[1] == 0x53 and body[2] == TRANSFER_PREFIX:
            session = self._remote_channels.get(channel)
            if session is not None and not session.closed:
                session.transfer_received(body)
            elif session is None and self.state is not State.CLOSING:
                raise RemoteProtocolError(
                    "amqp:not-allowed", f"a frame on channel {channel}, which has no session"
                )
            return
        frame = decode_body(bytes(body))
        if isinstance(frame, Open):
            self._open_received(frame)
            return
        if self.state is State.OPENING:
            raise RemoteProtocolError("amqp:not-allowed", "a frame before open")
        if isinstance(frame, Close):
            if self.state is not State.CLOSING:
                self.send_frame(0, Close().encode())
            self._finish(frame.error, by_peer=True)
            return
        if self.state is State.CLOSING:
            return
        if isinstance(frame, Begin):
            self._begin_received(channel, frame)
            return
        if isinstance(frame, Attach) and len(body) > MAX_ATTACH:
            raise RemoteProtocolError("amqp:resource-limit-exceeded", "an attach that is too large")
        session = self._remote_channels.get(channel)
        if session is None:
            raise RemoteProtocolError(
                "amqp:not-allowed", f"a frame on channel {channel}, which has no session"
            )
        if isinstance(frame, End):
            self._end_received(channel, session, frame)
            return
        handler = HANDLERS.get(type(frame))
        if handler is None:
            raise RemoteProtocolError("amqp:not-allowed", "a frame that has no place here")
        if not session.closed:
            handler(session, frame)

    def _open_received(self, peer: Open) -> None:
        if self.state is not State.OPENING:
            raise RemoteProtocolError("amqp:not-allowed", "a second open")
        if peer.max_frame_size < 512:
            raise RemoteProtocolError("amqp:invalid-field", "max-frame-size is below 512")
        self.peer = peer
        self.max_payload = min(peer.max_frame_size, self.settings.max_frame_size) - TRANSFER_OVERHEAD
        self.state = State.OPEN
        self.emit(events.Opened(peer))

    def _begin_received(self, channel: int, begin: Begin) -> None:
        if channel > self.settings.channel_max:
            raise RemoteProtocolError("amqp:connection:framing-error", "a channel beyond channel-max")
        if channel in self._remote_channels:
            raise RemoteProtocolError("amqp:not-allowed", f"channel {channel} has a session already")
        if begin.remote_channel is not None:
            session = self._channels.get(begin.remote_channel)
            if session is None or session.remote_channel is not None:
                raise RemoteProtocolError("amqp:not-allowed", "the answer to a session that was not begun")
            session.remote_channel = channel
        else:
            session = self._new_session()
            session.remote_channel = channel
            session.send_begin()
        self._remote_channels[channel] = session
        session.begun(begin)
        if session.window_wanted and session.remote_window > 0:
            session.window_wanted = False
            self.emit(events.WindowOpened(session))

    def _end_received(self, channel: int, session: Session, frame: End) -> None:
        del self._remote_channels[channel]
        self._channels.pop(session.channel, None)
        if not session.closed:
            self.send_frame(session.channel, End().encode())
            session.end(frame.error)

    # ------------------------------------------------------------------ what the owner does

    def begin(self) -> Session:
        """Begin a session; links may be attached at once, the peer answers later.

        On a connection that is gone in the meantime the session is gone too, and no event of it comes. Raises
        ``RemoteProtocolError`` when the peer allows no more sessions.
        """
        if self.state in (State.CLOSING, State.CLOSED):
            session = Session(self, 0)
            session.closed = True
            return session
        if self.state is not State.OPEN:
            raise LocalProtocolError("the connection is not open")
        session = self._new_session()
        session.send_begin()
        return session

    def _new_session(self) -> Session:
        if len(self._channels) >= self.settings.max_sessions:
            raise RemoteProtocolError("amqp:resource-limit-exceeded", "too many sessions")
        channel = 0
        while channel in self._channels:
            channel += 1
        if self.peer is not None and channel > self.peer.channel_max:
            raise RemoteProtocolError("amqp:resource-limit-exceeded", "the peer allows no more sessions")
        session = Session(self, channel)
        self._channels[channel] = session
        return session

    def close(self, error: AmqpError | None = None) -> None:
        """Close in an orderly way: the peer is told, its ``close`` is awaited, no more events but ``Closed``."""
        if self.state in (State.CLOSING, State.CLOSED):
            return
        if self.state is not State.OPEN and self.state is not State.OPENING:
            self._finish(error, by_peer=False)
            return
        self.send_frame(0, Close(error).encode())
        self._lose_everything(error)
        self.state = State.CLOSING

    def check_idle(self, now: float) -> float:
        """Keep the connection alive; returns when to call again (same clock as ``now``, in seconds).

        Sends an empty frame when nothing was sent in the last part of the peer's time-out, and gives up a peer that was
        silent for our own.
        """
        if self.state is State.CLOSED:
            return now + 3600.0
        if self._heard or self._heard_at is None:
            self._heard = False
            self._heard_at = now
        limit = self.settings.idle_timeout
        if limit and self.state in (State.OPEN, State.CLOSING) and now - self._heard_at >= limit:
            self._fail(AmqpError("amqp:resource-limit-exceeded", f"nothing was heard for {limit:.0f} s"))
            return now + 3600.0
        peer_limit = (self.peer.idle_time_out or 0) / 1000.0 if self.peer else 0.0
        if peer_limit and self.state is State.OPEN and not self.output:
            self.output.put(EMPTY_FRAME)
        intervals = [value / part for value, part in ((limit, 4), (peer_limit, 2.5)) if value]
        return now + max(min(intervals, default=3600.0), 0.05)

    # ------------------------------------------------------------------ for sessions and links

    def send_frame(self, channel: int, body: bytes) -> None:
        """Queue one AMQP frame."""
        self._replies += len(body)
        self.output.put(FRAME.pack(8 + len(body), 2, FRAME_AMQP, channel) + body)

    def emit(self, event: events.Event) -> None:
        """Add an event."""
        self._events.append(event)

    def count_link(self) -> None:
        """Account for a link the peer wants."""
        self.links += 1
        if self.links > self.settings.max_links:
            raise RemoteProtocolError("amqp:resource-limit-exceeded", "too many links")

    def _check_reading(self) -> None:
        """Give up a peer that has us answer on and on and reads nothing: what is queued for it has to end somewhere.

        Everything that was queued at the last check must be on the wire by now.
        """
        output = self.output
        if output.sent_total < self._replies_since:
            self._fail(AmqpError("amqp:resource-limit-exceeded", "the peer does not read what is sent to it"))
            return
        self._replies = 0
        self._replies_since = output.sent_total + output.size

    # ------------------------------------------------------------------ endings

    def _fail(self, error: AmqpError) -> None:
        if self.state in (State.OPENING, State.OPEN):
            self.send_frame(0, Close(error).encode())
        self._finish(error, by_peer=False)

    def _lose_everything(self, error: AmqpError | None) -> None:
        for session in list(self._channels.values()):
            session.end(error)

    def _finish(self, error: AmqpError | None, *, by_peer: bool) -> None:
        if self.state is State.CLOSED:
            return
        self._lose_everything(error)
        self._channels.clear()
        self._remote_channels.clear()
        self.state = State.CLOSED
        # The buffer is large and nothing is read any more; views in events that are still to be handled keep it until then.
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self.emit(events.Closed(error, by_peer))


def _kept(event: events.Event) -> events.Event:
    if isinstance(event, events.TransferReceived):
        return event._replace(payload=memoryview(bytes(event.payload)))
    return event
