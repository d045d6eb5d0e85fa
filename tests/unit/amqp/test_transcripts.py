"""What reference routers said to each other, replayed: our side takes the place of one of them and must understand it all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.connection import Connection, State
from skupper_local.amqp.link import IncomingDelivery
from skupper_local.amqp.performatives import ROLE_SENDER, Attach, Begin
from skupper_local.amqp.session import Session
from skupper_local.amqp.transfers import performative_end
from tests.unit.amqp.pair import CLIENT, SERVER, feed, frames, of_kind

TRANSCRIPTS = Path(__file__).parents[2] / "data" / "transcripts"
CREDIT = 250
CONNECTIONS = ["control", "stream", "download"]


def pieces(data: bytes) -> Iterator[bytes]:
    """The headers and frames one by one."""
    start = 0
    while start < len(data):
        size = 8 if data[start : start + 4] == b"AMQP" else int.from_bytes(data[start : start + 4], "big")
        yield data[start : start + size]
        start += size


class Stand:
    """Our connection in the place of one router, which does what that router did."""

    def __init__(self, name: str, *, server: bool) -> None:
        peer, own = ("connector", "listener") if server else ("listener", "connector")
        self.recorded = (TRANSCRIPTS / f"{name}.from_{peer}.bin").read_bytes()
        self._own = frames((TRANSCRIPTS / f"{name}.from_{own}.bin").read_bytes())
        settings = SERVER if server else CLIENT
        self.connection = Connection(replace(settings, container_id="A" if server else "B"))
        self.happened: list[events.Event] = []
        self.received: dict[IncomingDelivery, bytes] = {}
        self._links_made = False

    def replay(self, size: int | None = None) -> None:
        """Receive it all: frame by frame, or in pieces of ``size``."""
        if size is None:
            for piece in pieces(self.recorded):
                if not self._links_made and any(_is_answer(body) for _, body in frames(piece)):
                    self._make_links()
                self._take(feed(self.connection, piece))
            return
        for start in range(0, len(self.recorded), size):
            self._take(feed(self.connection, self.recorded[start : start + size]))

    def _take(self, batch: list[events.Event]) -> None:
        self.happened += batch
        for event in batch:
            if isinstance(event, events.LinkRequested):
                event.link.accept()
                if not event.link.is_sender:
                    event.link.issue_credit(CREDIT)
            elif isinstance(event, events.LinkEstablished) and not event.link.is_sender:
                event.link.issue_credit(CREDIT)
            elif isinstance(event, events.TransferReceived):
                self.received[event.delivery] = self.received.get(event.delivery, b"") + bytes(event.payload)

    def _make_links(self) -> None:
        """Begin the sessions and attach the links that the router in our place made of its own accord."""
        self._links_made = True
        sessions: dict[int, Session] = {}
        for channel, body in self._own:
            if isinstance(body, Begin) and body.remote_channel is None:
                sessions[channel] = self.connection.begin()
                assert sessions[channel].channel == channel
            elif isinstance(body, Attach) and channel in sessions:
                session = sessions[channel]
                attach = session.attach_sender if body.role == ROLE_SENDER else session.attach_receiver
                attach(body.name, body.source, body.target)


def _is_answer(body: object) -> bool:
    return isinstance(body, Begin) and body.remote_channel is not None


def payloads(data: bytes) -> bytes:
    """Everything in the transfers of a recording."""
    transfers = [body for _, body in frames(data) if isinstance(body, bytes)]
    return b"".join(body[performative_end(memoryview(body)) :] for body in transfers)


@pytest.mark.parametrize("server", [True, False], ids=["as listener", "as connector"])
@pytest.mark.parametrize("name", CONNECTIONS)
def test_everything_a_reference_router_sent_is_understood(name: str, server: bool) -> None:
    stand = Stand(name, server=server)
    stand.replay()
    assert stand.connection.state is State.OPEN
    assert of_kind(stand.happened, events.Closed) == []
    transfers = of_kind(stand.happened, events.TransferReceived)
    assert b"".join(bytes(event.payload) for event in transfers) == payloads(stand.recorded)
    assert transfers
    complete = sum(not event.more for event in transfers)
    assert len(stand.received) - complete == (
        1 if name == "download" and server else 0
    )  # that one is cut off


@pytest.mark.parametrize("size", [1, 13, 500])
def test_how_the_bytes_are_cut_makes_no_difference(size: int) -> None:
    whole, cut = Stand("control", server=True), Stand("control", server=True)
    whole.replay()
    cut.replay(size)
    assert list(cut.received.values()) == list(whole.received.values())
    assert [type(event) for event in cut.happened] == [type(event) for event in whole.happened]


def test_the_connecting_router_makes_two_control_links_and_a_pair_for_each_priority() -> None:
    stand = Stand("control", server=True)
    stand.replay()
    links = [event.link for event in of_kind(stand.happened, events.LinkRequested)]
    kinds = [(link.is_sender, (link.remote_source or link.remote_target).capabilities) for link in links]
    for is_sender in (True, False):
        assert kinds.count((is_sender, ("qd.router",))) == 1
        assert kinds.count((is_sender, ("qd.router-data",))) == 10
    assert len({link.session for link in links}) == 11
    opened = of_kind(stand.happened, events.Opened)[0].peer
    assert (opened.container_id, opened.max_frame_size, opened.idle_time_out) == ("B", 16384, 8000)
    assert opened.properties["qd.annotations-version"] == 2
    assert "qd.streaming-links" in opened.offered_capabilities


def test_the_listening_router_answers_every_link_and_gives_credit() -> None:
    stand = Stand("control", server=False)
    stand.replay()
    established = [event.link for event in of_kind(stand.happened, events.LinkEstablished)]
    assert len(established) == 22
    assert of_kind(stand.happened, events.LinkRequested) == []
    assert all(link.credit == CREDIT for link in established if link.is_sender)
    assert all(link.session.remote_window == 8192 for link in established)


def test_routing_messages_come_settled_on_the_control_link() -> None:
    stand = Stand("control", server=True)
    stand.replay()
    hellos = [delivery for delivery, data in stand.received.items() if b"HELLO" in data]
    assert len(hellos) > 5
    assert all(delivery.settled and delivery.complete for delivery in stand.received)
    assert not any(session.incoming for session in {delivery.link.session for delivery in stand.received})


def test_streams_come_unsettled_and_stay_so_until_their_outcome_is_told() -> None:
    stand = Stand("stream", server=True)
    stand.replay()
    assert stand.received
    assert not any(delivery.settled for delivery in stand.received)
