"""Reading and describing keys and certificates, good and bad ones."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.pki.certificates import (
    alternative_names,
    build_ca,
    describe,
    encode_certificates,
    load_certificates,
    needs_renewal,
)
from skupper_local.pki.errors import UnreadableCredentialsError
from skupper_local.pki.keys import encode_key, generate_ca_key, generate_leaf_key, load_key, public_bytes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca() -> x509.Certificate:
    return build_ca("skupper-site-ca", generate_ca_key(), NOW)


def test_a_description_says_what_a_person_asks_for(ca: x509.Certificate) -> None:
    description = describe(encode_certificates((ca,)), NOW)
    assert (description.subject, description.issuer) == ("skupper-site-ca", "skupper-site-ca")
    assert description.is_ca
    assert description.key == "RSA 2048"
    assert description.days_left == 3650
    assert int(description.serial, 16) == ca.serial_number


def test_days_left_are_negative_after_the_end(ca: x509.Certificate) -> None:
    assert describe(encode_certificates((ca,)), ca.not_valid_after_utc + timedelta(hours=1)).days_left == -1


def test_the_renewal_rule_is_the_last_third(ca: x509.Certificate) -> None:
    life = ca.not_valid_after_utc - ca.not_valid_before_utc
    due = ca.not_valid_after_utc - life / 3
    assert not needs_renewal(ca, due - timedelta(minutes=1))
    assert needs_renewal(ca, due + timedelta(minutes=1))
    assert needs_renewal(ca, ca.not_valid_before_utc - timedelta(minutes=1))


def test_a_bundle_keeps_its_order_and_holds_each_certificate_once(ca: x509.Certificate) -> None:
    other = build_ca("other", generate_leaf_key(), NOW)
    bundle = encode_certificates((ca, other, ca))
    assert load_certificates(b"a comment\n" + bundle) == (ca, other)


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_crash(content: bytes) -> None:
    wrapped = b"-----BEGIN CERTIFICATE-----\n" + content + b"\n-----END CERTIFICATE-----\n"
    for candidate in (content, wrapped, wrapped.replace(b"CERTIFICATE", b"PRIVATE KEY")):
        with pytest.raises(UnreadableCredentialsError):
            describe(candidate, NOW)
        with pytest.raises(UnreadableCredentialsError):
            load_key(candidate)


def test_a_damaged_certificate_is_reported_wherever_the_damage_is(ca: x509.Certificate) -> None:
    der = ca.public_bytes(Encoding.DER)
    reported = 0
    for position in range(0, len(der), 3):
        damaged = der[:position] + bytes([der[position] ^ 0x11]) + der[position + 1 :]
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(damaged) + b"-----END CERTIFICATE-----\n"
        try:
            describe(pem, NOW)
        except UnreadableCredentialsError:
            reported += 1
    assert reported > 50


def test_a_key_survives_a_round_trip() -> None:
    for key in (generate_ca_key(), generate_leaf_key()):
        assert public_bytes(load_key(encode_key(key))) == public_bytes(key)


def test_a_key_of_an_unusual_kind_is_refused() -> None:
    key = dsa.generate_private_key(1024)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(UnreadableCredentialsError, match="neither RSA nor EC"):
        load_key(pem)


@given(st.ip_addresses())
def test_every_address_is_named_twice(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    names = alternative_names([f" {address} ", str(address)])
    assert names == [x509.IPAddress(address), x509.DNSName(str(address))]


def test_a_zone_is_not_part_of_an_address() -> None:
    assert alternative_names(["fe80::1%eth0"])[0] == x509.IPAddress(ipaddress.ip_address("fe80::1"))


def test_empty_hosts_are_no_names() -> None:
    assert alternative_names(["", "  "]) == []
