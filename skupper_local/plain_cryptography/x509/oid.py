"""Object identifiers, and those that are used by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectIdentifier:
    """An object identifier in dotted form."""

    dotted_string: str


class NameOID:
    """Attributes of names."""

    COMMON_NAME = ObjectIdentifier("2.5.4.3")
    COUNTRY_NAME = ObjectIdentifier("2.5.4.6")


class ExtendedKeyUsageOID:
    """What a certificate may be used for."""

    SERVER_AUTH = ObjectIdentifier("1.3.6.1.5.5.7.3.1")
    CLIENT_AUTH = ObjectIdentifier("1.3.6.1.5.5.7.3.2")
