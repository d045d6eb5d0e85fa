"""Where a message goes: the first part of every incoming delivery comes here.

============================ ==========================================================================================
destination                  what happens
============================ ==========================================================================================
``_local/…``, own ``_topo``  the routing protocol, management, or the flow that waits for its answer
``_topo/0/all/…``            routing protocol: ours, and on to the neighbours that have not seen it
``_topo/0/<router>/…``       on to the next hop
service address, TCP stream  a connector of ours, or on towards a router that has one (``services``)
multicast address            on to every router that announced it
everything else              released: nobody here or on the way wants it
============================ ==========================================================================================

A complete message goes on as a message, a stream part by part as it comes (``StreamRelay``). Outcomes travel back the same
way, with the integer types they came with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skupper_local.amqp.codec import DecodeError, decode
from skupper_local.amqp.link import IncomingDelivery
from skupper_local.amqp.performatives import (
    ACCEPTED,
    MODIFIED,
    RECEIVED,
    REJECTED,
    RELEASED,
    AmqpError,
    state,
)
from skupper_local.amqp.types import Described
from skupper_local.router.addresses import Address, AddressKind, parse_address
from skupper_local.router.message_head import (
    VALUE,
    Annotations,
    HeadError,
    MessageHead,
    parse_head,
)
from skupper_local.router.peer import DISCARD, Peer, RouterPeer, discard
from skupper_local.router.services import RemoteChoice, Service
from skupper_local.router.tcp_flow import MAX_PENDING, DeliverySource

if TYPE_CHECKING:
    from skupper_local.router.router import Router

RELEASED_STATE = state(RELEASED)
ACCEPTED_STATE = state(ACCEPTED)
MODIFIED_STATE = state(MODIFIED, True)

MAX_CONTROL_MESSAGE = 8 * 1_048_576
MAX_MESSAGE = 1_048_576
"""Bytes of a message that is collected here before it is understood (management requests)."""

MAX_COLLECTED = 4 * MAX_CONTROL_MESSAGE
"""Bytes of all unfinished messages that are collected for one peer at the same time."""

MAX_HEAD_PARTS = 256
"""Frames a head may come in: it is read again with each, and no honest peer cuts it into pieces this small."""

CONTROL_NAMES = ("qdhello", "qdrouter", "qdrouter.ma")
MANAGEMENT_NAME = "$management"
MULTICAST_PREFIX = "mc/"


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
        discard(self._delivery, _rejected("amqp:resource-limit-exceeded", reason))

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
        self, delivery: IncomingDelivery, peer: RouterPeer, service: Service | None, router_id: str
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


def _rejected(condition: str, description: str) -> Described:
    return state(REJECTED, AmqpError(condition, description).encode())


class Forwarder:
    """Routes deliveries of one router."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.streams_in_transit = 0
        """Streams passed on since the start."""

    # ------------------------------------------------------------------ entry

    def first_part(self, peer: Peer, delivery: IncomingDelivery, data: bytes, *, more: bool) -> None:
        """Decide about a delivery from its first bytes."""
        try:
            head = parse_head(data, complete=not more)
            if head is None:
                delivery.context = Collector(
                    self._router, peer, delivery, data, whole=False, limit=MAX_MESSAGE
                )
                return
            self._route(peer, delivery, head, data, more)
        except (HeadError, DecodeError) as error:
            discard(delivery, _rejected("amqp:decode-error", str(error)))

    def _route(
        self, peer: Peer, delivery: IncomingDelivery, head: MessageHead, data: bytes, more: bool
    ) -> None:
        router = self._router
        between_routers = isinstance(peer, RouterPeer)
        destination = head.destination
        if destination is None and not between_routers:
            target = delivery.link.target
            destination = target.address if target is not None else None
        if destination is None:
            discard(delivery, RELEASED_STATE)
            return
        address = parse_address(destination, router.router_id)
        if not between_routers and head.annotations != Annotations():
            discard(delivery, _rejected("amqp:not-allowed", "router annotations from a client"))
            return
        trace = tuple(_plain(item) for item in head.annotations.trace)
        if not between_routers and address.name != MANAGEMENT_NAME:
            discard(delivery, RELEASED_STATE)
            return
        management = address.kind is AddressKind.MOBILE and address.name == MANAGEMENT_NAME
        if address.kind is AddressKind.LOCAL or management:
            self._local(peer, delivery, head, address, data, more, between_routers)
        elif address.kind is AddressKind.ALL_ROUTERS and between_routers:
            self._all_routers(peer, delivery, head, address, data, more, trace)
        elif router.router_id in trace or len(trace) > router.routing.radius + 1:
            discard(delivery, RELEASED_STATE)
        elif address.kind is AddressKind.ROUTER:
            self._forward(
                delivery, head, data, more, router.routing.next_hop(address.router), None, address.router
            )
        elif address.kind is AddressKind.MOBILE and head.is_tcp_stream and between_routers:
            self._service_stream(peer, delivery, head, address, data, more, trace)
        elif address.kind is AddressKind.MOBILE and address.name.startswith(MULTICAST_PREFIX):
            self._multicast(peer, delivery, head, address, data, more, trace)
        elif address.kind is AddressKind.MOBILE:
            self._mobile_message(peer, delivery, head, address, data, more, trace)
        else:
            discard(delivery, RELEASED_STATE)

    # ------------------------------------------------------------------ for us

    def _local(
        self,
        peer: Peer,
        delivery: IncomingDelivery,
        head: MessageHead,
        address: Address,
        data: bytes,
        more: bool,
        between_routers: bool,
    ) -> None:
        router = self._router
        if head.is_tcp_stream:
            flow = router.replies.get(address.name) if between_routers else None
            if flow is None or flow.source is not None:
                # Its client is gone, or it has its answer: whoever sends must know at once, not when the stream is over.
                discard(delivery, RELEASED_STATE)
                return
            flow.source = DeliverySource(delivery, flow)
            rest = data[head.body_offset :]
            if rest or not more:
                flow.feed(rest, last=not more)
            flow.stream_writable()
            return
        if more:
            limit = MAX_CONTROL_MESSAGE if address.name in CONTROL_NAMES else MAX_MESSAGE
            delivery.context = Collector(router, peer, delivery, data, whole=True, limit=limit)
            return
        if address.name in CONTROL_NAMES and isinstance(peer, RouterPeer):
            self._control(peer, head, data)
            delivery.update(ACCEPTED_STATE, settled=True)
        elif address.name == MANAGEMENT_NAME:
            body = _body(head, data)
            router.management_request(peer, head, body)
            delivery.update(ACCEPTED_STATE, settled=True)
        elif router.deliver_to_client(address.name, data[head.rest_offset :]):
            delivery.update(ACCEPTED_STATE, settled=True)
        else:
            delivery.update(RELEASED_STATE, settled=True)

    def _control(self, peer: RouterPeer, head: MessageHead, data: bytes) -> None:
        opcode = head.application_properties.get("opcode")
        body = _body(head, data)
        if isinstance(opcode, str) and isinstance(body, dict):
            self._router.control_received(peer, str(opcode), body)

    def _all_routers(
        self,
        peer: Peer,
        delivery: IncomingDelivery,
        head: MessageHead,
        address: Address,
        data: bytes,
        more: bool,
        trace: tuple[str, ...],
    ) -> None:
        """A flooded control message: ours too, and on to whom it has not reached."""
        router = self._router
        if address.name not in CONTROL_NAMES or not isinstance(peer, RouterPeer):
            discard(delivery, RELEASED_STATE)
            return
        if more:
            delivery.context = Collector(router, peer, delivery, data, whole=True, limit=MAX_CONTROL_MESSAGE)
            return
        delivery.update(ACCEPTED_STATE, settled=True)
        if router.router_id in trace:
            return
        self._control(peer, head, data)
        if len(trace) > router.routing.radius + 1:
            return
        if address.name == "qdrouter.ma":
            origin = _plain(head.annotations.ingress or "") or (trace[0] if trace else "")
            links = router.routing.multicast_links(origin, router.routing.all_routers(), trace)
        else:
            links = router.routing.flood_links(trace)
        message = self._annotated(head) + data[head.rest_offset :]
        for link in links:
            other = router.router_peer(link)
            if other is not None and other is not peer:
                other.send_control(message)

    # ------------------------------------------------------------------ for others

    def _annotated(self, head: MessageHead) -> bytes:
        """Our annotations for a message that goes on: ingress filled in, ourselves at the end of the trace."""
        old = head.annotations
        own = self._router.trace_id
        return Annotations(old.flags, old.to_override, old.ingress or own, (*old.trace, own)).encode()

    def peer_towards(self, address: str) -> RouterPeer | None:
        """The connection towards the router an address names."""
        parsed = parse_address(address, self._router.router_id)
        if parsed.kind is not AddressKind.ROUTER:
            return None
        link = self._router.routing.next_hop(parsed.router)
        return None if link is None else self._router.router_peer(link)

    def _forward(
        self,
        delivery: IncomingDelivery,
        head: MessageHead,
        data: bytes,
        more: bool,
        link: int | None,
        service: Service | None,
        router_id: str,
    ) -> None:
        peer = None if link is None else self._router.router_peer(link)
        if peer is None:
            discard(delivery, RELEASED_STATE)
            return
        message = self._annotated(head) + data[head.rest_offset :]
        if more or head.is_tcp_stream:
            self.streams_in_transit += 1
            StreamRelay(delivery, peer, service, router_id).write(message, last=not more)
            return
        relay = None if delivery.settled else MessageRelay(delivery)
        parsed = parse_address(head.destination or "", self._router.router_id)
        if parsed.name in CONTROL_NAMES:
            peer.send_control(message)
            delivery.update(ACCEPTED_STATE, settled=True)
        elif not peer.send_message(message, settled=delivery.settled, context=relay):
            delivery.update(RELEASED_STATE, settled=True)

    def _service_stream(
        self,
        peer: Peer,
        delivery: IncomingDelivery,
        head: MessageHead,
        address: Address,
        data: bytes,
        more: bool,
        trace: tuple[str, ...],
    ) -> None:
        router = self._router
        service = router.services.known(address.name) or Service(address.name)
        origin = _plain(head.annotations.ingress or "") or (trace[0] if trace else None)
        choice = service.choose(router.routing, origin, frozenset(trace))
        if choice is None:
            discard(delivery, RELEASED_STATE)
        elif isinstance(choice, RemoteChoice):
            self._forward(delivery, head, data, more, choice.link, service, choice.router_id)
        else:
            choice.connect_stream(peer, delivery, head, data[head.body_offset :], more)

    def _mobile_message(
        self,
        peer: Peer,
        delivery: IncomingDelivery,
        head: MessageHead,
        address: Address,
        data: bytes,
        more: bool,
        trace: tuple[str, ...],
    ) -> None:
        """A message for one consumer of a mobile address: on to the nearest router that announced it."""
        router = self._router
        origin = _plain(head.annotations.ingress or "") or None
        choice = Service(address.name).choose(router.routing, origin, frozenset(trace))
        if isinstance(choice, RemoteChoice):
            self._forward(delivery, head, data, more, choice.link, None, choice.router_id)
        else:
            discard(delivery, RELEASED_STATE)

    def _multicast(
        self,
        peer: Peer,
        delivery: IncomingDelivery,
        head: MessageHead,
        address: Address,
        data: bytes,
        more: bool,
        trace: tuple[str, ...],
    ) -> None:
        router = self._router
        if more:
            delivery.context = Collector(router, peer, delivery, data, whole=True, limit=MAX_MESSAGE)
            return
        origin = _plain(head.annotations.ingress or "") or router.router_id
        links = router.routing.multicast_links(origin, router.routing.routers_with(address.key), trace)
        message = self._annotated(head) + data[head.rest_offset :]
        for link in links:
            other = router.router_peer(link)
            if other is not None:
                other.send_message(message, settled=True)
        delivery.update(ACCEPTED_STATE if links else RELEASED_STATE, settled=True)


def _plain(trace_item: str) -> str:
    """``0/east`` -> ``east``."""
    return trace_item[2:] if trace_item.startswith("0/") else trace_item


def _body(head: MessageHead, data: bytes) -> Any:
    """The value of a message with an amqp-value body, else ``None``."""
    if head.body_offset >= len(data):
        return None
    section, _ = decode(data, head.body_offset)
    return section.value if isinstance(section, Described) and section.descriptor == VALUE else None
