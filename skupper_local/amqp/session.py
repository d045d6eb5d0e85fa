"""Sessions: a pair of channels, the windows in frames, the links and the unsettled deliveries.

The window is counted in transfer frames (part 2.5.6 of the standard). Ours is opened again when half of it is used. The
peer's is kept by the sender of a delivery: ``remote_window`` says how many frames may be sent now. Who waits for more sets
``window_wanted``, and ``WindowOpened`` comes with the peer's next flow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skupper_local.amqp import events
from skupper_local.amqp.connection_output import FRAME
from skupper_local.amqp.errors import LocalProtocolError, RemoteProtocolError
from skupper_local.amqp.link import (
    SERIAL_MASK,
    SMALL_PAYLOAD,
    IncomingDelivery,
    Link,
    OutgoingDelivery,
    serial_difference,
)
from skupper_local.amqp.performatives import (
    ROLE_RECEIVER,
    AmqpError,
    Attach,
    Begin,
    Body,
    Detach,
    Disposition,
    Flow,
    Terminus,
)
from skupper_local.amqp.transfers import (
    MAX_REMEMBERED,
    MAX_REMEMBERED_SIZE,
    TransferFields,
    decode_transfer,
    performative_end,
)
from skupper_local.amqp.types import Described

if TYPE_CHECKING:
    from skupper_local.amqp.connection import Connection

OUTGOING_WINDOW = 0x7FFFFFFF

RANGE_WORK = 8
MAX_RANGE_BUDGET = 262_144
"""A disposition names a range of any length in thirty bytes, and costs as much as there are deliveries in it. Each delivery
pays for being looked at ``RANGE_WORK`` times in this way, which no honest peer needs; unused rights are kept up to a limit."""


class Session:
    """One session of a connection. ``context`` belongs to the owner of the connection."""

    def __init__(self, connection: Connection, channel: int) -> None:
        self.connection = connection
        self.channel = channel
        self.remote_channel: int | None = None
        self.context: Any = None
        self.closed = False
        self.incoming: dict[int, IncomingDelivery] = {}
        self.outgoing: dict[int, OutgoingDelivery] = {}
        self.remote_window = 0
        self.remote_window_full = 0
        self.window_wanted = True
        self._window = connection.settings.incoming_window
        self._window_left = self._window
        self._next_outgoing_id = 0
        self._next_incoming_id = 0
        self._next_delivery_id = 0
        self._next_handle = 0
        self._free_handles: list[int] = []
        self._remote_handle_max = 0xFFFFFFFF
        self._links: dict[tuple[str, bool], Link] = {}
        self._by_remote_handle: dict[int, Link] = {}
        self._awaiting_detach: dict[int, Link] = {}
        self._unanswered: dict[tuple[str, bool], Link] = {}
        self._remembered: dict[bytes, TransferFields] = {}
        self._range_budget = MAX_RANGE_BUDGET // 2

    # ------------------------------------------------------------------ sending

    def send(self, body: Body) -> None:
        """Queue one frame on this session's channel."""
        self.connection.send_frame(self.channel, body.encode())

    def send_begin(self) -> None:
        """Begin our half of the session."""
        self.send(
            Begin(self.remote_channel, self._next_outgoing_id, self._window, OUTGOING_WINDOW, 0x7FFFFFFF)
        )

    def flow(self, link: Link | None = None, *, credit: int = 0, drain: bool = False) -> Flow:
        """A flow body with the session's present numbers, for a link or (``None``) for the session alone."""
        self._window_left = self._window
        delivery_count: int | None = None
        if link is not None and (link.is_sender or link.remote_handle is not None):
            delivery_count = link.delivery_count  # a receiver does not know it before the sender's attach
        return Flow(
            next_incoming_id=None if self.remote_channel is None else self._next_incoming_id,
            incoming_window=self._window,
            next_outgoing_id=self._next_outgoing_id,
            outgoing_window=OUTGOING_WINDOW,
            handle=None if link is None else link.handle,
            delivery_count=delivery_count,
            link_credit=None if link is None else credit,
            drain=drain,
        )

    def send_transfer(self, performative: bytes, payload: bytes | memoryview) -> None:
        """Queue one transfer frame (the hot path)."""
        size = len(payload)
        header = FRAME.pack(8 + len(performative) + size, 2, 0, self.channel) + performative
        self._next_outgoing_id = (self._next_outgoing_id + 1) & SERIAL_MASK
        self.remote_window -= 1
        output = self.connection.output
        if size > SMALL_PAYLOAD:
            output.put_large(header, payload)
        else:
            output.put(header + payload)

    def send_disposition(
        self, role: bool, delivery_id: int, state: Described | None, *, settled: bool
    ) -> None:
        """Say the state of one delivery. A state that does not fit the peer's frames loses its fields, not its meaning."""
        largest = self.connection.max_payload
        body = Disposition(role, delivery_id, delivery_id, settled, state).encode()
        if len(body) > largest and state is not None:
            body = Disposition(role, delivery_id, delivery_id, settled, state._replace(value=[])).encode()
            if len(body) > largest:
                body = Disposition(role, delivery_id, delivery_id, settled).encode()
        self.connection.send_frame(self.channel, body)

    def next_delivery_id(self) -> int:
        """A new delivery-id."""
        if self._range_budget < MAX_RANGE_BUDGET:
            self._range_budget += RANGE_WORK
        delivery_id = self._next_delivery_id
        self._next_delivery_id = (delivery_id + 1) & SERIAL_MASK
        return delivery_id

    # ------------------------------------------------------------------ links

    def attach_sender(
        self, name: str, source: Terminus | None = None, target: Terminus | None = None, context: Any = None
    ) -> Link:
        """Attach a link on which we send; ``LinkEstablished`` and ``CreditReceived`` follow."""
        return self._attach(name, True, source, target, context)

    def attach_receiver(
        self, name: str, source: Terminus | None = None, target: Terminus | None = None, context: Any = None
    ) -> Link:
        """Attach a link on which we receive; give it credit when ``LinkEstablished`` comes."""
        return self._attach(name, False, source, target, context)

    def _attach(
        self, name: str, is_sender: bool, source: Terminus | None, target: Terminus | None, context: Any
    ) -> Link:
        if (name, is_sender) in self._links or (name, is_sender) in self._unanswered:
            raise LocalProtocolError("the link name is in use")
        if self.closed:
            # Gone since the events were taken that the owner acts on: a link that is gone too, of which no event comes.
            link = Link(self, name, is_sender=is_sender, handle=0)
            link.closed = True
        else:
            link = self._new_link(name, is_sender)
            self.connection.links += 1
        link.source = source or Terminus()
        link.target = target or Terminus()
        link.context = context
        if not link.closed:
            link.send_attach()
        return link

    def _new_link(self, name: str, is_sender: bool) -> Link:
        if self._free_handles:
            handle = self._free_handles.pop()
        elif self._next_handle > self._remote_handle_max:
            raise RemoteProtocolError("amqp:resource-limit-exceeded", "the peer allows no more links")
        else:
            handle = self._next_handle
            self._next_handle += 1
        link = Link(self, name, is_sender=is_sender, handle=handle)
        self._links[(name, is_sender)] = link
        return link

    @property
    def links(self) -> list[Link]:
        """The links that are attached or being attached."""
        return list(self._links.values())

    def link_detached(self, link: Link, error: AmqpError | None, *, by_peer: bool) -> None:
        """A link is over: lose its deliveries, say so, and free its handle once both sides have detached.

        Until then the link counts: a peer that never detaches must not make us remember ever more.
        """
        link.closed = True
        self._links.pop((link.name, link.is_sender), None)
        self._lose_deliveries(link)
        if by_peer:
            self._free_handle(link)
        elif link.remote_handle is None:
            self._unanswered[(link.name, link.is_sender)] = link
        else:
            self._by_remote_handle.pop(link.remote_handle, None)
            self._awaiting_detach[link.remote_handle] = link
        self.connection.emit(events.LinkClosed(link, error))

    def _free_handle(self, link: Link) -> None:
        self._free_handles.append(link.handle)
        self.connection.links -= 1

    def _lose_deliveries(self, link: Link) -> None:
        for delivery in list(link.deliveries):
            if isinstance(delivery, OutgoingDelivery):
                self.outgoing.pop(delivery.delivery_id, None)
            else:
                self.incoming.pop(delivery.delivery_id, None)
            if not (delivery.settled and delivery.complete):
                self.connection.emit(events.DeliveryLost(delivery))
        link.deliveries.clear()
        link.current = None

    def end(self, error: AmqpError | None) -> None:
        """Everything on this session is over (the connection sends and awaits ``end``)."""
        if self.closed:
            return
        self.closed = True
        for link in list(self._links.values()):
            self.link_detached(link, error, by_peer=True)
        self.connection.links -= len(self._awaiting_detach) + len(self._unanswered)
        self._awaiting_detach.clear()
        self._unanswered.clear()
        self._by_remote_handle.clear()
        self._remembered.clear()
        self.connection.emit(events.SessionClosed(self, error))

    # ------------------------------------------------------------------ receiving

    def begun(self, begin: Begin) -> None:
        """Apply the peer's begin."""
        self._next_incoming_id = begin.next_outgoing_id
        self._remote_handle_max = begin.handle_max
        self.remote_window = self.remote_window_full = begin.incoming_window

    def attach_received(self, attach: Attach) -> None:
        """The peer attached: an answer to ours when name and direction match, else a request."""
        connection = self.connection
        if attach.handle in self._by_remote_handle or attach.handle in self._awaiting_detach:
            raise RemoteProtocolError("amqp:session:handle-in-use", f"handle {attach.handle}")
        is_sender = attach.role == ROLE_RECEIVER
        detached = self._unanswered.pop((attach.name, is_sender), None)
        if detached is not None:
            # The answer to a link that we gave up before it came; the peer's detach follows.
            self._awaiting_detach[attach.handle] = detached
            return
        link = self._links.get((attach.name, is_sender))
        if link is not None and link.remote_handle is not None:
            raise RemoteProtocolError("amqp:link:stolen", f"the link name {attach.name[:64]!r} is in use")
        requested = link is None
        if link is None:
            link = self._new_link(attach.name, is_sender)
            connection.count_link()
        link.remote_handle = attach.handle
        link.remote_source = attach.source
        link.remote_target = attach.target
        if not is_sender:
            link.attach_answered(attach.initial_delivery_count or 0)
        self._by_remote_handle[attach.handle] = link
        if requested:
            connection.emit(events.LinkRequested(link))
        else:
            link.established = True
            connection.emit(events.LinkEstablished(link))

    def detach_received(self, detach: Detach) -> None:
        """The peer detached: answer unless we did first."""
        waiting = self._awaiting_detach.pop(detach.handle, None)
        if waiting is not None:
            self._free_handle(waiting)
            return
        link = self._by_remote_handle.pop(detach.handle, None)
        if link is None:
            raise RemoteProtocolError("amqp:session:unattached-handle", f"handle {detach.handle}")
        if not link.closed:
            if not link.attached:
                link.send_refusal()
            self.send(Detach(link.handle, detach.closed))
            self.link_detached(link, detach.error, by_peer=True)

    def flow_received(self, flow: Flow) -> None:
        """Apply the peer's window and, when it names a link, its credit."""
        unseen = serial_difference(self._next_outgoing_id, flow.next_incoming_id or 0)
        self.remote_window = max(0, flow.incoming_window - unseen)
        if self.window_wanted and self.remote_window > 0:
            self.window_wanted = False
            self.connection.emit(events.WindowOpened(self))
        if flow.handle is not None:
            link = self._by_remote_handle.get(flow.handle)
            if link is None:
                if flow.handle in self._awaiting_detach:
                    return
                raise RemoteProtocolError("amqp:session:unattached-handle", f"handle {flow.handle}")
            if link.is_sender:
                if link.flow_received(flow):
                    self.connection.emit(events.CreditReceived(link))
            elif flow.drain and link.current is None:
                link.drained_by_sender(flow.delivery_count)
            if flow.echo and not link.closed:
                self.send(self.flow(link, credit=max(0, link.credit)))
        elif flow.echo:
            self.send(self.flow())

    def disposition_received(self, disposition: Disposition) -> None:
        """Apply a disposition to every delivery of its range that is still unsettled."""
        unsettled: dict[int, Any] = self.outgoing if disposition.role == ROLE_RECEIVER else self.incoming
        count = (disposition.last - disposition.first) & SERIAL_MASK
        if count >= 0x80000000:
            raise RemoteProtocolError("amqp:invalid-field", "a disposition whose last is before its first")
        if count:
            self._range_budget -= min(count + 1, len(unsettled))
            if self._range_budget < 0:
                raise RemoteProtocolError(
                    "amqp:resource-limit-exceeded", "dispositions of ranges again and again"
                )
        if count < len(unsettled):
            ids = [(disposition.first + step) & SERIAL_MASK for step in range(count + 1)]
            deliveries = [unsettled[one] for one in ids if one in unsettled]
        else:
            first = disposition.first
            deliveries = [item for key, item in unsettled.items() if (key - first) & SERIAL_MASK <= count]
        for delivery in deliveries:
            if disposition.settled:
                delivery.settle()
            self.connection.emit(events.DispositionReceived(delivery, disposition.state, disposition.settled))

    def transfer_received(self, frame: memoryview) -> None:
        """One transfer frame body (the hot path)."""
        end = performative_end(frame)
        key = bytes(frame[:end])
        fields = self._remembered.get(key)
        if fields is None:
            fields = decode_transfer(key)
            if end <= MAX_REMEMBERED_SIZE:
                if len(self._remembered) >= MAX_REMEMBERED:
                    self._remembered.clear()
                self._remembered[key] = fields
        self._next_incoming_id = (self._next_incoming_id + 1) & SERIAL_MASK
        self._window_left -= 1
        if self._window_left < 0:
            raise RemoteProtocolError(
                "amqp:session:window-violation", "a transfer beyond the incoming window"
            )
        link = self._by_remote_handle.get(fields.handle)
        if link is None:
            if fields.handle in self._awaiting_detach:
                self._reopen_window()
                return
            raise RemoteProtocolError("amqp:session:unattached-handle", f"handle {fields.handle}")
        if link.is_sender:
            raise RemoteProtocolError("amqp:not-allowed", "a transfer on a link on which we send")
        delivery = link.current
        if delivery is None:
            delivery = self._begin_incoming(link, fields)
        elif fields.delivery_id is not None and fields.delivery_id != delivery.delivery_id:
            raise RemoteProtocolError("amqp:not-allowed", "a new delivery before the last one is complete")
        assert isinstance(delivery, IncomingDelivery)
        if fields.settled and not delivery.settled:
            delivery.settle()
        more = fields.more and not fields.aborted
        if not more:
            delivery.complete = True
            if fields.aborted:
                delivery.settle()
            link.delivery_received()
            if delivery.settled:
                link.deliveries.discard(delivery)
        self.connection.emit(events.TransferReceived(delivery, frame[end:], more, fields.aborted))
        if fields.state is not None and not fields.aborted:
            self.connection.emit(events.DispositionReceived(delivery, fields.state, bool(fields.settled)))
        if self._window_left < self._window // 2:
            self._reopen_window()

    def _reopen_window(self) -> None:
        if self._window_left < self._window // 2:
            self.send(self.flow())

    def _begin_incoming(self, link: Link, fields: TransferFields) -> IncomingDelivery:
        if fields.delivery_id is None or fields.delivery_tag is None:
            raise RemoteProtocolError("amqp:not-allowed", "a delivery begins without id or tag")
        if fields.resume:
            raise RemoteProtocolError("amqp:not-implemented", "resuming deliveries is not supported")
        if not link.may_receive:
            raise RemoteProtocolError("amqp:link:transfer-limit-exceeded", "a delivery without credit")
        if fields.delivery_id in self.incoming:
            raise RemoteProtocolError("amqp:invalid-field", "a delivery-id that is in use")
        if len(self.incoming) >= self.connection.settings.max_unsettled:
            raise RemoteProtocolError("amqp:resource-limit-exceeded", "too many unsettled deliveries")
        if self._range_budget < MAX_RANGE_BUDGET:
            self._range_budget += RANGE_WORK
        delivery = IncomingDelivery(link, fields.delivery_id, fields.delivery_tag, bool(fields.settled))
        link.current = delivery
        link.deliveries.add(delivery)
        if not delivery.settled:
            self.incoming[fields.delivery_id] = delivery
        return delivery


HANDLERS: dict[type, Callable[[Session, Any], None]] = {
    Attach: Session.attach_received,
    Detach: Session.detach_received,
    Flow: Session.flow_received,
    Disposition: Session.disposition_received,
}
"""What a frame on an existing session does; the connection handles the others."""
