"""Names of subjects and issuers. A name that was read keeps its bytes, so that it is written again as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .. import _der
from .oid import NameOID, ObjectIdentifier

_UTF8, _PRINTABLE, _T61, _IA5, _BMP, _UNIVERSAL = 0x0C, 0x13, 0x14, 0x16, 0x1E, 0x1C
_ENCODINGS = {_BMP: "utf-16-be", _UNIVERSAL: "utf-32-be"}
_TEXTS = (_UTF8, 0x12, _PRINTABLE, _T61, _IA5, 0x1A, _UNIVERSAL, _BMP)
_TYPES = {
    **dict.fromkeys(("2.5.4.6", "2.5.4.5", "2.5.4.46", "1.3.6.1.4.1.311.60.2.1.3"), _PRINTABLE),
    **dict.fromkeys(("1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25"), _IA5),
}
_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}


class NameAttribute:
    """One attribute: what it is, and its value."""

    def __init__(self, oid: ObjectIdentifier, value: str) -> None:
        size = len(value.encode())
        if oid == NameOID.COMMON_NAME and not 1 <= size <= 64:
            raise ValueError(f"a common name has 1 to 64 octets, not {size}")
        if oid == NameOID.COUNTRY_NAME and size != 2:
            raise ValueError(f"a country has 2 octets, not {size}")
        self.oid = oid
        self.value: str | bytes = value

    @classmethod
    def _read(cls, oid: ObjectIdentifier, value: str | bytes) -> NameAttribute:
        attribute = cls.__new__(cls)
        attribute.oid, attribute.value = oid, value
        return attribute

    def rfc4514_string(self) -> str:
        """The text form of RFC 4514."""
        dotted = self.oid.dotted_string
        return f"{_SHORT.get(dotted, dotted)}={_escaped(self.value)}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameAttribute):
            return NotImplemented
        return (self.oid, self.value) == (other.oid, other.value)

    def __hash__(self) -> int:
        return hash((self.oid, self.value))


class Name:
    """A sequence of attributes, most general first; some may stand side by side."""

    def __init__(self, attributes: Iterable[NameAttribute]) -> None:
        self._rdns: tuple[tuple[NameAttribute, ...], ...] = tuple((item,) for item in attributes)
        self._encoded = _der.sequence(
            *(
                _der.element(
                    _der.SET,
                    _der.sequence(
                        _der.oid(item.oid.dotted_string),
                        _der.element(_TYPES.get(item.oid.dotted_string, _UTF8), str(item.value).encode()),
                    ),
                )
                for (item,) in self._rdns
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> Name:
        """The name in DER. Raises ``ValueError``."""
        name = cls.__new__(cls)
        name._encoded = encoded
        rdns = []
        outer = _der.only(encoded)
        while outer:
            side_by_side = []
            group = outer.inside(_der.SET)
            while group:
                pair = group.inside()
                oid = ObjectIdentifier(pair.oid())
                tag, content = pair.next()
                pair.finish()
                side_by_side.append(NameAttribute._read(oid, _value(tag, content)))
            if not side_by_side or len(set(side_by_side)) != len(side_by_side):
                raise ValueError("an empty part of a name, or an attribute twice")
            rdns.append(tuple(side_by_side))
        name._rdns = tuple(rdns)
        return name

    def encode(self) -> bytes:
        """The name in DER."""
        return self._encoded

    def get_attributes_for_oid(self, oid: ObjectIdentifier) -> list[NameAttribute]:
        """All attributes of this kind."""
        return [item for item in self if item.oid == oid]

    def rfc4514_string(self) -> str:
        """The text form of RFC 4514, most special attribute first."""
        return ",".join("+".join(item.rfc4514_string() for item in rdn) for rdn in reversed(self._rdns))

    def __iter__(self) -> Iterator[NameAttribute]:
        return (item for rdn in self._rdns for item in rdn)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Name):
            return NotImplemented
        return [frozenset(rdn) for rdn in self._rdns] == [frozenset(rdn) for rdn in other._rdns]

    def __hash__(self) -> int:
        return hash(tuple(frozenset(rdn) for rdn in self._rdns))


def _value(tag: int, content: bytes) -> str | bytes:
    if tag == _der.BIT_STRING:
        return content
    if tag not in _TEXTS:
        raise ValueError("an attribute of a name is no text")
    return content.decode(_ENCODINGS.get(tag, "utf-8"))


def _escaped(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return f"#{value.hex()}"
    text = "".join(f"\\{sign}" if sign in '\\"+,;<>' else sign for sign in value).replace("\0", "\\00")
    if text.startswith("#") or (text.startswith(" ") and len(text) > 1):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") else text
