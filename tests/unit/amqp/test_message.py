"""Messages of requests and answers: bytes and back, and nothing but DecodeError for what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.amqp.codec import DecodeError, encode
from skupper_local.amqp.message import Message, decode_message, encode_message
from skupper_local.amqp.types import Described, Symbol, UInt, ULong

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
bodies = st.none() | st.lists(st.integers(-9, 9)) | st.dictionaries(texts, texts, max_size=3)
MESSAGES = st.builds(
    Message,
    to=st.none() | texts,
    reply_to=st.none() | texts,
    correlation_id=st.none() | texts | st.integers(0, 9).map(ULong),
    application_properties=st.dictionaries(texts, st.integers(-9, 9) | texts, max_size=3),
    body=bodies,
)


@given(MESSAGES)
def test_a_message_is_read_back_as_it_was_written(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@given(MESSAGES, st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_message_is_a_message_or_a_decode_error(message: Message, damage: list[Any]) -> None:
    data = bytearray(encode_message(message))
    for at, octet in damage:
        data[at % len(data)] = octet
    try:
        decode_message(bytes(data))
    except DecodeError:
        pass


def section(code: int, value: Any) -> bytes:
    return encode(Described(ULong(code), value))


def test_sections_that_requests_do_not_use_are_passed_over() -> None:
    data = b"".join(
        [section(0x70, [False]), section(0x71, {}), section(0x72, {}), section(0x77, "x"), section(0x78, {})]
    )
    assert decode_message(data) == Message(body="x")


@pytest.mark.parametrize(
    "data",
    [
        encode("no section"),
        encode(Described(Symbol("amqp:amqp-value:*"), 1)),
        section(0x75, b"data"),
        section(0x76, [1]),
        section(0x77, 1) * 2,
        section(0x73, {}),
        section(0x73, [None] * 14),
        section(0x73, [None, None, UInt(1)]),
        section(0x73, [None] * 4 + [b"reply"]),
        section(0x74, []),
    ],
)
def test_another_shape_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_message(data)
