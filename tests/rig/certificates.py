"""Certificates for a test network: one CA, a server leaf for whoever listens, a client leaf for whoever dials.

They have the form our sites use: RSA-2048 CA with path length 0, P-256 leaves with one usage each, and the address of the
server as a DNS name too, because ``skrouterd`` ignores IP names (router-protocol 11).
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.rig.ports import HOST


@dataclass(frozen=True)
class Credentials:
    """The three files of an sslProfile."""

    certificate: Path
    key: Path
    ca: Path


class Authority:
    """A CA and the directory its credentials are written to."""

    def __init__(self, directory: Path, name: str = "test-ca") -> None:
        self._directory = directory
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        builder = self._builder(self._name, self._key.public_key(), days=30)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(ca=True), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    def server(
        self, name: str, hosts: Sequence[str] = (HOST, "localhost"), *, expired: bool = False
    ) -> Credentials:
        """Credentials of a server, on loopback unless it is to be found elsewhere. A name is used again: new files."""
        return self._leaf(name, ExtendedKeyUsageOID.SERVER_AUTH, hosts, expired=expired)

    def client(self, name: str, *, expired: bool = False) -> Credentials:
        """Credentials of a client; they name no host."""
        return self._leaf(name, ExtendedKeyUsageOID.CLIENT_AUTH, (), expired=expired)

    def _leaf(
        self, name: str, usage: x509.ObjectIdentifier, hosts: Sequence[str], *, expired: bool
    ) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0] if hosts else name)])
        builder = self._builder(subject, key.public_key(), days=0 if expired else 7)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if hosts:
            names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
            if HOST in hosts:
                names.append(x509.IPAddress(ipaddress.ip_address(HOST)))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return self._write(name, certificate, key)

    def _builder(
        self, subject: x509.Name, public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=days, seconds=-1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _write(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Credentials:
        directory = self._directory / name
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        files = Credentials(directory / "tls.crt", directory / "tls.key", directory / "ca.crt")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.ca.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        descriptor = os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        return files


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
