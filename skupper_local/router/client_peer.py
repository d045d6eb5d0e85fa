"""Connections of role ``normal``: management clients.

A client attaches a receiver with a dynamic source (the address for its replies) and a sender to ``$management`` or to nothing
in particular; messages of the latter go where their ``to`` says, which may be another router's management. Service addresses
are not served to AMQP clients: applications use the TCP listeners.
"""

from __future__ import annotations

from skupper_local.amqp import events
from skupper_local.amqp.performatives import Terminus
from skupper_local.router.addresses import AddressKind, parse_address
from skupper_local.router.forwarding import MANAGEMENT_NAME
from skupper_local.router.peer import MessageLink, Peer


class ClientPeer(Peer):
    """A management client."""

    @property
    def may_change(self) -> bool:
        """Whether this client may change the router: only who proved its identity on a local listener of role normal."""
        return self.connection.sasl_mechanism == "EXTERNAL" and self.facts.user is not None

    def _link_requested(self, event: events.LinkRequested) -> None:
        link = event.link
        router = self.router
        if link.is_sender:
            source = link.remote_source
            if source is None or not source.dynamic:
                link.refuse("qd:no-route-to-dest", "this router serves management clients only")
                return
            name = router.new_reply_name()
            address = router.reply_address(name)
            link.accept(source=Terminus(address=address, dynamic=True))
            link.context = name
            message_link = self.message_links[link] = MessageLink(link)
            router.client_replies[name] = message_link
            return
        target = link.remote_target
        if target is None or not self._serves(target.address):
            link.refuse("qd:no-route-to-dest", "this router serves management clients only")
            return
        link.accept()
        link.issue_credit(self.link_credit)

    def _serves(self, address: str | None) -> bool:
        if address is None:
            return True
        parsed = parse_address(address, self.router.router_id)
        return parsed.name == MANAGEMENT_NAME and parsed.kind in (
            AddressKind.MOBILE,
            AddressKind.LOCAL,
            AddressKind.ROUTER,
            AddressKind.EDGE,
        )

    def _link_closed(self, event: events.LinkClosed) -> None:
        super()._link_closed(event)
        if isinstance(event.link.context, str):
            self.router.client_replies.pop(event.link.context, None)
