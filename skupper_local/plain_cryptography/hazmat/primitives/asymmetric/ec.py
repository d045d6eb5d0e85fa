"""Elliptic curve keys on P-256, P-384 and P-521, and ECDSA."""

from __future__ import annotations

import secrets

from .... import _curves, _der, _key_forms
from ....exceptions import InvalidSignature
from ..hashes import HashAlgorithm


class EllipticCurve:
    """A curve by its name."""

    _curve: _curves.Curve

    @property
    def name(self) -> str:
        """The name of the standard, for instance ``secp256r1``."""
        return self._curve.name

    @property
    def key_size(self) -> int:
        """Bits of a coordinate."""
        return self._curve.p.bit_length()


class SECP256R1(EllipticCurve):
    """P-256."""

    _curve = _curves.P256


class SECP384R1(EllipticCurve):
    """P-384."""

    _curve = _curves.P384


class SECP521R1(EllipticCurve):
    """P-521."""

    _curve = _curves.P521


_KINDS = {kind._curve: kind for kind in (SECP256R1, SECP384R1, SECP521R1)}


class EllipticCurvePublicKey(_key_forms.PublicKey):
    """A point of a curve."""

    def __init__(self, curve: _curves.Curve, point: _curves.Point) -> None:
        self._curve, self._point = curve, point
        self._algorithm = _key_forms.algorithm(_key_forms.EC, _der.oid(curve.oid))
        self._bits = curve.encode(point)

    @property
    def curve(self) -> EllipticCurve:
        """The curve."""
        return _KINDS[self._curve]()

    @property
    def key_size(self) -> int:
        """Bits of a coordinate."""
        return self.curve.key_size

    def verify(self, signature: bytes, data: bytes, algorithm: HashAlgorithm) -> None:
        """Raises :class:`InvalidSignature`."""
        try:
            numbers = _der.only(signature)
            r, s = numbers.natural(), numbers.natural()
            numbers.finish()
        except ValueError as error:
            raise InvalidSignature from error
        if not self._curve.verify(self._point, r, s, data, algorithm.name):
            raise InvalidSignature


class EllipticCurvePrivateKey(_key_forms.PrivateKey):
    """A number below the order of a curve."""

    def __init__(self, curve: _curves.Curve, number: int) -> None:
        if not 1 <= number < curve.n:
            raise ValueError("the key is out of its range")
        point = curve.multiply(number, curve.generator)
        if point is None:
            raise ValueError("the key has no public half")
        self._curve, self._number = curve, number
        self._public = EllipticCurvePublicKey(curve, point)

    @property
    def curve(self) -> EllipticCurve:
        """The curve."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits of a coordinate."""
        return self.curve.key_size

    def public_key(self) -> EllipticCurvePublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes, algorithm: HashAlgorithm) -> bytes:
        """A signature in DER, checked before it is given away."""
        r, s = self._curve.sign(self._number, data, algorithm.name)
        signature = _der.sequence(_der.integer(r), _der.integer(s))
        self._public.verify(signature, data, algorithm)
        return signature

    def _sec1(self, parameters: bytes) -> bytes:
        return _der.sequence(
            _der.integer(1),
            _der.element(
                _der.OCTET_STRING, self._number.to_bytes((self._curve.n.bit_length() + 7) // 8, "big")
            ),
            parameters,
            _der.element(0xA1, _der.bit_string(self._public.subject_public_key())),
        )

    def _traditional(self) -> tuple[str, bytes]:
        return "EC PRIVATE KEY", self._sec1(_der.element(0xA0, _der.oid(self._curve.oid)))

    def _pkcs8(self) -> tuple[bytes, bytes]:
        return _key_forms.algorithm(_key_forms.EC, _der.oid(self._curve.oid)), self._sec1(b"")


def generate_private_key(curve: EllipticCurve) -> EllipticCurvePrivateKey:
    """A new key."""
    return EllipticCurvePrivateKey(curve._curve, secrets.randbelow(curve._curve.n - 1) + 1)
