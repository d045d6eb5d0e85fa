"""The TLS contexts of the configured sslProfiles, made when first used and made anew when the files change."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from collections.abc import Callable

from skupper_local.errors import SkupperLocalError
from skupper_local.router.configuration import SslProfile
from skupper_local.tls import FILE_BYTES_LIMIT, client_context, server_context


class TlsProfiles:
    """Contexts by profile and use. A context in use stays with its connections when the files are read again."""

    def __init__(self, profiles: dict[str, SslProfile]) -> None:
        self._profiles = profiles
        self._makers: dict[tuple[str, str], Callable[[], ssl.SSLContext]] = {}
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}
        self._contents: dict[tuple[str, str], bytes] = {}

    def server(self, name: str, *, require_client_certificate: bool) -> ssl.SSLContext:
        """For accepting connections. Raises ``SkupperLocalError`` when a file cannot be used."""
        profile = self._profiles[name]
        use = "server, mutual" if require_client_certificate else "server"
        return self._get(
            (name, use),
            lambda: server_context(
                certificate=profile.cert_file,
                private_key=profile.private_key_file,
                ca=profile.ca_cert_file,
                require_client_certificate=require_client_certificate,
                ciphers=profile.ciphers,
                protocols=profile.protocols,
            ),
        )

    def client(self, name: str) -> ssl.SSLContext:
        """For making connections."""
        profile = self._profiles[name]
        return self._get(
            (name, "client"),
            lambda: client_context(
                ca=profile.ca_cert_file,
                certificate=profile.cert_file,
                private_key=profile.private_key_file,
                ciphers=profile.ciphers,
                protocols=profile.protocols,
            ),
        )

    def _get(self, key: tuple[str, str], make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        context = self._contexts.get(key)
        if context is None:
            contents = self._read(key[0])
            self._makers[key] = make
            context = self._contexts[key] = make()
            self._contents[key] = contents
        return context

    def reload(self) -> list[SkupperLocalError]:
        """Read every file again; contexts whose files are what they were stay.

        A profile whose files cannot be used keeps what it had; the reasons are returned.
        """
        problems = []
        for key, make in self._makers.items():
            contents = self._read(key[0])
            if contents == self._contents.get(key):
                continue
            try:
                self._contexts[key] = make()
            except SkupperLocalError as error:
                problems.append(error)
            else:
                self._contents[key] = contents
        return problems

    def _read(self, name: str) -> bytes:
        """What the files of a profile hold, as a hash."""
        profile = self._profiles[name]
        total = hashlib.sha256()
        for file in (profile.cert_file, profile.private_key_file, profile.ca_cert_file):
            content = b""
            if file:
                # Why a file cannot be read is told by whoever makes the context.
                with contextlib.suppress(OSError, ValueError), open(file, "rb") as opened:
                    content = opened.read(FILE_BYTES_LIMIT + 1)
            total.update(hashlib.sha256(content).digest())
        return total.digest()
