"""One AMQP connection of the router, after its ``open``.

A ``Peer`` hands each event of its connection to whom it concerns: parts of deliveries to the delivery's own handler or, for
the first part, to the forwarder; dispositions and losses to the delivery's handler; links to the subclass that knows what
links mean on this kind of connection (``RouterPeer`` between routers, ``ClientPeer`` for management clients).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from skupper_local.amqp import events
from skupper_local.amqp.connection import Connection, State
from skupper_local.amqp.errors import RemoteProtocolError
from skupper_local.amqp.events import Event
from skupper_local.amqp.link import IncomingDelivery, Link
from skupper_local.amqp.performatives import AmqpError, Open, Terminus
from skupper_local.amqp.session import Session
from skupper_local.amqp.transport import AmqpTransport
from skupper_local.amqp.types import Described
from skupper_local.router.streams import ROUTER_DATA, OutgoingStream, StreamLinks

if TYPE_CHECKING:
    from skupper_local.router.router import Router

CONTROL = "qd.router"
PRIORITIES = 10
DEFAULT_PRIORITY = 4
LINK_CREDIT = 250

MAX_QUEUED_MESSAGES = 10_000
MAX_QUEUED_BYTES = 16 * 1_048_576

INTERNAL_ERROR = AmqpError("amqp:internal-error", "the router failed to handle what was sent")

ROLE_NORMAL = "normal"
ROLE_INTER_ROUTER = "inter-router"
ROLE_DATA = "inter-router-data"
ROLE_EDGE = "edge"


class DeliveryHandler(Protocol):
    """Who follows an incoming delivery after its first part; it stands in the delivery's ``context``."""

    def part(self, payload: memoryview, more: bool, aborted: bool) -> None:
        """The next part. The view is valid during the call only, unless the handler is a flow (see ``TcpFlow.feed``)."""

    def disposition(self, state: Described | None, settled: bool) -> None:
        """The sender's word on its own delivery."""

    def lost(self) -> None:
        """The delivery's link is gone."""


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What is known about a connection besides AMQP, for management and logs."""

    name: str
    host: str
    incoming: bool
    role: str
    tls_version: str | None = None
    tls_cipher: str | None = None
    user: str | None = None
    ssl_profile: str | None = None
    opened_at: float = 0.0


@dataclass(slots=True)
class QueuedMessage:
    """A complete message that waits for credit."""

    data: bytes
    settled: bool
    context: Any


@dataclass(slots=True)
class MessageLink:
    """A link for complete messages, with a bounded queue in front of it."""

    link: Link
    queue: deque[QueuedMessage] = field(default_factory=deque)
    queued_bytes: int = 0

    def send(self, data: bytes, *, settled: bool, context: Any = None) -> bool:
        """Send or queue; ``False``: the queue is full and the message was not taken."""
        if not self.queue and self._ready(len(data)):
            self._send(QueuedMessage(data, settled, context))
            return True
        if len(self.queue) >= MAX_QUEUED_MESSAGES or self.queued_bytes + len(data) > MAX_QUEUED_BYTES:
            return False
        self.queue.append(QueuedMessage(data, settled, context))
        self.queued_bytes += len(data)
        self.link.session.window_wanted = True
        return True

    def _ready(self, size: int) -> bool:
        link = self.link
        session = link.session
        frames = size // session.connection.max_payload + 1
        return link.credit > 0 and not link.closed and session.remote_window >= frames

    def _send(self, message: QueuedMessage) -> None:
        delivery = self.link.begin_delivery(settled=message.settled)
        delivery.context = message.context
        delivery.send(message.data, more=False)

    def flush(self) -> None:
        """Send what credit and window allow now."""
        while self.queue and self._ready(len(self.queue[0].data)):
            message = self.queue.popleft()
            self.queued_bytes -= len(message.data)
            self._send(message)
        if self.queue:
            self.link.session.window_wanted = True


class Peer:
    """An open AMQP connection. ``number`` names it in the routing engine and in management."""

    stream_links: StreamLinks

    def __init__(self, router: Router, connection: Connection, facts: PeerFacts, number: int) -> None:
        self.router = router
        self.connection = connection
        self.facts = facts
        self.number = number
        self.transport: AmqpTransport
        self.remote: Open | None = None
        self.link_credit = LINK_CREDIT
        self.on_closed: Callable[[Peer, AmqpError | None], None] | None = None
        self.open_timer: asyncio.TimerHandle | None = None
        self.refusal: AmqpError | None = None
        """Why the other side refused to be linked, if it did."""
        self.message_links: dict[Link, MessageLink] = {}
        self.collected = 0
        """Bytes of its messages that are kept until they are complete; see ``forwarding.Collector``."""
        self._handlers: dict[type, Callable[[Any], None]] = {
            events.TransferReceived: self._transfer,
            events.DispositionReceived: self._disposition,
            events.DeliveryLost: self._delivery_lost,
            events.WindowOpened: self._window_opened,
            events.CreditReceived: self._credit,
            events.LinkRequested: self._link_requested,
            events.LinkEstablished: self._link_established,
            events.LinkClosed: self._link_closed,
            events.SessionClosed: self._session_closed,
            events.Opened: self._opened,
            events.Closed: self._closed,
        }

    @property
    def is_open(self) -> bool:
        """Whether links may be made and used."""
        return self.connection.state is State.OPEN

    @property
    def container(self) -> str:
        """The peer's container id: a router's id."""
        return self.remote.container_id if self.remote else ""

    def handle(self, batch: list[Event]) -> None:
        """Everything that happened on the connection in one turn."""
        handlers = self._handlers
        for event in batch:
            try:
                handlers[type(event)](event)
            except RemoteProtocolError as error:
                self.connection.close(error.error)
            except Exception:
                # A defect of ours must cost the peer that found it its connection, and nobody else anything.
                self.router.log.exception(f"connection {self.number} ({self.facts.host}): an internal error")
                self.connection.close(INTERNAL_ERROR)
        self.router.flush_flows()

    def when_window_opens(self, session: Session, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when the peer opens the session's window further."""
        if session.context is None:
            session.context = []
        session.context.append(callback)
        session.window_wanted = True

    def implied_destination(self, link: Link) -> str | None:
        """Where a message without ``to`` goes that comes on this link."""
        return link.target.address if link.target is not None else None

    # ------------------------------------------------------------------ events

    def _transfer(self, event: events.TransferReceived) -> None:
        handler: DeliveryHandler | None = event.delivery.context
        if handler is not None:
            handler.part(event.payload, event.more, event.aborted)
        elif event.aborted:
            return
        else:
            self.router.forwarder.first_part(self, event.delivery, bytes(event.payload), more=event.more)

    def _disposition(self, event: events.DispositionReceived) -> None:
        handler = event.delivery.context
        if handler is not None:
            handler.disposition(event.state, event.settled)

    def _delivery_lost(self, event: events.DeliveryLost) -> None:
        handler = event.delivery.context
        if handler is not None:
            event.delivery.context = None
            handler.lost()

    def _window_opened(self, event: events.WindowOpened) -> None:
        waiting = event.session.context
        if waiting:
            event.session.context = None
            for callback in waiting:
                callback()
        for message_link in self.message_links.values():
            if message_link.queue and message_link.link.session is event.session:
                message_link.flush()

    def _credit(self, event: events.CreditReceived) -> None:
        message_link = self.message_links.get(event.link)
        if message_link is not None:
            message_link.flush()

    def _link_requested(self, event: events.LinkRequested) -> None:
        event.link.refuse("amqp:not-allowed", "links of this kind are not served here")

    def _link_established(self, event: events.LinkEstablished) -> None:
        """The answer to a link of ours."""

    def _link_closed(self, event: events.LinkClosed) -> None:
        message_link = self.message_links.pop(event.link, None)
        if message_link is not None:
            for message in message_link.queue:
                if message.context is not None:
                    message.context.lost()

    def _session_closed(self, event: events.SessionClosed) -> None:
        """All its links were closed before."""

    def _opened(self, event: events.Opened) -> None:
        self.remote = event.peer
        self._forget_open_timer()
        self.router.peer_opened(self)

    def _forget_open_timer(self) -> None:
        # A timer that stayed would keep the peer and its buffers in memory until it is due.
        if self.open_timer is not None:
            self.open_timer.cancel()
            self.open_timer = None

    def _closed(self, event: events.Closed) -> None:
        self._forget_open_timer()
        self.router.peer_closed(self)
        if self.on_closed is not None:
            self.on_closed(self, event.error)


class NetworkPeer(Peer, ABC):
    """A connection to another router, of whatever role: messages and streams go over it."""

    stream_capability: str | None = None

    def __init__(self, router: Router, connection: Connection, facts: PeerFacts, number: int) -> None:
        super().__init__(router, connection, facts, number)
        self.stream_links = StreamLinks(self, self.stream_capability)

    def open_stream(self, owner: Any) -> OutgoingStream:
        """A new stream towards this router."""
        return OutgoingStream(self, owner)

    @abstractmethod
    def send_message(
        self, data: bytes, *, settled: bool, context: Any = None, address: str | None = None
    ) -> bool:
        """Send a complete message; ``False`` when it cannot be taken. ``address``: the service it is for, if it is for one."""

    def _credit(self, event: events.CreditReceived) -> None:
        if event.link in self.message_links:
            super()._credit(event)
        else:
            self.stream_links.credit(event.link)

    def _link_closed(self, event: events.LinkClosed) -> None:
        link = event.link
        for_messages = link in self.message_links
        super()._link_closed(event)
        if link.is_sender and not for_messages:
            self.stream_links.closed(link)

    def _closed(self, event: events.Closed) -> None:
        self.stream_links.lose_all()
        super()._closed(event)


class RouterPeer(NetworkPeer):
    """A connection to another interior router.

    The dialling side makes two control links and a pair of data links for each of ten priorities (router-protocol 2); the
    listening side tells them apart by capability and order. Further data links carry streams.
    """

    stream_capability = ROUTER_DATA

    def __init__(self, router: Router, connection: Connection, facts: PeerFacts, number: int) -> None:
        super().__init__(router, connection, facts, number)
        self.role = facts.role
        self.control_out: MessageLink | None = None
        self.control_in: Link | None = None
        self.data_out: list[Link] = []
        self._data_in = 0
        self._linked = False

    @property
    def cost(self) -> int:
        """The cost of this link: the larger of what the two sides say."""
        remote = (self.remote.properties or {}).get("qd.inter-router-cost", 1) if self.remote else 1
        own = self.connection.settings.properties.get("qd.inter-router-cost", 1)
        remote = remote if isinstance(remote, int) and 0 < remote < 2**31 else 1
        return max(int(own), int(remote))

    def _opened(self, event: events.Opened) -> None:
        super()._opened(event)
        if self.facts.incoming:
            if (event.peer.properties or {}).get("qd.inter-router-role") == 4:
                self.role = ROLE_DATA
            return
        session = self.connection.begin()
        control = Terminus(capabilities=(CONTROL,))
        prefix = f"trunk.{self.number}"
        session.attach_receiver(f"{prefix}.control.in", control, control)
        session.attach_sender(f"{prefix}.control.out", control, control)
        data = Terminus(capabilities=(ROUTER_DATA,))
        for priority in range(PRIORITIES):
            session = self.connection.begin()
            session.attach_receiver(f"{prefix}.data{priority}.in", data, data)
            self.data_out.append(session.attach_sender(f"{prefix}.data{priority}.out", data, data))

    def _link_requested(self, event: events.LinkRequested) -> None:
        link = event.link
        terminus = link.remote_source if link.is_sender else link.remote_target
        if terminus is None:
            link.refuse("amqp:invalid-field", "the terminus is missing")
            return
        if CONTROL in terminus.capabilities and self.role == ROLE_INTER_ROUTER:
            if (self.control_out if link.is_sender else self.control_in) is not None:
                link.refuse("qd:forbidden", "this connection has its control links already")
                return
            link.accept()
            self._control_link(link)
        elif ROUTER_DATA in terminus.capabilities and self.role == ROLE_INTER_ROUTER:
            link.accept()
            if not link.is_sender:
                self._data_in += 1
                link.issue_credit(self.link_credit)
            elif len(self.data_out) < PRIORITIES:
                self.data_out.append(link)
                self.message_links[link] = MessageLink(link)
        elif self.role == ROLE_DATA and not link.is_sender and terminus.address is None:
            link.accept()
            link.issue_credit(self.link_credit)
        elif self.control_in is None and self.control_out is None:
            link.refuse("qd:connection-role", "this listener is for routers")
        else:
            link.refuse("qd:no-route-to-dest", "links to addresses are not served between routers")

    def _link_established(self, event: events.LinkEstablished) -> None:
        link = event.link
        if link.context is self.stream_links:
            self.stream_links.established(link)
        elif link.source is not None and CONTROL in link.source.capabilities:
            self._control_link(link)
        elif link.is_sender:
            self.message_links[link] = MessageLink(link)
        else:
            link.issue_credit(self.link_credit)

    def _control_link(self, link: Link) -> None:
        if link.is_sender:
            self.control_out = self.message_links[link] = MessageLink(link)
        else:
            self.control_in = link
            link.issue_credit(self.link_credit)
        self._link_up_when_ready()

    def _link_up_when_ready(self) -> None:
        if (
            not self._linked
            and self.control_in is not None
            and self.control_out is not None
            and self.control_out.link.credit > 0
        ):
            self._linked = True
            self.router.link_up(self)

    def _credit(self, event: events.CreditReceived) -> None:
        super()._credit(event)
        if event.link in self.message_links:
            self._link_up_when_ready()

    def _link_closed(self, event: events.LinkClosed) -> None:
        link = event.link
        super()._link_closed(event)
        if link in self.data_out:
            self.data_out.remove(link)
        if link is self.control_in or (self.control_out is not None and link is self.control_out.link):
            if not self._linked and not self.facts.incoming and event.error is not None and self.is_open:
                # Whom we dialled is no router that wants a link with us: an idle connection would pass for one.
                self.refusal = event.error
                self.connection.close(event.error)
            self.control_in = None
            self.control_out = None
            self._link_down()

    def _closed(self, event: events.Closed) -> None:
        self._link_down()
        super()._closed(event)

    def _link_down(self) -> None:
        if self._linked:
            self._linked = False
            self.router.link_down(self)

    def send_control(self, data: bytes) -> None:
        """Send a control message; dropped when the link is not there or hopelessly behind (they are repeated)."""
        if self.control_out is not None:
            self.control_out.send(data, settled=True)

    def send_message(
        self, data: bytes, *, settled: bool, context: Any = None, address: str | None = None
    ) -> bool:
        """Send a complete message on the data link of its priority; ``False`` when it cannot be taken."""
        if not self.data_out:
            return False
        link = self.data_out[min(DEFAULT_PRIORITY, len(self.data_out) - 1)]
        message_link = self.message_links.get(link)
        return message_link is not None and message_link.send(data, settled=settled, context=context)


class Discard:
    """Follows a delivery nobody wants any more: what still comes of it is dropped."""

    def part(self, payload: memoryview, more: bool, aborted: bool) -> None:
        """Dropped."""

    def disposition(self, state: Described | None, settled: bool) -> None:
        """Ignored."""

    def lost(self) -> None:
        """Ignored."""


DISCARD = Discard()


def discard(delivery: IncomingDelivery, state: Described) -> None:
    """Answer a delivery with its outcome and drop the rest of it."""
    delivery.context = DISCARD
    delivery.update(state, settled=True)
