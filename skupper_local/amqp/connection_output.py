"""The bytes a connection wants on the wire, as a queue of buffers that is never copied."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

FRAME = struct.Struct(">IBBH")
"""Frame header: size, data offset (in 4-byte words), type (0 AMQP, 1 SASL), channel."""

EMPTY_FRAME = FRAME.pack(8, 2, 0, 0)


def _nobody() -> None:
    return None


JOIN_UP_TO = 16_384
"""Small pieces are joined up to this size: a system call or TLS record for thirty bytes costs as much as one for thousands."""


class Output(deque[bytes | bytearray | memoryview]):
    """Buffers in order. ``size`` is their sum in bytes, ``sent_total`` what went before them.

    ``wake`` is called whenever something was added.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self.sent_total = 0
        self.wake: Callable[[], None] = _nobody
        self._tail: bytearray | None = None

    def put(self, data: bytes) -> None:
        """Queue a small piece."""
        tail = self._tail
        if tail is not None and len(tail) < JOIN_UP_TO:
            tail += data
        else:
            self._tail = tail = bytearray(data)
            self.append(tail)
        self.size += len(data)
        self.wake()

    def put_large(self, header: bytes, payload: bytes | memoryview) -> None:
        """Queue a header and a payload that must not be copied."""
        tail = self._tail
        if tail is not None:
            tail += header
            self._tail = None
        else:
            self.append(header)
        self.append(payload)
        self.size += len(header) + len(payload)
        self.wake()

    def seal(self) -> None:
        """Leave the last piece as it is from now on: it is about to be sent."""
        self._tail = None

    def sent(self, count: int) -> None:
        """The first ``count`` bytes are on the wire."""
        self.sent_total += count
        self.size -= count
        while count:
            first = self[0]
            if count >= len(first):
                count -= len(first)
                self.popleft()
            else:
                self[0] = memoryview(first)[count:]
                return

    def take(self) -> bytes:
        """Everything queued, as one piece (tests and blocking clients)."""
        data = b"".join(self)
        self.sent_total += len(data)
        self._tail = None
        self.clear()
        self.size = 0
        return data
