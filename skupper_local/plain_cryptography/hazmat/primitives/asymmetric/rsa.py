"""RSA keys and signatures of PKCS#1 v1.5.

The private operation works modulo the two primes and joins the results. The message is blinded first, so that what is computed
does not depend on it alone; the result is checked with the public key, because a faulty one would reveal a prime.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass

from .... import _der, _key_forms, _primes
from ....exceptions import InvalidSignature, UnsupportedAlgorithm
from ..hashes import HashAlgorithm

MAX_BITS = 16_384
"""Larger keys would keep the reader busy for minutes."""

_MIN_BITS = 1_024
_HASHES = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_KIND = _key_forms.algorithm(_key_forms.RSA, _der.element(_der.NULL))


def padded(message: bytes, algorithm: str, size: int) -> bytes:
    """The digest of a message as PKCS#1 v1.5 pads it for signing (RFC 8017, section 9.2)."""
    if algorithm not in _HASHES:
        raise UnsupportedAlgorithm("a hash function that RSA is not used with here")
    digest = hashlib.new(algorithm, message).digest()
    kind = _key_forms.algorithm(_HASHES[algorithm], _der.element(_der.NULL))
    content = _der.sequence(kind, _der.element(_der.OCTET_STRING, digest))
    if size < len(content) + 11:
        raise ValueError("the key is too short for this digest")
    return b"\x00\x01" + b"\xff" * (size - len(content) - 3) + b"\x00" + content


class RSAPublicKey(_key_forms.PublicKey):
    """A modulus and an exponent."""

    def __init__(self, n: int, e: int) -> None:
        if not _MIN_BITS <= n.bit_length() <= MAX_BITS or n % 2 == 0:
            raise ValueError(f"an RSA modulus is odd and has {_MIN_BITS} to {MAX_BITS} bits here")
        if not 3 <= e < 1 << 64 or e % 2 == 0:
            raise ValueError("the exponent is even or out of its range")
        self.n, self.e = n, e
        self._algorithm = _KIND
        self._bits = _der.sequence(_der.integer(n), _der.integer(e))

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self.n.bit_length()

    def verify(self, signature: bytes, data: bytes, algorithm: HashAlgorithm) -> None:
        """Raises :class:`InvalidSignature`."""
        size = (self.key_size + 7) // 8
        number = int.from_bytes(signature, "big")
        if len(signature) != size or number >= self.n:
            raise InvalidSignature
        found = pow(number, self.e, self.n).to_bytes(size, "big")
        if not hmac.compare_digest(found, padded(data, algorithm.name, size)):
            raise InvalidSignature


@dataclass(frozen=True)
class PrivateNumbers:
    """The numbers of a private key in the order of PKCS#1, after the modulus and the public exponent."""

    d: int
    p: int
    q: int
    dp: int
    dq: int
    inverse: int


class RSAPrivateKey(_key_forms.PrivateKey):
    """Two primes and what follows from them; numbers that do not fit together are a ``ValueError``."""

    def __init__(self, n: int, e: int, numbers: PrivateNumbers) -> None:
        self._public, self._numbers = RSAPublicKey(n, e), numbers
        d, p, q = numbers.d, numbers.p, numbers.q
        fits = (
            min(p, q) > 2
            and p % 2 == 1
            and q % 2 == 1
            and p * q == n
            and 1 < d < n
            and e * d % (p - 1) == 1
            and e * d % (q - 1) == 1
            and numbers.dp == d % (p - 1)
            and numbers.dq == d % (q - 1)
            and 0 < numbers.inverse < p
            and numbers.inverse * q % p == 1
        )
        if not fits:
            raise ValueError("the numbers of the key do not fit together")

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._public.key_size

    def public_key(self) -> RSAPublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes, algorithm: HashAlgorithm) -> bytes:
        """A signature of PKCS#1 v1.5. Raises ``RuntimeError`` when the computer has miscalculated, or the key is no RSA key."""
        size = (self.key_size + 7) // 8
        n, e = self._public.n, self._public.e
        message = int.from_bytes(padded(data, algorithm.name, size), "big")
        mask = 0
        while math.gcd(mask, n) != 1:
            mask = secrets.randbelow(n - 2) + 2
        blinded = self._raise(message * pow(mask, e, n) % n)
        result = blinded * pow(mask, -1, n) % n
        if pow(result, e, n) != message:
            raise RuntimeError("an RSA signature came out wrong")
        return result.to_bytes(size, "big")

    def _raise(self, number: int) -> int:
        """``number`` to the power of the private exponent."""
        own = self._numbers
        of_p, of_q = pow(number, own.dp, own.p), pow(number, own.dq, own.q)
        return of_q + (of_p - of_q) * own.inverse % own.p * own.q

    def _pkcs1(self) -> bytes:
        own = self._numbers
        numbers = (0, self._public.n, self._public.e, own.d, own.p, own.q, own.dp, own.dq, own.inverse)
        return _der.sequence(*map(_der.integer, numbers))

    def _traditional(self) -> tuple[str, bytes]:
        return "RSA PRIVATE KEY", self._pkcs1()

    def _pkcs8(self) -> tuple[bytes, bytes]:
        return _KIND, self._pkcs1()


def generate_private_key(public_exponent: int, key_size: int) -> RSAPrivateKey:
    """A new key. 2048 bits take about half a second."""
    if public_exponent != 65537 or key_size % 2 or not 2_048 <= key_size <= 4_096:
        raise ValueError("keys are made with the exponent 65537 and 2048 to 4096 bits")
    half = key_size // 2
    while True:
        p, q = sorted((_primes.random_prime(half, public_exponent) for _ in range(2)), reverse=True)
        # Primes close to each other are found by Fermat's method, a small exponent by Wiener's (FIPS 186-5, A.1.1).
        if (p - q).bit_length() <= half - 100:
            continue
        d = pow(public_exponent, -1, math.lcm(p - 1, q - 1))
        if d.bit_length() > half:
            numbers = PrivateNumbers(d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
            return RSAPrivateKey(p * q, public_exponent, numbers)
