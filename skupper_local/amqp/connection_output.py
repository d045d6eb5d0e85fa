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


class Output(deque[bytes | memoryview]):
    """Buffers in order; ``size`` is their sum in bytes. ``wake`` is called whenever something was added."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self.wake: Callable[[], None] = _nobody

    def put(self, data: bytes) -> None:
        """Queue ``data``."""
        self.append(data)
        self.size += len(data)
        self.wake()

    def sent(self, count: int) -> None:
        """The first ``count`` bytes are on the wire."""
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
        self.clear()
        self.size = 0
        return data
