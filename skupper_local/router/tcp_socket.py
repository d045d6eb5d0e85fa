"""The two kinds of application connection: plain TCP and TLS over it, with one face.

Both are non-blocking. ``receive`` and ``send`` raise ``BlockingIOError`` when they would wait and ``OSError`` when the
connection is broken; ``receive`` returns ``b""`` at the end of the stream. TLS runs over memory buffers, not over the socket
itself, because only then is it certain which bytes the TLS engine has seen: closing one direction while the other still
carries data loses none (TLS 1.3 allows that; the socket functions of ``ssl`` do not).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Sequence

MAX_BUFFERS = 64
TLS_READ = 65_536
LINGER_RESET = struct.pack("ii", 1, 0)


class TcpSocket:
    """A plain TCP connection."""

    __slots__ = ("_socket", "fd")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # a Unix socket, or a connection that is already gone
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = sock
        self.fd = sock.fileno()

    def receive(self, size: int) -> bytes:
        """Up to ``size`` bytes."""
        return self._socket.recv(size)

    def at_end(self) -> bool:
        """Whether the end of the stream is next; never waits."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False

    def send(self, buffers: Sequence[bytes | memoryview]) -> int:
        """Send from the buffers in order; returns how many bytes were taken."""
        if len(buffers) == 1:
            return self._socket.send(buffers[0])
        return self._socket.sendmsg(buffers[:MAX_BUFFERS])

    @property
    def unsent(self) -> bool:
        """Whether bytes that ``send`` took are still waiting here; ``flush`` moves them."""
        return False

    def flush(self) -> None:
        """Move what waits here."""

    def shutdown_write(self) -> None:
        """No more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self, *, reset: bool = False) -> None:
        """Close; ``reset`` tells the other side that the stream is broken."""
        if reset:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self._socket.close()


class TlsSocket(TcpSocket):
    """TLS over a TCP connection. ``handshake`` must have returned ``True`` before anything is sent or received."""

    __slots__ = ("_ended", "_incoming", "_outgoing", "_write_shut", "tls")

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, *, server: bool, host: str | None = None
    ) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ended = False
        self._write_shut = False
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server, server_hostname=host)

    def handshake(self) -> bool:
        """One step. ``False``: call again when the socket is readable (or, with ``unsent``, writable)."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush()
            try:
                data = self._socket.recv(TLS_READ)
            except BlockingIOError:
                return False
            if not data:
                raise ConnectionResetError(
                    "the peer closed the connection during the TLS handshake"
                ) from None
            self._incoming.write(data)
            return self.handshake()
        except ssl.SSLError:
            with contextlib.suppress(OSError):
                self.flush()  # the alert tells the peer why
            raise
        self.flush()
        return True

    def receive(self, size: int) -> bytes:
        """The plain text of what arrived. ``size`` bounds what is taken from the network."""
        if self._ended:
            return b""
        pieces = self._decrypt()
        if not pieces and not self._ended:
            data = self._socket.recv(size)
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
            pieces = self._decrypt()
        if not pieces and not self._ended:
            raise BlockingIOError
        return b"".join(pieces)

    def _decrypt(self) -> list[bytes]:
        pieces = []
        try:
            while True:
                piece = self.tls.read(TLS_READ)
                if not piece:
                    self._ended = True
                    break
                pieces.append(piece)
        except (ssl.SSLWantReadError, ssl.SSLSyscallError):
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Peers that close without close_notify are common; what they sent until then was authenticated.
            self._ended = True
        return pieces

    def at_end(self) -> bool:
        return self._ended

    def send(self, buffers: Sequence[bytes | memoryview]) -> int:
        self.flush()
        if self._outgoing.pending:
            raise BlockingIOError
        taken = 0
        for buffer in buffers[:MAX_BUFFERS]:
            taken += self.tls.write(buffer)
            if self._outgoing.pending >= 4 * TLS_READ:
                break
        self.flush()
        return taken

    @property
    def unsent(self) -> bool:
        return self._outgoing.pending > 0

    def flush(self) -> None:
        while self._outgoing.pending:
            data = self._outgoing.read()
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            if sent < len(data):
                rest = data[sent:]
                # A memory BIO cannot take bytes back at its front, so it is empty now and gets the rest again.
                self._outgoing.write(rest)
                return
        if self._write_shut:
            super().shutdown_write()

    def shutdown_write(self) -> None:
        with contextlib.suppress(ssl.SSLError, OSError):
            self.tls.unwrap()
        self._write_shut = True
        with contextlib.suppress(OSError):
            self.flush()
