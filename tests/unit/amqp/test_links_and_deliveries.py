"""Sessions, links and deliveries: the life of each, and what a peer that breaks the rules is told."""

from __future__ import annotations

from typing import Any

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.codec import encode
from skupper_local.amqp.connection import MAX_ATTACH, State
from skupper_local.amqp.errors import LocalProtocolError, RemoteProtocolError
from skupper_local.amqp.performatives import (
    ACCEPTED,
    RECEIVED,
    REJECTED,
    AmqpError,
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Flow,
    Terminus,
    state,
)
from skupper_local.amqp.transfers import encode_transfer
from skupper_local.amqp.types import Array, Described, Float, UByte, UInt, ULong
from tests.unit.amqp.pair import CLIENT, SERVER, HandMade, Pair, feed, frame, frames, of_kind, only

ACCEPTED_STATE = state(ACCEPTED)


def transfer(
    handle: int = 0,
    delivery_id: int = 0,
    payload: bytes = b"",
    *,
    settled: bool = True,
    more: bool = False,
    aborted: bool = False,
) -> bytes:
    tag = delivery_id.to_bytes(4, "big")
    fields = encode_transfer(handle, delivery_id, tag, settled=settled, more=more, aborted=aborted)
    return frame(fields + payload)


def received(happened: list[Any]) -> bytes:
    return b"".join(bytes(event.payload) for event in of_kind(happened, events.TransferReceived))


# --------------------------------------------------------------------------------------------------------------- links


def test_a_requested_link_is_accepted_with_the_termini_of_the_peer_or_others() -> None:
    pair = Pair().open()
    session = pair.client.begin()
    sender = session.attach_sender("a", Terminus("from", ("x",)), Terminus("to"))
    receiver = session.attach_receiver("a", Terminus(dynamic=True))  # the other direction is another link
    pair.settle()
    first, second = (event.link for event in of_kind(pair.server_events, events.LinkRequested))
    first.accept()
    second.accept(source=Terminus("made"))
    pair.settle()
    assert (sender.remote_source, sender.remote_target) == (Terminus("from", ("x",)), Terminus("to"))
    assert receiver.remote_source == Terminus("made")
    assert sender.established
    assert receiver.established


def test_a_refused_link_is_answered_with_no_terminus_and_then_detached_with_the_reason() -> None:
    pair = Pair().open()
    link = pair.client.begin().attach_receiver("r", Terminus("nowhere"))
    pair.settle()
    only(pair.server_events, events.LinkRequested).link.refuse("amqp:not-found", "no such address")
    pair.settle()
    assert [type(event) for event in pair.client_events][-2:] == [events.LinkEstablished, events.LinkClosed]
    assert link.remote_source is None
    assert only(pair.client_events, events.LinkClosed).error == AmqpError("amqp:not-found", "no such address")
    assert pair.client.links == pair.server.links == 0


def test_a_link_name_can_be_used_once_per_direction_at_a_time() -> None:
    session = Pair().open().client.begin()
    session.attach_sender("name")
    with pytest.raises(LocalProtocolError):
        session.attach_sender("name")


def test_a_link_that_is_detached_before_the_answer_comes_is_no_request_of_the_peer() -> None:
    pair = Pair().open()
    session = pair.client.begin()
    link = session.attach_sender("gone")
    pair.collect()
    link.detach()
    pair.settle()
    for event in of_kind(pair.server_events, events.LinkRequested):
        event.link.accept()
    pair.settle()
    assert of_kind(pair.client_events, events.LinkRequested) == []
    assert pair.client.state is pair.server.state is State.OPEN
    assert pair.client.links == pair.server.links == 0
    again = session.attach_sender("gone")
    pair.settle()
    assert again.handle == link.handle  # free again


def test_an_answer_that_crosses_our_detach_is_no_request_of_the_peer() -> None:
    peer = HandMade(CLIENT).opened()
    session = peer.connection.begin()
    peer.send(Begin(0, 0, 100, 100))
    link = session.attach_sender("gone")
    link.detach()
    with pytest.raises(LocalProtocolError):
        session.attach_sender("gone")
    peer.send(Attach("gone", 7, True, source=Terminus(), target=Terminus()), Flow(0, 100, 0, 100, 7, 0, 5))
    assert of_kind(peer.events, events.LinkRequested) == []
    assert peer.connection.links == 1
    peer.send(Detach(7))
    assert peer.connection.links == 0
    assert peer.connection.state is State.OPEN


def test_a_link_that_the_peer_detaches_before_we_answer_is_answered_and_gone() -> None:
    peer = HandMade().opened().begun()
    peer.events.clear()
    peer.answers(Attach)
    peer.send(Attach("a", 0, True, source=Terminus("x")), Detach(0))
    link = only(peer.events, events.LinkRequested).link
    only(peer.events, events.LinkClosed)
    assert [type(body) for _, body in frames(peer.sent)] == [Attach, Detach]
    link.accept()  # what the owner does when it comes to the first event
    link.issue_credit(5)
    link.refuse("a:b", "c")
    peer.sent = b""
    assert peer.send().sent == b""


def test_a_requested_link_may_be_detached_without_an_answer() -> None:
    pair = Pair().open()
    pair.client.begin().attach_sender("s")
    pair.settle()
    only(pair.server_events, events.LinkRequested).link.detach(AmqpError("a:b"))
    pair.settle()
    assert pair.client.state is State.OPEN
    assert only(pair.client_events, events.LinkClosed).error == AmqpError("a:b")


def test_both_sides_may_detach_at_once() -> None:
    pair = Pair().open()
    sender, receiver = pair.link()
    sender.detach()
    receiver.detach()
    pair.settle()
    only(pair.client_events, events.LinkClosed)
    only(pair.server_events, events.LinkClosed)
    assert pair.client.state is pair.server.state is State.OPEN
    assert pair.client.links == pair.server.links == 0


def test_a_handle_is_free_only_when_both_sides_have_detached() -> None:
    pair = Pair().open()
    sender, _ = pair.link()
    sender.detach()
    other = sender.session.attach_sender("other")
    assert other.handle != sender.handle
    pair.settle()
    assert sender.session.attach_sender("third").handle == sender.handle


def test_what_still_comes_on_a_link_we_detached_is_dropped_and_does_not_stop_the_session() -> None:
    peer = HandMade(SERVER, incoming_window=8).opened().begun()
    link = peer.sender_attached()
    link.detach()
    peer.connection.take_events()
    peer.events.clear()
    for number in range(20):
        peer.send(transfer(0, number, b"late"))
    peer.send(Flow(0, 100, 0, 100, 0, 0, 1))
    assert peer.events == []
    assert peer.answers(Flow)  # the window is opened again and again
    peer.send(Attach("b", 0, True))
    assert peer.condition == "amqp:session:handle-in-use"


def test_a_detach_is_answered_in_kind() -> None:
    for closed in (True, False):
        peer = HandMade().opened().begun()
        peer.sender_attached()
        peer.answers(Detach)
        peer.send(Detach(0, closed))
        assert [detach.closed for detach in peer.answers(Detach)] == [closed]


LINK_ERRORS = {
    "a handle in use": ([Attach("b", 0, True)], "amqp:session:handle-in-use"),
    "a link name in use": ([Attach("in", 1, False, initial_delivery_count=0)], "amqp:link:stolen"),
    "a detach of nothing": ([Detach(9)], "amqp:session:unattached-handle"),
    "credit for nothing": ([Flow(0, 1, 0, 1, 9, 0, 1)], "amqp:session:unattached-handle"),
    "a transfer to nothing": ([transfer(9)], "amqp:session:unattached-handle"),
    "a transfer where we send": ([Attach("o", 1, True), transfer(1)], "amqp:not-allowed"),
    "a transfer on a link not yet accepted": (
        [Attach("n", 1, False, initial_delivery_count=0), transfer(1)],
        "amqp:link:transfer-limit-exceeded",
    ),
    "an attach that is too large": ([Attach("x" * MAX_ATTACH, 1, True)], "amqp:resource-limit-exceeded"),
}


@pytest.mark.parametrize(("parts", "condition"), LINK_ERRORS.values(), ids=LINK_ERRORS.keys())
def test_a_peer_that_breaks_the_rules_of_links_is_told_which(parts: list[Any], condition: str) -> None:
    peer = HandMade().opened().begun()
    peer.sender_attached()
    peer.send(*parts)
    assert (peer.condition, peer.told) == (condition, condition)


def test_too_many_links_close_the_connection_and_refused_ones_count_until_both_have_detached() -> None:
    peer = HandMade(SERVER, max_links=10).opened().begun()
    for handle in range(30):
        peer.events.clear()
        peer.send(Attach(f"{handle}", handle, True))
        if peer.connection.state is State.CLOSED:
            break
        only(peer.events, events.LinkRequested).link.refuse("a:b", "c")
    assert peer.condition == "amqp:resource-limit-exceeded"
    assert handle == 10


def test_links_that_come_and_go_for_ever_are_no_burden() -> None:
    peer = HandMade(SERVER, max_links=10).opened().begun()
    for number in range(200):
        peer.events.clear()
        peer.send(Attach(f"{number}", 0, True))
        link = only(peer.events, events.LinkRequested).link
        link.refuse("a:b", "c")
        assert link.handle == 0
        peer.send(Detach(0))
    assert peer.connection.state is State.OPEN


def test_the_peers_handle_limit_holds_for_our_links() -> None:
    peer = HandMade(CLIENT).opened()
    session = peer.connection.begin()
    peer.send(Begin(0, 0, 100, 100, handle_max=1))
    session.attach_sender("0")
    session.attach_sender("1")
    with pytest.raises(RemoteProtocolError):
        session.attach_sender("2")
    assert peer.connection.links == 2


# ------------------------------------------------------------------------------------------------------------ sessions


def test_a_session_ended_by_the_peer_takes_its_links_with_it_and_frees_its_channel() -> None:
    peer = HandMade().opened().begun(channel=3)
    peer.events.clear()
    peer.send(Attach("s", 0, True, source=Terminus()), channel=3)
    session = only(peer.events, events.LinkRequested).link.session
    peer.answers(End)
    peer.send(End(AmqpError("a:b")), channel=3)
    assert len(peer.answers(End)) == 1
    assert only(peer.events, events.SessionClosed) == (session, AmqpError("a:b"))
    only(peer.events, events.LinkClosed)
    assert session.attach_sender("late").closed
    peer.begun(channel=3)
    assert peer.connection.state is State.OPEN
    assert peer.connection.links == 0


SESSION_ERRORS: dict[str, tuple[list[Any], int, str]] = {
    "a frame on a channel without session": ([Flow(0, 1, 0, 1)], 5, "amqp:not-allowed"),
    "a transfer on a channel without session": ([transfer()], 0, "amqp:not-allowed"),
    "a session on a channel in use": ([Begin(None, 0, 1, 1)] * 2, 0, "amqp:not-allowed"),
    "an answer to nothing": ([Begin(3, 0, 1, 1)], 0, "amqp:not-allowed"),
    "a frame behind the end": ([Begin(None, 0, 1, 1), End(), End()], 0, "amqp:not-allowed"),
    "a channel beyond the limit": ([Begin(None, 0, 1, 1)], 40_000, "amqp:connection:framing-error"),
}


@pytest.mark.parametrize(
    ("parts", "channel", "condition"), SESSION_ERRORS.values(), ids=SESSION_ERRORS.keys()
)
def test_a_peer_that_breaks_the_rules_of_sessions_is_told_which(
    parts: list[Any], channel: int, condition: str
) -> None:
    peer = HandMade().opened()
    peer.send(*parts, channel=channel)
    assert (peer.condition, peer.told) == (condition, condition)


def test_too_many_sessions_close_the_connection() -> None:
    peer = HandMade(SERVER, max_sessions=4).opened()
    for channel in range(4):
        peer.begun(channel)
    assert peer.connection.state is State.OPEN
    assert peer.begun(4).condition == "amqp:resource-limit-exceeded"


def test_the_peers_channel_limit_holds_for_our_sessions() -> None:
    peer = HandMade(CLIENT).opened(channel_max=1)
    peer.connection.begin()
    peer.connection.begin()
    with pytest.raises(RemoteProtocolError):
        peer.connection.begin()


# ------------------------------------------------------------------------------------------------------- windows, credit


def test_the_window_of_the_peer_counts_frames_and_is_announced_when_it_opens() -> None:
    peer = HandMade().opened().begun(window=2)
    link = peer.receiver_attached()
    session = link.session
    peer.send(Flow(0, 2, 0, 100))
    delivery = link.begin_delivery()
    delivery.send(b"a", more=True)
    delivery.send(b"b", more=True)
    assert session.remote_window == 0
    session.window_wanted = True
    peer.events.clear()
    peer.send(Flow(1, 2, 0, 100))
    assert only(peer.events, events.WindowOpened).session is session
    assert session.remote_window == 1


@pytest.mark.parametrize("window", [2**31 - 1, 2**31, 2**32 - 1])
def test_windows_and_credit_may_be_as_large_as_their_type(window: int) -> None:
    peer = HandMade().opened().begun(window=window)
    link = peer.receiver_attached(credit=window)
    peer.send(Flow(0, window, 0, 100, 0, 0, window))
    assert (link.session.remote_window, link.credit) == (window, window)
    link.begin_delivery().send(b"x", more=False)
    peer.send(Flow(0, window, 0, 100, 0, 0, window))
    assert (link.session.remote_window, link.credit) == (window - 1, window - 1)


def test_a_transfer_beyond_our_window_is_a_violation() -> None:
    pair = HandMade(SERVER, incoming_window=4).opened().begun()
    pair.sender_attached(credit=100)
    for number in range(20):  # the window is opened again when half of it is used
        pair.send(transfer(0, number))
    assert pair.connection.state is State.OPEN
    pair.send(*[transfer(0, 100 + number) for number in range(20)])
    assert pair.connection.state is State.OPEN  # answered within the turn, before more is read
    session = pair.connection.begin()
    session._window_left = 0
    pair.send(Begin(session.channel, 0, 1, 1), channel=9)
    pair.send(Attach("w", 0, False, initial_delivery_count=0), channel=9)
    pair.send(frame(encode_transfer(0, 0, b"t", settled=True, more=False), 9))
    assert pair.condition == "amqp:session:window-violation"


def test_a_delivery_without_credit_closes_the_connection() -> None:
    peer = HandMade().opened().begun()
    peer.sender_attached(credit=1).credit_window = 0
    peer.send(transfer(0, 0))
    assert peer.connection.state is State.OPEN
    assert peer.send(transfer(0, 1)).condition == "amqp:link:transfer-limit-exceeded"


def test_deliveries_that_were_on_their_way_when_credit_was_taken_back_still_come() -> None:
    peer = HandMade().opened().begun()
    link = peer.sender_attached(credit=3)
    link.issue_credit(0)
    peer.send(*[transfer(0, number, b"x") for number in range(3)])
    assert received(peer.events) == b"xxx"
    assert peer.send(transfer(0, 3)).condition == "amqp:link:transfer-limit-exceeded"


def test_credit_is_topped_up_when_half_of_it_is_used() -> None:
    pair = Pair().open()
    sender, _ = pair.link(credit=4)
    for _ in range(50):
        assert sender.credit > 0
        sender.begin_delivery(settled=True).send(b"x", more=False)
        pair.settle()
    assert len(of_kind(pair.server_events, events.TransferReceived)) == 50


def test_credit_given_before_the_answer_counts_from_the_senders_first_number() -> None:
    peer = HandMade(CLIENT).opened()
    session = peer.connection.begin()
    link = session.attach_receiver("early")
    link.issue_credit(2)
    peer.send(Begin(0, 77, 100, 100))
    flows = peer.answers(Flow)
    assert [(flow.next_incoming_id, flow.delivery_count, flow.link_credit) for flow in flows] == [
        (None, None, 2)
    ]
    peer.send(
        Attach("early", 0, False, source=Terminus(), target=Terminus(), initial_delivery_count=2**32 - 1)
    )
    link.credit_window = 0
    peer.send(transfer(0, 0), transfer(0, 1))
    assert link.delivery_count == 1
    assert peer.send(transfer(0, 2)).condition == "amqp:link:transfer-limit-exceeded"


def test_drain_uses_the_credit_up_and_says_so() -> None:
    peer = HandMade().opened().begun()
    link = peer.receiver_attached(credit=5)
    peer.answers(Flow)
    peer.send(Flow(0, 100, 0, 100, 0, 0, 5, drain=True))
    (flow,) = peer.answers(Flow)
    assert (flow.drain, flow.delivery_count, flow.link_credit, link.credit) == (True, 5, 0, 0)


def test_a_drain_during_a_delivery_is_answered_behind_it() -> None:
    peer = HandMade().opened().begun()
    link = peer.receiver_attached(credit=5)
    delivery = link.begin_delivery()
    delivery.send(b"a", more=True)
    peer.send()
    peer.answers(Flow)
    peer.send(Flow(0, 100, 0, 100, 0, 0, 5, drain=True))
    assert peer.answers(Flow) == []
    delivery.send(b"b", more=False)
    peer.send()
    (flow,) = peer.answers(Flow)
    assert (flow.drain, flow.delivery_count, flow.link_credit, link.credit) == (True, 5, 0, 0)


def test_a_sender_that_drained_itself_has_no_credit_left() -> None:
    peer = HandMade().opened().begun()
    link = peer.sender_attached(credit=5)
    peer.send(Flow(0, 100, 0, 100, 0, 5, 0, drain=True))
    assert (link.credit, link.delivery_count) == (0, 5)
    assert peer.send(transfer()).condition == "amqp:link:transfer-limit-exceeded"


def test_a_sender_cannot_turn_its_count_back_for_more_credit() -> None:
    peer = HandMade().opened().begun()
    link = peer.sender_attached(credit=5)
    peer.send(Flow(0, 100, 0, 100, 0, 2**31 + 10, 0, drain=True))
    assert link.delivery_count == 0


def test_echo_is_answered_with_the_state_of_the_session_or_of_the_link() -> None:
    peer = HandMade().opened().begun()
    peer.sender_attached(0, credit=7)
    peer.receiver_attached(1, "o", credit=3)
    peer.answers(Flow)
    peer.send(Flow(0, 100, 0, 100, echo=True))
    peer.send(Flow(0, 100, 0, 100, 0, 0, echo=True))
    peer.send(Flow(0, 100, 0, 100, 1, 0, 3, echo=True))
    session_flow, receiver_flow, sender_flow = peer.answers(Flow)
    assert session_flow.handle is None
    assert (receiver_flow.handle, receiver_flow.link_credit) == (0, 7)
    assert (sender_flow.handle, sender_flow.link_credit) == (1, 3)
    assert not any(flow.echo for flow in (session_flow, receiver_flow, sender_flow))


# ---------------------------------------------------------------------------------------------------------- deliveries


def test_a_large_delivery_is_cut_into_frames_that_fit_the_peer() -> None:
    peer = HandMade().opened(max_frame_size=512).begun(window=10_000)
    link = peer.receiver_attached()
    peer.sent = b""
    link.begin_delivery().send(bytes(range(256)) * 40, more=False)
    data = peer.connection.output.take()
    sizes = []
    while data:
        size = int.from_bytes(data[:4], "big")
        sizes.append(size)
        data = data[size:]
    assert max(sizes) <= 512
    assert len(sizes) > 10_240 / 512


def test_parts_of_several_deliveries_interleave_on_their_links() -> None:
    pair = Pair().open()
    first, first_receiver = pair.link("a")
    second, _ = pair.link("b")
    one, two = first.begin_delivery(), second.begin_delivery()
    for number in range(5):
        one.send(b"1%d" % number, more=number < 4)
        two.send(b"2%d" % number, more=number < 4)
    pair.settle()
    parts: dict[bool, bytes] = {True: b"", False: b""}
    for event in of_kind(pair.server_events, events.TransferReceived):
        parts[event.delivery.link is first_receiver] += bytes(event.payload)
    assert parts == {True: b"1011121314", False: b"2021222324"}


def test_an_aborted_delivery_is_over_for_both() -> None:
    pair = Pair().open()
    sender, receiver = pair.link()
    delivery = sender.begin_delivery()
    delivery.send(b"a", more=True)
    delivery.abort()
    delivery.abort()
    pair.settle()
    last = of_kind(pair.server_events, events.TransferReceived)[-1]
    assert last.aborted
    assert not last.more
    assert last.delivery.settled
    assert not sender.deliveries
    assert not receiver.deliveries
    sender.begin_delivery(settled=True).send(b"next", more=False)
    pair.settle()
    assert received(pair.server_events).endswith(b"next")


def test_an_abort_without_window_costs_the_link_and_not_the_connection() -> None:
    pair = Pair().open()
    sender, _ = pair.link()
    delivery = sender.begin_delivery()
    delivery.send(b"a", more=True)
    sender.session.remote_window = 0
    delivery.abort()
    pair.settle()
    assert only(pair.server_events, events.DeliveryLost).delivery.tag == delivery.tag
    assert of_kind(pair.client_events, events.DeliveryLost) == []  # who aborts needs no news of it
    assert pair.server.state is State.OPEN


def test_a_delivery_settles_by_either_side_with_its_state() -> None:
    pair = Pair().open()
    sender, receiver = pair.link()
    outgoing = sender.begin_delivery()
    outgoing.send(b"x", more=False)
    pair.settle()
    incoming = only(pair.server_events, events.TransferReceived).delivery
    progress = state(RECEIVED, UInt(0), ULong(1))
    incoming.update(progress, settled=False)
    outgoing.update(progress, settled=False)
    incoming.update(ACCEPTED_STATE, settled=True)
    incoming.update(ACCEPTED_STATE, settled=True)  # nothing: it is settled
    pair.settle()
    assert [
        (event.state, event.settled) for event in of_kind(pair.client_events, events.DispositionReceived)
    ] == [(progress, False), (ACCEPTED_STATE, True)]
    assert not sender.deliveries
    assert not receiver.deliveries
    assert not sender.session.outgoing
    assert not receiver.session.incoming


def test_a_disposition_settles_a_whole_range_across_the_end_of_the_numbers() -> None:
    pair = Pair().open()
    sender, receiver = pair.link(credit=20)
    sender.session._next_delivery_id = 2**32 - 3
    for _ in range(6):
        sender.begin_delivery().send(b"x", more=False)
    pair.settle()
    receiver.session.send(Disposition(True, 2**32 - 2, 1, True, ACCEPTED_STATE))
    pair.settle()
    settled = [
        event.delivery.delivery_id for event in of_kind(pair.client_events, events.DispositionReceived)
    ]
    assert settled == [2**32 - 2, 2**32 - 1, 0, 1]
    assert set(sender.session.outgoing) == {2**32 - 3, 2}


def test_transfer_numbers_go_on_past_the_end_of_their_type() -> None:
    peer = HandMade(SERVER, incoming_window=8).opened().begun(next_id=2**32 - 5, window=8)
    peer.sender_attached(credit=50)
    outgoing = peer.receiver_attached(1, "o", credit=50)
    outgoing.session._next_outgoing_id = 2**32 - 5
    peer.send(Flow(2**32 - 5, 8, 2**32 - 5, 8))
    for number in range(20):
        peer.send(transfer(0, (2**32 - 10 + number) & 0xFFFFFFFF, b"x"))
        outgoing.begin_delivery(settled=True).send(b"y", more=False)
        assert outgoing.session.remote_window == 7
        peer.send(Flow((2**32 - 4 + number) & 0xFFFFFFFF, 8, 0, 8))
        assert outgoing.session.remote_window == 8
    assert peer.connection.state is State.OPEN
    assert len(received(peer.events)) == 20
    assert peer.answers(Flow)[-1].next_incoming_id in range(10, 20)


def test_a_transfer_may_carry_a_state_and_settle_late() -> None:
    peer = HandMade().opened().begun()
    peer.sender_attached()
    peer.send(transfer(0, 0, b"a", settled=False, more=True))
    values = [UInt(0), None, None, None, True, False, UByte(0), state(RECEIVED, UInt(0), ULong(1))]
    peer.send(frame(encode(Described(ULong(0x14), values)) + b"b"))  # neither id nor tag on a continuation
    assert received(peer.events) == b"ab"
    event = only(peer.events, events.DispositionReceived)
    assert event.settled
    assert event.state.descriptor == RECEIVED
    assert not event.delivery.link.deliveries


@pytest.mark.parametrize("ending", ["detach", "end", "close", "lost"])
def test_an_unsettled_delivery_is_lost_once_when_its_link_or_connection_goes(ending: str) -> None:
    pair = Pair().open()
    sender, receiver = pair.link()
    sender.begin_delivery().send(b"whole", more=False)
    sender.begin_delivery().send(b"half", more=True)
    pair.settle()
    if ending == "detach":
        receiver.detach()
    elif ending == "end":
        pair.client_events += feed(pair.client, frame(End(), receiver.session.channel))
    elif ending == "close":
        pair.server.close()
    else:
        pair.client.connection_lost("gone")
        pair.server.connection_lost("gone")
    pair.settle()
    pair.client.connection_lost("later")
    pair.server.connection_lost("later")
    pair.collect()
    assert len(of_kind(pair.client_events, events.DeliveryLost)) == 2
    assert len(of_kind(pair.server_events, events.DeliveryLost)) == 2


DELIVERY_ERRORS: dict[str, tuple[list[bytes], str]] = {
    "another delivery inside a delivery": (
        [transfer(0, 0, more=True), transfer(0, 1, more=True)],
        "amqp:not-allowed",
    ),
    "a delivery without id": ([frame(encode(Described(ULong(0x14), [UInt(0)])))], "amqp:not-allowed"),
    "an id in use": ([transfer(0, 3, settled=False), transfer(0, 3, settled=False)], "amqp:invalid-field"),
    "a resumed delivery": (
        [frame(encode(Described(ULong(0x14), [UInt(0), UInt(0), b"t", *[None] * 5, True])))],
        "amqp:not-implemented",
    ),
    "too many unsettled": (
        [transfer(0, number, settled=False) for number in range(9)],
        "amqp:resource-limit-exceeded",
    ),
    "a malformed transfer": ([frame(b"\x00\x53\x14\xc0\x02\x01\xff")], "amqp:decode-error"),
}


@pytest.mark.parametrize(("parts", "condition"), DELIVERY_ERRORS.values(), ids=DELIVERY_ERRORS.keys())
def test_a_peer_that_breaks_the_rules_of_deliveries_is_told_which(parts: list[bytes], condition: str) -> None:
    peer = HandMade(SERVER, max_unsettled=8).opened().begun()
    peer.sender_attached(credit=100)
    peer.send(*parts)
    assert (peer.condition, peer.told) == (condition, condition)


def test_a_disposition_backwards_is_an_error() -> None:
    peer = HandMade().opened().begun().send(Disposition(True, 5, 4, True))
    assert peer.condition == "amqp:invalid-field"


def test_ending_a_settled_delivery_forgets_no_other_of_the_same_number() -> None:
    peer = HandMade(SERVER, max_unsettled=8).opened().begun()
    peer.sender_attached(0, "a", credit=1000)
    peer.sender_attached(1, "b", credit=1000)
    for number in range(20):
        peer.send(
            transfer(0, number, settled=True, more=True),
            transfer(1, number, settled=False),
            transfer(0, number, settled=True, aborted=True),
        )
    assert peer.condition == "amqp:resource-limit-exceeded"


# ------------------------------------------------------------------------------------------------------ hostile thrift


def test_ranges_over_all_deliveries_again_and_again_are_refused() -> None:
    peer = HandMade().opened().begun(window=100_000)
    link = peer.receiver_attached(credit=50_000)
    for _ in range(2_000):
        link.begin_delivery().send(b"x", more=False)
    peer.events.clear()
    for _ in range(500):
        peer.send(Disposition(True, 0, 2**31 - 1, False, ACCEPTED_STATE))
        if peer.connection.state is State.CLOSED:
            break
    assert peer.condition == "amqp:resource-limit-exceeded"
    assert len(of_kind(peer.events, events.DispositionReceived)) < 200_000


def test_honest_ranges_are_never_refused() -> None:
    pair = Pair().open()
    sender, receiver = pair.link(credit=1000)
    for _ in range(100):
        first = sender.session._next_delivery_id
        for _ in range(400):
            sender.begin_delivery().send(b"x", more=False)
        pair.settle()
        for settled in (False, True):
            receiver.session.send(Disposition(True, first, first + 399, settled, ACCEPTED_STATE))
            pair.settle()
        sender.session.send(Disposition(False, first, first + 399, True, None))
        pair.settle()
        pair.client_events.clear()
        pair.server_events.clear()
    assert pair.client.state is pair.server.state is State.OPEN
    assert not sender.deliveries
    assert not receiver.deliveries


@pytest.fixture
def few_replies(monkeypatch: pytest.MonkeyPatch) -> int:
    """The bound on unread answers, small enough to be reached in no time."""
    monkeypatch.setattr("skupper_local.amqp.connection.MAX_REPLIES", 262_144)
    return 262_144


def test_a_peer_that_reads_no_answers_is_given_up_before_they_fill_the_memory(few_replies: int) -> None:
    peer = HandMade().opened().begun()
    echo = frame(Flow(0, 100, 0, 100, echo=True)) * 1000
    connection = peer.connection
    for _ in range(1000):
        buffer = connection.get_buffer()
        buffer[: len(echo)] = echo
        connection.buffer_updated(len(echo))
        if connection.state is State.CLOSED:
            break
    assert connection.state is State.CLOSED
    assert connection.output.size < 3 * few_replies
    assert bytes(connection.output[-1]).find(b"amqp:resource-limit-exceeded") > 0


@pytest.mark.usefixtures("few_replies")
def test_a_peer_that_reads_may_have_any_number_of_answers() -> None:
    peer = HandMade().opened().begun()
    echo = frame(Flow(0, 100, 0, 100, echo=True)) * 1000
    for _ in range(40):
        peer.send(echo)
        peer.sent = b""
    assert peer.connection.state is State.OPEN


def test_long_performatives_are_not_kept() -> None:
    peer = HandMade().opened().begun()
    link = peer.sender_attached(credit=1000)
    for number in range(300):
        values = [
            UInt(0),
            UInt(number),
            b"t",
            UInt(0),
            True,
            False,
            None,
            Described(ULong(0x25), [b"x" * 20_000]),
        ]
        peer.send(frame(encode(Described(ULong(0x14), values))))
    assert sum(map(len, link.session._remembered)) < 100_000


def test_a_state_goes_on_only_as_far_as_it_fits_the_next_peer() -> None:
    peer = HandMade().opened(max_frame_size=512).begun()
    link = peer.sender_attached()
    peer.send(transfer(0, 0, settled=False), transfer(0, 1, settled=False), transfer(0, 2, settled=False))
    peer.answers(Disposition)
    deliveries = [event.delivery for event in of_kind(peer.events, events.TransferReceived)]
    small = AmqpError("a:b", "c").encode()
    deliveries[0].update(state(REJECTED, small), settled=True)
    deliveries[1].update(state(REJECTED, AmqpError("a:b", "c" * 5000).encode()), settled=True)
    deliveries[2].update(Described("symbolic" * 500, [Array([Float(1.0)])]), settled=True)
    peer.send()
    assert [one.state for one in peer.answers(Disposition)] == [state(REJECTED, small), state(REJECTED), None]
    assert not link.deliveries


def test_what_the_owner_may_not_do_raises() -> None:
    pair = Pair().open()
    sender, _ = pair.link(credit=1)
    delivery = sender.begin_delivery()
    with pytest.raises(LocalProtocolError):
        sender.begin_delivery()
    delivery.send(b"x", more=False)
    with pytest.raises(LocalProtocolError):
        delivery.send(b"y", more=False)
    sender.credit = 0
    with pytest.raises(LocalProtocolError):
        sender.begin_delivery()
