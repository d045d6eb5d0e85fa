"""Encoding and decoding of AMQP 1.0 values (part 1 of the standard).

``decode`` reads bytes from peers that are not trusted. Its cost is bounded by the size of its input: every element takes at
least one byte (arrays whose elements have no width are held to that too), nesting ends at ``MAX_DEPTH``, and whatever is
malformed ends in ``DecodeError``, never in another exception.

``encode`` always picks the smallest encoding, except for maps, which are written in the 32-bit form that the reference
router writes.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Any

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
    Value,
)

MAX_DEPTH = 32


class DecodeError(ValueError):
    """The bytes are not a well-formed AMQP value."""


class EncodeError(ValueError):
    """The Python value has no AMQP encoding (wrong type or out of range)."""


# ------------------------------------------------------------------------------------------------------------ encoding

_pack_u16 = struct.Struct(">H").pack
_pack_u32 = struct.Struct(">I").pack
_pack_u64 = struct.Struct(">Q").pack
_pack_i16 = struct.Struct(">h").pack
_pack_i32 = struct.Struct(">i").pack
_pack_i64 = struct.Struct(">q").pack
_pack_f32 = struct.Struct(">f").pack
_pack_f64 = struct.Struct(">d").pack
_pack_i8 = struct.Struct(">b").pack


def _variable(data: bytes, small: bytes, large: bytes) -> bytes:
    size = len(data)
    if size < 256:
        return small + bytes((size,)) + data
    return large + _pack_u32(size) + data


def _encode_int(value: int) -> bytes:
    if -128 <= value < 128:
        return b"\x54" + _pack_i8(value)
    if -(2**31) <= value < 2**31:
        return b"\x71" + _pack_i32(value)
    return b"\x81" + _pack_i64(value)


def _encode_uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    if 0 < value < 256:
        return b"\x52" + bytes((value,))
    return b"\x70" + _pack_u32(value)


def _encode_ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    if 0 < value < 256:
        return b"\x53" + bytes((value,))
    return b"\x80" + _pack_u64(value)


def _encode_long(value: int) -> bytes:
    if -128 <= value < 128:
        return b"\x55" + _pack_i8(value)
    return b"\x81" + _pack_i64(value)


def _encode_list(value: list[Any] | tuple[Any, ...]) -> bytes:
    if not value:
        return b"\x45"
    body = b"".join([encode(item) for item in value])
    if len(body) < 255 and len(value) < 256:
        return b"\xc0" + bytes((len(body) + 1, len(value))) + body
    return b"\xd0" + struct.pack(">II", len(body) + 4, len(value)) + body


def encode_list32(values: list[Any]) -> bytes:
    """A list in its 32-bit form whatever its size, as routers write their annotations (router-protocol 3)."""
    return b"\xd0" + _list_element(values)


def _list_element(values: list[Any] | tuple[Any, ...]) -> bytes:
    return _wide_compound(len(values), b"".join([encode(item) for item in values]))


def _map_element(value: dict[Any, Any]) -> bytes:
    body = b"".join([encode(key) + encode(item) for key, item in value.items()])
    return _wide_compound(2 * len(value), body)


def _encode_map(value: dict[Any, Any]) -> bytes:
    return b"\xd1" + _map_element(value)


def _encode_described(value: Described) -> bytes:
    return b"\x00" + encode(value.descriptor) + encode(value.value)


def _encode_array(value: Array) -> bytes:
    """Elements share one constructor, so each is written in the widest form of its type."""
    body = _array_content(value)
    if len(body) < 255 and len(value) < 256:
        return b"\xe0" + bytes((len(body) + 1, len(value))) + body
    return b"\xf0" + struct.pack(">II", len(body) + 4, len(value)) + body


def _array_body(values: list[Any]) -> bytes:
    """The constructor and the elements."""
    kind = type(values[0])
    if any(type(item) is not kind for item in values):
        raise EncodeError("the elements of an array must have one type")
    if kind is Described:
        descriptor = encode(values[0].descriptor)
        if any(encode(item.descriptor) != descriptor for item in values):
            raise EncodeError("the elements of an array must have one descriptor")
        return b"\x00" + descriptor + _array_body([item.value for item in values])
    if kind is Decimal:
        if any(len(item) != len(values[0]) for item in values):
            raise EncodeError("the elements of an array must have one width")
        return _encode_decimal(values[0])[:1] + b"".join(values)
    try:
        constructor, element = _ARRAY_ELEMENTS[kind]
    except KeyError:
        raise EncodeError(f"arrays of {kind.__name__} are not supported") from None
    return constructor + b"".join([element(item) for item in values])


def _wide(data: bytes) -> bytes:
    return _pack_u32(len(data)) + data


def _wide_compound(count: int, body: bytes) -> bytes:
    return struct.pack(">II", len(body) + 4, count) + body


def _encode_decimal(value: Decimal) -> bytes:
    codes = {4: b"\x74", 8: b"\x84", 16: b"\x94"}
    if len(value) not in codes:
        raise EncodeError("a decimal has 4, 8 or 16 bytes")
    return codes[len(value)] + bytes(value)


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: lambda value: b"\x50" + bytes((value,)),
    UShort: lambda value: b"\x60" + _pack_u16(value),
    UInt: _encode_uint,
    ULong: _encode_ulong,
    Byte: lambda value: b"\x51" + _pack_i8(value),
    Short: lambda value: b"\x61" + _pack_i16(value),
    int: _encode_int,
    Long: _encode_long,
    Float: lambda value: b"\x72" + _pack_f32(value),
    float: lambda value: b"\x82" + _pack_f64(value),
    Decimal: _encode_decimal,
    Char: lambda value: b"\x73" + _pack_u32(ord(value)),
    Timestamp: lambda value: b"\x83" + _pack_i64(value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    bytes: lambda value: _variable(value, b"\xa0", b"\xb0"),
    bytearray: lambda value: _variable(bytes(value), b"\xa0", b"\xb0"),
    memoryview: lambda value: _variable(bytes(value), b"\xa0", b"\xb0"),
    str: lambda value: _variable(value.encode("utf-8"), b"\xa1", b"\xb1"),
    Symbol: lambda value: _variable(value.encode("ascii"), b"\xa3", b"\xb3"),
    list: _encode_list,
    tuple: _encode_list,
    dict: _encode_map,
    Array: _encode_array,
    Described: _encode_described,
}

_ARRAY_ELEMENTS: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
    bool: (b"\x56", lambda value: b"\x01" if value else b"\x00"),
    UByte: (b"\x50", lambda value: bytes((value,))),
    UShort: (b"\x60", _pack_u16),
    UInt: (b"\x70", _pack_u32),
    ULong: (b"\x80", _pack_u64),
    Byte: (b"\x51", _pack_i8),
    Short: (b"\x61", _pack_i16),
    int: (b"\x71", _pack_i32),
    Long: (b"\x81", _pack_i64),
    float: (b"\x82", _pack_f64),
    Timestamp: (b"\x83", _pack_i64),
    uuid.UUID: (b"\x98", lambda value: value.bytes),
    bytes: (b"\xb0", _wide),
    str: (b"\xb1", lambda value: _wide(value.encode("utf-8"))),
    Symbol: (b"\xb3", lambda value: _wide(value.encode("ascii"))),
    type(None): (b"\x40", lambda _: b""),
    Float: (b"\x72", _pack_f32),
    Char: (b"\x73", lambda value: _pack_u32(ord(value))),
    list: (b"\xd0", _list_element),
    dict: (b"\xd1", _map_element),
    Array: (b"\xf0", lambda value: _wide_compound(len(value), _array_content(value))),
}


def _array_content(value: Array) -> bytes:
    return _array_body(list(value)) if value else bytes((value.constructor,))


def encode(value: Value) -> bytes:
    """The encoding of ``value``. Raises ``EncodeError`` for a type or a number AMQP cannot carry."""
    try:
        encoder = _ENCODERS[type(value)]
    except KeyError:
        raise EncodeError(f"no AMQP type for {type(value).__name__}") from None
    try:
        return encoder(value)
    except (struct.error, ValueError, OverflowError, TypeError) as error:
        if isinstance(error, EncodeError):
            raise
        raise EncodeError(f"{type(value).__name__}: {error}") from None


# ------------------------------------------------------------------------------------------------------------ decoding

_Decoder = Callable[[bytes, int, int], tuple[Any, int]]

_KEY_TYPES = frozenset(
    (str, Symbol, bytes, bool, UByte, UShort, UInt, ULong, Byte, Short, int, Long, Char, Timestamp)
)
"""Types of map keys that are taken from a peer. Not among them are those whose hashes a peer can make collide at will (uuids,
described values, floats): a map of a few thousand such keys would take seconds to build."""


def _fixed(code: str, make: Callable[[Any], Any] | None = None) -> _Decoder:
    structure = struct.Struct(code)
    unpack, width = structure.unpack_from, structure.size
    if make is None:
        return lambda data, at, depth: (unpack(data, at)[0], at + width)
    return lambda data, at, depth: (make(unpack(data, at)[0]), at + width)


def _constant(value: Any) -> _Decoder:
    return lambda data, at, depth: (value, at)


def _take(data: bytes, at: int, size: int) -> bytes:
    piece = data[at : at + size]
    if len(piece) != size:
        raise DecodeError("the value ends before its declared size")
    return piece


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(_take(data, at, 4), "big")


def _variable_width(wide: bool, make: Callable[[bytes], Any]) -> _Decoder:
    def narrow_decoder(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        size = data[at]
        return make(_take(data, at + 1, size)), at + 1 + size

    def wide_decoder(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        size = _u32(data, at)
        return make(_take(data, at + 4, size)), at + 4 + size

    return wide_decoder if wide else narrow_decoder


def _raw(width: int, make: Callable[[bytes], Any]) -> _Decoder:
    return lambda data, at, depth: (make(_take(data, at, width)), at + width)


def _compound_header(data: bytes, at: int, wide: bool) -> tuple[int, int, int]:
    """(number of elements, where they start, where they end) of a list, map or array."""
    if wide:
        end, count, start = at + 4 + _u32(data, at), _u32(data, at + 4), at + 8
    else:
        end, count, start = at + 1 + data[at], data[at + 1], at + 2
    if end > len(data) or start > end:
        raise DecodeError("a compound value ends before its declared size")
    if count > end - start:
        raise DecodeError("a compound value declares more elements than it has bytes")
    return count, start, end


def _list(wide: bool) -> _Decoder:
    def decoder(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        count, position, end = _compound_header(data, at, wide)
        values: list[Any] = []
        append = values.append
        for _ in range(count):
            value, position = _DECODERS[data[position]](data, position + 1, depth - 1)
            append(value)
        if position != end:
            raise DecodeError("a list does not fill its declared size")
        return values, end

    return decoder


def _map(wide: bool) -> _Decoder:
    def decoder(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        count, position, end = _compound_header(data, at, wide)
        if count % 2:
            raise DecodeError("a map has an odd number of elements")
        values: dict[Any, Any] = {}
        for _ in range(count // 2):
            key, position = _DECODERS[data[position]](data, position + 1, depth - 1)
            value, position = _DECODERS[data[position]](data, position + 1, depth - 1)
            if type(key) not in _KEY_TYPES:
                raise DecodeError("a map key of a type that has no place there")
            values[key] = value
        if position != end:
            raise DecodeError("a map does not fill its declared size")
        return values, end

    return decoder


def _array(wide: bool) -> _Decoder:
    def decoder(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        count, position, end = _compound_header(data, at, wide)
        if depth <= 0:
            raise DecodeError("values are nested too deeply")
        constructor = data[position]
        position += 1
        descriptor = None
        if constructor == 0:
            descriptor, position = _DECODERS[data[position]](data, position + 1, depth - 1)
            constructor = data[position]
            if constructor == 0:
                raise DecodeError("an array of doubly described values")
            position += 1
        element = _DECODERS[constructor]
        values = Array(constructor=constructor)
        for _ in range(count):
            value, position = element(data, position, depth - 1)
            values.append(value if descriptor is None else Described(descriptor, value))
        if position != end:
            raise DecodeError("an array does not fill its declared size")
        return values, end

    return decoder


def _described(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth <= 0:
        raise DecodeError("values are nested too deeply")
    descriptor, at = _DECODERS[data[at]](data, at + 1, depth - 1)
    value, at = _DECODERS[data[at]](data, at + 1, depth - 1)
    return Described(descriptor, value), at


def _bounded(decoder: _Decoder) -> _Decoder:
    def bounded(data: bytes, at: int, depth: int) -> tuple[Any, int]:
        if depth <= 0:
            raise DecodeError("values are nested too deeply")
        return decoder(data, at, depth)

    return bounded


def _unknown(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    raise DecodeError("an unknown type code")


def _boolean(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    octet = data[at]
    if octet > 1:
        raise DecodeError("a boolean is neither 0 nor 1")
    return octet == 1, at + 1


def _symbol(data: bytes) -> Symbol:
    return Symbol(data.decode("ascii"))


def _string(data: bytes) -> str:
    return data.decode("utf-8")


_DECODERS: list[_Decoder] = [_unknown] * 256
for _code, _decoder in {
    0x00: _described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(UInt(0)),
    0x44: _constant(ULong(0)),
    0x45: lambda data, at, depth: ([], at),
    0x50: _fixed(">B", UByte),
    0x51: _fixed(">b", Byte),
    0x52: _fixed(">B", UInt),
    0x53: _fixed(">B", ULong),
    0x54: _fixed(">b"),
    0x55: _fixed(">b", Long),
    0x56: _boolean,
    0x60: _fixed(">H", UShort),
    0x61: _fixed(">h", Short),
    0x70: _fixed(">I", UInt),
    0x71: _fixed(">i"),
    0x72: _fixed(">f", Float),
    0x73: _fixed(">I", lambda point: Char(chr(point))),
    0x74: _raw(4, Decimal),
    0x80: _fixed(">Q", ULong),
    0x81: _fixed(">q", Long),
    0x82: _fixed(">d"),
    0x83: _fixed(">q", Timestamp),
    0x84: _raw(8, Decimal),
    0x94: _raw(16, Decimal),
    0x98: _raw(16, lambda data: uuid.UUID(bytes=data)),
    0xA0: _variable_width(False, bytes),
    0xA1: _variable_width(False, _string),
    0xA3: _variable_width(False, _symbol),
    0xB0: _variable_width(True, bytes),
    0xB1: _variable_width(True, _string),
    0xB3: _variable_width(True, _symbol),
    0xC0: _bounded(_list(False)),
    0xC1: _bounded(_map(False)),
    0xD0: _bounded(_list(True)),
    0xD1: _bounded(_map(True)),
    0xE0: _array(False),
    0xF0: _array(True),
}.items():
    _DECODERS[_code] = _decoder


def decode(data: bytes, offset: int = 0) -> tuple[Value, int]:
    """Decode one value that starts at ``offset``.

    Returns the value and the offset of the byte after it. Raises ``DecodeError`` when the bytes end early or are malformed.
    """
    try:
        return _DECODERS[data[offset]](data, offset + 1, MAX_DEPTH)
    except DecodeError:
        raise
    except (IndexError, struct.error):
        raise DecodeError("the bytes end inside a value") from None
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"malformed value: {error}") from None
