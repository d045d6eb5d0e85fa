"""Ed25519 (RFC 8032): deterministic signatures on a twisted Edwards curve, in extended coordinates."""

from __future__ import annotations

import hashlib

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


def public_key(seed: bytes) -> bytes:
    """The public half of a private key of 32 octets."""
    return _encode(_multiply(_secret(seed)[0], _BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature of 64 octets."""
    scalar, prefix = _secret(seed)
    public = _encode(_multiply(scalar, _BASE))
    nonce = _hash(prefix, message) % _ORDER
    head = _encode(_multiply(nonce, _BASE))
    rest = (nonce + _hash(head, public, message) * scalar) % _ORDER
    return head + rest.to_bytes(32, "little")


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether it is the signature of the message."""
    if len(signature) != 64 or len(public) != 32:
        return False
    rest = int.from_bytes(signature[32:], "little")
    point = _decode(public)
    if point is None or rest >= _ORDER:
        return False
    x, y, z, t = _multiply(_hash(signature[:32], public, message) % _ORDER, point)
    return _encode(_add(_multiply(rest, _BASE), (-x % _P, y, z, -t % _P))) == signature[:32]


def _secret(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    result = _NEUTRAL
    for shift in range(255, -1, -1):
        result = _add(result, result)
        result = _add(result, point if scalar >> shift & 1 else _NEUTRAL)
    return result


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(data: bytes) -> _Point | None:
    number = int.from_bytes(data, "little")
    sign_of_x, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (not x and sign_of_x):
        return None
    if x & 1 != sign_of_x:
        x = _P - x
    return x, y, 1, x * y % _P


_base = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
if _base is None:  # the constant above is wrong
    raise AssertionError
_BASE: _Point = _base
