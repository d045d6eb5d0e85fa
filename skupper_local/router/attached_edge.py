"""An edge router that is attached to this interior router (router-protocol 6).

An edge says what it is and wants by the links it attaches:

========================================== ============================================================================
link                                       meaning
========================================== ============================================================================
receiver from its own id, edge downlink    "I am this edge": we announce ``H<id>``, and what is for it goes there
receiver from an address                   a consumer of the address is behind it: we announce the address
sender to an address                       somebody behind it would use the address: it wants to know whether it can
receiver from ``_$qd.edge_addr_tracking``  where it is told so: ``[key, whether there is a consumer beyond this edge]``
sender to ``_$qd.mesh_discovery``          one message names its mesh: edges that are linked to each other
sender to nothing                          everything else, and each stream
========================================== ============================================================================

Edges of one mesh reach each other without us, so we never lead one to the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skupper_local.amqp import events
from skupper_local.amqp.codec import DecodeError
from skupper_local.amqp.connection import Connection
from skupper_local.amqp.link import Link
from skupper_local.amqp.performatives import ACCEPTED, AmqpError, state
from skupper_local.router.addresses import AddressKind, parse_address
from skupper_local.router.message_head import Annotations, HeadError, encode_message, parse_head
from skupper_local.router.peer import MessageLink, NetworkPeer, PeerFacts, discard

if TYPE_CHECKING:
    from skupper_local.router.router import Router
    from skupper_local.router.services import Service

DOWNLINK = "qd.router-edge-downlink"
TRACKING = "_$qd.edge_addr_tracking"
MESH_DISCOVERY = "_$qd.mesh_discovery"
MESH_ID = "meshid"
MESH_ID_LENGTH = 64
"""Characters of a mesh id that are believed; the reference's have 15."""

MAX_ADDRESSES = 8192
"""Addresses that one connection may consume from and watch together; each is kept here, and announced to the network."""

MAX_ADDRESS_LENGTH = 1024

_RESERVED = ("_$", "$")
"""First characters of mobile addresses that belong to routers."""


class AttachedEdge(NetworkPeer):
    """The connection to an edge router. ``mesh`` is what it calls the mesh it is part of."""

    def __init__(self, router: Router, connection: Connection, facts: PeerFacts, number: int) -> None:
        super().__init__(router, connection, facts, number)
        self.mesh: str | None = None
        self.is_attached = False
        """Whether it said which edge router it is."""
        self._downlink: MessageLink | None = None
        self._tracking: MessageLink | None = None
        self._mesh_link: Link | None = None
        self._consumers: dict[Service, dict[Link, MessageLink]] = {}
        self._watched: dict[Service, set[Link]] = {}
        self._told: set[Service] = set()
        """Watched services of which the edge was told last that they are reachable."""

    def same_mesh(self, other: AttachedEdge) -> bool:
        """Whether the two reach each other without us; every edge is of one mesh with itself."""
        return other is self or (self.mesh is not None and self.mesh == other.mesh)

    # ------------------------------------------------------------------ links

    def _link_requested(self, event: events.LinkRequested) -> None:
        link = event.link
        terminus = link.remote_source if link.is_sender else link.remote_target
        if terminus is None:
            link.refuse("amqp:invalid-field", "the terminus is missing")
        elif link.is_sender:
            self._receiver_requested(link, terminus.address, DOWNLINK in terminus.capabilities)
        elif terminus.address is None:
            link.accept()
            link.issue_credit(self.link_credit)
        elif terminus.address == MESH_DISCOVERY:
            link.accept()
            self._mesh_link = link
            link.issue_credit(self.link_credit)
        else:
            self._sender_requested(link, self._service(terminus.address))

    def _sender_requested(self, link: Link, service: Service | None) -> None:
        if service is None:
            link.refuse("qd:no-route-to-dest", "this address is not served to edge routers")
            return
        link.accept()
        link.issue_credit(self.link_credit)
        link.context = service
        self._watched.setdefault(service, set()).add(link)
        service.watchers[self] = None
        self.tell(service)

    def _receiver_requested(self, link: Link, address: str | None, downlink: bool) -> None:
        if downlink:
            if address != self.container or address == self.router.router_id or self._downlink is not None:
                link.refuse("qd:forbidden", "an edge router attaches one downlink, for its own id")
                return
            known = self.router.edge(self.container)
            if known is not None and known.facts.user != self.facts.user:
                # What is for the one must not go to the other. An edge that comes back in another guise dials until we know
                # that its former connection is gone.
                why = "an edge router of this id is attached with another certificate"
                self.router.log.warning(f"edge router {self.container}: refused, {why}")
                self.connection.close(AmqpError("amqp:not-allowed", why))
                return
            link.accept()
            self._downlink = self.message_links[link] = MessageLink(link)
            self.is_attached = True
            self.router.edge_attached(self)
        elif address == TRACKING and self._tracking is None:
            link.accept()
            self._tracking = self.message_links[link] = MessageLink(link)
            for service in self._watched:
                self.tell(service)
        elif address is None or (consumed := self._service(address)) is None:
            link.refuse("qd:no-route-to-dest", "this address is not served to edge routers")
        else:
            self._consumer_attached(link, consumed)

    def _consumer_attached(self, link: Link, service: Service) -> None:
        link.accept()
        link.context = service
        message_link = self.message_links[link] = MessageLink(link)
        self._consumers.setdefault(service, {})[link] = message_link
        if self not in service.edges:
            service.edges[self] = None
            self.router.service_changed(service)

    def _service(self, address: str) -> Service | None:
        parsed = parse_address(address, self.router.router_id)
        name = parsed.name
        if parsed.kind is not AddressKind.MOBILE or not name or name.startswith(_RESERVED):
            return None
        if len(name) > MAX_ADDRESS_LENGTH or len(self._consumers) + len(self._watched) >= MAX_ADDRESSES:
            return None
        return self.router.services.for_edge(name)

    def _link_closed(self, event: events.LinkClosed) -> None:
        link = event.link
        super()._link_closed(event)
        if self._downlink is not None and link is self._downlink.link:
            self._downlink = None
            self._detached()
        elif self._tracking is not None and link is self._tracking.link:
            self._tracking = None
            self._told.clear()
        elif link is self._mesh_link:
            self._mesh_link = None
        service = link.context
        if service in self._consumers and link in self._consumers[service]:
            del self._consumers[service][link]
            if not self._consumers[service]:
                self._no_consumer(service)
        elif service in self._watched and link in self._watched[service]:
            self._watched[service].discard(link)
            if not self._watched[service]:
                self._not_watched(service)

    def _no_consumer(self, service: Service) -> None:
        del self._consumers[service]
        del service.edges[self]
        self.router.service_changed(service)

    def _not_watched(self, service: Service) -> None:
        del self._watched[service]
        self._told.discard(service)
        del service.watchers[self]
        self.router.services.forget_unused(service)

    def _detached(self) -> None:
        if self.is_attached:
            self.is_attached = False
            self.router.edge_detached(self)

    def _closed(self, event: events.Closed) -> None:
        self._tracking = None
        for service in list(self._watched):
            self._not_watched(service)
        for service in list(self._consumers):
            self._no_consumer(service)
        self._detached()
        super()._closed(event)

    # ------------------------------------------------------------------ messages

    def _transfer(self, event: events.TransferReceived) -> None:
        delivery = event.delivery
        if delivery.link is not self._mesh_link or delivery.context is not None:
            super()._transfer(event)
            return
        discard(delivery, state(ACCEPTED))
        try:
            head = None if event.more else parse_head(bytes(event.payload), complete=True)
        except (HeadError, DecodeError):
            return
        mesh = head.application_properties.get(MESH_ID) if head else None
        if isinstance(mesh, str) and 0 < len(mesh) <= MESH_ID_LENGTH and mesh != self.mesh:
            self.mesh = str(mesh)
            for service in (*self._consumers, *self._watched):
                self.router.tell_edges(service)

    def tell(self, service: Service) -> None:
        """Tell the edge whether a watched address has a consumer beyond it, if that is news."""
        if self._tracking is None:
            return
        reachable = service.reachable_beyond(self, self.router.routing)
        if reachable == (service in self._told):
            return
        message = encode_message(Annotations(), to=None, body=[service.key, reachable])
        if self._tracking.send(message, settled=False):
            (self._told.add if reachable else self._told.discard)(service)
        else:
            # It reads none of it: it would use what is gone, and wait for what is there.
            self.connection.close(
                AmqpError("amqp:resource-limit-exceeded", "the address tracking is not read")
            )

    def send_message(
        self, data: bytes, *, settled: bool, context: Any = None, address: str | None = None
    ) -> bool:
        """Send a complete message: to the consumers behind the edge of a service ``address``, else to the edge itself."""
        link = self._downlink
        if address is not None:
            service = self.router.services.known(address)
            link = next(iter(self._consumers.get(service, {}).values()), None) if service else None
        return link is not None and link.send(data, settled=settled, context=context)
