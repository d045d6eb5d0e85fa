"""What a client asks of the test service: one fixed-size request at the start of each connection.

==========  ====================================================================================================
``UPLOAD``  the service reads until end of stream and answers with a ``Report``
``DOWNLOAD`` the service sends ``length`` bytes, or sends for ``milliseconds``, and ends the stream
``DUPLEX``  both at once; the ``Report`` about the upload follows the download
``DEAF``    the service ends its own stream first and then reads; a later ``ASK`` with the same seed gets the ``Report``
``ASK``     the report of a finished ``DEAF``
==========  ====================================================================================================
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class Kind(IntEnum):
    """What the connection is for."""

    UPLOAD = 1
    DOWNLOAD = 2
    DUPLEX = 3
    DEAF = 4
    ASK = 5


@dataclass(frozen=True)
class Request:
    """One transfer. ``length`` in bytes, ``rate`` the service's reading speed in bytes per second (0: as fast as it can)."""

    kind: Kind
    seed: int = 0
    length: int = 0
    rate: int = 0
    milliseconds: int = 0
    check: bool = True

    _format: ClassVar[struct.Struct] = struct.Struct(">4sB?QQQI")
    SIZE: ClassVar[int] = _format.size

    def encode(self) -> bytes:
        """The request as bytes."""
        return self._format.pack(
            b"RIG1", self.kind, self.check, self.seed, self.length, self.rate, self.milliseconds
        )

    @classmethod
    def decode(cls, data: bytes) -> Request:
        """The request in these bytes; ``ValueError`` if they are none."""
        magic, kind, check, seed, length, rate, milliseconds = cls._format.unpack(data)
        if magic != b"RIG1":
            raise ValueError("not a request of the test rig")
        return cls(Kind(kind), seed, length, rate, milliseconds, check)


@dataclass(frozen=True)
class Report:
    """What the service received: number of bytes, and whether each was right."""

    count: int
    good: bool

    _format: ClassVar[struct.Struct] = struct.Struct(">Q?")
    SIZE: ClassVar[int] = _format.size

    def encode(self) -> bytes:
        """The report as bytes."""
        return self._format.pack(self.count, self.good)

    @classmethod
    def decode(cls, data: bytes) -> Report:
        """The report in these bytes."""
        return cls(*cls._format.unpack(data))


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """``size`` bytes from the connection; ``ConnectionError`` if it ends before."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError(f"the connection ended after {len(data)} of {size} bytes")
        data += part
    return data
