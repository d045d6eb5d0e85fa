"""A log file of bounded size that never stands in the way of the program whose output it keeps.

At most ``keep`` older files of ``limit`` bytes each, renamed ``.1`` (newest) to ``.keep`` (oldest). A write that fails (disk
full, directory gone, quota) loses those bytes and counts them; the first write that works again says how many were lost.
"""

from __future__ import annotations

import os

LIMIT = 1024 * 1024
KEEP = 4


class RotatedLog:
    """The writing side. No method raises OSError."""

    def __init__(self, path: str, *, limit: int = LIMIT, keep: int = KEEP) -> None:
        self._path = path
        self._limit = limit
        self._keep = keep
        self._descriptor = -1
        self._size = 0
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Append ``data``, or count it as lost."""
        if not data:
            return
        try:
            self._prepare(len(data))
            if self._lost:
                note = f"[{self._lost} bytes of log could not be written]\n".encode()
                self._size += os.write(self._descriptor, note)
                self._lost = 0
            written = os.write(self._descriptor, data)
        except OSError:
            self._lost += len(data)
            return
        self._size += written
        self._lost += len(data) - written

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _prepare(self, length: int) -> None:
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0:
            self.close()  # somebody removed the file
        if self._descriptor < 0:
            self._open()
        if self._size and self._size + length > self._limit:
            self._rotate()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep - 1, 0, -1):
            if os.path.exists(f"{self._path}.{number}"):
                os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
        os.replace(self._path, f"{self._path}.1")
        self._open()
