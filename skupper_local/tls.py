"""TLS contexts, made in one place and the same on every version of Python, and the check of a peer's name.

A context is made from PEM files: a certificate with its key, and the CAs that are trusted. What Python's helpers choose
changes between its versions (3.13 turned strict checks on), and the same chain must verify wherever the program runs, so
everything that matters is set here:

* TLS 1.2 and 1.3. For 1.2 only suites with forward secrecy and authenticated encryption.
* ``VERIFY_X509_PARTIAL_CHAIN``: what stands in the CA file is trusted as it stands. A CA that was itself signed by
  another one, as companies hand out, is then enough by itself, as it is for Go programs.
* not ``VERIFY_X509_STRICT``: CAs made by other implementations lack extensions it insists on.
* no session is resumed: a peer whose CA was removed proves itself anew, and fails.

Verifying a chain says *who* the peer is, not that it is the one that was meant. The context leaves that open
(``check_hostname`` is off, because whether names count is a setting of each connector and because a mismatch must be told
with the names that would do); after the handshake the client calls :func:`verify_peer_name`. Purposes are always checked:
a client certificate is not accepted from a server.

No error holds key material.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError

FILE_BYTES_LIMIT = 4 << 20
"""A PEM file may not be larger; a bundle of a thousand CAs takes 1.5 MB."""

PROTOCOLS: Mapping[str, ssl.TLSVersion] = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
"""The versions that can be asked for, oldest first."""

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_VERIFY_FLAGS = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
_OPTIONS = ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_IGNORE_UNEXPECTED_EOF
_SHOWN_NAMES = 8
_SHOWN_NAME_LENGTH = 100
_BEGIN_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_BEGIN_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_ENCRYPTED_KEY = re.compile(
    rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED", re.MULTILINE
)


class TlsFileError(SkupperLocalError):
    """A certificate, key or CA file cannot be used; ``file`` is its path, empty when none was given."""

    code: ClassVar[str] = "tls-file-unusable"

    def __init__(self, file: str, why: str) -> None:
        self.file = file
        super().__init__(
            f"The TLS file {file} cannot be used" if file else "A TLS file is missing",
            why=why,
            next_step="put a usable PEM file in its place, or let the site issue its certificates anew",
        )


class TlsSettingsError(InvalidRequestError):
    """Ciphers or protocol versions that do not exist, or are not safe to use."""

    code: ClassVar[str] = "tls-settings-invalid"


class PeerNameMismatchError(SkupperLocalError, ValueError):
    """The peer has a certificate that is trusted, but not for the name it was reached by; ``names`` are those it has."""

    code: ClassVar[str] = "peer-name-mismatch"

    def __init__(self, host: str, names: tuple[str, ...]) -> None:
        self.names = names
        shown = ", ".join(_printable(name) for name in names[:_SHOWN_NAMES])
        if len(names) > _SHOWN_NAMES:
            shown += f" and {len(names) - _SHOWN_NAMES} more"
        super().__init__(
            f"The peer's certificate is not for {_printable(host)}",
            why=f"it is for {shown}" if names else "it names no host",
            next_step="reach the peer by one of these names, or have this one added to its certificate",
        )


def server_context(
    *,
    certificate: str | None,
    private_key: str | None,
    ca: str | None = None,
    require_client_certificate: bool,
    ciphers: str | None = None,
    protocols: Iterable[str] = (),
) -> ssl.SSLContext:
    """The context of a listening socket.

    ``certificate`` is a PEM file with the certificate and, below it, those that lead to its CA. With
    ``require_client_certificate`` every client must show a certificate that a CA in the file ``ca`` vouches for.
    ``ciphers``: an OpenSSL cipher list for TLS 1.2. ``protocols``: some of PROTOCOLS, all if empty. Raises TlsFileError,
    TlsSettingsError.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, ciphers, protocols)
    context.num_tickets = 0
    _load_own(context, certificate, private_key)
    if require_client_certificate:
        _load_trusted(context, ca)
        context.verify_mode = ssl.CERT_REQUIRED
    else:
        context.verify_mode = ssl.CERT_NONE
    return context


def client_context(
    *,
    ca: str | None,
    certificate: str | None = None,
    private_key: str | None = None,
    ciphers: str | None = None,
    protocols: Iterable[str] = (),
) -> ssl.SSLContext:
    """The context of a connecting socket: the server's certificate must be vouched for by a CA in the file ``ca``.

    ``certificate`` and ``private_key`` are shown to a server that asks. Who the server is remains to be checked with
    :func:`verify_peer_name`. Other arguments and errors as for :func:`server_context`.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, ciphers, protocols)
    if certificate or private_key:
        _load_own(context, certificate, private_key)
    _load_trusted(context, ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def check_ciphers(ciphers: str) -> None:
    """Raise TlsSettingsError unless the list names a cipher that can be used."""
    _context(ssl.PROTOCOL_TLS_CLIENT, ciphers, ())


def verify_peer_name(peer_certificate: Mapping[str, Any], host: str) -> None:
    """Raise PeerNameMismatchError unless the certificate is for ``host``, a name or an IP address.

    ``peer_certificate`` is what ``getpeercert()`` returned. The rules are those of RFC 6125 with two concessions to
    certificates in use: an address may stand among the DNS names, where ``skrouterd`` looks for it (router-protocol 11), and
    the common name counts when there are no alternative names at all. Case does not matter; a wildcard stands for exactly one
    label, the left-most, and never for a part of an address.
    """
    alternative = tuple(_alternative_names(peer_certificate))
    names = alternative or tuple(_common_names(peer_certificate))
    address = _as_address(host)
    if address is not None:
        matches = any(_as_address(name) == address for name in names)
    else:
        wanted = _labels(host)
        matches = bool(wanted) and any(_matches(name, wanted) for name in names)
    if not matches:
        raise PeerNameMismatchError(host, tuple(dict.fromkeys(names)))


# Contexts.


def _context(protocol: Any, ciphers: str | None, protocols: Iterable[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    wanted = set(protocols)
    if unknown := wanted - PROTOCOLS.keys():
        raise TlsSettingsError(
            f"TLS protocol {_printable(min(unknown))} is not supported",
            why=f"those that are: {', '.join(PROTOCOLS)}",
            next_step="name one of them, or none for all",
        )
    versions = [version for name, version in PROTOCOLS.items() if not wanted or name in wanted]
    context.minimum_version, context.maximum_version = versions[0], versions[-1]
    context.check_hostname = False
    context.verify_flags = _VERIFY_FLAGS
    context.options |= _OPTIONS
    try:
        context.set_ciphers(ciphers or _CIPHERS)
    except ssl.SSLError:
        raise TlsSettingsError(
            f"No TLS cipher is called {_printable(ciphers or _CIPHERS)}",
            why="OpenSSL knows none of the list that it could use",
            next_step="see `openssl ciphers -v` for the names, or leave the ciphers out",
        ) from None
    return context


def _load_own(context: ssl.SSLContext, certificate: str | None, private_key: str | None) -> None:
    """Load a certificate with its key. OpenSSL does not say which file it dislikes, so each is looked at first."""
    if not certificate or not private_key:
        raise TlsFileError("", "a certificate and a private key are needed")
    _check_certificates(certificate, _read(certificate))
    key = _read(private_key)
    if _ENCRYPTED_KEY.search(key):
        raise TlsFileError(private_key, "the private key has a password")
    if not _BEGIN_KEY.search(key):
        raise TlsFileError(private_key, "it holds no private key in PEM form")
    try:
        context.load_cert_chain(certificate, private_key, password=lambda: "")  # never ask at the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"it is not the key of the certificate in {certificate}"
        elif error.reason and ("TOO_SMALL" in error.reason or "TOO_WEAK" in error.reason):
            raise TlsFileError(certificate, _plain(error)) from None
        else:
            why = f"it holds no usable private key ({_plain(error)})"
        raise TlsFileError(private_key, why) from None
    except OSError as error:
        raise TlsFileError(certificate, error.strerror or str(error)) from None


def _load_trusted(context: ssl.SSLContext, ca: str | None) -> None:
    if not ca:
        raise TlsFileError("", "the CAs to trust are needed")
    data = _read(ca)
    _check_certificates(ca, data)
    context.load_verify_locations(cadata=_ascii(data))


def _check_certificates(file: str, data: bytes) -> None:
    text = _ascii(data)
    count = text.count(_BEGIN_CERTIFICATE)
    if count == 0:
        raise TlsFileError(file, "it holds no certificate in PEM form")
    scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        scratch.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise TlsFileError(file, f"it holds no usable certificate ({_plain(error)})") from None


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            data = opened.read(FILE_BYTES_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TlsFileError(file, why) from None
    if len(data) > FILE_BYTES_LIMIT:
        raise TlsFileError(file, f"it is larger than {FILE_BYTES_LIMIT >> 20} MiB")
    return data


def _ascii(data: bytes) -> str:
    """PEM is ASCII; comments between the blocks need not be."""
    return data.decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")


def _plain(error: ssl.SSLError) -> str:
    return (error.reason or "not in PEM form").replace("_", " ").lower()


# Names.


def _alternative_names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in ("DNS", "IP Address"):
            yield value.strip()


def _common_names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for relative_name in certificate.get("subject", ()):
        for attribute, value in relative_name:
            if attribute == "commonName":
                yield value


def _as_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a text is, without the zone it is reached through; None for anything else."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None


def _labels(name: str) -> list[str]:
    """The labels of a name as they are compared; none if it is not a name."""
    bare = name.removesuffix(".")
    try:
        ascii_name = bare if bare.isascii() else bare.encode("idna").decode("ascii")
    except UnicodeError:
        return []
    labels = ascii_name.lower().split(".")
    return labels if all(labels) else []


def _matches(pattern: str, wanted: list[str]) -> bool:
    labels = _labels(pattern)
    if len(labels) != len(wanted):
        return False
    if labels[0] == "*" and len(labels) > 1:
        return labels[1:] == wanted[1:]
    return labels == wanted


def _printable(name: str) -> str:
    """A name somebody else chose, fit for a terminal and a log."""
    shown = "".join(character if character.isprintable() else "?" for character in name[:_SHOWN_NAME_LENGTH])
    return shown if len(name) <= _SHOWN_NAME_LENGTH else f"{shown}…"
