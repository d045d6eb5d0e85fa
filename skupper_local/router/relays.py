"""Deliveries that are not over with their first part: collected until they are understood, or passed on as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skupper_local.amqp.link import IncomingDelivery
from skupper_local.amqp.performatives import MODIFIED, RECEIVED, REJECTED, AmqpError, state
from skupper_local.amqp.types import Described
from skupper_local.router.peer import DISCARD, NetworkPeer, Peer, discard
from skupper_local.router.services import Service
from skupper_local.router.tcp_flow import MAX_PENDING

if TYPE_CHECKING:
    from skupper_local.router.router import Router

MODIFIED_STATE = state(MODIFIED, True)

MAX_COLLECTED = 32 * 1_048_576
"""Bytes of all unfinished messages that are collected for one peer at the same time."""

MAX_HEAD_PARTS = 256
"""Frames a head may come in: it is read again with each, and no honest peer cuts it into pieces this small."""


def rejected(condition: str, description: str) -> Described:
    """The outcome of a delivery that nobody could have wanted."""
    return state(REJECTED, AmqpError(condition, description).encode())


class Collector:
    """Keeps the parts of a delivery until its head, or all of it, is there.

    What all collectors of a peer keep together is bounded too: ``MAX_COLLECTED``.
    """

    __slots__ = ("_data", "_delivery", "_limit", "_parts", "_peer", "_router", "_whole")

    def __init__(
        self, router: Router, peer: Peer, delivery: IncomingDelivery, data: bytes, *, whole: bool, limit: int
    ) -> None:
        self._router = router
        self._peer = peer
        self._delivery = delivery
        self._data = bytearray(data)
        self._whole = whole
        self._limit = limit
        self._parts = 1
        peer.collected += len(data)

    def part(self, payload: memoryview, more: bool, aborted: bool) -> None:
        """The next part; with the last one (or enough for a head) routing starts again."""
        if aborted:
            self.lost()
            return
        peer, data = self._peer, self._data
        data += payload
        self._parts += 1
        peer.collected += len(payload)
        if len(data) > self._limit or peer.collected > MAX_COLLECTED:
            self._refuse("the message is too large")
        elif not more or not self._whole:
            if more and self._parts > MAX_HEAD_PARTS:
                self._refuse("the head of the message comes in too many parts")
                return
            parts = self._parts
            self.lost()
            self._delivery.context = None
            self._router.forwarder.first_part(peer, self._delivery, bytes(data), more=more)
            following = self._delivery.context
            if isinstance(following, Collector):
                following._parts = parts

    def _refuse(self, reason: str) -> None:
        self.lost()
        discard(self._delivery, rejected("amqp:resource-limit-exceeded", reason))

    def disposition(self, state: Described | None, settled: bool) -> None:
        """The sender settled early; nothing changes."""

    def lost(self) -> None:
        """The rest will not come."""
        self._peer.collected -= len(self._data)
        self._data = bytearray()


class StreamRelay:
    """A stream in transit: comes on one connection, goes on another.

    What is on its way is bounded: the sender keeps to the window of the TCP mapping, whose progress the receiver's word tells
    us too. Whoever sends more than ``MAX_PENDING`` beyond it does not, and is not served.
    """

    __slots__ = (
        "_acked",
        "_complete",
        "_delivery",
        "_ended",
        "_passed",
        "_router_id",
        "_service",
        "_stream",
    )

    def __init__(
        self, delivery: IncomingDelivery, peer: NetworkPeer, service: Service | None, router_id: str
    ) -> None:
        self._delivery = delivery
        self._complete = False
        self._ended = False
        self._passed = 0
        self._acked = 0
        self._service = service
        self._router_id = router_id
        if service is not None:
            service.opened(router_id)
        delivery.context = self
        self._stream = peer.open_stream(self)

    def write(self, payload: bytes, *, last: bool) -> None:
        """Pass on."""
        self._complete = last
        self._passed += len(payload)
        self._stream.write(payload, last=last)
        if self._passed - self._acked > MAX_PENDING:
            self._give_up()
            discard(self._delivery, MODIFIED_STATE)

    def part(self, payload: memoryview, more: bool, aborted: bool) -> None:
        """The next part of the incoming delivery."""
        if aborted:
            self._give_up()
        else:
            self.write(bytes(payload), last=not more)

    def disposition(self, state: Described | None, settled: bool) -> None:
        """The sender's word goes on downstream."""
        outgoing = self._stream.delivery
        if outgoing is not None:
            outgoing.update(state, settled=settled)
        if settled and self._complete:
            self._finish()

    def lost(self) -> None:
        """The incoming connection is gone."""
        self._give_up()

    def stream_writable(self) -> None:
        """Nothing waits: parts are passed on as they come."""

    def stream_disposition(self, state: Described | None, settled: bool) -> None:
        """The receiver's word goes back upstream, as it is. After an outcome nobody wants the rest of the stream."""
        self._delivery.update(state, settled=settled)
        if state is not None and state.descriptor == RECEIVED and not settled:
            values = state.value
            if isinstance(values, list) and len(values) > 1 and isinstance(values[1], int):
                self._acked = max(self._acked, min(int(values[1]), self._passed))
            return
        if not self._complete:
            self._delivery.context = DISCARD
        self._give_up()

    def stream_lost(self) -> None:
        """The outgoing connection is gone: the sender must know at once."""
        discard(self._delivery, MODIFIED_STATE)
        self._finish()

    def _give_up(self) -> None:
        if not self._complete:
            self._stream.abort()
        self._finish()

    def _finish(self) -> None:
        if not self._ended:
            self._ended = True
            if self._service is not None:
                self._service.closed(self._router_id)


class MessageRelay:
    """Follows a complete message that was passed on: its outcome goes back."""

    __slots__ = ("_delivery",)

    def __init__(self, delivery: IncomingDelivery) -> None:
        self._delivery = delivery

    def disposition(self, state: Described | None, settled: bool) -> None:
        """The outcome."""
        self._delivery.update(state, settled=settled)

    def lost(self) -> None:
        """Nobody knows whether it arrived."""
        self._delivery.update(MODIFIED_STATE, settled=True)
