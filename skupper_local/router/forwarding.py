"""Where a message goes: the first part of every incoming delivery comes here.

============================ ==========================================================================================
destination                  what happens
============================ ==========================================================================================
``_local/…``, own ``_topo``  the routing protocol, management, or the flow that waits for its answer
``_topo/0/all/…``            routing protocol: ours, and on to the neighbours that have not seen it
``_topo/0/<router>/…``       on to the next hop
``_edge/<router>/…``         on to the edge router, if it is attached here, or towards the router it is attached to
service address, TCP stream  a connector of ours, or on towards a router that has one (``services``)
multicast address            on to every router that announced it
everything else              released: nobody here or on the way wants it
============================ ==========================================================================================

A complete message goes on as a message, a stream part by part as it comes (``StreamRelay``). Outcomes travel back the same
way, with the integer types they came with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skupper_local.amqp.codec import DecodeError
from skupper_local.amqp.link import IncomingDelivery
from skupper_local.amqp.performatives import (
    ACCEPTED,
    RELEASED,
    state,
)
from skupper_local.router.addresses import Address, AddressKind, parse_address
from skupper_local.router.message_head import (
    Annotations,
    HeadError,
    MessageHead,
    body_value,
    parse_head,
)
from skupper_local.router.peer import NetworkPeer, Peer, RouterPeer, discard
from skupper_local.router.relays import Collector, MessageRelay, StreamRelay, rejected
from skupper_local.router.services import RemoteChoice, Service
from skupper_local.router.tcp_flow import DeliverySource

if TYPE_CHECKING:
    from skupper_local.router.router import Router

RELEASED_STATE = state(RELEASED)
ACCEPTED_STATE = state(ACCEPTED)

MAX_CONTROL_MESSAGE = 8 * 1_048_576
MAX_MESSAGE = 1_048_576
"""Bytes of a message that is collected here before it is understood (management requests)."""

CONTROL_NAMES = ("qdhello", "qdrouter", "qdrouter.ma")
MANAGEMENT_NAME = "$management"
MULTICAST_PREFIX = "mc/"


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
            discard(delivery, rejected("amqp:decode-error", str(error)))

    def _route(
        self, peer: Peer, delivery: IncomingDelivery, head: MessageHead, data: bytes, more: bool
    ) -> None:
        router = self._router
        between_routers = isinstance(peer, NetworkPeer)
        destination = head.destination
        if destination is None:
            destination = peer.implied_destination(delivery.link)
        if destination is None:
            discard(delivery, RELEASED_STATE)
            return
        address = parse_address(destination, router.router_id)
        if not between_routers and head.annotations != Annotations():
            discard(delivery, rejected("amqp:not-allowed", "router annotations from a client"))
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
            link = router.routing.next_hop(address.router)
            self._forward(peer, delivery, head, data, more, link, None, address.router)
        elif address.kind is AddressKind.EDGE:
            link = self._link_towards_edge(address.router, _origin(head), trace)
            self._forward(peer, delivery, head, data, more, link, None, address.router)
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
            body = body_value(head, data)
            router.management_request(peer, head, body)
            delivery.update(ACCEPTED_STATE, settled=True)
        elif router.deliver_to_client(address.name, data[head.rest_offset :]):
            delivery.update(ACCEPTED_STATE, settled=True)
        else:
            delivery.update(RELEASED_STATE, settled=True)

    def _control(self, peer: RouterPeer, head: MessageHead, data: bytes) -> None:
        opcode = head.application_properties.get("opcode")
        body = body_value(head, data)
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
            origin = _origin(head) or (trace[0] if trace else "")
            links = router.routing.multicast_links(origin, router.routing.all_routers(), trace)
        else:
            links = router.routing.flood_links(trace)
        message = self._annotated(head) + data[head.rest_offset :]
        for link in links:
            other = router.network_peer(link)
            if isinstance(other, RouterPeer) and other is not peer:
                other.send_control(message)

    # ------------------------------------------------------------------ for others

    def _annotated(self, head: MessageHead) -> bytes:
        """Our annotations for a message that goes on: ingress filled in, ourselves at the end of the trace."""
        old = head.annotations
        if self._router.uplinks is not None:
            return Annotations(old.flags, old.to_override, None, (), self._router.mesh).encode()
        own = self._router.trace_id
        return Annotations(
            old.flags, old.to_override, old.ingress or own, (*old.trace, own), old.mesh
        ).encode()

    def peer_towards(self, address: str) -> NetworkPeer | None:
        """The connection towards the router an address names."""
        parsed = parse_address(address, self._router.router_id)
        if parsed.kind is AddressKind.ROUTER:
            link = self._router.routing.next_hop(parsed.router)
        elif parsed.kind is AddressKind.EDGE:
            link = self._link_towards_edge(parsed.router, None, ())
        else:
            return None
        return None if link is None else self._router.network_peer(link)

    def _link_towards_edge(self, edge_id: str, origin: str | None, trace: tuple[str, ...]) -> int | None:
        """The connection to an edge router, or towards the nearest interior router it is attached to."""
        router = self._router
        if router.uplinks is not None:
            return router.routing.next_hop(edge_id)
        attached = router.edge(edge_id)
        if attached is not None:
            return attached.number
        choice = Service(edge_id, key=AddressKind.EDGE.value + edge_id).choose(
            router.routing, origin, frozenset(trace)
        )
        return choice.link if isinstance(choice, RemoteChoice) else None

    def _forward(
        self,
        source: Peer,
        delivery: IncomingDelivery,
        head: MessageHead,
        data: bytes,
        more: bool,
        link: int | None,
        service: Service | None,
        router_id: str,
        consumers: str | None = None,
    ) -> None:
        """Pass a delivery on over a connection, but never back. ``consumers``: the message is for them, whoever has them."""
        peer = None if link is None else self._router.network_peer(link)
        if peer is None or peer is source:
            discard(delivery, RELEASED_STATE)
            return
        message = self._annotated(head) + data[head.rest_offset :]
        if more or head.is_tcp_stream:
            self.streams_in_transit += 1
            StreamRelay(delivery, peer, service, router_id).write(message, last=not more)
            return
        relay = None if delivery.settled else MessageRelay(delivery)
        parsed = parse_address(head.destination or "", self._router.router_id)
        if parsed.name in CONTROL_NAMES and isinstance(peer, RouterPeer):
            peer.send_control(message)
            delivery.update(ACCEPTED_STATE, settled=True)
        elif not peer.send_message(message, settled=delivery.settled, context=relay, address=consumers):
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
        choice = service.choose(
            router.routing,
            _origin(head) or (trace[0] if trace else None),
            frozenset(trace),
            source=peer,
            mesh=head.annotations.mesh,
        )
        if choice is None:
            discard(delivery, RELEASED_STATE)
        elif isinstance(choice, RemoteChoice):
            self._forward(peer, delivery, head, data, more, choice.link, service, choice.router_id)
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
        """A message for one consumer of a mobile address: on to an edge of ours or the nearest router that announced it."""
        router = self._router
        known = router.services.known(address.name)
        choice = Service(address.name, edges=known.edges if known else {}).choose(
            router.routing, _origin(head), frozenset(trace), source=peer, mesh=head.annotations.mesh
        )
        if isinstance(choice, RemoteChoice):
            self._forward(
                peer, delivery, head, data, more, choice.link, None, choice.router_id, consumers=address.name
            )
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
        origin = _origin(head) or router.router_id
        links = router.routing.multicast_links(origin, router.routing.routers_with(address.key), trace)
        message = self._annotated(head) + data[head.rest_offset :]
        receivers = [other for link in links if (other := router.network_peer(link)) is not None]
        known = router.services.known(address.name)
        mesh = head.annotations.mesh
        receivers += [
            edge
            for edge in (known.edges if known else ())
            if edge is not peer and (mesh is None or edge.mesh != mesh)
        ]
        for receiver in receivers:
            receiver.send_message(message, settled=True, address=address.name)
        delivery.update(ACCEPTED_STATE if receivers else RELEASED_STATE, settled=True)


def _plain(trace_item: str) -> str:
    """``0/east`` -> ``east``."""
    return trace_item[2:] if trace_item.startswith("0/") else trace_item


def _origin(head: MessageHead) -> str | None:
    """The router where the message entered the network, if it says so."""
    return _plain(head.annotations.ingress or "") or None
