"""A certificate with its key and the CAs its owner trusts: the three files of its directory (reference-engine 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CA_FILE = "ca.crt"
CERTIFICATE_FILE = "tls.crt"
KEY_FILE = "tls.key"
FILES = (CA_FILE, CERTIFICATE_FILE, KEY_FILE)


@dataclass(frozen=True)
class Credentials:
    """``certificate``: PEM, the own certificate first, then intermediate CAs; ``key``: PEM; ``trust``: PEM bundle of CAs.

    ``extra`` are further files of a directory that the user supplied, kept as they are. Who only verifies others has neither
    certificate nor key.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    trust: bytes
    extra: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def files(self) -> dict[str, bytes]:
        """The content of the credentials directory, by file name."""
        own = {CERTIFICATE_FILE: self.certificate, KEY_FILE: self.key} if self.certificate else {}
        return {**self.extra, CA_FILE: self.trust, **own}


@dataclass(frozen=True)
class CredentialsSource:
    """Credentials as found: ``origin`` is a directory or ``Secret <name>``, for messages; ``files`` may be incomplete.

    ``places`` say where each file stands if that is not in ``origin``.
    """

    origin: str
    files: Mapping[str, bytes] = field(repr=False)
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, file: str) -> str:
        """Where one of the files stands."""
        return self.places.get(file) or f"{self.origin}/{file}"

    def missing(self) -> tuple[str, ...]:
        """Which of the three files are missing or empty."""
        return tuple(name for name in FILES if not self.files.get(name))

    def credentials(self) -> Credentials:
        """The complete set; call only when nothing is missing."""
        extra = {name: content for name, content in self.files.items() if name not in FILES}
        return Credentials(self.files[CERTIFICATE_FILE], self.files[KEY_FILE], self.files[CA_FILE], extra)
