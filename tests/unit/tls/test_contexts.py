from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import PrivateFormat

from skupper_local.tls import (
    PeerNameMismatchError,
    TlsFileError,
    TlsSettingsError,
    client_context,
    server_context,
    verify_peer_name,
)
from tests.unit.tls.authority import CLIENT, SERVER, Authority, Files, handshake

HOSTS = [
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    return Authority(directory, "ca")


@pytest.fixture(scope="module")
def stranger(directory: Path) -> Authority:
    return Authority(directory, "stranger-ca")


@pytest.fixture(scope="module")
def west(authority: Authority) -> Files:
    return authority.issue("west", SERVER, HOSTS)


@pytest.fixture(scope="module")
def east(authority: Authority) -> Files:
    return authority.issue("east", CLIENT)


def server_of(files: Files, *, mutual: bool = True, **others: Any) -> ssl.SSLContext:
    return server_context(
        certificate=files.certificate,
        private_key=files.key,
        ca=files.ca,
        require_client_certificate=mutual,
        **others,
    )


def client_of(files: Files, **others: Any) -> ssl.SSLContext:
    return client_context(ca=files.ca, certificate=files.certificate, private_key=files.key, **others)


def test_both_sides_of_a_link_know_each_other(west: Files, east: Files) -> None:
    accepted, connected = handshake(server_of(west), client_of(east))
    assert accepted.version() == connected.version() == "TLSv1.3"
    assert (accepted.getpeercert() or {})["subject"] == ((("commonName", "east"),),)
    for host in ("localhost", "127.0.0.1", "::1"):
        verify_peer_name(connected.getpeercert() or {}, host)
    with pytest.raises(PeerNameMismatchError):
        verify_peer_name(connected.getpeercert() or {}, "example.com")


def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(west: Files) -> None:
    with pytest.raises(ssl.SSLError):
        handshake(server_of(west), client_context(ca=west.ca))


def test_a_client_needs_no_certificate_where_none_is_asked_for(west: Files) -> None:
    accepted, _ = handshake(server_of(west, mutual=False), client_context(ca=west.ca))
    assert not accepted.getpeercert()


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_certificate_of_a_strange_ca_is_refused(
    west: Files, east: Files, stranger: Authority, side: str
) -> None:
    strange = stranger.issue("strange", SERVER if side == "server" else CLIENT, HOSTS)
    strange = Files(strange.certificate, strange.key, west.ca)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(
            server_of(strange if side == "server" else west), client_of(strange if side == "client" else east)
        )


def test_a_certificate_that_is_over_is_refused(authority: Authority, west: Files) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(server_of(west), client_of(authority.issue("late", CLIENT, days=-1)))


def test_a_certificate_for_the_other_purpose_is_refused(west: Files, east: Files) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(server_of(west), client_of(west))
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(server_of(east, mutual=False), client_of(west))


def test_a_ca_is_trusted_as_it_stands_even_if_another_one_signed_it(
    directory: Path, authority: Authority
) -> None:
    middle = Authority(directory, "middle-ca", issuer=authority)
    west = middle.issue("west-of-middle", SERVER, HOSTS)
    east = middle.issue("east-of-middle", CLIENT)
    handshake(server_of(west), client_of(east))


def test_every_ca_of_a_bundle_is_trusted_and_one_that_is_taken_out_no_longer(
    directory: Path, west: Files, east: Files, authority: Authority, stranger: Authority
) -> None:
    friend = stranger.issue("friend", CLIENT)
    bundle = directory / "bundle.crt"
    bundle.write_bytes("# Größe\n".encode() + stranger.pem + b"\ncomment\n" + authority.pem)
    server = server_of(Files(west.certificate, west.key, str(bundle)))
    for files in (east, Files(friend.certificate, friend.key, west.ca)):
        handshake(server, client_of(files))
    bundle.write_bytes(authority.pem)
    server = server_of(Files(west.certificate, west.key, str(bundle)))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client_of(Files(friend.certificate, friend.key, west.ca)))


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_the_protocol_version_can_be_asked_for(west: Files, east: Files, protocol: str) -> None:
    _, connected = handshake(server_of(west, protocols=(protocol,)), client_of(east))
    assert connected.version() == protocol


def test_versions_before_1_2_are_never_spoken(west: Files, east: Files) -> None:
    for context in (server_of(west), client_of(east)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.maximum_version == ssl.TLSVersion.TLSv1_3
    with pytest.raises(TlsSettingsError, match=r"TLSv1\.1 is not supported"):
        client_of(east, protocols=("TLSv1.1",))


def test_ciphers_can_be_asked_for(west: Files, east: Files) -> None:
    server = server_of(west, protocols=("TLSv1.2",), ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    _, connected = handshake(server, client_of(east))
    assert (connected.cipher() or ("",))[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    with pytest.raises(TlsSettingsError, match="ROT13"):
        client_of(east, ciphers="ROT13")


def test_verification_does_not_depend_on_the_version_of_python(west: Files, east: Files) -> None:
    for context in (server_of(west), client_of(east)):
        assert not context.verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT
        assert context.verify_flags & ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert not context.check_hostname


def test_sessions_are_not_resumed(west: Files, east: Files) -> None:
    client = client_of(east)
    _, connected = handshake(server_of(west), client)
    assert connected.session is None or not connected.session.has_ticket


# Files that cannot be used.


def _missing(files: Files, which: str) -> None:
    os.unlink(getattr(files, which))


def _damaged(files: Files, which: str) -> None:
    path = Path(getattr(files, which))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "MIIB" + "A" * 60, lines[-1]]))


def _nonsense(files: Files, which: str) -> None:
    Path(getattr(files, which)).write_text("SECRET nonsense")


def _huge(files: Files, which: str) -> None:
    Path(getattr(files, which)).write_bytes(b"x" * ((4 << 20) + 1))


@pytest.fixture
def own(tmp_path: Path) -> Files:
    """Files to be damaged."""
    return Authority(tmp_path, "own-ca").issue("own", SERVER, HOSTS)


@pytest.mark.parametrize("which", ["certificate", "key", "ca"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_missing, "No such file or directory"),
        (_damaged, "it holds no usable"),
        (_nonsense, "it holds no .* in PEM form"),
        (_huge, "it is larger than 4 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_cause(
    own: Files, which: str, damage: Callable[[Files, str], None], why: str
) -> None:
    damage(own, which)
    for make in (server_of, client_of):
        with pytest.raises(TlsFileError, match=why) as caught:
            make(own)
        assert caught.value.file == getattr(own, which)
        assert caught.value.file in caught.value.what
        assert "SECRET" not in f"{caught.value}{caught.value.next_step}"


def test_a_key_of_another_certificate_is_named(own: Files, tmp_path: Path, west: Files) -> None:
    with pytest.raises(TlsFileError, match="not the key of the certificate") as caught:
        server_of(Files(own.certificate, west.key, own.ca))
    assert caught.value.file == west.key


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_a_key_with_a_password_is_refused_without_asking_for_it(tmp_path: Path, form: PrivateFormat) -> None:
    files = Authority(tmp_path, "own-ca").issue("own", SERVER, HOSTS, password=b"secret", form=form)
    with pytest.raises(TlsFileError, match="has a password") as caught:
        server_of(files)
    assert caught.value.file == files.key


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_named(own: Files) -> None:
    Path(own.key).chmod(0)
    with pytest.raises(TlsFileError, match="Permission denied"):
        server_of(own)


def test_what_is_needed_must_be_given(own: Files) -> None:
    with pytest.raises(TlsFileError, match="a certificate and a private key are needed"):
        server_context(certificate=own.certificate, private_key=None, require_client_certificate=False)
    with pytest.raises(TlsFileError, match="CAs to trust are needed"):
        server_context(certificate=own.certificate, private_key=own.key, require_client_certificate=True)
    with pytest.raises(TlsFileError, match="CAs to trust are needed"):
        client_context(ca=None)
