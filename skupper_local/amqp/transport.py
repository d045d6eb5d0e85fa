"""Runs an AMQP connection over a non-blocking socket on asyncio.

Bytes go from ``recv_into`` straight into the connection's buffer and from its output queue straight to ``sendmsg``: asyncio's
own streams would copy each of them twice. Reads are bounded per turn of the loop, so that a busy peer cannot keep heartbeats
and other peers waiting. Writers look at ``congested`` and ask to be called by ``when_writable``, which bounds what is queued.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from itertools import islice

from skupper_local.amqp.connection import Connection, State
from skupper_local.amqp.events import Event
from skupper_local.amqp.tls_stream import READ_SIZE, RECORD, TlsStream

HIGH_WATER = 393_216
"""Bytes queued for a peer from which on writers wait."""

LOW_WATER = 131_072
"""Bytes queued below which waiting writers go on."""

MAX_BUFFERS = 64
DROPPED_READS = 8
CLOSE_TIMEOUT = 2.0
"""Seconds that an orderly close may take before the socket is closed anyway."""


class AmqpTransport:
    """Owns the socket. ``on_events`` gets every event in order; the last one is always ``Closed``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        connection: Connection,
        on_events: Callable[[list[Event]], None],
        tls: TlsStream | None = None,
    ) -> None:
        self.connection = connection
        self.closed = False
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._on_events = on_events
        self._tls = tls
        self._flush_scheduled = False
        self._writer_registered = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to read and write. The socket is connected and, with TLS, its handshake is done."""
        self.connection.output.wake = self._wake
        self._loop.add_reader(self._fd, self._readable)
        self._check_idle()
        self._wake()
        if self._tls is not None:
            # What came right after the handshake may wait inside the TLS object, where the selector cannot see it.
            self._loop.call_soon(self._readable)

    # ------------------------------------------------------------------ reading

    def _readable(self) -> None:
        if self.closed:
            return
        connection = self.connection
        buffer = connection.get_buffer()
        try:
            count = self._sock.recv_into(buffer) if self._tls is None else self._tls.read_into(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.abort(_reason(error))
            return
        if not count:
            self.abort("the peer closed the connection")
            return
        connection.buffer_updated(count)
        self.dispatch()

    def dispatch(self) -> None:
        """Hand the connection's events to the owner; called after anything that may have made some."""
        connection = self.connection
        while events := connection.take_events():
            try:
                self._on_events(events)
            except Exception as error:
                # A defect of the owner's that this peer brought to light must cost this peer only.
                context = {"message": "handling what a peer sent failed", "exception": error}
                self._loop.call_exception_handler(context)
                connection.connection_lost("internal error")
        if connection.state is State.CLOSED:
            self._finish()
        elif connection.state is State.CLOSING and self._close_timer is None:
            self._close_timer = self._loop.call_later(CLOSE_TIMEOUT, self.abort, "the peer did not close")

    # ------------------------------------------------------------------ writing

    @property
    def congested(self) -> bool:
        """Whether so much is queued for the peer that writers must wait."""
        return self.connection.output.size >= HIGH_WATER

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when the queue is short again, or when the connection is gone."""
        self._waiting.append(callback)

    def _wake(self) -> None:
        if not self._flush_scheduled and not self._writer_registered and not self.closed:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _writable(self) -> None:
        self._loop.remove_writer(self._fd)
        self._writer_registered = False
        self._flush()

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self.closed:
            return
        output = self.connection.output
        output.seal()
        try:
            if self._tls is not None:
                self._send_encrypted(self._tls)
            else:
                while output:
                    if len(output) == 1:
                        count = self._sock.send(output[0])
                    else:
                        count = self._sock.sendmsg(list(islice(output, MAX_BUFFERS)))
                    output.sent(count)
        except (BlockingIOError, InterruptedError):
            self._watch_writable()
        except OSError as error:
            self.abort(_reason(error))
            return
        if self._waiting and output.size <= LOW_WATER:
            for _ in range(len(self._waiting)):
                self._waiting.popleft()()

    def _watch_writable(self) -> None:
        if not self._writer_registered:
            self._writer_registered = True
            self._loop.add_writer(self._fd, self._writable)

    def _send_encrypted(self, tls: TlsStream) -> None:
        output = self.connection.output
        while True:
            tls.flush()
            if tls.unsent:
                self._watch_writable()
                return
            if not output:
                return
            while output and not tls.full:
                piece = output[0]
                output.sent(len(piece))
                if output and len(piece) < RECORD // 2 < len(output[0]):
                    # A header and its payload: fill the first record with both, so that no record is nearly empty.
                    payload = memoryview(output[0])
                    fitting = RECORD - len(piece)
                    piece = bytes(piece) + payload[:fitting]
                    output.sent(min(fitting, len(payload)))
                tls.encrypt(piece)

    # ------------------------------------------------------------------ time and endings

    def _check_idle(self) -> None:
        if self.closed:
            return
        now = self._loop.time()
        following = self.connection.check_idle(now)
        self.dispatch()
        if not self.closed:
            self._idle_timer = self._loop.call_at(following, self._check_idle)

    def abort(self, reason: str) -> None:
        """The transport is broken (or given up): whatever was on it is lost at once."""
        if self.closed:
            return
        self.connection.connection_lost(reason)
        self.dispatch()
        if not self.closed:
            self._finish()

    def _finish(self) -> None:
        if self.closed:
            return
        self._send_last()
        self.closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        for timer in (self._idle_timer, self._close_timer):
            if timer is not None:
                timer.cancel()
        self._read_rest()
        if self._tls is not None:
            self._tls.close()
        else:
            self._sock.close()
        waiting, self._waiting = self._waiting, deque()
        for callback in waiting:
            callback()

    def _read_rest(self) -> None:
        """Drop some of what is unread: a socket closed with bytes in it is reset, and the peer may lose our ``close``."""
        try:
            if self._tls is not None:
                self._tls.shutdown_write()
            else:
                self._sock.shutdown(socket.SHUT_WR)
            for _ in range(DROPPED_READS):
                if not self._sock.recv(READ_SIZE):
                    return
        except OSError:
            return

    def _send_last(self) -> None:
        """What is still queued (a ``close`` with its error) goes out if the socket takes it without waiting."""
        output = self.connection.output
        output.seal()
        try:
            if self._tls is not None:
                if not self._tls.unsent:
                    self._tls.encrypt(output.take())
                self._tls.flush()
            else:
                while output:
                    output.sent(self._sock.send(output[0]))
        except OSError:
            pass


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).strip()
