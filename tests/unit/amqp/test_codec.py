"""Values survive the wire with their types; bytes from a peer end in a value or in DecodeError, at a bounded price."""

from __future__ import annotations

import math
import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.amqp.codec import MAX_DEPTH, DecodeError, EncodeError, decode, encode, encode_list32
from skupper_local.amqp.types import (
    Array,
    Byte,
    Char,
    Decimal,
    Described,
    Float,
    Long,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

ascii_text = st.text(st.characters(max_codepoint=127), max_size=300)
characters = st.integers(0, 0x10FFFF).map(chr)


def whole(kind: type[int], bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return (
        (st.integers(low, high) | st.sampled_from([low, high, 0, 1, 127, 128, 255]))
        .filter(lambda value: low <= value <= high)
        .map(kind)
    )


KEYS: list[st.SearchStrategy[Any]] = [
    st.booleans(),
    whole(UByte, 8, signed=False),
    whole(UShort, 16, signed=False),
    whole(UInt, 32, signed=False),
    whole(ULong, 64, signed=False),
    whole(Byte, 8, signed=True),
    whole(Short, 16, signed=True),
    whole(int, 32, signed=True),
    whole(Long, 64, signed=True),
    whole(Timestamp, 64, signed=True),
    characters.map(Char),
    st.binary(max_size=300),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
    ascii_text.map(Symbol),
]
PRIMITIVES = [
    *KEYS,
    st.floats(width=32).map(Float),
    st.floats(),
    st.sampled_from([4, 8, 16]).flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(Decimal),
    st.uuids(),
]
scalars = st.one_of(st.none(), *PRIMITIVES)
arrays = st.one_of(
    *[st.lists(one, min_size=1, max_size=5) for one in [*KEYS, st.uuids(), st.floats()]],
    st.lists(st.lists(scalars, max_size=3), min_size=1, max_size=3),
    st.lists(st.dictionaries(ascii_text.map(Symbol), scalars, max_size=3), min_size=1, max_size=3),
    st.lists(st.integers(0, 5).map(lambda n: Described(ULong(7), UInt(n))), min_size=1, max_size=3),
    st.lists(st.lists(st.booleans(), max_size=3).map(lambda v: Array(v, 0x56)), min_size=1, max_size=3),
).map(Array)
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.one_of(*KEYS), inner, max_size=5)
        | st.builds(Described, st.one_of(whole(ULong, 64, signed=False), ascii_text.map(Symbol)), inner)
    ),
    max_leaves=20,
)


def typed(value: Any) -> Any:
    """The value with the types of everything in it, comparable; NaN equals itself."""
    if isinstance(value, Described):
        return "described", typed(value.descriptor), typed(value.value)
    if isinstance(value, list):
        return type(value).__name__, [typed(item) for item in value]
    if isinstance(value, dict):
        return "map", [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, float):
        sign = math.copysign(1.0, value)
        return type(value).__name__, "nan" if math.isnan(value) else (float(value), sign)
    return type(value).__name__, value


@given(values)
def test_every_value_comes_back_as_it_was_with_its_types(value: Any) -> None:
    data = encode(value)
    back, end = decode(data)
    assert end == len(data)
    assert typed(back) == typed(value)


@given(values, st.binary(max_size=8), st.binary(max_size=8))
def test_a_value_is_read_from_the_middle_of_other_bytes(value: Any, before: bytes, after: bytes) -> None:
    data = encode(value)
    back, end = decode(before + data + after, len(before))
    assert (typed(back), end) == (typed(value), len(before) + len(data))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_value_or_a_decode_error_and_a_value_can_be_relayed(data: bytes) -> None:
    try:
        value, end = decode(data)
    except DecodeError:
        return
    assert end <= len(data)
    again, _ = decode(encode(value))
    assert typed(again) == typed(value)


@given(values, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_value_is_a_value_or_a_decode_error(value: Any, damage: list[tuple[int, int]]) -> None:
    data = bytearray(encode(value))
    for at, octet in damage:
        data[at % len(data)] = octet
    try:
        decoded, end = decode(bytes(data))
    except DecodeError:
        return
    assert end <= len(data)
    encode(decoded)


@given(values)
def test_a_value_cut_short_is_a_decode_error(value: Any) -> None:
    data = encode(value)
    for end in range(len(data) if len(data) < 60 else 60):
        with pytest.raises(DecodeError):
            decode(data[:end])


GOLDEN = [
    (None, "40"),
    (True, "41"),
    (False, "42"),
    (UByte(200), "50c8"),
    (UShort(513), "600201"),
    (UInt(0), "43"),
    (UInt(7), "5207"),
    (UInt(256), "7000000100"),
    (ULong(0), "44"),
    (ULong(36), "5324"),
    (ULong(2**63), "808000000000000000"),
    (Byte(-1), "51ff"),
    (Short(-2), "61fffe"),
    (-3, "54fd"),
    (1000, "71000003e8"),
    (Long(-4), "55fc"),
    (2**40, "810000010000000000"),
    (Float(1.5), "723fc00000"),
    (1.5, "823ff8000000000000"),
    (Char("ß"), "73000000df"),
    (Timestamp(1), "830000000000000001"),
    (uuid.UUID(int=1), "98" + "00" * 15 + "01"),
    (b"\x00\xff", "a00200ff"),
    (b"x" * 256, "b000000100" + "78" * 256),
    ("ü", "a102c3bc"),
    (Symbol("qd.router"), "a30971642e726f75746572"),
    ([], "45"),
    ([UInt(1), None], "c00402520140"),
    ({}, "d10000000400000000"),
    ({Symbol("a"): 1}, "d10000000900000002a301615401"),
    (Described(ULong(0x24), []), "00532445"),
    (Array([Symbol("a"), Symbol("bc")]), "e00d02b3000000016100000002" + "6263"),
    (Array([], 0xA3), "e00200a3"),
]


@pytest.mark.parametrize(("value", "data"), GOLDEN, ids=[str(data)[:24] for _, data in GOLDEN])
def test_known_values_have_known_bytes(value: Any, data: str) -> None:
    assert encode(value).hex() == data
    assert typed(decode(bytes.fromhex(data))[0]) == typed(Long(value) if value == 2**40 else value)


def test_router_annotations_take_the_32_bit_form_whatever_their_size() -> None:
    assert encode_list32([UInt(1), None]).hex() == "d0000000070000000252" + "0140"


WIDE_FORMS = [
    ("7000000001", UInt(1)),
    ("800000000000000001", ULong(1)),
    ("7100000001", 1),
    ("810000000000000001", Long(1)),
    ("5601", True),
    ("b00000000161", b"a"),
    ("b10000000161", "a"),
    ("b30000000161", Symbol("a")),
    ("d00000000400000000", []),
    ("c00402540140", [1, None]),
    ("c10100", {}),
    ("e00502a0016100", Array([b"a", b""])),
]


@pytest.mark.parametrize(("data", "value"), WIDE_FORMS, ids=[data for data, _ in WIDE_FORMS])
def test_every_encoding_of_a_value_is_understood(data: str, value: Any) -> None:
    assert typed(decode(bytes.fromhex(data))[0]) == typed(value)


MALFORMED = {
    "nothing": "",
    "an unknown type code": "01",
    "a boolean of two": "5602",
    "text that is not UTF-8": "a101ff",
    "a symbol that is not ASCII": "a301ff",
    "a code point beyond Unicode": "7300110000",
    "a code point beyond any": "73ffffffff",
    "a string longer than its bytes": "a10561",
    "a list longer than its bytes": "c0ff0140",
    "a list with more elements than bytes": "d000000008ffffffff40404040",
    "a list that does not fill its size": "c0050140404040",
    "a list whose elements run over its size": "c002015401",
    "a map with an odd number of elements": "c1020140",
    "a map keyed by a list": "c103024540",
    "a map keyed by null": "c103024040",
    "a map keyed by a uuid": "c1130298" + "00" * 16 + "40",
    "a map keyed by a described value": "c106020053014040",
    "an array of nulls beyond its size": "f000000005ffffffff40",
    "an array of an unknown type": "e0020101",
    "an array of doubly described values": "e0080100530100530140",
    "a described value without a value": "005301",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_bytes_are_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize("shell", [lambda inner: [inner], lambda inner: Described(ULong(1), inner)])
def test_nesting_ends_at_the_limit(shell: Any) -> None:
    value: Any = None
    for _ in range(MAX_DEPTH):
        value = shell(value)
    assert decode(encode(value))[0] == value
    with pytest.raises(DecodeError, match="deep"):
        decode(encode(shell(value)))


@pytest.mark.parametrize(
    "opening", [b"\x00", b"\xf0\x00\x01\x00\x00\x00\x00\x00\x01", b"\xc0\xff\x01", b"\x00\x45"]
)
def test_endless_nesting_is_refused_without_a_recursion_error(opening: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(opening * 20_000)


UNENCODABLE = [
    object(),
    {1, 2},
    UByte(256),
    UByte(-1),
    UShort(-1),
    UInt(2**32),
    UInt(-1),
    ULong(2**64),
    Short(2**15),
    2**63,
    Char("ab"),
    Char(""),
    Symbol("ß"),
    "\ud800",
    Decimal(b"123"),
    Array([1, "a"]),
    Array([Described(ULong(1), 1), Described(ULong(2), 1)]),
    Array([object()]),
    [object()],
]


@pytest.mark.parametrize("value", UNENCODABLE, ids=[repr(value)[:30] for value in UNENCODABLE])
def test_what_amqp_cannot_carry_is_an_encode_error(value: Any) -> None:
    with pytest.raises(EncodeError):
        encode(value)


def seconds(data: bytes) -> float:
    start = time.process_time()  # what others do meanwhile does not count
    try:
        decode(data)
    except DecodeError:
        pass
    return time.process_time() - start


def _uuid_keys(count: int) -> bytes:
    prime = 2**61 - 1  # uuids that differ by a multiple of this have the same hash
    body = b"".join(b"\x98" + (n * prime).to_bytes(16, "big") + b"\x40" for n in range(1, count + 1))
    return b"\xd1" + (len(body) + 4).to_bytes(4, "big") + (2 * count).to_bytes(4, "big") + body


def _nested_lists(count: int) -> bytes:
    data = b"\x45" * count
    for _ in range(MAX_DEPTH - 2):
        data = b"\xd0" + (len(data) + 4).to_bytes(4, "big") + b"\x00\x00\x00\x01" + data
    return data


ATTACKS = {
    "uuids whose hashes collide as map keys": _uuid_keys,
    "lists in lists whose sizes lie": _nested_lists,
    "an array of values without width": lambda n: (
        b"\xf0" + (n + 5).to_bytes(4, "big") + n.to_bytes(4, "big") + b"\x45" + b"\x00" * n
    ),
    "small strings": lambda n: encode(["" for _ in range(n)]),
    "a map of small integers": lambda n: encode(dict.fromkeys(range(n))),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_the_price_of_decoding_grows_with_the_input_and_no_faster(attack: Any) -> None:
    small, large = attack(1_000), attack(16_000)
    per_byte = max(min(seconds(small) for _ in range(5)) / len(small), 2e-8)
    assert min(seconds(large) for _ in range(3)) / len(large) < 8 * per_byte
