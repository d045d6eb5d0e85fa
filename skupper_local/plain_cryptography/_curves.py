"""Elliptic curves over primes, and ECDSA on them.

Points are added in Jacobian coordinates (x/z², y/z³); the curves here have a = -3. Scalars are multiplied in windows of four
bits, with a random multiple of the order added first, so that the bits worked on are others each time. Nonces are those of
RFC 6979: they come from key and message, so that no failure of a random source gives the key away.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]

_NOWHERE: _Jacobian = (1, 1, 0)


@dataclass(frozen=True)
class Curve:
    """A curve y² = x³ - 3x + b modulo p, with a generator of prime order n."""

    name: str
    oid: str
    p: int
    b: int
    n: int
    generator: Point

    @property
    def size(self) -> int:
        """Octets of a coordinate."""
        return (self.p.bit_length() + 7) // 8

    def holds(self, point: Point) -> bool:
        """Whether the point is on the curve."""
        x, y = point
        return 0 <= x < self.p and 0 <= y < self.p and (y * y - (x * x * x - 3 * x + self.b)) % self.p == 0

    def encode(self, point: Point) -> bytes:
        """The uncompressed form."""
        return b"\x04" + b"".join(value.to_bytes(self.size, "big") for value in point)

    def decode(self, data: bytes) -> Point:
        """The point of either form. Raises ``ValueError`` when it is none of this curve."""
        x = int.from_bytes(data[1 : 1 + self.size], "big")
        if len(data) == 1 + 2 * self.size and data[0] == 4:
            point = x, int.from_bytes(data[1 + self.size :], "big")
        elif len(data) == 1 + self.size and data[0] in (2, 3) and x < self.p:
            # Every p here is 3 modulo 4.
            y = pow(x * x * x - 3 * x + self.b, (self.p + 1) // 4, self.p)
            point = x, (self.p - y if y and y % 2 != data[0] % 2 else y)
        else:
            raise ValueError("no point of a curve")
        if not self.holds(point):
            raise ValueError("the point is not on the curve")
        return point

    def multiply(self, scalar: int, point: Point) -> Point | None:
        """``scalar`` times ``point``; nothing when that is the point at infinity."""
        return self._affine(self._multiply(scalar, point))

    def _multiply(self, scalar: int, point: Point) -> _Jacobian:
        scalar += self.n * (1 << 63 | secrets.randbits(63))
        table: list[_Jacobian] = [_NOWHERE, (*point, 1)]
        for _ in range(14):
            table.append(self._add(table[-1], table[1]))
        result = _NOWHERE
        for shift in range((scalar.bit_length() + 3) // 4 * 4 - 4, -1, -4):
            for _ in range(4):
                result = self._double(result)
            result = self._add(result, table[scalar >> shift & 15])
        return result

    def _double(self, point: _Jacobian) -> _Jacobian:
        x, y, z = point
        p = self.p
        if not z or not y:
            return _NOWHERE
        square = y * y % p
        s = 4 * x * square % p
        zz = z * z % p
        m = 3 * (x - zz) * (x + zz) % p
        new_x = (m * m - 2 * s) % p
        return new_x, (m * (s - new_x) - 8 * square * square) % p, 2 * y * z % p

    def _add(self, one: _Jacobian, other: _Jacobian) -> _Jacobian:
        x1, y1, z1 = one
        x2, y2, z2 = other
        p = self.p
        if not z1:
            return other
        if not z2:
            return one
        zz1, zz2 = z1 * z1 % p, z2 * z2 % p
        u1, u2 = x1 * zz2 % p, x2 * zz1 % p
        s1, s2 = y1 * z2 * zz2 % p, y2 * z1 * zz1 % p
        if u1 == u2:
            return self._double(one) if s1 == s2 else _NOWHERE
        h, r = (u2 - u1) % p, (s2 - s1) % p
        hh = h * h % p
        hhh, v = h * hh % p, u1 * hh % p
        x = (r * r - hhh - 2 * v) % p
        return x, (r * (v - x) - s1 * hhh) % p, z1 * z2 * h % p

    def _affine(self, point: _Jacobian) -> Point | None:
        x, y, z = point
        if not z:
            return None
        inverse = pow(z, -1, self.p)
        square = inverse * inverse % self.p
        return x * square % self.p, y * square * inverse % self.p

    def _number(self, digest: bytes) -> int:
        """The leftmost bits of a digest, as many as the order has."""
        return int.from_bytes(digest, "big") >> max(0, len(digest) * 8 - self.n.bit_length())

    def _nonces(self, private: int, digest: bytes, algorithm: str) -> Iterator[int]:
        """RFC 6979, section 3.2."""
        size = (self.n.bit_length() + 7) // 8
        seed = private.to_bytes(size, "big") + (self._number(digest) % self.n).to_bytes(size, "big")
        length = hashlib.new(algorithm).digest_size
        key, value = bytes(length), b"\x01" * length
        for step in (b"\x00", b"\x01"):
            key = hmac.digest(key, value + step + seed, algorithm)
            value = hmac.digest(key, value, algorithm)
        while True:
            bits = b""
            while len(bits) < size:
                value = hmac.digest(key, value, algorithm)
                bits += value
            nonce = int.from_bytes(bits[:size], "big") >> (size * 8 - self.n.bit_length())
            if 1 <= nonce < self.n:
                yield nonce
            key = hmac.digest(key, value + b"\x00", algorithm)
            value = hmac.digest(key, value, algorithm)

    def sign(self, private: int, message: bytes, algorithm: str) -> Point:
        """The two numbers of a signature."""
        digest = hashlib.new(algorithm, message).digest()
        for nonce in self._nonces(private, digest, algorithm):
            point = self.multiply(nonce, self.generator)
            if point is None:
                continue
            r = point[0] % self.n
            mask = secrets.randbelow(self.n - 1) + 1
            total = (self._number(digest) * mask + r * (private * mask % self.n)) % self.n
            s = pow(nonce * mask, -1, self.n) * total % self.n
            if r and s:
                return r, s
        raise AssertionError("nonces never end")

    def verify(self, public: Point, r: int, s: int, message: bytes, algorithm: str) -> bool:
        """Whether the two numbers are a signature of the message."""
        if not (1 <= r < self.n and 1 <= s < self.n):
            return False
        inverse = pow(s, -1, self.n)
        number = self._number(hashlib.new(algorithm, message).digest())
        point = self._affine(
            self._add(
                self._multiply(number * inverse % self.n, self.generator),
                self._multiply(r * inverse % self.n, public),
            )
        )
        return point is not None and point[0] % self.n == r


P256 = Curve(
    "secp256r1",
    "1.2.840.10045.3.1.7",
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)
P384 = Curve(
    "secp384r1",
    "1.3.132.0.34",
    2**384 - 2**128 - 2**96 + 2**32 - 1,
    int(
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        16,
    ),
    int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
    (
        int(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98"
            "59f741e082542a385502f25dbf55296c3a545e3872760ab7",
            16,
        ),
        int(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c"
            "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
            16,
        ),
    ),
)
P521 = Curve(
    "secp521r1",
    "1.3.132.0.35",
    2**521 - 1,
    int(
        "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e"
        "156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
        16,
    ),
    int(
        "1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        16,
    ),
    (
        int(
            "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dba"
            "a14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
            16,
        ),
        int(
            "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e66"
            "2c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
            16,
        ),
    ),
)
CURVES = {curve.oid: curve for curve in (P256, P384, P521)}
