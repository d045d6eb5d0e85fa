"""Keys from files: PKCS#1, SEC1 and PKCS#8 in PEM, and the public keys of certificates."""

from __future__ import annotations

from ... import _der, _pem
from ..._curves import CURVES, Curve
from ..._key_forms import EC, ED25519, RSA, Encoding, NoEncryption, PrivateFormat, PublicFormat
from ...exceptions import UnsupportedAlgorithm
from .asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from .asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from .asymmetric.rsa import PrivateNumbers, RSAPrivateKey, RSAPublicKey

__all__ = [
    "Encoding",
    "NoEncryption",
    "PrivateFormat",
    "PublicFormat",
    "load_der_public_key",
    "load_pem_private_key",
]

_AnyPrivate = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
_AnyPublic = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_NULL = b"\x05\x00"


def load_pem_private_key(data: bytes, password: None) -> _AnyPrivate:
    """The first private key in ``data``; other blocks are passed over.

    Raises ``TypeError`` when a passphrase protects it, ``ValueError`` and :class:`UnsupportedAlgorithm`.
    """
    for block in _pem.blocks(data):
        if not block.label.endswith("PRIVATE KEY"):
            continue
        if block.encrypted or block.label == "ENCRYPTED PRIVATE KEY":
            raise TypeError("the key is protected by a passphrase, and none was given")
        if block.label == "RSA PRIVATE KEY":
            return _pkcs1(block.content)
        if block.label == "EC PRIVATE KEY":
            return _sec1(block.content, None)
        if block.label == "PRIVATE KEY":
            return _pkcs8(block.content)
        raise UnsupportedAlgorithm("a kind of private key that is not known here")
    raise ValueError("there is no private key in PEM form")


def load_der_public_key(data: bytes) -> _AnyPublic:
    """The key of a SubjectPublicKeyInfo. Raises ``ValueError`` and :class:`UnsupportedAlgorithm`."""
    info = _der.only(data)
    kind = info.inside()
    bits = info.octets_in_bits()
    info.finish()
    oid = kind.oid()
    if oid == RSA:
        _no_parameters(kind)
        numbers = _der.only(bits)
        n, e = numbers.natural(), numbers.natural()
        numbers.finish()
        return RSAPublicKey(n, e)
    if oid == EC:
        curve = _curve(kind)
        return EllipticCurvePublicKey(curve, curve.decode(bits))
    if oid == ED25519:
        kind.finish()
        return Ed25519PublicKey(bits)
    raise UnsupportedAlgorithm(f"a key of the kind {oid}")


def _no_parameters(kind: _der.Reader) -> None:
    if kind and kind.any() != _NULL:
        raise ValueError("an RSA key has no parameters")
    kind.finish()


def _curve(parameters: _der.Reader) -> Curve:
    if parameters.peek() == _der.SEQUENCE:
        raise UnsupportedAlgorithm("a curve without a name")
    oid = parameters.oid()
    parameters.finish()
    if oid not in CURVES:
        raise UnsupportedAlgorithm(f"the curve {oid}")
    return CURVES[oid]


def _pkcs8(der: bytes) -> _AnyPrivate:
    info = _der.only(der)
    version = info.natural()
    kind = info.inside()
    content = info.read(_der.OCTET_STRING)
    info.optional(0xA0)  # attributes
    if version == 1:
        info.optional(0x81)  # the public key, which follows from the private one
    info.finish()
    if version > 1:
        raise ValueError("an unknown version of PKCS#8")
    oid = kind.oid()
    if oid == RSA:
        _no_parameters(kind)
        return _pkcs1(content)
    if oid == EC:
        return _sec1(content, _curve(kind))
    if oid == ED25519:
        kind.finish()
        outer = _der.Reader(content)
        seed = outer.read(_der.OCTET_STRING)
        outer.finish()
        return Ed25519PrivateKey(seed)
    raise UnsupportedAlgorithm(f"a key of the kind {oid}")


def _pkcs1(der: bytes) -> RSAPrivateKey:
    numbers = _der.only(der)
    if numbers.natural() != 0:
        raise ValueError("an RSA key of more than two primes")
    n, e, *private = (numbers.natural() for _ in range(8))
    numbers.finish()
    return RSAPrivateKey(n, e, PrivateNumbers(*private))


def _sec1(der: bytes, curve: Curve | None) -> EllipticCurvePrivateKey:
    fields = _der.only(der)
    if fields.natural() != 1:
        raise ValueError("an unknown version of SEC1")
    number = int.from_bytes(fields.read(_der.OCTET_STRING), "big")
    if fields.peek() == 0xA0:
        named = _curve(fields.inside(0xA0))
        if curve not in (None, named):
            raise ValueError("the key names two curves")
        curve = named
    if curve is None:
        raise ValueError("the key names no curve")
    public = None
    if fields.peek() == 0xA1:
        inner = fields.inside(0xA1)
        public = curve.decode(inner.octets_in_bits())
        inner.finish()
    fields.finish()
    key = EllipticCurvePrivateKey(curve, number)
    if public is not None and EllipticCurvePublicKey(curve, public) != key.public_key():
        raise ValueError("the two halves of the key do not belong together")
    return key
