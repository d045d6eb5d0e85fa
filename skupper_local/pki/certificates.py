"""Single certificates: built with least power, checked, described.

=======  =====================================  ====================  ==============================
use      basic constraints, key usage           extended key usage    alternative names
=======  =====================================  ====================  ==============================
CA       CA, path length 0; signs certificates  none                  none
server   no CA; digital signature               serverAuth only       its hosts
client   no CA; digital signature               clientAuth only       none
=======  =====================================  ====================  ==============================

The reference gives both extended usages to every certificate (reference-engine 4.1), so that whoever holds a client
certificate could pose as a server. A host that is an IP address appears as IP and as DNS name: ``skrouterd`` compares DNS
names only. ``notBefore`` lies in the past, because the clocks of two sites never agree.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skupper_local.pki.errors import UnreadableCredentialsError
from skupper_local.pki.keys import PrivateKey, public_bytes

#: A clock that is slow by less than this accepts a certificate made now.
BACK_DATED = timedelta(days=1)
#: A link file stays with another site, where nobody renews it: leaves live as long as the reference's (reference-engine 4.1).
LEAF_LIFETIME = timedelta(days=5 * 365)
#: A CA outlives what it signs by a wide margin; it is renewed with the same key, so nothing that trusts it notices.
CA_LIFETIME = timedelta(days=10 * 365)

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH

#: What the library raises for a certificate that it cannot read.
_DAMAGE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True)
class CertificateDescription:
    """What a person wants to know about a certificate."""

    subject: str
    issuer: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    is_ca: bool
    usages: tuple[str, ...]  # serverAuth, clientAuth, or the dotted number of another one
    key: str  # for instance "RSA 2048" or "EC secp256r1"
    serial: str  # hexadecimal
    not_before: datetime
    not_after: datetime
    days_left: int  # whole days from ``now``; negative once it has expired


def load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM bundle, in order; at least one. Raises :class:`UnreadableCredentialsError`."""
    try:
        certificates = tuple(x509.load_pem_x509_certificates(pem))
        for certificate in certificates:
            # The library parses these when they are asked for; damage is to show here, not later.
            _ = certificate.extensions, certificate.public_key(), certificate.subject, certificate.issuer
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.serial_number
    except _DAMAGE as error:
        raise UnreadableCredentialsError("it holds no certificate in PEM form, or a damaged one") from error
    return certificates


def encode_certificates(certificates: Iterable[x509.Certificate]) -> bytes:
    """A PEM bundle in the given order, each certificate once."""
    return b"".join(dict.fromkeys(certificate.public_bytes(Encoding.PEM) for certificate in certificates))


def build_ca(
    subject: str, key: PrivateKey, now: datetime, *, renewed: x509.Certificate | None = None
) -> x509.Certificate:
    """A self-signed CA for ``key``.

    ``renewed`` is the certificate of the same key that this one replaces: it keeps its name and key identifier, so that what
    it has signed verifies with either.
    """
    name = renewed.subject if renewed else _name(subject)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    if renewed:
        identifier = _extension(renewed, x509.SubjectKeyIdentifier) or identifier
    builder = (
        _builder(name, name, key, now, now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
    )
    return _sign(builder, key)


def build_leaf(
    subject: str,
    key: PrivateKey,
    usage: x509.ObjectIdentifier,
    hosts: Sequence[str],
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A certificate for one server (with its hosts) or one client (without), signed by ``issuer`` and not outliving it."""
    builder = (
        _builder(_name(subject), issuer.subject, key, now, leaf_end(issuer, now))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority(issuer, issuer_key), critical=False)
    )
    names = alternative_names(hosts)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _sign(builder, issuer_key)


def leaf_end(issuer: x509.Certificate, now: datetime) -> datetime:
    """When a certificate signed now would expire."""
    return min(_whole_second(now + LEAF_LIFETIME), issuer.not_valid_after_utc)


def alternative_names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    """DNS names for all hosts, and IP names for those that are addresses; in order, each once."""
    names: dict[x509.GeneralName, None] = {}
    for host in (host.strip() for host in hosts):
        if not host:
            continue
        try:
            names[x509.IPAddress(ipaddress.ip_address(host.partition("%")[0]))] = None
        except ValueError:
            pass
        names[x509.DNSName(host)] = None
    return list(names)


def needs_renewal(certificate: x509.Certificate, now: datetime) -> bool:
    """Less than a third of its life is left, or it has not begun (a clock was wrong when it was made)."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now < start or end - now < (end - start) / 3


def is_expired(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether nobody accepts it any more."""
    return now > certificate.not_valid_after_utc


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate is the root of its chain."""
    return is_issued_by(certificate, certificate)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether name and signature are those of ``issuer``. Validity times are another question."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def has_root(
    certificate: x509.Certificate, known: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]
) -> bool:
    """Whether a chain leads from ``certificate`` through ``known`` ones to a self-signed one in ``trusted``."""
    seen: list[x509.Certificate] = []
    while certificate not in seen:
        if certificate in trusted and is_self_signed(certificate):
            return True
        seen.append(certificate)
        above = (item for item in known if item not in seen and is_issued_by(certificate, item))
        certificate = next(above, certificate)
    return False


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may sign other certificates."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def key_matches(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether ``key`` is the private half of the certificate's key."""
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return public == public_bytes(key)


def usages(certificate: x509.Certificate) -> tuple[x509.ObjectIdentifier, ...]:
    """The extended key usages; empty when the certificate does not restrict them."""
    extension = _extension(certificate, x509.ExtendedKeyUsage)
    return tuple(extension) if extension else ()


def names_of(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    """All alternative names."""
    extension = _extension(certificate, x509.SubjectAlternativeName)
    return frozenset(extension) if extension else frozenset()


def hosts_of(pem: bytes) -> tuple[str, ...]:
    """The hosts that the first certificate of ``pem`` names, addresses first; none when there is no such certificate."""
    try:
        extension = _extension(load_certificates(pem)[0], x509.SubjectAlternativeName)
    except UnreadableCredentialsError:
        return ()
    if extension is None:
        return ()
    addresses = (str(address) for address in extension.get_values_for_type(x509.IPAddress))
    return tuple(dict.fromkeys((*addresses, *extension.get_values_for_type(x509.DNSName))))


def common_name(name: x509.Name) -> str:
    """The common name, or the whole name in its text form when it has none."""
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[0].value) if values else name.rfc4514_string()


def describe(pem: bytes, now: datetime) -> CertificateDescription:
    """The first certificate of ``pem`` in words. Raises :class:`UnreadableCredentialsError`."""
    certificate = load_certificates(pem)[0]
    extension = _extension(certificate, x509.SubjectAlternativeName)
    dns = extension.get_values_for_type(x509.DNSName) if extension else []
    addresses = extension.get_values_for_type(x509.IPAddress) if extension else []
    words = {SERVER_AUTH: "serverAuth", CLIENT_AUTH: "clientAuth"}
    return CertificateDescription(
        subject=common_name(certificate.subject),
        issuer=common_name(certificate.issuer),
        dns_names=tuple(dns),
        ip_addresses=tuple(str(address) for address in addresses),
        is_ca=is_ca(certificate),
        usages=tuple(words.get(usage, usage.dotted_string) for usage in usages(certificate)),
        key=_describe_key(certificate),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        days_left=(certificate.not_valid_after_utc - now) // timedelta(days=1),
    )


def _describe_key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else type(key).__name__


def _name(subject: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])


def _whole_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_whole_second(now - BACK_DATED))
        .not_valid_after(_whole_second(end))
    )


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(issuer: x509.Certificate, issuer_key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    identifier = _extension(issuer, x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
