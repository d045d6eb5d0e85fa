"""Sending and receiving checked streams over a socket, at full speed or at a given rate."""

from __future__ import annotations

import socket
import time

from tests.rig.pattern import BLOCK, Checker, blocks
from tests.rig.request import Report

_READ_SIZE = 1024 * 1024
_ANY_BYTES = bytes(_READ_SIZE)


def send_stream(
    connection: socket.socket, seed: int, length: int, *, check: bool = True, milliseconds: int = 0
) -> int:
    """Send ``length`` bytes of the stream, or unchecked bytes for ``milliseconds``; returns how many."""
    if milliseconds:
        end = time.monotonic() + milliseconds / 1000
        count = 0
        while time.monotonic() < end:
            connection.sendall(_ANY_BYTES)
            count += _READ_SIZE
        return count
    if check:
        for part in blocks(seed, length):
            connection.sendall(part)
    else:
        for start in range(0, length, _READ_SIZE):
            connection.sendall(_ANY_BYTES[: length - start])
    return length


def receive_stream(
    connection: socket.socket, seed: int, *, rate: int = 0, check: bool = True, length: int | None = None
) -> Report:
    """Read to the end of the stream (or ``length`` bytes), at most ``rate`` bytes per second if that is given."""
    checker = Checker(seed)
    buffer = bytearray(BLOCK if rate else _READ_SIZE)
    count = 0
    start = time.monotonic()
    while length is None or count < length:
        wanted = len(buffer) if length is None else min(len(buffer), length - count)
        size = connection.recv_into(buffer, wanted)
        if not size:
            break
        count += size
        if check:
            checker.feed(bytes(buffer[:size]))
        if rate and (ahead := count / rate - (time.monotonic() - start)) > 0:
            time.sleep(ahead)
    return Report(count, checker.good)
