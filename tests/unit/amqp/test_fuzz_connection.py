"""Mutated conversations against one connection, in the process: every input ends in events, never in an exception.

Input number n is always the same bytes. A small slice runs with the unit tests; ``AMQP_FUZZ_INPUTS=100000`` runs as many, and
``AMQP_FUZZ_FIRST=n`` begins with number n, to see a broken one again.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.codec import DecodeError, decode, encode
from skupper_local.amqp.connection import State
from skupper_local.amqp.link import IncomingDelivery, Link
from skupper_local.amqp.performatives import (
    ACCEPTED,
    AMQP_HEADER,
    RECEIVED,
    REJECTED,
    SASL_HEADER,
    AmqpError,
    Attach,
    Begin,
    Body,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Terminus,
    state,
)
from skupper_local.amqp.transfers import encode_transfer
from skupper_local.amqp.types import Array, Described, Symbol, UByte, UInt, ULong, UShort
from tests.unit.amqp.pair import CLIENT, SERVER, HandMade, frame, frames

INPUTS = int(os.environ.get("AMQP_FUZZ_INPUTS", "1500"))
FIRST = int(os.environ.get("AMQP_FUZZ_FIRST", "0"))
GOODBYE = "amqp:connection:forced"
"""The condition with which a proper conversation closes."""

SECONDS = 5.0
"""No input may keep a connection busy for so long; a proper one takes some milliseconds."""

Part = tuple[int, int, bytes] | bytes
"""A protocol header, or (frame type, channel, body) of a frame."""

WILD: list[Any] = [
    *(None, True, False, 0, -1, 2**31 - 1, -(2**31), 1.5, "", "x" * 300, b"", b"x" * 40, [], {}, Symbol("")),
    *(UInt(0), UInt(1), UInt(2**31), UInt(2**32 - 1), UShort(65535), UByte(255), ULong(2**64 - 1)),
    *(Array([UInt(1), UInt(2)]), Array([Symbol("a")] * 50), Array([], 0x45), Described(ULong(0x24), [])),
    *(Described(Symbol("x"), {}), Described(ULong(0x1D), [Symbol("a")]), {Symbol("k"): [[[]]]}),
    [[[[[[[[[[[None]]]]]]]]]]],
]


def _body(body: Body, channel: int = 0) -> Part:
    return 0, channel, body.encode()


def _transfer(handle: int, number: int, payload: bytes, channel: int = 0, **flags: bool) -> Part:
    flags = {"settled": False, "more": False, **flags}
    return 0, channel, encode_transfer(handle, number, b"%d" % number, **flags) + payload


def conversation(*, with_server: bool) -> list[Part]:
    """A proper conversation: everything a peer of a server, or of a client, may say."""
    opening = Open(
        "peer", "host", 4096, 100, 8000, ("a", "b"), ("c",), {Symbol("product"): "p", Symbol("n"): 1}
    )
    if with_server:
        parts: list[Part] = [SASL_HEADER, (1, 0, SaslInit("ANONYMOUS", b"me", "host").encode()), AMQP_HEADER]
    else:
        parts = [SASL_HEADER, (1, 0, SaslMechanisms(("EXTERNAL", "ANONYMOUS")).encode())]
        parts += [(1, 0, SaslOutcome(0).encode()), AMQP_HEADER]
    here, there = Terminus("here", ("qd.router",)), Terminus("there", ("x", "y"), dynamic=True)
    progress = state(RECEIVED, UInt(0), ULong(5))
    refusal = state(REJECTED, AmqpError("amqp:not-found", "no", {Symbol("k"): 1}).encode())
    return [
        *parts,
        _body(opening),
        _body(Begin(None, 0, 50, 50)),
        _body(Begin(None, 2**32 - 2, 50, 50), 1),
        _body(Begin(0, 7, 50, 50), 2),
        _body(Attach("in", 0, False, source=here, target=there, initial_delivery_count=2**32 - 1)),
        _body(Attach("out", 1, True, source=there, target=here)),
        _body(Attach("in", 0, False, source=here, target=there, initial_delivery_count=0), 1),
        _body(Attach("ours", 0, True, source=here, target=there), 2),
        _body(Flow(0, 50, 0, 50, 1, 0, 10)),
        _body(Flow(None, 50, 0, 50, 0, 0, 20), 2),
        _transfer(0, 0, b"whole"),
        _transfer(0, 1, b"first", more=True),
        _transfer(0, 1, b"second", more=True),
        _body(Disposition(False, 0, 1, False, progress)),
        _transfer(0, 1, b"last"),
        _transfer(0, 2, b"cut", more=True),
        _transfer(0, 2, b"", settled=True, aborted=True),
        _transfer(0, 2**32 - 1, b"other", 1, settled=True),
        _body(Disposition(True, 0, 3, False, progress)),
        _body(Disposition(True, 0, 0, True, state(ACCEPTED))),
        _body(Disposition(True, 1, 9, True, refusal), 2),
        _body(Flow(3, 50, 3, 50, 1, 1, 10, 0, drain=True)),
        _body(Flow(3, 50, 3, 50, 0, 0, 10, echo=True)),
        _body(Flow(3, 50, 3, 50, echo=True), 1),
        (0, 0, b""),
        _body(Detach(0, True, AmqpError("amqp:not-found"))),
        _body(Detach(1, False)),
        _body(Attach("in", 0, False, source=here, target=there, initial_delivery_count=0)),
        _body(End(AmqpError("amqp:not-found", "x")), 1),
        _body(Begin(None, 0, 1, 1), 1),
        _body(Close(AmqpError(GOODBYE, "bye"))),
    ]


def _join(parts: list[Part]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else frame(part[2], part[1], part[0]) for part in parts)


def _wilder(rng: random.Random, body: bytes) -> bytes:
    """The same body with wild values in some of its fields."""
    try:
        value, end = decode(body)
    except DecodeError:
        return body
    if not isinstance(value, Described) or not isinstance(value.value, list) or not value.value:
        return body
    values = list(value.value)
    for _ in range(rng.randint(1, 2)):
        position = rng.randrange(len(values))
        values[position] = rng.choice(WILD) if rng.random() < 0.5 else rng.choice(values)
    return encode(Described(value.descriptor, values)) + body[end:]


def _damaged(rng: random.Random, data: bytes) -> bytes:
    octets = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        if octets:
            octets[rng.randrange(len(octets))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(octets)


def hostile(number: int) -> tuple[bool, list[bytes]]:
    """Whether the victim is a server, and the pieces it receives."""
    rng = random.Random(number)
    with_server = rng.random() < 0.7
    parts = conversation(with_server=with_server)
    handshake = 3 if with_server else 4
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at = rng.randrange(len(parts)) if rng.random() < 0.2 else rng.randrange(handshake + 1, len(parts))
        part = parts[at]
        action = rng.randrange(8)
        if action == 0:
            del parts[at]
        elif action == 1:
            parts.insert(rng.randrange(handshake + 1, len(parts)), part)
        elif action == 2:
            parts[at : at + 1] = [part] * rng.choice((2, 30, 300))
        elif action == 3:
            other = rng.randrange(handshake + 1, len(parts))
            parts[at], parts[other] = parts[other], part
        elif isinstance(part, bytes):
            parts[at] = _damaged(rng, part)
        elif action == 4:
            parts[at] = part[0], rng.choice((0, 1, 2, 3, 65535)), part[2]
        elif action == 5:
            parts[at] = part[0], part[1], _damaged(rng, part[2])
        elif action == 6:
            parts[at] = part[0], part[1], part[2][: rng.randrange(len(part[2]) + 1)]
        else:
            parts[at] = part[0], part[1], _wilder(rng, part[2])
        handshake = min(handshake, len(parts) - 2)
    # The victim must act on ``open`` before the answer to its session comes, and on the attaches before the deliveries.
    opening, links = _join(parts[: handshake + 1]), _join(parts[handshake + 1 : handshake + 8])
    data = _join(parts[handshake + 8 :])
    way = rng.random()
    if way < 0.1:
        return with_server, [_damaged(rng, opening), links, data]
    if way < 0.2:
        return with_server, [opening, _damaged(rng, links), _damaged(rng, data)]
    if way < 0.4:
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(1, 20)))
        return with_server, [opening, links, *(data[a:b] for a, b in pairwise([0, *cuts, len(data)]))]
    if way < 0.7:
        return with_server, [opening, links, data]
    return with_server, [_join([part]) for part in parts]


class Victim:
    """A connection whose owner does what owners do: accepts, gives credit, answers, sends, refuses, detaches."""

    def __init__(self, *, server: bool) -> None:
        self.peer = HandMade(SERVER if server else CLIENT, incoming_window=64, max_links=100, max_sessions=8)
        self._answered = 0

    def receive(self, piece: bytes) -> None:
        """Take a piece and act on what it brought."""
        self.peer.send(piece)
        while len(self.peer.events) > self._answered:
            event = self.peer.events[self._answered]
            self._answered += 1
            self._act(event)
            self.peer.send()

    def _act(self, event: events.Event) -> None:
        connection = self.peer.connection
        if isinstance(event, events.Opened):
            connection.begin().attach_sender("ours", Terminus("a"))
        elif isinstance(event, events.LinkRequested):
            if event.link.name == "refused":
                event.link.refuse("amqp:not-found", "no")
            event.link.accept()
            if not event.link.is_sender:
                event.link.issue_credit(30)
        elif isinstance(event, events.TransferReceived):
            event.delivery.update(state(RECEIVED, UInt(0), ULong(1)), settled=False)
            if not event.more:
                event.delivery.update(state(ACCEPTED), settled=True)
        elif isinstance(event, events.CreditReceived):
            self._send(event.link)
        elif isinstance(event, events.DispositionReceived):
            self._relay(event)

    def _send(self, link: Link) -> None:
        if link.closed or link.current or link.credit <= 0 or link.session.remote_window < 3:
            return
        delivery = link.begin_delivery()
        delivery.send(b"x" * 3000, more=True)
        if delivery.delivery_id % 3 == 0:
            delivery.abort()
        else:
            delivery.send(b"end", more=False)

    def _relay(self, event: events.DispositionReceived) -> None:
        """A state that came from one side goes on to another, as in a router."""
        link = event.delivery.link
        for other in link.session.links:
            for delivery in list(other.deliveries)[:1]:
                if isinstance(delivery, IncomingDelivery) or delivery.complete:
                    delivery.update(event.state, settled=event.settled)


def _run(number: int) -> str:
    """Give one input to a connection and check how it took it. Returns how it ended."""
    server, pieces = hostile(number)
    victim = Victim(server=server)
    peer = victim.peer
    start = time.perf_counter()
    for piece in pieces:
        victim.receive(piece)
    took = time.perf_counter() - start
    assert took < SECONDS, f"input {number} took {took:.1f} s"
    sent = frames(peer.sent)  # what we say to whomever is well-formed
    closed = [event for event in peer.events if isinstance(event, events.Closed)]
    assert len(closed) == (peer.connection.state is State.CLOSED)
    assert sum(isinstance(body, Close) for _, body in sent) <= 1
    if peer.connection.state is not State.CLOSED:
        peer.connection.connection_lost("over")
    began = {event.delivery for event in peer.events if isinstance(event, events.TransferReceived)}
    happened = [*peer.events, *peer.connection.take_events()]
    lost = [event.delivery for event in happened if isinstance(event, events.DeliveryLost)]
    assert len(lost) == len(set(lost))
    assert all(delivery in lost or (delivery.settled and delivery.complete) for delivery in began)
    assert peer.connection.links == 0
    return closed[0].error.condition if closed and closed[0].error else "went well"


def test_no_mutated_conversation_breaks_a_connection() -> None:
    endings: dict[str, int] = {}
    half = FIRST + INPUTS // 2
    blocks = 0
    for number in range(FIRST, FIRST + INPUTS):
        try:
            ending = _run(number)
        except Exception as error:
            raise AssertionError(f"input {number}: {type(error).__name__}: {error}") from error
        endings[ending] = endings.get(ending, 0) + 1
        if number == half:
            gc.collect()
            blocks = sys.getallocatedblocks()
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 5_000  # blocks of memory, not bytes
    # The mutations are neither so wild that no conversation comes to its end, nor so tame that few are cut short.
    assert INPUTS // 20 < endings[GOODBYE] < INPUTS // 2, endings
    assert len(endings) >= 8, endings


# ---------------------------------------------------------------------------------------------------------- the price


def _open(*, server: bool = True) -> Victim:
    victim = Victim(server=server)
    victim.peer.opened(max_frame_size=65536)
    for channel in (0, 1):
        victim.peer.begun(channel, window=100_000)
    victim.receive(b"")
    return victim


def _links_come_and_go(count: int) -> bytes:
    attach = frame(Attach("n", 0, True, source=Terminus("a")))
    return (attach + frame(Detach(0))) * count


def _sessions_come_and_go(count: int) -> bytes:
    return (frame(Begin(None, 0, 1, 1), 5) + frame(End(), 5)) * count


def _flows(count: int) -> bytes:
    return frame(Flow(0, 50, 0, 50)) * count


def _empty_frames(count: int) -> bytes:
    return frame() * count


def _single_dispositions(count: int) -> bytes:
    return b"".join(frame(Disposition(True, n, n, True)) for n in range(count))


def _parts_of_one_delivery(count: int) -> bytes:
    part = frame(encode_transfer(3, 0, b"t", settled=False, more=True))
    return part * count


STORMS: dict[str, Callable[[int], bytes]] = {
    "links come and go": _links_come_and_go,
    "sessions come and go": _sessions_come_and_go,
    "flows": _flows,
    "empty frames": _empty_frames,
    "dispositions of nothing": _single_dispositions,
    "tiny parts of one delivery": _parts_of_one_delivery,
}


@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS.keys())
def test_a_storm_of_frames_costs_as_much_as_it_has_frames(storm: Callable[[int], bytes]) -> None:
    def seconds(count: int) -> float:
        best = 1e9
        for _ in range(3):
            victim = _open()
            victim.receive(frame(Attach("steady", 3, False, initial_delivery_count=0)))
            data = storm(count)
            start = time.perf_counter()
            for at in range(0, len(data), 16_384):
                victim.receive(data[at : at + 16_384])
            best = min(best, time.perf_counter() - start)
            assert victim.peer.connection.state is State.OPEN, victim.peer.events[-1]
        return best / count

    assert seconds(3000) < 6 * max(seconds(300), 1e-6)


def test_what_a_peer_may_make_us_remember_is_bounded() -> None:
    victim = _open()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3000):
            attach = Attach(f"{number}", number, False, source=Terminus("x" * 3000), initial_delivery_count=0)
            victim.receive(frame(attach))
            victim.peer.sent = b""
            victim.peer.events.clear()
            victim._answered = 0
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert victim.peer.connection.state is State.CLOSED
    assert after - before < 2_000_000
