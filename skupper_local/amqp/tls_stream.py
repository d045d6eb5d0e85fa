"""TLS over a non-blocking socket, through memory buffers.

The TLS engine never touches the socket: ciphertext is read and sent in large pieces, where the engine itself would make two
system calls for each record it reads and one for each it writes. It is also certain at any time which bytes the engine has
seen, so that closing one direction while the other still carries data loses none (TLS 1.3 allows that; the socket functions
of ``ssl`` do not).

``BlockingIOError`` says that nothing can be done until the socket is readable or writable; other ``OSError``s that the
connection is broken.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

RECORD = 16_384
"""The most plain text one TLS record carries."""

READ_SIZE = 131_072
"""Ciphertext read at once; the plain text in it is never larger."""

BATCH = 262_144
"""Ciphertext collected before it is sent."""

_ciphertext = memoryview(bytearray(READ_SIZE))  # one for all: it is emptied before anything else can run


class TlsStream:
    """One side of a TLS connection. ``handshake`` must have returned ``True`` before plain text is read or written."""

    __slots__ = ("_incoming", "_outgoing", "_socket", "_tls", "_unsent", "_write_shut", "ended", "fd")

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, *, server: bool, host: str | None = None
    ) -> None:
        self._socket = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._unsent: memoryview | None = None
        self._write_shut = False
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server, server_hostname=host)
        self.ended = False
        self.fd = sock.fileno()

    # ------------------------------------------------------------------ what was agreed

    @property
    def version(self) -> str | None:
        """``TLSv1.3``, for example."""
        return self._tls.version()

    @property
    def cipher(self) -> str | None:
        """The name of the cipher suite."""
        agreed = self._tls.cipher()
        return agreed[0] if agreed else None

    @property
    def peer_certificate(self) -> dict[str, Any] | None:
        """The verified certificate of the other side as ``ssl`` describes it; ``None`` if it gave none."""
        return self._tls.getpeercert()

    def handshake(self) -> bool:
        """One step. ``False``: call again when the socket is readable, or writable while ``unsent``."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                try:
                    if not self._fill():
                        raise ConnectionResetError(
                            "the peer closed the connection during the TLS handshake"
                        ) from None
                except BlockingIOError:
                    return False
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self.flush()  # the alert tells the peer why
                raise
            else:
                self.flush()
                return True

    # ------------------------------------------------------------------ reading

    def _fill(self) -> bool:
        """Take ciphertext from the socket; ``False`` at its end."""
        count = self._socket.recv_into(_ciphertext)
        if count:
            self._incoming.write(_ciphertext[:count])
            return True
        self._incoming.write_eof()
        return False

    def read_into(self, buffer: memoryview) -> int:
        """Plain text into ``buffer``, as much as is there and fits; 0 at the end of the stream.

        A buffer of ``READ_SIZE`` holds all that one call can bring; with a smaller one look at ``buffered``.
        """
        if self.ended:
            return 0
        total = self._decrypt(buffer)
        if not total and not self.ended:
            self._fill()
            total = self._decrypt(buffer)
            if not total and not self.ended:
                raise BlockingIOError
        return total

    @property
    def buffered(self) -> bool:
        """Whether plain text may be waiting here, where no selector sees it."""
        return not self.ended and (self._tls.pending() > 0 or self._incoming.pending > 0)

    def _decrypt(self, buffer: memoryview) -> int:
        total, size = 0, len(buffer)
        read: Callable[[int, memoryview], int] = self._tls.read  # type: ignore[assignment]
        try:
            while total < size:
                count = read(size - total, buffer[total:])
                if not count:
                    self.ended = True
                    break
                total += count
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError, ssl.SSLSyscallError):
            # Peers that close without close_notify are common; what they sent until then was authenticated.
            self.ended = True
        return total

    # ------------------------------------------------------------------ writing

    def encrypt(self, data: bytes | bytearray | memoryview) -> None:
        """Take plain text; it is on its way after ``flush``. The caller stops while ``full``."""
        write = self._tls.write
        if len(data) <= RECORD:
            write(data)
            return
        view = memoryview(data)
        while view:
            view = view[write(view[:RECORD]) :]

    @property
    def full(self) -> bool:
        """Whether enough is collected to be sent."""
        return self._outgoing.pending >= BATCH

    @property
    def unsent(self) -> bool:
        """Whether ciphertext is waiting for the socket."""
        return self._unsent is not None or self._outgoing.pending > 0

    def flush(self) -> None:
        """Send what is collected, as far as the socket takes it without waiting (``unsent`` tells)."""
        while True:
            rest = self._unsent
            if rest is None:
                if not self._outgoing.pending:
                    break
                rest = memoryview(self._outgoing.read())
            try:
                sent = self._socket.send(rest)
            except BlockingIOError:
                self._unsent = rest
                return
            self._unsent = rest[sent:] if sent < len(rest) else None
        if self._write_shut:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def shutdown_write(self) -> None:
        """Say that no more plain text follows, then close this direction."""
        with contextlib.suppress(ssl.SSLError, OSError):
            self._tls.unwrap()
        self._write_shut = True
        with contextlib.suppress(OSError):
            self.flush()

    def close(self) -> None:
        """Close the socket; a ``close_notify`` goes out if it can at once."""
        if not self._write_shut:
            with contextlib.suppress(ssl.SSLError, OSError):
                self._tls.unwrap()
            with contextlib.suppress(OSError):
                self.flush()
        self._socket.close()
