"""From the first byte to ``open``: protocol headers, SASL, and the frames that may come before and at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.connection import MAX_SASL_FRAME, Connection, State
from skupper_local.amqp.errors import LocalProtocolError
from skupper_local.amqp.performatives import (
    AMQP_HEADER,
    SASL_HEADER,
    AmqpError,
    Begin,
    Close,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
)
from skupper_local.amqp.types import Symbol
from tests.unit.amqp.pair import CLIENT, SERVER, HandMade, Pair, bodies, feed, frame, frames, only


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "EXTERNAL"])
def test_two_connections_open_and_tell_each_other_who_they_are(mechanism: str) -> None:
    pair = Pair(
        replace(CLIENT, sasl_mechanisms=(mechanism,), properties={Symbol("a"): 1}, hostname="there"),
        replace(SERVER, sasl_mechanisms=("EXTERNAL", "ANONYMOUS"), offered_capabilities=("x", "y")),
    )
    pair.settle()
    seen_by_client = only(pair.client_events, events.Opened).peer
    seen_by_server = only(pair.server_events, events.Opened).peer
    assert (seen_by_client.container_id, seen_by_server.container_id) == ("server", "client")
    assert seen_by_client.offered_capabilities == ("x", "y")
    assert (seen_by_server.properties, seen_by_server.hostname) == ({"a": 1}, "there")
    assert pair.client.sasl_mechanism == pair.server.sasl_mechanism == mechanism


def test_the_client_takes_the_first_of_its_mechanisms_that_is_offered() -> None:
    pair = Pair(
        replace(CLIENT, sasl_mechanisms=("EXTERNAL", "ANONYMOUS")),
        replace(SERVER, sasl_mechanisms=("PLAIN", "ANONYMOUS")),
    )
    pair.settle()
    assert pair.server.sasl_mechanism == "ANONYMOUS"


@pytest.mark.parametrize("offered", [(), ("PLAIN", "GSSAPI")])
def test_a_client_that_is_offered_nothing_usable_says_what_was_offered(offered: tuple[str, ...]) -> None:
    pair = Pair(CLIENT, replace(SERVER, sasl_mechanisms=offered))
    pair.settle()
    error = only(pair.client_events, events.Closed).error
    assert error.condition == "amqp:unauthorized-access"
    assert (", ".join(offered) or "nothing") in error.description
    assert pair.server.sasl_mechanism is None
    assert pair.server.peer is None


def test_a_mechanism_that_was_not_offered_fails_and_ends_the_connection() -> None:
    peer = HandMade(SERVER, sasl_mechanisms=("EXTERNAL",))
    peer.send(SASL_HEADER, frame(SaslInit("ANONYMOUS"), kind=1))
    assert [outcome.code for outcome in bodies(peer.sent, SaslOutcome)] == [1]
    assert peer.condition == "amqp:unauthorized-access"


def test_a_client_learns_that_authentication_failed() -> None:
    peer = HandMade(CLIENT)
    peer.send(SASL_HEADER, frame(SaslMechanisms(("ANONYMOUS",)), kind=1), frame(SaslOutcome(1), kind=1))
    assert peer.condition == "amqp:unauthorized-access"


def test_sasl_may_be_skipped_only_where_it_is_not_required() -> None:
    lenient = HandMade(SERVER).send(AMQP_HEADER, Open("peer"))
    assert lenient.connection.state is State.OPEN
    strict = HandMade(SERVER, sasl_required=True).send(AMQP_HEADER, Open("peer"))
    assert strict.connection.state is State.CLOSED
    assert strict.sent == SASL_HEADER  # what is supported, as the standard asks
    assert strict.connection.peer is None


@pytest.mark.parametrize(
    "header",
    [b"AMQP\x00\x00\x09\x01", b"AMQP\x02\x01\x00\x00", b"GET / HT", b"\x16\x03\x01\x02\x00\x01\x00\x01"],
    ids=["AMQP 0-9-1", "AMQP-TLS", "HTTP", "TLS"],
)
@pytest.mark.parametrize("settings", [CLIENT, SERVER], ids=["client", "server"])
def test_another_protocol_ends_the_connection(settings: object, header: bytes) -> None:
    peer = HandMade(CLIENT if settings is CLIENT else SERVER).send(header)
    assert peer.condition == "amqp:connection:framing-error"


OUT_OF_TURN = {
    "an outcome to a server": (SERVER, [SASL_HEADER, frame(SaslOutcome(0), kind=1)]),
    "mechanisms to a server": (SERVER, [SASL_HEADER, frame(SaslMechanisms(("ANONYMOUS",)), kind=1)]),
    "an outcome before the mechanisms": (CLIENT, [SASL_HEADER, frame(SaslOutcome(0), kind=1)]),
    "mechanisms twice": (CLIENT, [SASL_HEADER, *[frame(SaslMechanisms(("ANONYMOUS",)), kind=1)] * 2]),
    "an AMQP body in a SASL frame": (SERVER, [SASL_HEADER, frame(Open("peer"), kind=1)]),
}


@pytest.mark.parametrize(("settings", "parts"), OUT_OF_TURN.values(), ids=OUT_OF_TURN.keys())
def test_a_sasl_frame_out_of_turn_ends_the_connection(settings: object, parts: list[bytes]) -> None:
    peer = HandMade(CLIENT if settings is CLIENT else SERVER).send(*parts)
    assert peer.condition == "amqp:not-allowed"


WRONG_FRAMES = {
    "an AMQP frame during SASL": [SASL_HEADER, frame(Open("peer"))],
    "a SASL frame after SASL": [AMQP_HEADER, frame(SaslInit("ANONYMOUS"), kind=1)],
    "a frame of an unknown type": [AMQP_HEADER, frame(Open("peer"), kind=7)],
    "a SASL frame that is too big": [
        SASL_HEADER,
        frame(SaslInit("ANONYMOUS", b"x" * MAX_SASL_FRAME), kind=1),
    ],
    "a frame smaller than its header": [AMQP_HEADER, b"\x00\x00\x00\x07\x02\x00\x00\x00"],
    "a frame whose body begins inside its header": [AMQP_HEADER, b"\x00\x00\x00\x08\x01\x00\x00\x00"],
    "a frame whose body begins behind its end": [AMQP_HEADER, b"\x00\x00\x00\x08\x03\x00\x00\x00"],
    "a frame beyond max-frame-size": [AMQP_HEADER, b"\x00\x01\x00\x01\x02\x00\x00\x00"],
}


@pytest.mark.parametrize("parts", WRONG_FRAMES.values(), ids=WRONG_FRAMES.keys())
def test_a_frame_of_the_wrong_type_or_size_is_a_framing_error(parts: list[bytes]) -> None:
    assert HandMade(SERVER).send(*parts).condition == "amqp:connection:framing-error"


def test_a_frame_before_open_is_not_allowed_and_a_close_says_so() -> None:
    peer = HandMade(SERVER).send(AMQP_HEADER, Begin(None, 0, 1, 1))
    assert (peer.condition, peer.told) == ("amqp:not-allowed", "amqp:not-allowed")


def test_a_second_open_is_not_allowed() -> None:
    assert HandMade().opened().send(Open("again")).condition == "amqp:not-allowed"


def test_a_peer_that_takes_no_frame_of_512_bytes_is_refused() -> None:
    assert HandMade().opened(max_frame_size=511).condition == "amqp:invalid-field"


def test_extended_headers_and_empty_frames_are_passed_over() -> None:
    body = Open("peer").encode()
    extended = (12 + len(body)).to_bytes(4, "big") + b"\x03\x00\x00\x00" + b"\xaa\xbb\xcc\xdd" + body
    peer = HandMade().send(AMQP_HEADER, frame(), extended, frame())
    assert peer.connection.state is State.OPEN


@pytest.mark.parametrize("piece", [1, 7, 8, 100])
def test_the_handshake_may_come_in_pieces_of_any_size(piece: int) -> None:
    pair = Pair()
    for _ in range(2000):
        pair.deliver(to_server=True, count=piece)
        pair.deliver(to_server=False, count=piece)
    assert pair.client.state is State.OPEN
    assert pair.server.state is State.OPEN


# ------------------------------------------------------------------------------------------------------------- closing


def test_closing_waits_for_the_answer_of_the_peer() -> None:
    pair = Pair().open()
    pair.client.close(AmqpError("amqp:connection:forced", "bye"))
    assert pair.client.state is State.CLOSING
    pair.settle()
    assert pair.client.state.value == "closed"
    closed = only(pair.server_events, events.Closed)
    assert (closed.error, closed.by_peer) == (AmqpError("amqp:connection:forced", "bye"), True)
    assert only(pair.client_events, events.Closed).error is None


def test_both_sides_may_close_at_once() -> None:
    pair = Pair().open()
    pair.client.close()
    pair.server.close()
    pair.settle()
    assert pair.client.state is pair.server.state is State.CLOSED
    assert only(pair.client_events, events.Closed).error is None
    assert only(pair.server_events, events.Closed).error is None


def test_what_comes_while_closing_is_passed_over_until_the_close() -> None:
    peer = HandMade().opened().begun()
    peer.connection.close()
    peer.send().events.clear()
    peer.connection.take_events()
    peer.send(Begin(None, 0, 1, 1), channel=7)
    peer.send(b"\x00\x00\x00\x10\x02\x00\x00\x00\x00\x53\x14\xc0\x03\x01\x43\x40")
    assert peer.events == []
    peer.send(Close())
    assert peer.condition == "(none)"
    assert len(bodies(peer.sent, Close)) == 1


def test_nothing_is_read_after_the_end() -> None:
    peer = HandMade().opened().send(Close(), Open("more"), b"rubbish that is no frame")
    assert peer.condition == "(none)"
    assert feed(peer.connection, b"and more") == []
    assert frames(peer.connection.output.take()) == []


def test_a_connection_that_is_lost_says_so_once() -> None:
    connection = Connection(SERVER)
    connection.connection_lost("broken pipe")
    connection.connection_lost("again")
    closed = only(connection.take_events(), events.Closed)
    assert (closed.error.description, closed.by_peer) == ("broken pipe", True)


def test_who_acts_on_a_connection_that_closed_meanwhile_gets_a_session_and_links_that_are_gone() -> None:
    peer = HandMade().send(AMQP_HEADER, Open("peer"), Close())
    assert [type(event) for event in peer.events] == [events.Opened, events.Closed]
    session = peer.connection.begin()
    link = session.attach_receiver("late")
    link.issue_credit(5)
    link.accept()
    link.refuse("a:b", "c")
    link.detach()
    assert session.closed
    assert link.closed
    assert peer.connection.output.take() == b""
    assert peer.connection.take_events() == []


def test_sessions_cannot_begin_before_open() -> None:
    with pytest.raises(LocalProtocolError):
        Connection(CLIENT).begin()


# ------------------------------------------------------------------------------------------------------------- the time


def test_a_silent_peer_is_given_up_after_the_idle_time_out() -> None:
    peer = HandMade(SERVER, idle_timeout=10.0).opened()
    assert peer.connection.check_idle(100.0) > 100.0
    peer.connection.check_idle(109.0)
    assert peer.connection.state is State.OPEN
    peer.send(frame())
    peer.connection.check_idle(111.0)
    assert peer.connection.state is State.OPEN
    peer.connection.check_idle(121.0)
    peer.send()
    peer.events += peer.connection.take_events()
    assert (peer.condition, peer.told) == ("amqp:resource-limit-exceeded", "amqp:resource-limit-exceeded")


def test_half_the_idle_time_out_is_advertised() -> None:
    peer = HandMade(SERVER, idle_timeout=16.0).opened()
    assert bodies(peer.sent, Open)[0].idle_time_out == 8000


def test_a_heartbeat_goes_out_well_within_the_peers_idle_time_out() -> None:
    peer = HandMade(SERVER, idle_timeout=0.0).opened(idle_time_out=8000)
    peer.sent = b""
    following = peer.connection.check_idle(50.0)
    assert peer.connection.output.take() == frame()
    assert 50.0 < following <= 54.0


def test_without_any_time_out_nobody_is_given_up_and_no_heartbeat_is_sent() -> None:
    peer = HandMade(SERVER, idle_timeout=0.0).opened()
    peer.connection.output.take()
    peer.connection.check_idle(0.0)
    peer.connection.check_idle(1e6)
    assert peer.connection.state is State.OPEN
    assert peer.connection.output.take() == b""
