"""Links and deliveries.

A link carries deliveries one after the other in one direction; a delivery may span any number of transfer frames, and links
of one session interleave theirs. Credit counts deliveries, not bytes: bytes are bounded by the session window and, for TCP
streams, by the window of the TCP mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skupper_local.amqp.errors import LocalProtocolError
from skupper_local.amqp.performatives import (
    ROLE_RECEIVER,
    ROLE_SENDER,
    AmqpError,
    Attach,
    Detach,
    Flow,
    Terminus,
)
from skupper_local.amqp.transfers import encode_transfer
from skupper_local.amqp.types import Described

if TYPE_CHECKING:
    from skupper_local.amqp.session import Session

SMALL_PAYLOAD = 2048
"""Payloads up to this size are joined with their frame header: one buffer is cheaper to send than two."""

SERIAL_MASK = 0xFFFFFFFF


class IncomingDelivery:
    """A delivery the peer sends us. ``context`` belongs to the owner of the connection."""

    __slots__ = ("complete", "context", "delivery_id", "link", "settled", "tag")

    def __init__(self, link: Link, delivery_id: int, tag: bytes, settled: bool) -> None:
        self.link = link
        self.delivery_id = delivery_id
        self.tag = tag
        self.settled = settled
        self.complete = False
        self.context: Any = None

    def update(self, state: Described | None, *, settled: bool) -> None:
        """Tell the sender the state of this delivery; nothing happens when it is already settled or its link is gone."""
        if self.settled or self.link.closed:
            return
        self.link.session.send_disposition(ROLE_RECEIVER, self.delivery_id, state, settled=settled)
        if settled:
            self.settle()

    def settle(self) -> None:
        """Forget the delivery, as the peer did (or never remembered it)."""
        self.settled = True
        unsettled = self.link.session.incoming
        if unsettled.get(self.delivery_id) is self:
            del unsettled[self.delivery_id]
        if self.complete:
            self.link.deliveries.discard(self)


class OutgoingDelivery:
    """A delivery we send. ``context`` belongs to the owner of the connection."""

    __slots__ = ("_last", "_more", "complete", "context", "delivery_id", "link", "settled", "tag")

    def __init__(self, link: Link, delivery_id: int, settled: bool) -> None:
        self.link = link
        self.delivery_id = delivery_id
        self.tag = delivery_id.to_bytes(8, "little")
        self.settled = settled
        self.complete = False
        self.context: Any = None
        handle = link.handle
        self._more = encode_transfer(handle, delivery_id, self.tag, settled=settled, more=True)
        self._last: bytes | None = None

    def send(self, payload: bytes | memoryview, *, more: bool) -> None:
        """Append payload; ``more=False`` completes the delivery.

        The payload is not copied unless it is small: it must not change until it is on the wire. It is cut into frames as
        the peer's frame size asks; the caller keeps within ``session.remote_window`` frames.
        """
        link = self.link
        if self.complete or link.closed:
            raise LocalProtocolError("the delivery is complete or its link is closed")
        session = link.session
        connection = session.connection
        largest = connection.max_payload
        size = len(payload)
        if size > largest:
            view = memoryview(payload)
            last = ((size - 1) // largest) * largest
            for start in range(0, last, largest):
                session.send_transfer(self._more, view[start : start + largest])
            payload = view[last:]
        if more:
            session.send_transfer(self._more, payload)
            return
        self._last = encode_transfer(
            link.handle, self.delivery_id, self.tag, settled=self.settled, more=False
        )
        session.send_transfer(self._last, payload)
        self._completed()

    def abort(self) -> None:
        """End the delivery abnormally: the receiver discards it. Nothing happens when it is complete or lost."""
        link = self.link
        if self.complete or link.closed:
            return
        self.settled = True
        if link.session.remote_window > 0:
            performative = encode_transfer(
                link.handle, self.delivery_id, self.tag, settled=True, more=False, aborted=True
            )
            link.session.send_transfer(performative, b"")
            self._completed()
        else:
            # Not even an abort may go beyond the peer's window; without its link the delivery ends just as well.
            self._completed()
            link.detach(AmqpError("amqp:link:detach-forced", "a delivery was aborted"))

    def _completed(self) -> None:
        self.complete = True
        self.link.delivery_sent(self)

    def update(self, state: Described | None, *, settled: bool) -> None:
        """Tell the receiver what the sender knows (a relay passes on what its own sender said)."""
        if self.settled or self.link.closed:
            return
        self.link.session.send_disposition(ROLE_SENDER, self.delivery_id, state, settled=settled)
        if settled:
            self.settle()

    def settle(self) -> None:
        """Forget the delivery: both sides know its outcome."""
        self.settled = True
        self.link.session.outgoing.pop(self.delivery_id, None)
        if self.complete:
            self.link.deliveries.discard(self)


class Link:
    """One end of a link; ``is_sender`` is our role.

    ``source`` and ``target`` are ours, ``remote_source`` and ``remote_target`` what the peer wrote. ``context`` belongs to
    the owner of the connection.
    """

    __slots__ = (
        "attached",
        "closed",
        "context",
        "credit",
        "credit_window",
        "current",
        "deliveries",
        "delivery_count",
        "drain",
        "established",
        "handle",
        "is_sender",
        "limit",
        "name",
        "remote_handle",
        "remote_source",
        "remote_target",
        "session",
        "source",
        "target",
    )

    def __init__(self, session: Session, name: str, *, is_sender: bool, handle: int) -> None:
        self.session = session
        self.name = name
        self.is_sender = is_sender
        self.handle = handle
        self.remote_handle: int | None = None
        self.source: Terminus | None = None
        self.target: Terminus | None = None
        self.remote_source: Terminus | None = None
        self.remote_target: Terminus | None = None
        self.credit = 0
        self.credit_window = 0
        self.delivery_count = 0
        self.current: IncomingDelivery | OutgoingDelivery | None = None
        self.deliveries: set[IncomingDelivery | OutgoingDelivery] = set()
        self.drain = False
        self.limit = 0
        self.attached = False
        self.established = False
        self.closed = False
        self.context: Any = None

    # ------------------------------------------------------------------ attaching

    def send_attach(self) -> None:
        """Send our attach (a request of ours or the answer to the peer's)."""
        self.attached = True
        self.session.send(
            Attach(
                name=self.name,
                handle=self.handle,
                role=ROLE_SENDER if self.is_sender else ROLE_RECEIVER,
                source=self.source,
                target=self.target,
                initial_delivery_count=0 if self.is_sender else None,
                max_message_size=0,
            )
        )

    def accept(self, source: Terminus | None = None, target: Terminus | None = None) -> None:
        """Answer the peer's attach; without arguments its own source and target are echoed.

        Like every act on a link that is gone in the meantime, nothing happens then.
        """
        if self.closed:
            return
        self.source = source or self.remote_source or Terminus()
        self.target = target or self.remote_target or Terminus()
        self.established = True
        self.send_attach()

    def refuse(self, condition: str, description: str) -> None:
        """Refuse the peer's attach: answer with a null terminus of ours, then detach with the error."""
        if self.closed:
            return
        self.send_refusal()
        self.detach(AmqpError(condition, description))

    def send_refusal(self) -> None:
        """The attach that refuses: nothing may be detached that was not attached."""
        self.source = None if self.is_sender else self.remote_source
        self.target = self.remote_target if self.is_sender else None
        self.send_attach()

    def detach(self, error: AmqpError | None = None) -> None:
        """Close our end. The link is over for us at once; the peer's detach is awaited by the session."""
        if self.closed:
            return
        if not self.attached:
            self.send_refusal()
        self.session.send(Detach(self.handle, True, error))
        self.session.link_detached(self, error, by_peer=False)

    # ------------------------------------------------------------------ receiving

    def issue_credit(self, window: int) -> None:
        """Let the peer send ``window`` deliveries, and keep it topped up as they arrive (0: no more).

        Deliveries that were on their way when credit is taken back still come.
        """
        if self.closed:
            return
        self.credit_window = window
        self.credit = window
        self._send_credit()

    def _send_credit(self) -> None:
        limit = (self.delivery_count + self.credit) & SERIAL_MASK
        if serial_difference(limit, self.limit) > 0:
            self.limit = limit
        self.session.send(self.session.flow(self, credit=self.credit))

    def attach_answered(self, initial_delivery_count: int) -> None:
        """The sender's count is known: credit that was given before counts from there."""
        self.delivery_count = initial_delivery_count
        self.limit = (initial_delivery_count + self.credit) & SERIAL_MASK

    def drained_by_sender(self, delivery_count: int | None) -> None:
        """The sender used up its credit without sending: its count went forward, within what it was given."""
        if delivery_count is not None and serial_difference(delivery_count, self.delivery_count) > 0:
            self.delivery_count = delivery_count
            self.credit = 0

    @property
    def may_receive(self) -> bool:
        """Whether the peer has credit for one more delivery, credit taken back too late to know it included."""
        return 0 < (self.limit - self.delivery_count) & SERIAL_MASK < 0x80000000

    def delivery_received(self) -> None:
        """Account for a completely received delivery."""
        self.current = None
        self.delivery_count = (self.delivery_count + 1) & SERIAL_MASK
        self.credit -= 1
        if self.credit <= self.credit_window // 2 and self.credit_window and not self.closed:
            self.credit = self.credit_window
            self._send_credit()

    # ------------------------------------------------------------------ sending

    def begin_delivery(self, *, settled: bool = False) -> OutgoingDelivery:
        """Start the next delivery. Needs credit and that the one before it is complete."""
        if self.closed or self.current is not None or self.credit <= 0:
            raise LocalProtocolError("the link is closed, busy or without credit")
        session = self.session
        delivery = OutgoingDelivery(self, session.next_delivery_id(), settled)
        self.current = delivery
        self.deliveries.add(delivery)
        if not settled:
            session.outgoing[delivery.delivery_id] = delivery
        return delivery

    def delivery_sent(self, delivery: OutgoingDelivery) -> None:
        """Account for a completely sent delivery."""
        self.current = None
        if self.credit > 0:  # it may have been taken back while the delivery was under way
            self.credit -= 1
        self.delivery_count = (self.delivery_count + 1) & SERIAL_MASK
        if delivery.settled:
            delivery.settle()
        if self.drain:
            self._drained()

    def _drained(self) -> None:
        """Use up what credit is left, as the receiver asked, and say so."""
        self.drain = False
        if self.credit > 0:
            self.delivery_count = (self.delivery_count + self.credit) & SERIAL_MASK
            self.credit = 0
        self.session.send(self.session.flow(self, credit=0, drain=True))

    def flow_received(self, flow: Flow) -> bool:
        """Apply the receiver's credit; answer a drain by using it up. Returns whether the credit changed.

        A delivery that is under way is finished first: the drain is answered behind it.
        """
        before = self.credit
        if flow.link_credit is not None:
            unseen = serial_difference(self.delivery_count, flow.delivery_count or 0)
            self.credit = max(0, flow.link_credit - unseen)
        self.drain = flow.drain
        if flow.drain and self.current is None:
            self._drained()
        return self.credit != before


def serial_difference(later: int, earlier: int) -> int:
    """``later - earlier`` in 32-bit serial arithmetic; 0 when it would be negative."""
    difference = (later - earlier) & SERIAL_MASK
    return difference if difference < 0x80000000 else 0
