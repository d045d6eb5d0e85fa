"""Whatever is in a file: the plain package reads it, or says with one of its documented errors that it cannot, and soon."""

from __future__ import annotations

import base64
import ipaddress
import time
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509 as library_x509
from cryptography.hazmat.primitives import hashes as library_hashes
from cryptography.hazmat.primitives import serialization as library
from cryptography.hazmat.primitives.asymmetric import ec as library_ec
from cryptography.hazmat.primitives.asymmetric import ed25519 as library_ed25519
from cryptography.hazmat.primitives.asymmetric import rsa as library_rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.plain_cryptography import x509
from skupper_local.plain_cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from skupper_local.plain_cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_private_key,
)

KEY_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm)
CERTIFICATE_ERRORS = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
LONGEST = 2.0
"""Seconds that reading a file of some kilobytes may take on a busy machine."""

PrivateKey = (
    library_ec.EllipticCurvePrivateKey | library_rsa.RSAPrivateKey | library_ed25519.Ed25519PrivateKey
)


@cache
def private_keys() -> tuple[PrivateKey, ...]:
    return (
        library_ec.derive_private_key(7, library_ec.SECP256R1()),
        library_ec.derive_private_key(7, library_ec.SECP521R1()),
        library_ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
        library_rsa.generate_private_key(public_exponent=65_537, key_size=2048),
    )


@cache
def private_forms() -> tuple[tuple[str, bytes], ...]:
    """Each key in each form it has: the label and the bytes of its PEM block."""
    found = []
    for key in private_keys():
        forms = ["PKCS8"]
        if not isinstance(key, library_ed25519.Ed25519PrivateKey):
            forms.append("TraditionalOpenSSL")
        for form in forms:
            pem = key.private_bytes(
                library.Encoding.PEM, getattr(library.PrivateFormat, form), library.NoEncryption()
            ).decode()
            lines = pem.strip().splitlines()
            found.append((lines[0].strip("-").removeprefix("BEGIN "), base64.b64decode("".join(lines[1:-1]))))
    return tuple(found)


@cache
def public_forms() -> tuple[bytes, ...]:
    return tuple(
        key.public_key().public_bytes(library.Encoding.DER, library.PublicFormat.SubjectPublicKeyInfo)
        for key in private_keys()
    )


@cache
def certificate_forms() -> tuple[bytes, ...]:
    name = library_x509.Name(
        [
            library_x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
            library_x509.NameAttribute(NameOID.COMMON_NAME, "west"),
        ]
    )
    found = []
    for key in private_keys():
        builder = (
            library_x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(4711)
            .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=365 * 40))
            .add_extension(library_x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(library_x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                library_x509.SubjectAlternativeName(
                    [
                        library_x509.DNSName("west.example"),
                        library_x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                        library_x509.IPAddress(ipaddress.ip_address("::1")),
                        library_x509.RFC822Name("a@west.example"),
                        library_x509.UniformResourceIdentifier("urn:a"),
                    ]
                ),
                critical=False,
            )
            .add_extension(
                library_x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                library_x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                library_x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
        )
        digest = None if isinstance(key, library_ed25519.Ed25519PrivateKey) else library_hashes.SHA256()
        found.append(builder.sign(key, digest).public_bytes(library.Encoding.DER))
    return tuple(found)


@st.composite
def damage(draw: st.DrawFn, whole: bytes) -> bytes:
    """Up to four bytes changed, taken out or put in, or the end cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        # What decides stands in the first bytes of elements, and most of those are near the beginning.
        last = max(0, len(data) - 1)
        place = draw(st.one_of(st.integers(0, min(60, last)), st.integers(0, last)))
        match draw(st.sampled_from(("set", "flip", "remove", "insert", "cut", "repeat"))):
            case "set":
                data[place : place + 1] = bytes((draw(st.integers(0, 255)),))
            case "flip":
                data[place : place + 1] = bytes(
                    octet ^ 1 << draw(st.integers(0, 7)) for octet in data[place : place + 1]
                )
            case "remove":
                del data[place : place + draw(st.integers(1, 8))]
            case "insert":
                data[place:place] = draw(st.binary(max_size=8))
            case "cut":
                del data[place:]
            case _:
                data[place:place] = data[place : place + draw(st.integers(1, 200))]
    return bytes(data)


def pem(label: str, content: bytes) -> bytes:
    lines = base64.encodebytes(content).decode()
    return f"-----BEGIN {label}-----\n{lines}-----END {label}-----\n".encode()


def read_private_key(data: bytes) -> None:
    start = time.monotonic()
    try:
        load_pem_private_key(data, None)
    except KEY_ERRORS:
        pass
    assert time.monotonic() - start < LONGEST


def use_certificates(data: bytes) -> None:
    start = time.monotonic()
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except CERTIFICATE_ERRORS:
        certificates = []
    for certificate in certificates:
        certificate.subject.rfc4514_string()
        assert certificate == certificate
        list(certificate.extensions)
        try:
            certificate.public_key()
            certificate.verify_directly_issued_by(certificate)
        except (ValueError, InvalidSignature, UnsupportedAlgorithm):
            pass
    assert time.monotonic() - start < LONGEST


def test_what_is_whole_is_read() -> None:
    for label, content in private_forms():
        load_pem_private_key(pem(label, content), None)
    for content in public_forms():
        load_der_public_key(content)
    for content in certificate_forms():
        [certificate] = x509.load_pem_x509_certificates(pem("CERTIFICATE", content))
        certificate.verify_directly_issued_by(certificate)


@settings(max_examples=150)
@given(st.data())
def test_damaged_private_keys(data: st.DataObject) -> None:
    label, content = data.draw(st.sampled_from(private_forms()))
    read_private_key(pem(label, data.draw(damage(content))))


@settings(max_examples=150)
@given(st.data())
def test_damaged_public_keys(data: st.DataObject) -> None:
    content = data.draw(damage(data.draw(st.sampled_from(public_forms()))))
    try:
        load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        pass


@settings(max_examples=200)
@given(st.data())
def test_damaged_certificates(data: st.DataObject) -> None:
    content = data.draw(damage(data.draw(st.sampled_from(certificate_forms()))))
    use_certificates(pem("CERTIFICATE", content))


@settings(max_examples=150)
@given(st.data())
def test_damaged_text_around_what_is_whole(data: st.DataObject) -> None:
    label, content = data.draw(st.sampled_from(private_forms()))
    read_private_key(data.draw(damage(pem(label, content))))
    use_certificates(data.draw(damage(pem("CERTIFICATE", certificate_forms()[0]))))


@settings(max_examples=100)
@given(st.binary(max_size=400), st.sampled_from(("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")))
def test_anything_at_all(content: bytes, label: str) -> None:
    for data in (content, pem(label, content)):
        read_private_key(data)
    for data in (content, pem("CERTIFICATE", content)):
        use_certificates(data)


@pytest.mark.parametrize("tag", [0x30, 0x31, 0xA0, 0x02, 0x06, 0x03])
def test_deep_and_long_input_takes_little_time(tag: int) -> None:
    nested = b""
    for _ in range(2000):
        size = len(nested)
        nested = bytes((tag, 0x84)) + size.to_bytes(4, "big") + nested
    minimal = b""
    while len(minimal) < 60_000:
        size = len(minimal)
        head = bytes((size,)) if size < 128 else bytes((0x82,)) + size.to_bytes(2, "big")
        if 128 <= size < 256:
            head = bytes((0x81, size))
        minimal = bytes((tag,)) + head + minimal
    long = bytes((tag, 0x83)) + (1 << 20).to_bytes(3, "big") + b"\x7f" * (1 << 20)
    for content in (nested, minimal, long, b"\x30\x83" + len(long).to_bytes(3, "big") + long):
        read_private_key(pem("PRIVATE KEY", content))
        use_certificates(pem("CERTIFICATE", content))
