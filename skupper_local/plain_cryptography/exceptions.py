"""What goes wrong, under the names of the original."""

from __future__ import annotations


class InvalidSignature(Exception):  # noqa: N818 - the name of the original
    """A signature is not that of the key over the data."""


class UnsupportedAlgorithm(Exception):  # noqa: N818 - the name of the original
    """A kind of key, curve or signature that is not known here."""
