"""DER, strictly: every byte has one meaning, and damage is a ``ValueError``.

A :class:`Reader` walks over one level of elements; who reads knows what comes next. Nothing here descends by itself, so input
cannot make it recurse. What is of no interest is carried over as it is (:meth:`Reader.any`).
"""

from __future__ import annotations

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
SEQUENCE, SET = 0x30, 0x31

MAX_OID = 63
"""Octets of an object identifier."""


class Reader:
    """The elements of ``data``, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def peek(self) -> int:
        """The tag of the next element; -1 at the end."""
        return self._data[self._at] if self else -1

    def next(self) -> tuple[int, bytes]:
        """Tag and content of the next element."""
        data, at = self._data, self._at
        if len(data) - at < 2:
            raise ValueError("DER ends too early")
        tag, length = data[at], data[at + 1]
        at += 2
        if tag & 0x1F == 0x1F:
            raise ValueError("DER tag of several octets")
        if length & 0x80:
            octets = data[at : at + (length & 0x7F)]
            at += len(octets)
            if not 1 <= length & 0x7F <= 4 or len(octets) < length & 0x7F:
                raise ValueError("DER length is indefinite, huge or cut off")
            length = int.from_bytes(octets, "big")
            if octets[0] == 0 or length < 0x80:
                raise ValueError("DER length is not minimal")
        if length > len(data) - at:
            raise ValueError("DER element is longer than what holds it")
        self._at = at + length
        return tag, data[at : self._at]

    def any(self) -> bytes:
        """The next element as a whole."""
        start = self._at
        self.next()
        return self._data[start : self._at]

    def read(self, tag: int) -> bytes:
        """The content of the next element, which has this tag."""
        found, content = self.next()
        if found != tag:
            raise ValueError(f"DER tag {found:#x} where {tag:#x} belongs")
        return content

    def optional(self, tag: int) -> bytes | None:
        """The content of the next element if it has this tag."""
        return self.read(tag) if self.peek() == tag else None

    def inside(self, tag: int = SEQUENCE) -> Reader:
        """A reader of what the next element holds."""
        return Reader(self.read(tag))

    def integer(self, tag: int = INTEGER) -> int:
        """An integer."""
        return decode_integer(self.read(tag))

    def natural(self) -> int:
        """An integer that is not negative."""
        value = self.integer()
        if value < 0:
            raise ValueError("negative integer")
        return value

    def oid(self, tag: int = OID) -> str:
        """An object identifier in dotted form."""
        return decode_oid(self.read(tag))

    def boolean(self, tag: int = BOOLEAN) -> bool:
        """A truth value."""
        content = self.read(tag)
        if content not in (b"\x00", b"\xff"):
            raise ValueError("bad truth value")
        return content == b"\xff"

    def octets_in_bits(self, tag: int = BIT_STRING) -> bytes:
        """A bit string of whole octets."""
        content = self.read(tag)
        if not content or content[0] != 0:
            raise ValueError("bit string is not of whole octets")
        return content[1:]

    def finish(self) -> None:
        """Nothing may follow."""
        if self:
            raise ValueError("DER goes on after its end")


def only(data: bytes, tag: int = SEQUENCE) -> Reader:
    """A reader of what the single element ``data`` holds."""
    outer = Reader(data)
    inner = outer.inside(tag)
    outer.finish()
    return inner


def decode_integer(content: bytes) -> int:
    """The value of an integer's content."""
    if not content:
        raise ValueError("empty integer")
    if len(content) > 1 and (
        (content[0] == 0 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80)
    ):
        raise ValueError("integer is not minimal")
    return int.from_bytes(content, "big", signed=True)


def decode_oid(content: bytes) -> str:
    """The dotted form of an object identifier's content."""
    if not content or len(content) > MAX_OID or content[-1] & 0x80:
        raise ValueError("bad object identifier")
    arcs: list[int] = []
    value = 0
    begins = True
    for octet in content:
        if begins and octet == 0x80:
            raise ValueError("object identifier is not minimal")
        value = value << 7 | octet & 0x7F
        begins = not octet & 0x80
        if begins:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def decode_bits(content: bytes) -> tuple[bool, ...]:
    """The bits of a bit string's content, the first one first."""
    if not content or content[0] > 7 or (content[0] and len(content) == 1):
        raise ValueError("bad bit string")
    unused, octets = content[0], content[1:]
    if unused and octets[-1] & ((1 << unused) - 1):
        raise ValueError("unused bits are set")
    bits = [bool(octet >> shift & 1) for octet in octets for shift in range(7, -1, -1)]
    return tuple(bits[: len(bits) - unused])


def element(tag: int, *parts: bytes) -> bytes:
    """An element with this content."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def sequence(*parts: bytes) -> bytes:
    """A sequence of elements."""
    return element(SEQUENCE, *parts)


def integer(value: int, tag: int = INTEGER) -> bytes:
    """An integer, in as few octets as it needs."""
    bits = (value if value >= 0 else ~value).bit_length()
    return element(tag, value.to_bytes(bits // 8 + 1, "big", signed=True))


def oid(dotted: str, tag: int = OID) -> bytes:
    """An object identifier."""
    arcs = [int(arc) for arc in dotted.split(".")]
    content = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(arc & 0x7F | 0x80)
        content += bytes(reversed(octets))
    return element(tag, bytes(content))


def bit_string(octets: bytes, tag: int = BIT_STRING) -> bytes:
    """A bit string of whole octets."""
    return element(tag, b"\x00", octets)


def flags(bits: tuple[bool, ...]) -> bytes:
    """A named bit list: trailing zeros are left out."""
    value = "".join("1" if bit else "0" for bit in bits).rstrip("0")
    unused = -len(value) % 8
    octets = int(value or "0", 2) << unused
    return element(BIT_STRING, bytes((unused,)), octets.to_bytes((len(value) + 7) // 8, "big"))
