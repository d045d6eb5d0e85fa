"""The two kinds of application connection: plain TCP and TLS over it, with one face.

Both are non-blocking. ``receive`` and ``send`` raise ``BlockingIOError`` when they would wait and ``OSError`` when the
connection is broken; ``receive`` returns ``b""`` at the end of the stream.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence

from skupper_local.amqp.tls_stream import TlsStream

MAX_BUFFERS = 64
SMALLEST_BUFFER = 16_384
LARGEST_PIECE = 262_144
"""Plain text encrypted at once: what a socket does not take of it is kept as ciphertext."""
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

    @property
    def buffered(self) -> bool:
        """Whether more can be received at once, be it the end, although no selector will say so."""
        return False

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
    """TLS over a TCP connection, after its handshake."""

    __slots__ = ("_buffer", "_tls")

    def __init__(self, sock: socket.socket, tls: TlsStream) -> None:
        super().__init__(sock)
        self._tls = tls
        self._buffer = memoryview(bytearray(SMALLEST_BUFFER))

    def receive(self, size: int) -> bytes:
        if len(self._buffer) < size:
            self._buffer = memoryview(bytearray(size))
        return bytes(self._buffer[: self._tls.read_into(self._buffer[:size])])

    @property
    def buffered(self) -> bool:
        return self._tls.buffered or self._tls.ended

    def at_end(self) -> bool:
        return self._tls.ended

    def send(self, buffers: Sequence[bytes | memoryview]) -> int:
        tls = self._tls
        tls.flush()
        if tls.unsent:
            raise BlockingIOError
        taken = 0
        for buffer in buffers:
            tls.encrypt(buffer[:LARGEST_PIECE])
            taken += min(len(buffer), LARGEST_PIECE)
            if tls.full or len(buffer) > LARGEST_PIECE:
                break
        tls.flush()
        return taken

    @property
    def unsent(self) -> bool:
        return self._tls.unsent

    def flush(self) -> None:
        self._tls.flush()

    def shutdown_write(self) -> None:
        self._tls.shutdown_write()

    def close(self, *, reset: bool = False) -> None:
        if not reset:
            self._tls.close()
        super().close(reset=reset)
