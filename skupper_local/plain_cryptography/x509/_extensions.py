"""Extensions of certificates: those that are understood, and any other as bytes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar, cast

from .. import _der
from .._key_forms import PublicKey
from ._general_names import GeneralName, decode_general_names, encode_general_names
from .oid import ObjectIdentifier


class DuplicateExtension(Exception):  # noqa: N818 - the name of the original
    """A certificate holds the same extension twice."""


class ExtensionNotFound(Exception):  # noqa: N818 - the name of the original
    """A certificate does not hold the extension."""


class ExtensionType(ABC):
    """What an extension says."""

    oid: ClassVar[ObjectIdentifier]

    @abstractmethod
    def encode(self) -> bytes:
        """The extension's value in DER."""

    @classmethod
    def decode(cls, der: bytes) -> ExtensionType:
        """The extension from its value. Raises ``ValueError``."""
        raise ValueError("an extension of this kind has no readable value")


@dataclass(frozen=True)
class BasicConstraints(ExtensionType):
    """Whether a certificate may sign others, and how long the chain below may be."""

    oid = ObjectIdentifier("2.5.29.19")
    ca: bool
    path_length: int | None

    def __post_init__(self) -> None:
        if self.path_length is not None and (not self.ca or self.path_length < 0):
            raise ValueError("a path length belongs to a CA and is not negative")

    def encode(self) -> bytes:
        """The extension's value in DER."""
        ca = _der.element(_der.BOOLEAN, b"\xff") if self.ca else b""
        return _der.sequence(ca, b"" if self.path_length is None else _der.integer(self.path_length))

    @classmethod
    def decode(cls, der: bytes) -> BasicConstraints:
        """The extension from its value."""
        fields = _der.only(der)
        ca = fields.peek() == _der.BOOLEAN and fields.boolean()
        length = fields.natural() if fields else None
        fields.finish()
        return cls(ca, length)


@dataclass(frozen=True)
class KeyUsage(ExtensionType):
    """What the key may do."""

    oid = ObjectIdentifier("2.5.29.15")
    digital_signature: bool
    content_commitment: bool
    key_encipherment: bool
    data_encipherment: bool
    key_agreement: bool
    key_cert_sign: bool
    crl_sign: bool
    encipher_only: bool
    decipher_only: bool

    def encode(self) -> bytes:
        """The extension's value in DER."""
        return _der.flags(tuple(vars(self).values()))

    @classmethod
    def decode(cls, der: bytes) -> KeyUsage:
        """The extension from its value."""
        outer = _der.Reader(der)
        bits = _der.decode_bits(outer.read(_der.BIT_STRING))
        outer.finish()
        return cls(*(bits + (False,) * 9)[:9])


@dataclass(frozen=True, init=False)
class ExtendedKeyUsage(ExtensionType):
    """What the certificate may be used for."""

    oid = ObjectIdentifier("2.5.29.37")
    usages: tuple[ObjectIdentifier, ...]

    def __init__(self, usages: Iterable[ObjectIdentifier]) -> None:
        object.__setattr__(self, "usages", tuple(usages))

    def __iter__(self) -> Iterator[ObjectIdentifier]:
        return iter(self.usages)

    def encode(self) -> bytes:
        """The extension's value in DER."""
        return _der.sequence(*(_der.oid(usage.dotted_string) for usage in self.usages))

    @classmethod
    def decode(cls, der: bytes) -> ExtendedKeyUsage:
        """The extension from its value."""
        fields = _der.only(der)
        usages = []
        while fields:
            usages.append(ObjectIdentifier(fields.oid()))
        return cls(usages)


@dataclass(frozen=True, init=False)
class SubjectAlternativeName(ExtensionType):
    """The names of who holds the certificate."""

    oid = ObjectIdentifier("2.5.29.17")
    names: tuple[GeneralName, ...]

    def __init__(self, names: Iterable[GeneralName]) -> None:
        object.__setattr__(self, "names", tuple(names))

    def __iter__(self) -> Iterator[GeneralName]:
        return iter(self.names)

    def get_values_for_type(self, kind: type[GeneralName]) -> list[object]:
        """The values of the names of one kind."""
        return [name.value for name in self.names if isinstance(name, kind)]

    def encode(self) -> bytes:
        """The extension's value in DER."""
        return encode_general_names(self.names)

    @classmethod
    def decode(cls, der: bytes) -> SubjectAlternativeName:
        """The extension from its value."""
        return cls(decode_general_names(_der.only(der)))


def _digest(key: PublicKey) -> bytes:
    return hashlib.sha1(key.subject_public_key(), usedforsecurity=False).digest()


@dataclass(frozen=True)
class SubjectKeyIdentifier(ExtensionType):
    """A short name of the certificate's key."""

    oid = ObjectIdentifier("2.5.29.14")
    digest: bytes

    @classmethod
    def from_public_key(cls, key: PublicKey) -> SubjectKeyIdentifier:
        """The first method of RFC 5280, section 4.2.1.2."""
        return cls(_digest(key))

    @property
    def key_identifier(self) -> bytes:
        """The same under its other name."""
        return self.digest

    def encode(self) -> bytes:
        """The extension's value in DER."""
        return _der.element(_der.OCTET_STRING, self.digest)

    @classmethod
    def decode(cls, der: bytes) -> SubjectKeyIdentifier:
        """The extension from its value."""
        outer = _der.Reader(der)
        digest = outer.read(_der.OCTET_STRING)
        outer.finish()
        return cls(digest)


@dataclass(frozen=True)
class AuthorityKeyIdentifier(ExtensionType):
    """A short name of the issuer's key, or the issuer's certificate."""

    oid = ObjectIdentifier("2.5.29.35")
    key_identifier: bytes | None
    authority_cert_issuer: tuple[GeneralName, ...] | None
    authority_cert_serial_number: int | None

    @classmethod
    def from_issuer_public_key(cls, key: PublicKey) -> AuthorityKeyIdentifier:
        """From the key alone."""
        return cls(_digest(key), None, None)

    @classmethod
    def from_issuer_subject_key_identifier(cls, identifier: SubjectKeyIdentifier) -> AuthorityKeyIdentifier:
        """From what the issuer calls its key."""
        return cls(identifier.digest, None, None)

    def encode(self) -> bytes:
        """The extension's value in DER."""
        identifier, issuer, serial = vars(self).values()
        return _der.sequence(
            b"" if identifier is None else _der.element(0x80, identifier),
            b"" if issuer is None else _der.element(0xA1, *(name.encode() for name in issuer)),
            b"" if serial is None else _der.integer(serial, 0x82),
        )

    @classmethod
    def decode(cls, der: bytes) -> AuthorityKeyIdentifier:
        """The extension from its value."""
        fields = _der.only(der)
        identifier = fields.optional(0x80)
        issuer = decode_general_names(fields.inside(0xA1)) if fields.peek() == 0xA1 else None
        serial = fields.integer(0x82) if fields.peek() == 0x82 else None
        fields.finish()
        return cls(identifier, issuer, serial)


@dataclass(frozen=True)
class UnrecognizedExtension(ExtensionType):
    """An extension that is not understood, as it is."""

    oid: ObjectIdentifier  # type: ignore[misc]
    value: bytes

    def encode(self) -> bytes:
        """The extension's value in DER."""
        return self.value


_Kind = TypeVar("_Kind", bound=ExtensionType, covariant=True)
_Wanted = TypeVar("_Wanted", bound=ExtensionType)


@dataclass(frozen=True)
class Extension(Generic[_Kind]):
    """An extension in a certificate."""

    oid: ObjectIdentifier
    critical: bool
    value: _Kind

    def encode(self) -> bytes:
        """The extension in DER."""
        critical = _der.element(_der.BOOLEAN, b"\xff") if self.critical else b""
        value = _der.element(_der.OCTET_STRING, self.value.encode())
        return _der.sequence(_der.oid(self.oid.dotted_string), critical, value)


_KINDS: dict[ObjectIdentifier, type[ExtensionType]] = {
    kind.oid: kind
    for kind in (
        *(BasicConstraints, KeyUsage, ExtendedKeyUsage, SubjectAlternativeName),
        *(SubjectKeyIdentifier, AuthorityKeyIdentifier),
    )
}


class Extensions:
    """All extensions of a certificate, in order."""

    def __init__(self, extensions: Iterable[Extension[ExtensionType]]) -> None:
        self._all = tuple(extensions)

    @classmethod
    def decode(cls, reader: _der.Reader) -> Extensions:
        """All extensions that ``reader`` has. Raises ``ValueError`` and :class:`DuplicateExtension`."""
        found: dict[ObjectIdentifier, Extension[ExtensionType]] = {}
        while reader:
            fields = reader.inside()
            oid = ObjectIdentifier(fields.oid())
            critical = fields.peek() == _der.BOOLEAN and fields.boolean()
            value = fields.read(_der.OCTET_STRING)
            fields.finish()
            if oid in found:
                raise DuplicateExtension(f"the extension {oid.dotted_string} is there twice")
            kind = _KINDS.get(oid)
            content = kind.decode(value) if kind else UnrecognizedExtension(oid, value)
            found[oid] = Extension(oid, critical, content)
        return cls(found.values())

    def get_extension_for_class(self, kind: type[_Wanted]) -> Extension[_Wanted]:
        """The extension of this kind. Raises :class:`ExtensionNotFound`."""
        for extension in self._all:
            if isinstance(extension.value, kind):
                return cast("Extension[_Wanted]", extension)
        raise ExtensionNotFound(f"there is no {kind.__name__}")

    def __iter__(self) -> Iterator[Extension[ExtensionType]]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
