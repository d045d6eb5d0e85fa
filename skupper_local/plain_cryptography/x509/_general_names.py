"""General names: what alternative names consist of."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from .. import _der
from ._names import Name

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnsupportedGeneralNameType(Exception):  # noqa: N818 - the name of the original
    """A kind of general name that nobody reads."""


class GeneralName(ABC):
    """A name of some kind; equal to one of the same kind and value."""

    tag: ClassVar[int]
    value: object

    @abstractmethod
    def encode(self) -> bytes:
        """The name in DER."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GeneralName):
            return NotImplemented
        return type(self) is type(other) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.value!r})>"


class _TextName(GeneralName):
    def __init__(self, value: str) -> None:
        if not value.isascii():
            raise ValueError("a name that is not ASCII has to be given in its encoded form")
        self.value: str = value

    def encode(self) -> bytes:
        """The name in DER."""
        return _der.element(self.tag, self.value.encode("ascii"))


class RFC822Name(_TextName):
    """A mail address."""

    tag = 0x81


class DNSName(_TextName):
    """A host."""

    tag = 0x82


class UniformResourceIdentifier(_TextName):
    """A URI."""

    tag = 0x86


class IPAddress(GeneralName):
    """An address, or a network where names are constrained."""

    tag = 0x87

    def __init__(self, value: Address | _Network) -> None:
        self.value: Address | _Network = value

    def encode(self) -> bytes:
        """The name in DER."""
        if isinstance(self.value, Address):
            return _der.element(self.tag, self.value.packed)
        return _der.element(self.tag, self.value.network_address.packed, self.value.netmask.packed)


class OpaqueName(GeneralName):
    """A name of a kind that is kept as it is: directory names, registered identifiers and others."""

    def __init__(self, value: bytes) -> None:
        self.value: bytes = value

    def encode(self) -> bytes:
        """The name in DER."""
        return self.value


_TEXT_NAMES = {kind.tag: kind for kind in (RFC822Name, DNSName, UniformResourceIdentifier)}


def decode_general_names(reader: _der.Reader) -> tuple[GeneralName, ...]:
    """All names that ``reader`` still has. Raises ``ValueError`` and :class:`UnsupportedGeneralNameType`."""
    names = []
    while reader:
        names.append(_decode(reader))
    return tuple(names)


def encode_general_names(names: Iterable[GeneralName]) -> bytes:
    """A sequence of names."""
    return _der.sequence(*(name.encode() for name in names))


def _decode(reader: _der.Reader) -> GeneralName:
    encoded = reader.any()
    tag, content = _der.Reader(encoded).next()
    if tag in _TEXT_NAMES:
        return _TEXT_NAMES[tag](content.decode("ascii"))
    if tag == IPAddress.tag:
        return IPAddress(_address(content))
    if tag == 0xA4:
        Name.decode(content)
    elif tag == 0x88:
        _der.decode_oid(content)
    elif tag == 0xA0:
        other = _der.Reader(content)
        other.oid()
        other.read(0xA0)
        other.finish()
    else:
        raise UnsupportedGeneralNameType("a kind of general name that is not read")
    return OpaqueName(encoded)


def _address(content: bytes) -> Address | _Network:
    if len(content) in (4, 16):
        return ipaddress.ip_address(content)
    if len(content) not in (8, 32):
        raise ValueError("an address has 4 or 16 octets")
    half = len(content) // 2
    mask = int.from_bytes(content[half:], "big")
    prefix = mask.bit_count()
    if mask != ((1 << prefix) - 1) << (half * 8 - prefix):
        raise ValueError("a network's mask has gaps")
    return ipaddress.ip_network((content[:half], prefix))
