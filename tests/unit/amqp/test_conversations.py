"""Two connections in any conversation, the bytes between them cut anywhere.

Whatever the two owners do and whenever it arrives: no side calls the other a rule breaker, what was sent arrives whole and in
order, nobody sends beyond window or credit, and each delivery ends settled and complete, or lost, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from skupper_local.amqp import events
from skupper_local.amqp.connection import Connection, State
from skupper_local.amqp.link import IncomingDelivery, Link, OutgoingDelivery
from skupper_local.amqp.performatives import (
    ACCEPTED,
    RECEIVED,
    ROLE_RECEIVER,
    ROLE_SENDER,
    Disposition,
    Terminus,
    state,
)
from skupper_local.amqp.session import Session
from skupper_local.amqp.types import UInt, ULong
from tests.unit.amqp.pair import CLIENT, SERVER, Pair

STATES = [None, state(ACCEPTED), state(RECEIVED, UInt(0), ULong(7))]
WINDOW = 8
FRAME_SIZE = 512


@dataclass
class Owner:
    """What one side knows: its links and deliveries, and what was said of them."""

    connection: Connection
    happened: list[events.Event]
    handled: int = 0
    sessions: list[Session] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    requests: list[Link] = field(default_factory=list)
    closed_links: list[Link] = field(default_factory=list)
    outgoing: list[OutgoingDelivery] = field(default_factory=list)
    incoming: list[IncomingDelivery] = field(default_factory=list)
    sent: dict[str, list[bytes]] = field(default_factory=dict)
    sending: dict[OutgoingDelivery, bytes] = field(default_factory=dict)
    arrived: dict[str, list[bytes]] = field(default_factory=dict)
    arriving: dict[IncomingDelivery, bytes] = field(default_factory=dict)
    lost: list[Any] = field(default_factory=list)
    ended: events.Closed | None = None

    def handle(self) -> None:
        """Take notice of what happened since the last time."""
        new, self.handled = self.happened[self.handled :], len(self.happened)
        for event in new:
            assert self.ended is None, "something happened after the end"
            if isinstance(event, events.LinkRequested):
                self.requests.append(event.link)
                self.links.append(event.link)
            elif isinstance(event, events.LinkClosed):
                assert event.link not in self.closed_links
                self.closed_links.append(event.link)
            elif isinstance(event, events.TransferReceived):
                self._part(event)
            elif isinstance(event, events.DeliveryLost):
                assert event.delivery not in self.lost
                self.lost.append(event.delivery)
            elif isinstance(event, events.Closed):
                self.ended = event

    def _part(self, event: events.TransferReceived) -> None:
        delivery = event.delivery
        if delivery not in self.arriving:
            self.incoming.append(delivery)
        data = self.arriving[delivery] = self.arriving.get(delivery, b"") + bytes(event.payload)
        if not event.more and not event.aborted:
            self.arrived.setdefault(delivery.link.name, []).append(data)

    def senders(self) -> list[Link]:
        """The links on which something can be sent now."""
        return [
            link
            for link in self.links
            if link.is_sender
            and link.established
            and not link.closed
            and (link.current or link.credit > 0)
            and link.session.remote_window > 0
        ]

    def receivers(self) -> list[Link]:
        """The links on which credit can be given now."""
        return [link for link in self.links if not link.is_sender and link.established and not link.closed]


class Conversation(RuleBasedStateMachine):
    """The rules choose an owner and let it do something, or let some bytes arrive."""

    @initialize(first=st.sampled_from([0, 2**32 - 20]))
    def open(self, first: int) -> None:
        client, server = (
            replace(one, incoming_window=WINDOW, max_frame_size=FRAME_SIZE) for one in (CLIENT, SERVER)
        )
        self.pair = Pair(client, server).open()
        self.first = first
        self.owners = [
            Owner(self.pair.client, self.pair.client_events),
            Owner(self.pair.server, self.pair.server_events),
        ]
        self.names = 0
        self.farewell = False
        for side in (0, 1):
            self.begin(side)
            for is_sender in (True, False, True, False):
                self.attach(side, 0, is_sender)
        self.pair.settle()
        self.handle()
        for side in (0, 1):
            while self.owners[side].requests:
                self.answer(side, 1, 5)
        self.pair.settle()

    def handle(self) -> None:
        self.pair.collect()
        for owner in self.owners:
            owner.handle()

    # ------------------------------------------------------------------ what owners do

    @rule(side=st.integers(0, 1))
    def begin(self, side: int) -> None:
        owner = self.owners[side]
        if len(owner.sessions) < 4:
            session = owner.connection.begin()
            if not session.closed:
                session._next_delivery_id = self.first
            owner.sessions.append(session)

    @rule(side=st.integers(0, 1), pick=st.integers(0, 99), is_sender=st.booleans())
    def attach(self, side: int, pick: int, is_sender: bool) -> None:
        owner = self.owners[side]
        if not owner.sessions:
            return
        session = owner.sessions[pick % len(owner.sessions)]
        self.names += 1
        attach = session.attach_sender if is_sender else session.attach_receiver
        link = attach(f"link{self.names}", Terminus("a"), Terminus("b"))
        if not link.closed:
            owner.links.append(link)

    @rule(side=st.integers(0, 1), yes=st.integers(0, 4), credit=st.integers(0, 6))
    def answer(self, side: int, yes: int, credit: int) -> None:
        owner = self.owners[side]
        if owner.requests:
            link = owner.requests.pop()
            if yes:
                link.accept()
                if not link.is_sender:
                    link.issue_credit(credit)
            else:
                link.refuse("amqp:not-found", "no")

    @rule(side=st.integers(0, 1), pick=st.integers(0, 99), credit=st.integers(0, 6))
    def give_credit(self, side: int, pick: int, credit: int) -> None:
        if receivers := self.owners[side].receivers():
            receivers[pick % len(receivers)].issue_credit(credit)

    @rule(side=st.integers(0, 1), pick=st.integers(0, 99))
    def drain(self, side: int, pick: int) -> None:
        if receivers := self.owners[side].receivers():
            link = receivers[pick % len(receivers)]
            link.session.send(link.session.flow(link, credit=max(0, link.credit), drain=True))

    @rule(
        side=st.integers(0, 1),
        pick=st.integers(0, 99),
        size=st.integers(0, 1200),
        settled=st.booleans(),
        more=st.booleans(),
    )
    def send(self, side: int, pick: int, size: int, settled: bool, more: bool) -> None:
        owner = self.owners[side]
        senders = owner.senders()
        if not senders:
            return
        link = senders[pick % len(senders)]
        size = min(size, link.session.remote_window * owner.connection.max_payload)
        delivery = link.current
        if delivery is None:
            delivery = link.begin_delivery(settled=settled)
            owner.outgoing.append(delivery)
        assert isinstance(delivery, OutgoingDelivery)
        owner.sending[delivery] = owner.sending.get(delivery, b"") + (data := bytes([pick]) * size)
        delivery.send(data, more=more)
        if not more:
            owner.sent.setdefault(link.name, []).append(owner.sending[delivery])

    @rule(side=st.integers(0, 1), picks=st.lists(st.integers(0, 99), min_size=2, max_size=6))
    def send_on_several(self, side: int, picks: list[int]) -> None:
        for pick in picks:
            self.send(side, pick, 10 * pick, pick % 3 == 0, pick % 2 == 0)

    @rule(side=st.integers(0, 1), pick=st.integers(0, 99))
    def abort(self, side: int, pick: int) -> None:
        unfinished = [one for one in self.owners[side].outgoing if not one.complete and not one.link.closed]
        if unfinished:
            unfinished[pick % len(unfinished)].abort()

    @rule(
        side=st.integers(0, 1), pick=st.integers(0, 99), said=st.sampled_from(STATES), settled=st.booleans()
    )
    def update(self, side: int, pick: int, said: Any, settled: bool) -> None:
        owner = self.owners[side]
        deliveries: list[Any] = [*owner.outgoing, *owner.incoming]
        if deliveries:
            deliveries[pick % len(deliveries)].update(said, settled=settled)

    @rule(side=st.integers(0, 1), pick=st.integers(0, 99), length=st.integers(0, 9), role=st.booleans())
    def settle_range(self, side: int, pick: int, length: int, role: bool) -> None:
        """What an engine that gathers dispositions says."""
        sessions = [
            one for one in self.owners[side].sessions if not one.closed and one.remote_channel is not None
        ]
        if not sessions:
            return
        session = sessions[pick % len(sessions)]
        unsettled: dict[int, Any] = session.incoming if role == ROLE_RECEIVER else session.outgoing
        if not unsettled:
            return
        first = list(unsettled)[pick % len(unsettled)]
        last = (first + length) & 0xFFFFFFFF
        session.send(Disposition(role, first, last, True, state(ACCEPTED)))
        for number in [(first + step) & 0xFFFFFFFF for step in range(length + 1)]:
            if number in unsettled:
                unsettled[number].settle()
        assert role in (ROLE_SENDER, ROLE_RECEIVER)

    @rule(side=st.integers(0, 1), pick=st.integers(0, 99))
    def detach(self, side: int, pick: int) -> None:
        owner = self.owners[side]
        if owner.links and pick < 15:
            link = owner.links[pick % len(owner.links)]
            if link in owner.requests:
                owner.requests.remove(link)
            link.detach()

    @precondition(lambda self: self.names > 9)
    @rule(side=st.integers(0, 1), pick=st.integers(0, 99))
    def close(self, side: int, pick: int) -> None:
        if pick == 50:
            self.owners[side].connection.close()
            self.farewell = True

    # ------------------------------------------------------------------ what arrives

    @rule(to_server=st.booleans(), count=st.integers(1, 700))
    def arrive(self, to_server: bool, count: int) -> None:
        self.pair.deliver(to_server=to_server, count=count)

    @rule()
    def all_arrives(self) -> None:
        self.pair.settle()

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def nobody_breaks_a_rule(self) -> None:
        if not hasattr(self, "pair"):
            return
        self.handle()
        for owner in self.owners:
            if not self.farewell:
                assert owner.ended is None, owner.ended
            elif owner.ended:
                assert owner.ended.error is None, owner.ended
            for session in owner.sessions:
                assert session.remote_window >= 0
            for link in owner.links:
                assert not link.is_sender or link.credit >= 0
                assert len(link.deliveries) < 1000

    @invariant()
    def what_arrived_is_what_was_sent_in_order(self) -> None:
        if not hasattr(self, "pair"):
            return
        for sender, receiver in (self.owners, self.owners[::-1]):
            for name, arrived in receiver.arrived.items():
                assert arrived == sender.sent[name][: len(arrived)]

    def teardown(self) -> None:
        if not hasattr(self, "pair"):
            return
        self.pair.settle()
        self.handle()
        self._everything_arrived()
        for owner in self.owners:
            owner.connection.close()
        self.pair.settle()
        self.handle()
        for owner in self.owners:
            assert owner.connection.state is State.CLOSED
            assert owner.connection.links == 0
            assert {id(link) for link in owner.links} == {id(link) for link in owner.closed_links}
            deliveries: list[Any] = [*owner.outgoing, *owner.incoming]
            for delivery in deliveries:
                assert delivery in owner.lost or (delivery.settled and delivery.complete)

    def _everything_arrived(self) -> None:
        if self.farewell:
            return
        for sender, receiver in (self.owners, self.owners[::-1]):
            closed = {link.name for link in [*sender.closed_links, *receiver.closed_links]}
            for name, sent in sender.sent.items():
                if name not in closed:
                    assert receiver.arrived.get(name, []) == sent


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
