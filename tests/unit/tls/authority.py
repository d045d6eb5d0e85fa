"""Certificates of every good and bad shape, for handshakes in memory."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True)
class Files:
    """The files of an identity: certificate, key, and the CA that vouches for it."""

    certificate: str
    key: str
    ca: str


class Authority:
    """A CA whose certificate has as few extensions as other implementations give theirs."""

    def __init__(self, directory: Path, name: str, issuer: Authority | None = None) -> None:
        self._directory = directory
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = issuer or self
        builder = _builder(self.subject, signer.subject, self.key.public_key(), days=30)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        certificate = builder.sign(signer.key, hashes.SHA256())
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.file = str(directory / f"{name}.crt")
        Path(self.file).write_bytes(self.pem)

    def issue(
        self,
        name: str,
        usage: x509.ObjectIdentifier | None,
        hosts: Sequence[x509.GeneralName] = (),
        *,
        days: int = 7,
        password: bytes | None = None,
        form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL,
    ) -> Files:
        """A leaf of this CA; negative ``days`` make one that is over."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, self.subject, key.public_key(), days=days)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        files = Files(str(self._directory / f"{name}.crt"), str(self._directory / f"{name}.key"), self.file)
        Path(files.certificate).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        encryption = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        Path(files.key).write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
        return files


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )


def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, host: str = "localhost"
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Shake hands in memory and exchange a byte each way. Raises ssl.SSLError of the side that refused first."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    accepted = server.wrap_bio(to_server, to_client, server_side=True)
    connected = client.wrap_bio(to_client, to_server, server_hostname=host)
    waiting = [connected.do_handshake, accepted.do_handshake]
    for _ in range(20):
        for step in tuple(waiting):
            try:
                step()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(step)
        if not waiting:
            break
    accepted.write(b"s")
    connected.write(b"c")
    assert (connected.read(1), accepted.read(1)) == (b"s", b"c")
    return accepted, connected
