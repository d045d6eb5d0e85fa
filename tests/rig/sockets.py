"""The two ends of an application connection in the hand of a test: what each side sends, ends, resets, and sees."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator

from tests.rig.ports import HOST, free_port

PATIENCE = 10.0
"""Seconds after which a side that should have seen something is said to hang."""


class Server:
    """A listening socket; the test accepts."""

    def __init__(self, port: int | None = None, backlog: int = 256) -> None:
        self.port = port or free_port()
        self._socket = socket.create_server((HOST, self.port), backlog=backlog)
        self._socket.settimeout(PATIENCE)

    def accept(self) -> socket.socket:
        """The next connection; ``TimeoutError`` when none comes."""
        connection, _ = self._socket.accept()
        connection.settimeout(PATIENCE)
        return connection

    def drop_pending(self) -> None:
        """Close connections that nobody accepted."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
        self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server for the length of a test."""
    listening = Server()
    try:
        yield listening
    finally:
        listening.close()


def connect(port: int) -> socket.socket:
    """A client's connection."""
    connection = socket.create_connection((HOST, port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def reset(connection: socket.socket) -> None:
    """Break the connection: the other side sees a reset, not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_to_end(connection: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def seconds_until_reset(connection: socket.socket) -> float:
    """How long it takes until the connection is reset; ``AssertionError`` when it ends in another way, or not at all."""
    start = time.monotonic()
    connection.settimeout(PATIENCE)
    try:
        while connection.recv(1 << 20):
            pass
    except (ConnectionResetError, BrokenPipeError):
        return time.monotonic() - start
    except TimeoutError:
        raise AssertionError(f"the connection hangs: nothing came for {PATIENCE} s") from None
    raise AssertionError("the connection ended as if all were well")


def connect_and_be_reset(port: int) -> float:
    """How long it takes until a new connection is reset, which may happen before the client knows that it has one."""
    start = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        seconds_until_reset(connect(port))
    return time.monotonic() - start
