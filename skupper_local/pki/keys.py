"""Private keys: which are made, in which form they are written, which are read.

* **CA keys** are RSA-2048 in PKCS#1 (``RSA PRIVATE KEY``): the only form in which the reference can sign with a CA
  (reference-engine 4.1), so that a namespace can go back to it.
* **Leaf keys** are EC P-256 in PKCS#8 (``PRIVATE KEY``). OpenSSL (``skrouterd``, Python) and Go's ``crypto/tls`` read SEC1
  (``EC PRIVATE KEY``) as well, but Java and many other clients that a link file or a listener's credentials may reach read
  PKCS#8 alone. It holds the curve inside, where SEC1 files often carry an extra ``EC PARAMETERS`` block that some readers
  trip over.
* **Read** are RSA, EC and Ed25519, in PKCS#1, SEC1 and PKCS#8, without a passphrase.
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from skupper_local.pki.errors import UnreadableCredentialsError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def generate_ca_key() -> rsa.RSAPrivateKey:
    """A new key for a CA. Takes a tenth of a second or so."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def generate_leaf_key() -> ec.EllipticCurvePrivateKey:
    """A new key for a server or a client."""
    return ec.generate_private_key(ec.SECP256R1())


def encode_key(key: PrivateKey) -> bytes:
    """PEM without passphrase: PKCS#1 for RSA, PKCS#8 for everything else."""
    form = PrivateFormat.TraditionalOpenSSL if isinstance(key, rsa.RSAPrivateKey) else PrivateFormat.PKCS8
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def load_key(pem: bytes) -> PrivateKey:
    """The first private key in ``pem``. Raises :class:`UnreadableCredentialsError`; its text never quotes the key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise UnreadableCredentialsError("the key is protected by a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnreadableCredentialsError("it holds no private key in PEM form") from error
    if not isinstance(key, PrivateKey):
        raise UnreadableCredentialsError("the key is neither RSA nor EC nor Ed25519")
    return key


def public_bytes(key: PrivateKey) -> bytes:
    """The public half, to compare with that of a certificate."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
