"""Names of hash functions; :mod:`hashlib` does the work."""

from __future__ import annotations

from typing import ClassVar


class HashAlgorithm:
    """A hash function by its name in :mod:`hashlib`."""

    name: ClassVar[str]


class SHA256(HashAlgorithm):
    """SHA-256."""

    name = "sha256"


class SHA384(HashAlgorithm):
    """SHA-384."""

    name = "sha384"


class SHA512(HashAlgorithm):
    """SHA-512."""

    name = "sha512"
