"""Frame bodies: what is written is read back, and a field of any wrong type is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.amqp.codec import DecodeError, encode
from skupper_local.amqp.performatives import (
    ACCEPTED,
    RECEIVED,
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
    decode_body,
    state,
    symbol_list,
)
from skupper_local.amqp.transfers import TransferFields, decode_transfer, encode_transfer, performative_end
from skupper_local.amqp.types import Array, Described, Symbol, UByte, UInt, ULong, UShort

uints = st.integers(0, 0xFFFFFFFF)
maybe_uints = st.none() | uints
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
symbol_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
names = st.lists(symbol_texts, max_size=3).map(tuple)
errors = st.none() | st.builds(AmqpError, symbol_texts, texts)
termini = st.none() | st.builds(Terminus, st.none() | texts, names, st.booleans())
states = st.sampled_from(
    [None, state(ACCEPTED), state(RECEIVED, UInt(0), ULong(2**40)), Described(ULong(0x27), [True, None, {}])]
)
BODIES = st.one_of(
    st.builds(
        Open,
        texts,
        st.none() | texts,
        uints,
        st.integers(0, 65535),
        maybe_uints,
        names,
        names,
        st.none() | st.dictionaries(symbol_texts.map(Symbol), st.integers(0, 9), max_size=2),
    ),
    st.builds(Begin, st.none() | st.integers(0, 65535), uints, uints, uints, uints),
    st.builds(
        Attach,
        texts,
        uints,
        st.booleans(),
        st.integers(0, 2),
        st.integers(0, 1),
        termini,
        termini,
        uints,
        st.none() | st.integers(0, 2**64 - 1),
    ),
    st.builds(
        Flow,
        maybe_uints,
        uints,
        uints,
        uints,
        maybe_uints,
        maybe_uints,
        maybe_uints,
        maybe_uints,
        st.booleans(),
        st.booleans(),
    ),
    st.builds(Disposition, st.booleans(), uints, uints, st.booleans(), states),
    st.builds(Detach, uints, st.booleans(), errors),
    st.builds(End, errors),
    st.builds(Close, errors),
    st.builds(SaslMechanisms, names),
    st.builds(SaslInit, symbol_texts, st.none() | st.binary(max_size=9), st.none() | texts),
    st.builds(SaslOutcome, st.integers(0, 4)),
)


@given(BODIES)
def test_every_body_is_read_back_as_it_was_written(body: Body) -> None:
    assert decode_body(body.encode()) == body


@given(BODIES, st.data())
def test_a_damaged_body_is_a_body_or_a_decode_error(body: Body, data: st.DataObject) -> None:
    octets = bytearray(body.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_body(bytes(octets))
    except DecodeError:
        pass


COMPLETE: list[Body] = [
    Open("peer", "host", 512, 9, 1000, ("a",), ("b",), {Symbol("k"): 1}),
    Begin(1, 2, 3, 4, 5),
    Attach("name", 1, False, 2, 0, Terminus("a"), Terminus("b"), 0, 0),
    Flow(1, 2, 3, 4, 5, 6, 7, 8, True, True),
    Disposition(True, 1, 2, True, state(ACCEPTED)),
    Detach(1, True, AmqpError("a:b", "c")),
    End(AmqpError("a:b")),
    Close(AmqpError("a:b")),
    SaslMechanisms(("EXTERNAL",)),
    SaslInit("EXTERNAL", b"", "host"),
    SaslOutcome(0),
]
STRANGERS: list[Any] = [
    UByte(1),
    UShort(1),
    UInt(1),
    ULong(1),
    1,
    "text",
    Symbol("s"),
    b"b",
    True,
    1.5,
    [],
    {},
]
STRANGERS += [Described(ULong(0x99), []), Array([UInt(1)])]


def wrong_fields() -> list[Any]:
    found = []
    for body in COMPLETE:
        for position, value in enumerate(body.values()):
            for stranger in STRANGERS:
                if value is None or _acceptable(body, value, stranger):
                    continue
                name = f"{type(body).__name__}-{position}-{type(stranger).__name__}"
                found.append(pytest.param(body, position, stranger, id=name))
    return found


def _acceptable(body: Body, value: Any, stranger: Any) -> bool:
    if isinstance(body, Disposition) and isinstance(value, Described):
        return isinstance(stranger, Described)  # states are passed on, known or not
    if isinstance(value, Array):
        return isinstance(stranger, Symbol)
    if type(value) is str:
        return isinstance(stranger, str)
    return type(value) is type(stranger) and not isinstance(value, Described)


@pytest.mark.parametrize(("body", "position", "stranger"), wrong_fields())
def test_a_field_of_the_wrong_type_is_refused(body: Body, position: int, stranger: Any) -> None:
    values = body.values()
    values[position] = stranger
    with pytest.raises(DecodeError):
        decode_body(encode(Described(ULong(body.CODE), values)))


MANDATORY = [
    (Open("x"), 0),
    (Begin(None, 1, 1, 1), 1),
    (Begin(None, 1, 1, 1), 2),
    (Begin(None, 1, 1, 1), 3),
    (Attach("n", 0, True), 0),
    (Attach("n", 0, True), 1),
    (Attach("n", 0, True), 2),
    (Flow(1, 2, 3, 4), 1),
    (Flow(1, 2, 3, 4), 2),
    (Flow(1, 2, 3, 4), 3),
    (Disposition(True, 1, 1), 0),
    (Disposition(True, 1, 1), 1),
    (Detach(1), 0),
    (SaslMechanisms(("A",)), 0),
    (SaslInit("A"), 0),
    (SaslOutcome(0), 0),
]


@pytest.mark.parametrize(("body", "position"), MANDATORY)
def test_a_mandatory_field_must_be_there(body: Body, position: int) -> None:
    values = body.values()
    values[position] = None
    with pytest.raises(DecodeError):
        decode_body(encode(Described(ULong(body.CODE), values)))


SHAPES = {
    "not described": encode([1]),
    "an unknown descriptor": encode(Described(ULong(0x99), [])),
    "a descriptor that is a list": encode(Described([], [])),
    "a body that is a map": encode(Described(ULong(0x10), {})),
    "bytes behind the body": End().encode() + b"\x40",
    "far too many fields": encode(Described(ULong(0x17), [None] * 50)),
    "a sender without initial delivery count": Attach("n", 0, False).encode(),
    "an error without a condition": encode(Described(ULong(0x18), [Described(ULong(0x1D), [])])),
    "a transfer among the other bodies": encode(Described(ULong(0x14), [UInt(0)])),
}


@pytest.mark.parametrize("data", SHAPES.values(), ids=SHAPES.keys())
def test_a_body_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_body(data)


def test_absent_fields_have_the_defaults_of_the_standard() -> None:
    opened = decode_body(encode(Described(ULong(0x10), ["peer"])))
    assert opened == Open("peer", None, 0xFFFFFFFF, 65535, None)
    attached = decode_body(encode(Described(ULong(0x12), ["name", UInt(0), True])))
    assert isinstance(attached, Attach)
    assert (attached.snd_settle_mode, attached.rcv_settle_mode, attached.source) == (2, 0, None)
    disposition = decode_body(encode(Described(ULong(0x15), [True, UInt(9)])))
    assert disposition == Disposition(True, 9, 9, False, None)


def test_a_coordinator_counts_as_no_target() -> None:
    values = Attach("n", 0, False, initial_delivery_count=0).values()
    values[6] = Described(ULong(0x30), [])
    body = decode_body(encode(Described(ULong(0x12), values)))
    assert isinstance(body, Attach)
    assert body.target is None


def test_several_symbols_may_be_none_one_or_an_array() -> None:
    assert symbol_list(None) == ()
    assert symbol_list(Symbol("a")) == ("a",)
    assert symbol_list(Array([Symbol("a"), Symbol("b")])) == ("a", "b")
    for wrong in ("text", [Symbol("a")], Array(["text"])):
        with pytest.raises(DecodeError):
            symbol_list(wrong)


# ------------------------------------------------------------------------------------------------------------ transfers


@given(
    uints, uints, st.binary(min_size=1, max_size=32), st.booleans(), st.booleans(), st.booleans(), st.binary()
)
def test_a_transfer_is_read_back_as_it_was_written(
    handle: int, delivery_id: int, tag: bytes, settled: bool, more: bool, aborted: bool, payload: bytes
) -> None:
    written = encode_transfer(handle, delivery_id, tag, settled=settled, more=more, aborted=aborted)
    assert performative_end(memoryview(written + payload)) == len(written)
    assert decode_transfer(written) == TransferFields(
        handle, delivery_id, tag, 0, settled, more, None, False, aborted
    )


FIELDS: list[Any] = [
    UInt(0),
    UInt(1),
    b"tag",
    UInt(0),
    True,
    False,
    UByte(0),
    state(ACCEPTED),
    False,
    False,
    False,
]


@pytest.mark.parametrize("position", range(10))
@pytest.mark.parametrize("stranger", STRANGERS, ids=[type(one).__name__ for one in STRANGERS])
def test_a_transfer_field_of_the_wrong_type_is_refused(position: int, stranger: Any) -> None:
    if type(FIELDS[position]) is type(stranger):
        return
    values = list(FIELDS)
    values[position] = stranger
    with pytest.raises(DecodeError):
        decode_transfer(encode(Described(ULong(0x14), values)))


def test_later_frames_of_a_delivery_need_only_the_handle() -> None:
    fields = decode_transfer(encode(Described(ULong(0x14), [UInt(3)])))
    assert fields == TransferFields(3, None, None, None, None, False, None, False, False)


TRANSFER_SHAPES = {
    "no list": b"\x00\x53\x14\x45",
    "nothing": b"\x00\x53\x14",
    "a list longer than the frame": b"\x00\x53\x14\xc0\xff\x01\x43",
    "a large list longer than the frame": b"\x00\x53\x14\xd0\x00\xff\xff\xff\x00\x00\x00\x01\x43",
    "no room for the size": b"\x00\x53\x14\xd0\x00\x00",
}


@pytest.mark.parametrize("data", TRANSFER_SHAPES.values(), ids=TRANSFER_SHAPES.keys())
def test_a_transfer_without_a_proper_list_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        performative_end(memoryview(data))


def test_a_long_delivery_tag_and_too_many_fields_are_refused() -> None:
    for values in ([UInt(0), UInt(0), b"x" * 33], [UInt(0), *[None] * 11]):
        with pytest.raises(DecodeError):
            decode_transfer(encode(Described(ULong(0x14), values)))
