"""One TCP connection of an application, carried over the network (router-protocol 5.3).

Two streams make a connection: what is read from TCP goes into a *sink*, what comes from a *source* is written to TCP. Towards
another router the sink is an ``OutgoingStream`` and the source an incoming delivery; between a listener and a connector of
the same router both are the other flow itself, with no AMQP between them.

What is in flight is bounded by the sink's window: its far end reports how much it has written to TCP, and reading stops while
a window's worth of bytes is unreported. So a slow reader costs its window and nothing else, and no flow can hold up another.

A flow ends when both directions have ended, each by itself (half-close). Anything abnormal, a lost connection to the other
router included, resets the TCP connection at once: no client ever waits for what cannot come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from skupper_local.amqp.link import IncomingDelivery
from skupper_local.amqp.performatives import ACCEPTED, MODIFIED, RECEIVED, state
from skupper_local.amqp.types import Described, UInt, ULong
from skupper_local.router.streams import LARGEST_READ, WINDOW
from skupper_local.router.tcp_socket import TcpSocket

ACKNOWLEDGE_EVERY = 262_144
"""Bytes written to TCP after which the sender is told. The reference itself tells every 521,216."""

MAX_PENDING = 4 * 1_048_576
"""Bytes a source may have sent beyond what TCP took. The reference keeps within 1,042,432 and one read; more is hostile."""

SMALLEST_READ = 16_384

BULK = 65_536
"""Bytes from which on the end of a stream is merged with its last data: see ``_readable``."""

ACCEPTED_STATE = state(ACCEPTED)
MODIFIED_STATE = state(MODIFIED, True)


class Sink(Protocol):
    """Where what is read from TCP goes. ``best_read`` is how many bytes to read at once in a bulk flow."""

    @property
    def best_read(self) -> int:
        """At most ``LARGEST_READ``."""

    @property
    def window(self) -> int:
        """How many bytes may be in flight."""

    @property
    def writable(self) -> bool:
        """Whether to write now; otherwise the flow's ``stream_writable`` is called when it should."""

    def write(self, payload: bytes | memoryview, *, last: bool) -> None:
        """Append to the stream."""

    def abort(self) -> None:
        """End the stream abnormally."""


class Source(Protocol):
    """Where what is written to TCP comes from: told how far the writing has come."""

    def written(self, total: int) -> None:
        """So many bytes of the stream have been written to TCP."""

    def accepted(self) -> None:
        """The whole stream was written."""

    def failed(self) -> None:
        """The rest of the stream cannot be written."""


class DeliverySource:
    """A stream that comes from another router: the source of a flow and the handler of its delivery in one."""

    __slots__ = ("_delivery", "_flow")

    def __init__(self, delivery: IncomingDelivery, flow: TcpFlow) -> None:
        self._delivery = delivery
        self._flow = flow
        delivery.context = self

    def written(self, total: int) -> None:
        self._delivery.update(state(RECEIVED, UInt(0), ULong(total)), settled=False)

    def accepted(self) -> None:
        self._delivery.update(ACCEPTED_STATE, settled=True)

    def failed(self) -> None:
        self._delivery.update(MODIFIED_STATE, settled=True)

    def part(self, payload: memoryview, more: bool, aborted: bool) -> None:
        """The next part of the stream."""
        if aborted:
            self._flow.source_lost()
        else:
            self._flow.feed(payload, last=not more)

    def disposition(self, state: Described | None, settled: bool) -> None:
        """The sender settled its own delivery: its TCP side is gone. Never a reason to break a flow (router-protocol 5.3)."""

    def lost(self) -> None:
        """The connection is gone."""
        self._flow.source_lost()


class Endpoint(Protocol):
    """The tcpListener or tcpConnector a flow belongs to: its counters."""

    connections_closed: int
    bytes_in: int
    bytes_out: int

    def flow_ended(self, flow: TcpFlow) -> None:
        """The flow is over."""


class TcpFlow:
    """One application connection. ``bytes_in`` of the endpoint counts what its own TCP side sent us."""

    __slots__ = (
        "_acked",
        "_acknowledged",
        "_dirty",
        "_endpoint",
        "_loop",
        "_pending",
        "_pending_size",
        "_read_done",
        "_read_size",
        "_reading",
        "_sent",
        "_source_ended",
        "_window_open",
        "_write_done",
        "_writing",
        "_written",
        "ended",
        "on_ended",
        "opened_at",
        "sink",
        "sock",
        "source",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, endpoint: Endpoint, dirty: set[TcpFlow], sock: TcpSocket | None
    ) -> None:
        self.sock = sock
        self.sink: Sink | None = None
        self.source: Source | None = None
        self.ended = False
        self.opened_at = loop.time()
        self.on_ended: Callable[[], None] | None = None
        self._loop = loop
        self._endpoint = endpoint
        self._dirty = dirty
        self._reading = False
        self._writing = False
        self._read_size = SMALLEST_READ
        self._sent = 0
        self._acked = 0
        self._window_open = False
        self._read_done = False
        self._pending: list[bytes | memoryview] = []
        self._pending_size = 0
        self._written = 0
        self._acknowledged = 0
        self._source_ended = False
        self._write_done = False

    # ------------------------------------------------------------------ TCP to network

    def begin_reading(self) -> None:
        """The other side is ready: pump from TCP into the sink from now on."""
        if not self._reading and not self._read_done and not self.ended and self.sock is not None:
            self._reading = True
            self._loop.add_reader(self.sock.fd, self._readable)
            if self.sock.buffered:
                self._loop.call_soon(self._readable_again)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            assert self.sock is not None
            self._loop.remove_reader(self.sock.fd)

    def _readable(self) -> None:
        """Read once. At the end of a bulk stream the last data carries the end with it: a separate empty frame may be
        overlooked by the reference's egress while its own buffers are full (router-protocol 5.3). A read that was filled is
        not asked about: there is more, as good as always, and asking costs as much as reading."""
        sink, sock = self.sink, self.sock
        assert sink is not None
        assert sock is not None
        if not sink.writable:
            self._stop_reading()
            return
        try:
            data = sock.receive(self._read_size)
            size = len(data)
            last = not size or (size < self._read_size and self._sent > BULK and sock.at_end())
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        if size == self._read_size:
            self._read_size = min(size * 2, sink.best_read)
        elif size * 4 < self._read_size > SMALLEST_READ:
            self._read_size //= 2
        self._sent += size
        self._endpoint.bytes_in += size
        if last:
            self._read_done = True
            self._stop_reading()
        elif self._sent - self._acked >= sink.window and not self._window_open:
            self._stop_reading()
        sink.write(data, last=last)
        if last:
            self._end_when_done()
        elif self._reading and sock.buffered:
            self._loop.call_soon(self._readable_again)

    def _readable_again(self) -> None:
        if self._reading:
            self._readable()

    def stream_writable(self) -> None:
        """The sink can take more."""
        sink = self.sink
        if (
            self.source is not None
            and sink is not None
            and (self._window_open or self._sent - self._acked < sink.window)
        ):
            self.begin_reading()

    def stream_disposition(self, outcome: Described | None, settled: bool) -> None:
        """The far end of the sink reports: progress, success, or failure."""
        code = None if outcome is None else outcome.descriptor
        if code == RECEIVED:
            values = outcome.value if outcome is not None else None
            if isinstance(values, list) and len(values) > 1 and isinstance(values[1], int):
                self._acked = max(self._acked, min(int(values[1]), self._sent))
        elif code == ACCEPTED or (code is None and settled):
            self._window_open = True
        elif code is not None:
            self.abort()
            return
        if settled:
            self._window_open = True
        self.stream_writable()

    def stream_lost(self) -> None:
        """The connection the sink used is gone."""
        self.abort()

    # ------------------------------------------------------------------ network to TCP

    def feed(self, payload: memoryview | bytes, *, last: bool) -> None:
        """A part of the source's stream. A view is only valid until ``write_pending``, which the caller sees to."""
        if self.ended:
            return
        if payload:
            self._pending.append(payload)
            self._pending_size += len(payload)
            if self._pending_size > MAX_PENDING:
                self.abort()
                return
        if last:
            self._source_ended = True
        self._dirty.add(self)

    def source_lost(self) -> None:
        """The source ended abnormally."""
        if not self._source_ended:
            self.abort()

    def write_pending(self) -> None:
        """Write what was fed, keep (as a copy) what TCP does not take now, and report progress."""
        if self.ended:
            return
        pending = self._pending
        sock = self.sock
        if sock is not None and not self._writing:
            try:
                while pending:
                    self._taken(sock.send(pending))
                sock.flush()
                if sock.unsent:
                    self._watch_writable()
            except BlockingIOError:
                self._watch_writable()
            except OSError:
                self.abort()
                return
        if pending:
            # Views into a receive buffer must not outlive this call.
            self._pending = [b"".join(pending)]
        source = self.source
        if source is None:
            return
        if self._source_ended and not self._pending and not self._writing:
            if sock is not None and not self._write_done:
                self._write_done = True
                sock.shutdown_write()
                if sock.unsent:
                    self._watch_writable()
                source.accepted()
                self._end_when_done()
        elif self._written - self._acknowledged >= ACKNOWLEDGE_EVERY:
            self._acknowledged = self._written
            source.written(self._written)

    def _taken(self, count: int) -> None:
        pending = self._pending
        self._written += count
        self._endpoint.bytes_out += count
        self._pending_size -= count
        whole = 0
        while count:
            first = len(pending[whole])
            if count < first:
                pending[whole] = memoryview(pending[whole])[count:]
                break
            count -= first
            whole += 1
        del pending[:whole]

    def _watch_writable(self) -> None:
        if not self._writing:
            self._writing = True
            assert self.sock is not None
            self._loop.add_writer(self.sock.fd, self._writable)

    def _writable(self) -> None:
        self._writing = False
        assert self.sock is not None
        self._loop.remove_writer(self.sock.fd)
        self.write_pending()

    # ------------------------------------------------------------------ endings

    def _end_when_done(self) -> None:
        if self._read_done and self._write_done:
            self._end(reset=False)

    def abort(self) -> None:
        """Break the connection: both streams end abnormally and TCP is reset."""
        if self.ended:
            return
        source = None if self._write_done else self.source
        sink = None if self._read_done else self.sink
        # Over before anybody is told: the other end of a local flow answers by aborting this one.
        self._end(reset=True)
        if source is not None:
            source.failed()
        if sink is not None:
            sink.abort()

    def _end(self, *, reset: bool) -> None:
        if self.ended:
            return
        self.ended = True
        self._stop_reading()
        if self.sock is not None:
            if self._writing:
                self._loop.remove_writer(self.sock.fd)
            self.sock.close(reset=reset)
        self._pending.clear()
        self._dirty.discard(self)
        self._endpoint.connections_closed += 1
        self._endpoint.flow_ended(self)
        on_ended, self.on_ended = self.on_ended, None
        # Flow, sink and source know each other; apart they are freed at once, without waiting for a garbage collection.
        self.sink = self.source = None
        if on_ended is not None:
            on_ended()


class LocalSink:
    """The sink of a flow whose other end is a flow of the same router."""

    __slots__ = ("_other",)

    def __init__(self, other: TcpFlow) -> None:
        self._other = other

    @property
    def writable(self) -> bool:
        return True

    @property
    def best_read(self) -> int:
        return LARGEST_READ

    @property
    def window(self) -> int:
        return WINDOW

    def write(self, payload: bytes | memoryview, *, last: bool) -> None:
        self._other.feed(payload, last=last)
        self._other.write_pending()

    def abort(self) -> None:
        self._other.source_lost()


class LocalSource:
    """The source of a flow whose other end is a flow of the same router."""

    __slots__ = ("_other",)

    def __init__(self, other: TcpFlow) -> None:
        self._other = other

    def written(self, total: int) -> None:
        self._other.stream_disposition(state(RECEIVED, UInt(0), ULong(total)), False)

    def accepted(self) -> None:
        self._other.stream_disposition(ACCEPTED_STATE, True)

    def failed(self) -> None:
        self._other.stream_disposition(MODIFIED_STATE, True)
