"""Certificate, key and trusted CAs as they were found, read and held against each other.

What lies on disk and what the user supplied is read alike; what is wrong with the former is for the caller to judge, what is
wrong with the latter is an error that names the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from skupper_local.pki.certificates import (
    encode_certificates,
    is_expired,
    is_self_signed,
    key_matches,
    load_certificates,
)
from skupper_local.pki.credentials import CA_FILE, CERTIFICATE_FILE, KEY_FILE, Credentials, CredentialsSource
from skupper_local.pki.errors import (
    SuppliedCredentialsIncompleteError,
    SuppliedCredentialsInvalidError,
    UnreadableCredentialsError,
)
from skupper_local.pki.keys import PrivateKey, encode_key, load_key

SMALLEST_RSA_KEY = 2048
"""Bits; TLS libraries as they are shipped refuse smaller ones when they read them."""


@dataclass(frozen=True)
class CheckedPair:
    """Credentials and what they mean. ``chain[0]`` is the own certificate."""

    credentials: Credentials
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    trust: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        """What to trust in order to accept what this CA signs: itself as a root, else the roots that came with it."""
        own = (self.certificate,) if is_self_signed(self.certificate) else ()
        return own + self.trust

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """What a leaf presents besides itself, when this CA is not a root."""
        return tuple(certificate for certificate in self.chain if not is_self_signed(certificate))


class UnusableError(Exception):
    """``file`` of a source cannot be used; the text says why."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(why)
        self.file = file


def read_pair(source: CredentialsSource) -> CheckedPair:
    """The set that was found. Raises :class:`UnusableError`."""
    for name in source.missing():
        raise UnusableError(name, "it is missing or empty")
    credentials = source.credentials()
    parts: dict[str, tuple[x509.Certificate, ...]] = {}
    for name in (CERTIFICATE_FILE, CA_FILE):
        try:
            parts[name] = load_certificates(source.files[name])
            for certificate in parts[name]:
                _ = (
                    certificate.extensions,
                    certificate.public_key(),
                )  # parsed on demand: damage shows here, not later
        except (UnreadableCredentialsError, ValueError) as error:
            why = (
                str(error)
                if isinstance(error, UnreadableCredentialsError)
                else "it holds a damaged certificate"
            )
            raise UnusableError(name, why) from error
    try:
        key = load_key(credentials.key)
    except UnreadableCredentialsError as error:
        raise UnusableError(KEY_FILE, str(error)) from error
    pair = CheckedPair(credentials, parts[CERTIFICATE_FILE], key, parts[CA_FILE])
    if not key_matches(pair.certificate, key):
        raise UnusableError(KEY_FILE, f"it is not the key of {CERTIFICATE_FILE}")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SMALLEST_RSA_KEY:
        why = f"an RSA key of {key.key_size} bits is too small for TLS; it needs {SMALLEST_RSA_KEY}"
        raise UnusableError(KEY_FILE, why)
    return pair


def expired_trust(trust: Sequence[x509.Certificate], now: datetime) -> str:
    """Why nobody can be verified by these CAs any more; empty while one of them is good."""
    if not all(is_expired(certificate, now) for certificate in trust):
        return ""
    end = max(certificate.not_valid_after_utc for certificate in trust)
    return f"every CA in it has expired, the last at {end:%Y-%m-%d}"


def root_pair(certificate: x509.Certificate, key: PrivateKey, key_pem: bytes = b"") -> CheckedPair:
    """A CA that signs itself and is all there is to trust; ``key_pem`` is its key as it was found."""
    pem = encode_certificates((certificate,))
    return CheckedPair(Credentials(pem, key_pem or encode_key(key), pem), (certificate,), key, (certificate,))


def read_supplied(source: CredentialsSource, kind: str) -> CheckedPair:
    """The set that the user supplied; ``kind`` is what messages call it. Raises the errors about supplied credentials."""
    missing = source.missing()
    if missing:
        raise SuppliedCredentialsIncompleteError(
            f"the {kind} in {source.origin} is incomplete",
            why=f"{', '.join(missing)} missing or empty",
            next_step=f"put {CA_FILE}, {CERTIFICATE_FILE} and {KEY_FILE} there, or remove all of it to have one generated",
        )
    try:
        return read_pair(source)
    except UnusableError as error:
        raise invalid(source, error.file, str(error)) from error


def trust_of(source: CredentialsSource) -> tuple[x509.Certificate, ...]:
    """The CAs in ``ca.crt`` of what was supplied."""
    try:
        return load_certificates(source.files.get(CA_FILE, b""))
    except UnreadableCredentialsError as error:
        raise invalid(source, CA_FILE, str(error)) from error


def invalid(source: CredentialsSource, file: str, why: str) -> SuppliedCredentialsInvalidError:
    """The error about one file of what the user supplied."""
    return SuppliedCredentialsInvalidError(
        f"{source.place(file)} cannot be used",
        why=why,
        next_step="correct it, or remove all of the set to have one generated",
    )
