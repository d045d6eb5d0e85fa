"""Certificates: read, verified against their issuer, and made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from .. import _der, _key_forms, _pem
from ..exceptions import UnsupportedAlgorithm
from ..hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from ..hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from ..hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from ..hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from ..hazmat.primitives.serialization import load_der_public_key
from ._extensions import Extension, Extensions, ExtensionType
from ._names import Name

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

_NULL = b"\x05\x00"
_RSA: dict[str, type[HashAlgorithm]] = {
    "1.2.840.113549.1.1.11": SHA256,
    "1.2.840.113549.1.1.12": SHA384,
    "1.2.840.113549.1.1.13": SHA512,
}
_ECDSA: dict[str, type[HashAlgorithm]] = {
    "1.2.840.10045.4.3.2": SHA256,
    "1.2.840.10045.4.3.3": SHA384,
    "1.2.840.10045.4.3.4": SHA512,
}
_ED25519 = "1.3.101.112"
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18


class InvalidVersion(Exception):  # noqa: N818 - the name of the original
    """A certificate of a version that there is not."""


class Certificate:
    """A certificate; equal to one of the same bytes."""

    def __init__(self, der: bytes) -> None:
        outer = _der.only(der)
        self._der = der
        self._signed = outer.any()
        self._algorithm = outer.any()
        self._signature = outer.octets_in_bits()
        outer.finish()
        body = _der.only(self._signed)
        version = 0
        if body.peek() == 0xA0:
            inner = body.inside(0xA0)
            version = inner.integer()
            inner.finish()
        if version not in (0, 2):
            raise InvalidVersion(f"{version} is no version of a certificate")
        self.serial_number = body.integer()
        self._inner_algorithm = body.any()
        self.issuer = Name.decode(body.any())
        times = body.inside()
        self.not_valid_before_utc, self.not_valid_after_utc = _time(times), _time(times)
        times.finish()
        self.subject = Name.decode(body.any())
        self._key = body.any()
        for tag in (0x81, 0x82):
            body.optional(tag)  # unique identifiers, which nobody uses
        self.extensions = Extensions(())
        if body:
            inner = body.inside(0xA3)
            self.extensions = Extensions.decode(inner.inside())
            inner.finish()
        body.finish()

    def public_key(self) -> PublicKey:
        """The key of who holds the certificate. Raises ``ValueError`` and :class:`UnsupportedAlgorithm`."""
        return load_der_public_key(self._key)

    def public_bytes(self, encoding: _key_forms.Encoding) -> bytes:
        """The certificate as bytes or as text."""
        return self._der if encoding is _key_forms.Encoding.DER else _pem.encode("CERTIFICATE", self._der)

    def verify_directly_issued_by(self, issuer: Certificate) -> None:
        """Whether names and signature are those of ``issuer``.

        Raises ``TypeError``, ``ValueError``, :class:`InvalidSignature` or :class:`UnsupportedAlgorithm`.
        """
        if not isinstance(issuer, Certificate):
            raise TypeError("the issuer is no certificate")
        if self._algorithm != self._inner_algorithm:
            raise ValueError("the certificate names two kinds of signature")
        if self.issuer.encode() != issuer.subject.encode():
            raise ValueError("the certificate names another issuer")
        kind = _der.only(self._algorithm)
        oid = kind.oid()
        parameters = kind.any() if kind else b""
        kind.finish()
        key = issuer.public_key()
        if oid in _RSA and isinstance(key, RSAPublicKey) and parameters in (b"", _NULL):
            key.verify(self._signature, self._signed, _RSA[oid]())
        elif oid in _ECDSA and isinstance(key, EllipticCurvePublicKey) and not parameters:
            key.verify(self._signature, self._signed, _ECDSA[oid]())
        elif oid == _ED25519 and isinstance(key, Ed25519PublicKey) and not parameters:
            key.verify(self._signature, self._signed)
        elif oid in (*_RSA, *_ECDSA, _ED25519):
            raise ValueError("the kind of signature is not that of the issuer's key")
        else:
            raise UnsupportedAlgorithm(f"a signature of the kind {oid}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Certificate):
            return NotImplemented
        return self._der == other._der

    def __hash__(self) -> int:
        return hash(self._der)


def load_pem_x509_certificates(data: bytes) -> list[Certificate]:
    """All certificates of a bundle; at least one. Raises ``ValueError`` and what :class:`Certificate` raises."""
    labels = ("CERTIFICATE", "X509 CERTIFICATE")
    found = [Certificate(block.content) for block in _pem.blocks(data) if block.label in labels]
    if not found:
        raise ValueError("there is no certificate in PEM form")
    return found


def random_serial_number() -> int:
    """A positive number of at most 20 octets."""
    return secrets.randbits(158) + 1


def _time(reader: _der.Reader) -> datetime:
    tag, content = reader.next()
    digits = {_UTC_TIME: 12, _GENERALIZED_TIME: 14}.get(tag)
    if digits is None or len(content) != digits + 1 or not content[:-1].isdigit() or content[-1:] != b"Z":
        raise ValueError("a time is not in the form of certificates")
    text = content[:-1].decode("ascii")
    if digits == 12:
        text = ("19" if text >= "5" else "20") + text
    parts = (int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2)))
    year, month, day, hour, minute, second = parts
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _encode_time(moment: datetime) -> bytes:
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    rest = f"{moment:%m%d%H%M%S}Z"
    if 1950 <= moment.year < 2050:
        return _der.element(_UTC_TIME, f"{moment.year % 100:02}{rest}".encode())
    return _der.element(_GENERALIZED_TIME, f"{moment.year:04}{rest}".encode())


@dataclass(frozen=True)
class CertificateBuilder:
    """A certificate in the making; each step gives a new one."""

    _subject: Name | None = None
    _issuer: Name | None = None
    _key: PublicKey | None = None
    _serial: int | None = None
    _begin: datetime | None = None
    _end: datetime | None = None
    _extensions: tuple[Extension[ExtensionType], ...] = ()

    def subject_name(self, name: Name) -> CertificateBuilder:
        """Who holds it."""
        return replace(self, _subject=name)

    def issuer_name(self, name: Name) -> CertificateBuilder:
        """Who signs it."""
        return replace(self, _issuer=name)

    def public_key(self, key: PublicKey) -> CertificateBuilder:
        """The key of who holds it."""
        return replace(self, _key=key)

    def serial_number(self, number: int) -> CertificateBuilder:
        """A positive number of at most 20 octets."""
        if number <= 0 or number.bit_length() >= 160:
            raise ValueError("a serial number is positive and has 159 bits at most")
        return replace(self, _serial=number)

    def not_valid_before(self, moment: datetime) -> CertificateBuilder:
        """When it begins."""
        return replace(self, _begin=moment)

    def not_valid_after(self, moment: datetime) -> CertificateBuilder:
        """When it ends."""
        return replace(self, _end=moment)

    def add_extension(self, value: ExtensionType, critical: bool) -> CertificateBuilder:
        """One more extension."""
        if any(extension.oid == value.oid for extension in self._extensions):
            raise ValueError("the extension is there already")
        return replace(self, _extensions=(*self._extensions, Extension(value.oid, critical, value)))

    def sign(self, key: PrivateKey, algorithm: HashAlgorithm | None) -> Certificate:
        """The certificate, signed with SHA-256, or with Ed25519, which has no choice."""
        subject, issuer, public, serial = self._subject, self._issuer, self._key, self._serial
        begin, end = self._begin, self._end
        if not (subject and issuer and public and serial and begin and end):
            raise ValueError("the certificate is not complete")
        if end < begin:
            raise ValueError("the certificate ends before it begins")
        kind = _signature_kind(key, algorithm)
        body = _der.sequence(
            _der.element(0xA0, _der.integer(2)),
            _der.integer(serial),
            kind,
            issuer.encode(),
            _der.sequence(_encode_time(begin), _encode_time(end)),
            subject.encode(),
            public.public_bytes(_key_forms.Encoding.DER, _key_forms.PublicFormat.SubjectPublicKeyInfo),
            _der.element(0xA3, _der.sequence(*(item.encode() for item in self._extensions)))
            if self._extensions
            else b"",
        )
        signature = key.sign(body) if isinstance(key, Ed25519PrivateKey) else key.sign(body, SHA256())
        return Certificate(_der.sequence(body, kind, _der.bit_string(signature)))


def _signature_kind(key: PrivateKey, algorithm: HashAlgorithm | None) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        if algorithm is not None:
            raise ValueError("Ed25519 has its own hash function")
        return _key_forms.algorithm(_ED25519)
    if not isinstance(algorithm, SHA256):
        raise UnsupportedAlgorithm("certificates are signed with SHA-256 here")
    if isinstance(key, RSAPrivateKey):
        return _key_forms.algorithm("1.2.840.113549.1.1.11", _NULL)
    return _key_forms.algorithm("1.2.840.10045.4.3.2")
