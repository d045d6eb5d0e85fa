"""The AMQP 1.0 types that Python lacks.

A decoded value remembers its AMQP type, so that a value read from one peer and relayed to another keeps its encoding: a
``received`` state whose offsets turned from ulong into int is read as zero by the reference router (router-protocol 10).

========================= ==========================================
AMQP                      Python
========================= ==========================================
null, boolean             ``None``, ``bool``
ubyte, ushort, uint,      ``UByte``, ``UShort``, ``UInt``, ``ULong``
ulong
byte, short, int, long    ``Byte``, ``Short``, ``int``, ``Long``
float, double             ``Float``, ``float``
decimal32/64/128          ``Decimal`` (the bytes, not interpreted)
char, timestamp, uuid     ``Char``, ``Timestamp``, ``uuid.UUID``
binary, string, symbol    ``bytes``, ``str``, ``Symbol``
list, map, array          ``list``, ``dict``, ``Array``
described type            ``Described``
========================= ==========================================
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias


class Symbol(str):
    """An ASCII string from a constrained domain (capabilities, error conditions, property keys)."""

    __slots__ = ()


class UByte(int):
    """An unsigned 8-bit integer."""

    __slots__ = ()


class UShort(int):
    """An unsigned 16-bit integer."""

    __slots__ = ()


class UInt(int):
    """An unsigned 32-bit integer."""

    __slots__ = ()


class ULong(int):
    """An unsigned 64-bit integer."""

    __slots__ = ()


class Byte(int):
    """A signed 8-bit integer."""

    __slots__ = ()


class Short(int):
    """A signed 16-bit integer."""

    __slots__ = ()


class Long(int):
    """A signed 64-bit integer; a plain ``int`` is an AMQP int (32 bits) as long as it fits."""

    __slots__ = ()


class Float(float):
    """A 32-bit float; a plain ``float`` is an AMQP double."""

    __slots__ = ()


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since the Unix epoch."""

    __slots__ = ()


class Decimal(bytes):
    """A decimal32, decimal64 or decimal128: its 4, 8 or 16 bytes, kept and never interpreted."""

    __slots__ = ()


class Array(list[Any]):
    """Values of one AMQP type. ``constructor`` is the type code of the elements, remembered when there are none."""

    __slots__ = ("constructor",)

    def __init__(self, values: Any = (), constructor: int = 0x40) -> None:
        super().__init__(values)
        self.constructor = constructor


class Described(NamedTuple):
    """A value annotated with a descriptor: a ``ULong`` code or a ``Symbol``."""

    descriptor: Any
    value: Any


Value: TypeAlias = Any
"""Any decoded value: see the table above. ``Any``, because the type is recursive and callers check what they read."""


def symbols(*names: str) -> Array:
    """An array of symbols."""
    return Array([Symbol(name) for name in names], 0xA3)
