"""Bytes that can be checked: a stream of which every 64 KiB block names its stream and its own place in it.

A block is a 16-byte stamp (seed and block number) and a slice of a fixed random pool that depends on both. Bytes lost,
repeated, exchanged between streams or delivered out of order therefore never compare equal, and making or checking a block
is one copy, so that the check does not become the bottleneck.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

BLOCK = 65_536
_STAMP = struct.Struct(">QQ")
_POOL_SIZE = 4 * 1024 * 1024
_pool = random.Random(20_250_101).randbytes(_POOL_SIZE + BLOCK)


def block(seed: int, number: int) -> bytes:
    """The block with this number of the stream with this seed."""
    start = (seed * 7_919 + number * 104_729) % _POOL_SIZE
    return _STAMP.pack(seed, number) + _pool[start : start + BLOCK - _STAMP.size]


def blocks(seed: int, length: int) -> Iterator[bytes]:
    """The stream with this seed, ``length`` bytes of it, in blocks."""
    for number in range(length // BLOCK):
        yield block(seed, number)
    if rest := length % BLOCK:
        yield block(seed, length // BLOCK)[:rest]


class Checker:
    """Compares what arrives with what the stream should be; ``good`` stays true while every byte is right."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.count = 0
        self.good = True
        self._expected = b""
        self._position = 0

    def feed(self, data: bytes) -> None:
        """Check the next bytes of the stream."""
        self.count += len(data)
        if not self.good:
            return
        offset = 0
        while offset < len(data):
            if self._position == len(self._expected):
                self._expected = block(self.seed, (self.count - len(data) + offset) // BLOCK)
                self._position = 0
            size = min(len(data) - offset, len(self._expected) - self._position)
            if data[offset : offset + size] != self._expected[self._position : self._position + size]:
                self.good = False
                return
            offset += size
            self._position += size
