"""Loopback ports for tests: free now, and never handed out twice by one process.

They lie below the kernel's ephemeral range, so that neither an outgoing connection nor one in TIME_WAIT can take a port
between its choice and its use.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 12_000, 32_000
_taken: set[int] = set()


def free_port() -> int:
    """A TCP port on loopback that nothing uses."""
    for _ in range(1000):
        port = random.randrange(_LOWEST, _HIGHEST)
        if port in _taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _taken.add(port)
        return port
    raise RuntimeError("no free loopback port found")
