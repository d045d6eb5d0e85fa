"""What keys of all kinds have in common: the names of their forms, and how a form becomes bytes."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod

from . import _der, _pem


class Encoding(enum.Enum):
    """Text or bytes."""

    PEM = "PEM"
    DER = "DER"


class PrivateFormat(enum.Enum):
    """What a private key is wrapped in."""

    PKCS8 = "PKCS8"
    TraditionalOpenSSL = "TraditionalOpenSSL"


class PublicFormat(enum.Enum):
    """What a public key is wrapped in."""

    SubjectPublicKeyInfo = "X.509 subjectPublicKeyInfo with PKCS#1"


class NoEncryption:
    """No passphrase, the only choice here."""


RSA = "1.2.840.113549.1.1.1"
EC = "1.2.840.10045.2.1"
ED25519 = "1.3.101.112"


def algorithm(oid: str, parameters: bytes = b"") -> bytes:
    """An AlgorithmIdentifier."""
    return _der.sequence(_der.oid(oid), parameters)


class PublicKey:
    """A public key: its kind and its bits."""

    _algorithm: bytes
    _bits: bytes

    def public_bytes(self, encoding: Encoding, format: PublicFormat) -> bytes:  # noqa: A002 - as in the original
        """The SubjectPublicKeyInfo."""
        if format is not PublicFormat.SubjectPublicKeyInfo:
            raise ValueError("this form is not known")
        der = _der.sequence(self._algorithm, _der.bit_string(self._bits))
        return der if encoding is Encoding.DER else _pem.encode("PUBLIC KEY", der)

    def subject_public_key(self) -> bytes:
        """The bits alone, from which key identifiers are made."""
        return self._bits

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PublicKey):
            return NotImplemented
        return (self._algorithm, self._bits) == (other._algorithm, other._bits)

    def __hash__(self) -> int:
        return hash((self._algorithm, self._bits))


class PrivateKey(ABC):
    """A private key: its own form, and PKCS#8 around it."""

    def _traditional(self) -> tuple[str, bytes]:
        raise ValueError("this kind of key has no traditional form")

    @abstractmethod
    def _pkcs8(self) -> tuple[bytes, bytes]: ...

    def private_bytes(
        self,
        encoding: Encoding,
        format: PrivateFormat,  # noqa: A002 - as in the original
        encryption_algorithm: NoEncryption,
    ) -> bytes:
        """The key without a passphrase."""
        if not isinstance(encryption_algorithm, NoEncryption):
            raise ValueError("keys are written without a passphrase only")
        if format is PrivateFormat.TraditionalOpenSSL:
            label, der = self._traditional()
        else:
            kind, content = self._pkcs8()
            label = "PRIVATE KEY"
            der = _der.sequence(_der.integer(0), kind, _der.element(_der.OCTET_STRING, content))
        return der if encoding is Encoding.DER else _pem.encode(label, der)
