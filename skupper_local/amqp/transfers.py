"""Transfer frames: the hot path.

A bulk flow is one delivery in thousands of frames whose performative is the same bytes each time (delivery-id and tag are
repeated, as the reference router does). So a decoded performative is remembered by its bytes, and an outgoing one is made
once per delivery.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from skupper_local.amqp.codec import DecodeError, decode
from skupper_local.amqp.types import Described, UByte, UInt

_pack_u32 = struct.Struct(">I").pack

MAX_REMEMBERED = 4096
MAX_REMEMBERED_SIZE = 128
"""Only performatives up to this size are remembered: a peer may write them as large as a frame."""


class TransferFields(NamedTuple):
    """What the state machine reads of a transfer performative."""

    handle: int
    delivery_id: int | None
    delivery_tag: bytes | None
    message_format: int | None
    settled: bool | None
    more: bool
    state: Described | None
    resume: bool
    aborted: bool


def performative_end(frame: memoryview) -> int:
    """Where the payload starts in ``frame``, a frame body that begins with the three bytes 00 53 14."""
    size = len(frame)
    constructor = frame[3] if size > 3 else 0
    if constructor == 0xC0 and size > 4:
        end = 5 + frame[4]
    elif constructor == 0xD0 and size > 7:
        end = 8 + int.from_bytes(frame[4:8], "big")
    else:
        raise DecodeError("transfer: not a list")
    if end > size:
        raise DecodeError("transfer: the list is longer than the frame")
    return end


def decode_transfer(performative: bytes) -> TransferFields:
    """Decode the bytes of one transfer performative. Raises ``DecodeError``."""
    value, end = decode(performative)
    if end != len(performative) or not isinstance(value, Described) or not isinstance(value.value, list):
        raise DecodeError("transfer: malformed")
    values = [*value.value, *[None] * (11 - len(value.value))]
    if len(values) != 11:
        raise DecodeError("transfer: too many fields")
    handle, delivery_id, tag, message_format, settled, more, _mode, state, resume, aborted, _batchable = (
        values
    )
    if (
        not isinstance(handle, UInt)
        or not isinstance(delivery_id, UInt | None)
        or not isinstance(tag, bytes | None)
        or not isinstance(message_format, UInt | None)
        or not isinstance(settled, bool | None)
        or not isinstance(more, bool | None)
        or not isinstance(_mode, UByte | None)
        or not isinstance(state, Described | None)
        or not isinstance(resume, bool | None)
        or not isinstance(aborted, bool | None)
    ):
        raise DecodeError("transfer: a field has the wrong type")
    if tag is not None and len(tag) > 32:
        raise DecodeError("transfer: the delivery tag is longer than 32 bytes")
    return TransferFields(
        int(handle),
        None if delivery_id is None else int(delivery_id),
        tag,
        None if message_format is None else int(message_format),
        settled,
        bool(more),
        state,
        bool(resume),
        bool(aborted),
    )


def encode_transfer(
    handle: int, delivery_id: int, tag: bytes, *, settled: bool, more: bool, aborted: bool = False
) -> bytes:
    """The performative of a transfer; every frame of a delivery repeats its id and tag."""
    fields = (
        (b"\x52" + bytes((handle,)) if 0 < handle < 256 else b"\x70" + _pack_u32(handle))
        + b"\x70"
        + _pack_u32(delivery_id)
        + b"\xa0"
        + bytes((len(tag),))
        + tag
        + b"\x43"
        + (b"\x41" if settled else b"\x42")
        + (b"\x41" if more else b"\x42")
    )
    count = 6
    if aborted:
        fields += b"\x40\x40\x40\x41"
        count = 10
    return b"\x00\x53\x14\xc0" + bytes((len(fields) + 1, count)) + fields
