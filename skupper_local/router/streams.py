"""Sending streams to other routers.

A stream is one delivery that is sent while it is being made. It needs a *streaming link* of its own for as long as it lasts
(router-protocol 2); links are kept in a pool per connection and used again. An ``OutgoingStream`` may be written to at once:
until the link is there, has credit, and the session has room, it keeps what is written. Whoever produces for it looks at
``writable`` first, so what is kept is the head of a message, or what a relay has on its way (bounded by the relay).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from skupper_local.amqp.errors import LocalProtocolError, RemoteProtocolError
from skupper_local.amqp.link import Link, OutgoingDelivery
from skupper_local.amqp.performatives import Terminus
from skupper_local.amqp.session import Session
from skupper_local.amqp.types import Described

if TYPE_CHECKING:
    from skupper_local.router.peer import Peer

ROUTER_DATA = "qd.router-data"

SPARE_FRAMES = 16
"""Session window, in frames, that producers leave free for heads and ends of other streams."""

LARGEST_READ = 131_072
"""Bytes read from an application at once; less, and system calls cost too much, more, and one flow holds up others."""

WINDOW = 786_432
"""Bytes of a stream in flight per direction (router-protocol 9.4)."""

CROWDED_WINDOW = 524_288
"""The same when more than ``FEW_STREAMS`` share a connection. A reference router of the newest kind gives up a connection on
which more than 4 MiB wait for readers that have stalled, and each stream holds there what exceeds 521,216 bytes. Less than
those would deadlock: it is how many bytes that router writes before it says so."""
FEW_STREAMS = 4

MAX_IDLE_LINKS = 256
"""Idle streaming links kept per connection; more are detached a few at a time."""
DETACH_AT_ONCE = 64


class StreamOwner(Protocol):
    """Who produces a stream."""

    def stream_writable(self) -> None:
        """The stream can take more."""

    def stream_disposition(self, state: Described | None, settled: bool) -> None:
        """The far end's view of the stream."""

    def stream_lost(self) -> None:
        """The connection or link is gone; nothing more can be sent."""


class OutgoingStream:
    """One delivery towards a peer."""

    __slots__ = (
        "_ended",
        "_kept",
        "_owner",
        "_waiting",
        "delivery",
        "kept_size",
        "peer",
    )

    def __init__(self, peer: Peer, owner: StreamOwner) -> None:
        self.peer = peer
        self.delivery: OutgoingDelivery | None = None
        self.kept_size = 0
        self._owner = owner
        self._kept: deque[tuple[bytes, bool]] = deque()
        self._ended = False
        self._waiting = False
        peer.stream_links.request(self)

    # ------------------------------------------------------------------ producing

    @property
    def writable(self) -> bool:
        """Whether a producer should write now; if not, ``stream_writable`` follows when it should."""
        delivery = self.delivery
        if delivery is None or self._kept:
            return False
        session = delivery.link.session
        if session.remote_window < min(SPARE_FRAMES, session.remote_window_full // 4):
            self._wait_for_window(session)
            return False
        if self.peer.transport.congested:
            if not self._waiting:
                self._waiting = True
                self.peer.transport.when_writable(self._resume)
            return False
        return True

    @property
    def best_read(self) -> int:
        """As many whole frames as fit into ``LARGEST_READ``: a rest would cost a frame of its own each time."""
        payload = self.peer.connection.max_payload
        return LARGEST_READ // payload * payload

    @property
    def window(self) -> int:
        """Bytes that may be in flight: less when many streams share the connection (see ``CROWDED_WINDOW``)."""
        delivery = self.delivery
        if delivery is None or len(delivery.link.session.outgoing) <= FEW_STREAMS:
            return WINDOW
        return CROWDED_WINDOW

    def write(self, payload: bytes | memoryview, *, last: bool) -> None:
        """Append to the stream. A view must stay unchanged until it is on the wire; what is kept is copied."""
        if self._ended:
            return
        self._ended = last
        delivery = self.delivery
        if (
            delivery is not None
            and not self._kept
            and delivery.link.session.remote_window > len(payload) // self.peer.connection.max_payload
        ):
            self._send(delivery, payload, last)
            return
        self._kept.append((bytes(payload), last))
        self.kept_size += len(payload)
        self.flush()

    def abort(self) -> None:
        """End the stream abnormally."""
        delivery = self.delivery
        if delivery is None:
            self.peer.stream_links.forget(self)
        elif not delivery.complete:
            delivery.abort()
            self.peer.stream_links.release(delivery.link)
        if delivery is not None:
            delivery.context = None
        self._ended = True
        self._kept.clear()
        self.kept_size = 0

    # ------------------------------------------------------------------ moving

    def _send(self, delivery: OutgoingDelivery, payload: bytes | memoryview, last: bool) -> None:
        if delivery.link.closed:
            return  # ``lost`` is on its way
        delivery.send(payload, more=not last)
        if last:
            self.peer.stream_links.release(delivery.link)

    def link_ready(self, link: Link) -> None:
        """A streaming link is ours now."""
        self.delivery = link.begin_delivery()
        self.delivery.context = self
        self.flush()

    def _wait_for_window(self, session: Session) -> None:
        if not self._waiting:
            self._waiting = True
            self.peer.when_window_opens(session, self._resume)

    def _resume(self) -> None:
        self._waiting = False
        self.flush()

    def flush(self) -> None:
        """Send what was kept, as far as the session's window allows, then let the producer go on."""
        delivery = self.delivery
        if delivery is None or delivery.link.closed:
            return
        session = delivery.link.session
        largest = self.peer.connection.max_payload
        while self._kept:
            payload, last = self._kept[0]
            if session.remote_window <= 0:
                self._wait_for_window(session)
                return
            fitting = session.remote_window * largest
            if len(payload) > fitting:
                self._kept[0] = (payload[fitting:], last)
                payload, last = payload[:fitting], False
            else:
                self._kept.popleft()
            self.kept_size -= len(payload)
            self._send(delivery, payload, last)
        if not self._ended:
            self._owner.stream_writable()

    # ------------------------------------------------------------------ what the connection reports

    def disposition(self, state: Described | None, settled: bool) -> None:
        """The receiver's view of the delivery."""
        self._owner.stream_disposition(state, settled)

    def lost(self) -> None:
        """The delivery's link is gone, or never came."""
        self._ended = True
        self._kept.clear()
        self.kept_size = 0
        self._owner.stream_lost()


class StreamLinks:
    """The streaming links of one connection on which we send."""

    def __init__(self, peer: Peer, capability: str | None) -> None:
        self._peer = peer
        self._terminus = Terminus(capabilities=(capability,) if capability else ())
        self._session: Session | None = None
        self._idle: list[Link] = []
        self._requests: deque[OutgoingStream] = deque()
        self._attaching = 0
        self._count = 0

    def request(self, stream: OutgoingStream) -> None:
        """Give ``stream`` a link: an idle one, else a new one as soon as the peer has answered and given credit."""
        while self._idle and not self._requests:
            link = self._idle.pop()
            if link.credit > 0 and not link.closed:
                stream.link_ready(link)
                return
            # The peer took its credit back: the link returns when it has some again.
        self._requests.append(stream)
        if self._attaching < len(self._requests) and not self._attach():
            # The peer allows no more links. Others may come free much later or never, and a client must not wait for that.
            self._requests.pop()
            stream.lost()

    def forget(self, stream: OutgoingStream) -> None:
        """The stream needs no link any more."""
        if stream in self._requests:
            self._requests.remove(stream)

    def _attach(self) -> bool:
        """Attach one more link; ``False`` when that cannot be."""
        peer = self._peer
        try:
            if self._session is None or self._session.closed:
                self._session = peer.connection.begin()
            self._count += 1
            self._session.attach_sender(
                f"stream.{peer.number}.{self._count}", self._terminus, self._terminus, context=self
            )
        except (LocalProtocolError, RemoteProtocolError):
            return False
        if self._session.closed:
            return False
        self._attaching += 1
        return True

    def established(self, link: Link) -> None:
        """The peer answered; usable when it has credit."""
        if link.credit > 0:
            self.credit(link)

    def credit(self, link: Link) -> None:
        """The link has credit (for the first time, or again)."""
        if link.credit <= 0 or link.current is not None or link.closed or link in self._idle:
            return
        if link.context is self and self._attaching:
            self._attaching -= 1
        link.context = None
        self._offer(link)

    def release(self, link: Link) -> None:
        """A stream is complete: its link serves the next one."""
        if link.closed:
            return
        if link.credit > 0:
            self._offer(link)
        # Without credit it comes back through ``credit``.

    def _offer(self, link: Link) -> None:
        if self._requests:
            self._requests.popleft().link_ready(link)
        else:
            self._idle.append(link)

    def closed(self, link: Link) -> None:
        """The peer detached or refused a streaming link."""
        if link.context is self and self._attaching:
            self._attaching -= 1
            link.context = None
            if self._requests and self._peer.is_open:
                # Refused: whoever waits longest would wait for nothing.
                self._requests.popleft().lost()
        if link in self._idle:
            self._idle.remove(link)

    def trim(self) -> None:
        """Detach some of the idle links beyond ``MAX_IDLE_LINKS`` (called now and then)."""
        for _ in range(min(len(self._idle) - MAX_IDLE_LINKS, DETACH_AT_ONCE)):
            self._idle.pop(0).detach()

    def lose_all(self) -> None:
        """The connection is gone: nobody gets a link any more."""
        self._idle.clear()
        requests, self._requests = self._requests, deque()
        for stream in requests:
            stream.lost()
