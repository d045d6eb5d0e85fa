"""Ed25519 keys."""

from __future__ import annotations

import secrets

from .... import _der, _edwards, _key_forms
from ....exceptions import InvalidSignature

_KIND = _key_forms.algorithm(_key_forms.ED25519)


class Ed25519PublicKey(_key_forms.PublicKey):
    """A public key of 32 octets."""

    def __init__(self, bits: bytes) -> None:
        if len(bits) != 32:
            raise ValueError("an Ed25519 key has 32 octets")
        self._algorithm, self._bits = _KIND, bits

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises :class:`InvalidSignature`."""
        if not _edwards.verify(self._bits, signature, data):
            raise InvalidSignature


class Ed25519PrivateKey(_key_forms.PrivateKey):
    """A private key of 32 octets."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise ValueError("an Ed25519 key has 32 octets")
        self._seed = seed

    @classmethod
    def generate(cls) -> Ed25519PrivateKey:
        """A new key."""
        return cls(secrets.token_bytes(32))

    def public_key(self) -> Ed25519PublicKey:
        """The public half."""
        return Ed25519PublicKey(_edwards.public_key(self._seed))

    def sign(self, data: bytes) -> bytes:
        """A signature of 64 octets."""
        return _edwards.sign(self._seed, data)

    def _pkcs8(self) -> tuple[bytes, bytes]:
        return _KIND, _der.element(_der.OCTET_STRING, self._seed)
