"""What a bundle makes certificates with, held against the library whose place it takes, in both directions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skupper_local.pki import certificates, keys
from skupper_local.pki.credentials import CredentialsSource
from skupper_local.pki.pairs import read_pair

REPOSITORY = Path(__file__).resolve().parents[3]
PLAIN = REPOSITORY / "skupper_local" / "plain_cryptography"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOSTS = ["127.0.0.1", "west.example", "fd00::1"]

MAKE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import cryptography
from skupper_local.pki import certificates as c, keys
assert Path(cryptography.__file__).is_relative_to(sys.argv[1]), cryptography.__file__
now, out = datetime(2026, 5, 1, tzinfo=UTC), Path(sys.argv[2])
ca_key, key = keys.generate_ca_key(), keys.generate_leaf_key()
ca = c.build_ca("a CA", ca_key, now)
leaf = c.build_leaf("west", key, c.SERVER_AUTH, ["127.0.0.1", "west.example", "fd00::1"], ca, ca_key, now)
for name, content in (
    ("ca.crt", c.encode_certificates([ca])), ("ca.key", keys.encode_key(ca_key)),
    ("tls.crt", c.encode_certificates([leaf])), ("tls.key", keys.encode_key(key)),
):
    (out / name).write_bytes(content)
"""

READ = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from skupper_local.pki import certificates as c, keys
now, out = datetime(2026, 5, 1, tzinfo=UTC), Path(sys.argv[2])
for name in ("ca", "tls"):
    pem = (out / f"{name}.crt").read_bytes()
    print(c.describe(pem, now), c.key_matches(c.load_certificates(pem)[0], keys.load_key((out / f"{name}.key").read_bytes())))
ca, leaf = (c.load_certificates((out / f"{name}.crt").read_bytes())[0] for name in ("ca", "tls"))
print(c.is_issued_by(leaf, ca), c.is_issued_by(ca, leaf), c.is_self_signed(ca), c.is_ca(ca), c.is_ca(leaf))
for damaged in (b"", b"text", pem[:300], pem.replace(b"A", b"B", 40)):
    try:
        c.load_certificates(damaged)
        print("read")
    except c.UnreadableCredentialsError:
        print("unreadable")
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that has the plain package under the library's name."""
    directory = tmp_path_factory.mktemp("library")
    shutil.copytree(PLAIN, directory / "cryptography", ignore=shutil.ignore_patterns("__pycache__"))
    return directory


def run(library: Path, *words: str) -> str:
    """Run Python with the plain package first; what it printed."""
    environment = {**os.environ, "PYTHONPATH": f"{library}:{REPOSITORY}", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        (sys.executable, *words), env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def made(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA and a server's certificate, made by the plain package."""
    directory = tmp_path_factory.mktemp("made")
    run(library, "-c", MAKE, str(library), str(directory))
    return directory


def test_the_library_reads_and_verifies_what_the_plain_one_makes(made: Path) -> None:
    files = {name: (made / name).read_bytes() for name in ("ca.crt", "tls.crt", "tls.key")}
    pair = read_pair(CredentialsSource("made", files))
    assert certificates.is_issued_by(pair.certificate, pair.trust[0])
    assert certificates.is_self_signed(pair.trust[0])
    described = certificates.describe(files["tls.crt"], NOW)
    assert (described.subject, described.issuer, described.key) == ("west", "a CA", "EC secp256r1")
    assert described.usages == ("serverAuth",)
    assert set(described.dns_names) == set(HOSTS)
    assert set(described.ip_addresses) == {"127.0.0.1", "fd00::1"}
    assert certificates.describe(files["ca.crt"], NOW).key == "RSA 2048"
    assert (made / "ca.key").read_bytes().startswith(b"-----BEGIN RSA PRIVATE KEY-----")


def test_openssl_accepts_the_chain_to_the_letter(made: Path) -> None:
    words = ("openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-CAfile")
    ran = subprocess.run(
        (*words, str(made / "ca.crt"), str(made / "tls.crt")), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_both_say_the_same_of_what_either_made(library: Path, made: Path, tmp_path: Path) -> None:
    ca_key, key = keys.generate_ca_key(), keys.generate_leaf_key()
    ca = certificates.build_ca("another CA", ca_key, NOW)
    leaf = certificates.build_leaf("east", key, certificates.CLIENT_AUTH, [], ca, ca_key, NOW)
    for name, content in (
        ("ca.crt", certificates.encode_certificates([ca])),
        ("ca.key", keys.encode_key(ca_key)),
        ("tls.crt", certificates.encode_certificates([leaf])),
        ("tls.key", keys.encode_key(key)),
    ):
        (tmp_path / name).write_bytes(content)
    for directory in (made, tmp_path):
        words = ("-c", READ, "-", str(directory))
        said = run(library, *words)
        assert (
            said
            == subprocess.run(
                (sys.executable, *words), cwd=REPOSITORY, capture_output=True, text=True, check=True
            ).stdout
        )
        assert "True False True True False" in said
