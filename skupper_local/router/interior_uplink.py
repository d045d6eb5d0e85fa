"""The connection of an edge router to an interior router (router-protocol 6).

An edge may have several, to one interior or to different ones. One is *active*: on it the edge attaches the links by which
it is known and reachable (``attached_edge`` has the table of them); the others stand by. When the active one is lost, one of
those takes its place at once; connections of applications that went over the lost one are reset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skupper_local.amqp import events
from skupper_local.amqp.codec import DecodeError
from skupper_local.amqp.connection import Connection
from skupper_local.amqp.link import Link
from skupper_local.amqp.performatives import ACCEPTED, Terminus, state
from skupper_local.amqp.session import Session
from skupper_local.amqp.types import Symbol
from skupper_local.router.attached_edge import DOWNLINK, MESH_DISCOVERY, MESH_ID, TRACKING
from skupper_local.router.message_head import (
    Annotations,
    HeadError,
    body_value,
    encode_message,
    parse_head,
)
from skupper_local.router.peer import MessageLink, NetworkPeer, PeerFacts, discard

if TYPE_CHECKING:
    from skupper_local.router.router import Router
    from skupper_local.router.routing import EdgeRouting

TRACKING_CREDIT = 32


class InteriorUplink(NetworkPeer):
    """A connection to an interior router, active or standing by."""

    def __init__(self, router: Router, connection: Connection, facts: PeerFacts, number: int) -> None:
        super().__init__(router, connection, facts, number)
        self._session: Session | None = None
        self._uplink: Link | None = None
        self._downlink: Link | None = None
        self._tracking: Link | None = None
        self._mesh_link: Link | None = None
        self._in: dict[str, Link] = {}
        self._out: dict[str, Link] = {}
        self._attached = 0

    # ------------------------------------------------------------------ active or standing by

    def _opened(self, event: events.Opened) -> None:
        super()._opened(event)
        if self.is_open and self.router.uplinks is not None:
            self.router.uplinks.opened(self)

    def _closed(self, event: events.Closed) -> None:
        super()._closed(event)
        if self.router.uplinks is not None:
            self.router.uplinks.closed(self)

    def activate(self) -> None:
        """Attach the links that make this the connection by which the edge is known."""
        session = self._session = self.connection.begin()
        own_id = self.router.router_id
        nothing = Terminus()
        self._mesh_link = session.attach_sender(self._name(), nothing, Terminus(address=MESH_DISCOVERY))
        self._uplink = session.attach_sender(self._name(), nothing, nothing)
        self._downlink = session.attach_receiver(
            self._name(),
            Terminus(address=own_id, capabilities=(DOWNLINK,)),
            Terminus(capabilities=(DOWNLINK,)),
        )
        self._tracking = session.attach_receiver(self._name(), Terminus(address=TRACKING), nothing)

    def follow(self, routing: EdgeRouting) -> None:
        """Attach a receiver for each address that is consumed here and a sender for each that is watched; detach those that
        are not any more."""
        session = self._session
        if session is None or session.closed or not self.is_open:
            return
        for key in [key for key in self._in if key not in routing.consumed]:
            self._in.pop(key).detach()
        for key in routing.consumed:
            if key not in self._in:
                self._in[key] = session.attach_receiver(self._name(), Terminus(address=key[1:]), Terminus())
        for key in routing.watched:
            if key not in self._out:
                self._out[key] = session.attach_sender(self._name(), Terminus(), Terminus(address=key[1:]))

    def _name(self) -> str:
        self._attached += 1
        return f"edge.{self.number}.{self._attached}"

    # ------------------------------------------------------------------ links

    def _link_requested(self, event: events.LinkRequested) -> None:
        link = event.link
        target = link.remote_target
        if link.is_sender or target is None or target.address is not None:
            link.refuse("qd:no-route-to-dest", "an interior router sends on links without address")
            return
        link.accept()
        link.issue_credit(self.link_credit)

    def _link_established(self, event: events.LinkEstablished) -> None:
        link = event.link
        if link.context is self.stream_links:
            self.stream_links.established(link)
        elif link.is_sender:
            self.message_links[link] = MessageLink(link)
            if link is self._mesh_link:
                mesh = {Symbol(MESH_ID): self.router.mesh}
                message = encode_message(Annotations(), to=None, application_properties=mesh)
                self.message_links[link].send(message, settled=False)
        else:
            link.issue_credit(TRACKING_CREDIT if link is self._tracking else self.link_credit)

    def _link_closed(self, event: events.LinkClosed) -> None:
        link = event.link
        super()._link_closed(event)
        if link in (self._uplink, self._downlink, self._tracking) and self.is_open:
            # Whom we dialled serves no edge routers: an idle connection would pass for a link.
            self.refusal = event.error
            self.connection.close(event.error)
        for links in (self._in, self._out):
            for key in [key for key, known in links.items() if known is link]:
                del links[key]

    # ------------------------------------------------------------------ messages

    def implied_destination(self, link: Link) -> str | None:
        """A message without ``to`` is for the address its link is for."""
        return link.source.address if link.source is not None else None

    def _transfer(self, event: events.TransferReceived) -> None:
        delivery = event.delivery
        if delivery.link is not self._tracking or delivery.context is not None:
            super()._transfer(event)
            return
        discard(delivery, state(ACCEPTED))
        payload = bytes(event.payload)
        try:
            head = None if event.more else parse_head(payload, complete=True)
            news = body_value(head, payload) if head else None
        except (HeadError, DecodeError):
            return
        if isinstance(news, list) and len(news) == 2 and isinstance(news[0], str):
            self.router.address_tracked(self, str(news[0]), bool(news[1]))

    def send_message(
        self, data: bytes, *, settled: bool, context: Any = None, address: str | None = None
    ) -> bool:
        """Send a complete message up, wherever it is for."""
        link = self.message_links.get(self._uplink) if self._uplink is not None else None
        return link is not None and link.send(data, settled=settled, context=context)


class Uplinks:
    """The connections of an edge router to the interior, in the order in which they opened."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._open: dict[InteriorUplink, None] = {}
        self.active: InteriorUplink | None = None

    def opened(self, peer: InteriorUplink) -> None:
        """It can be used."""
        self._open[peer] = None
        if self.active is None:
            self._activate(peer)

    def closed(self, peer: InteriorUplink) -> None:
        """It is gone."""
        self._open.pop(peer, None)
        if self.active is peer:
            self.active = None
            self._router.log.info(f"the link to the interior router {peer.container} is lost")
            self._router.uplink_changed()
            successor = next((other for other in self._open if other.is_open), None)
            if successor is not None:
                self._activate(successor)

    def _activate(self, peer: InteriorUplink) -> None:
        self.active = peer
        self._router.log.info(f"linked to the interior router {peer.container}")
        peer.activate()
        self._router.uplink_changed()
