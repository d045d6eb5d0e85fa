"""The name of this machine, and whether others may hope to reach it under that name.

A host name is worth handing to another machine only if a resolver gives one of our own addresses for it. ``/etc/hosts`` of many
distributions maps the host name to 127.0.0.1 or 127.0.1.1, which says nothing about other machines.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection

_LOOKUP_SECONDS = 2.0
_HOST = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")


def hostname() -> str:
    """The machine's own name in lower case; empty when it is not a name that a certificate could hold."""
    name = socket.gethostname().lower()
    return name if len(name) <= 253 and _HOST.fullmatch(name) else ""


def resolve(name: str, *, seconds: float = _LOOKUP_SECONDS) -> tuple[str, ...]:
    """The addresses a resolver gives for ``name``; empty when there are none or no answer came within ``seconds``.

    The system's resolver cannot be interrupted, so it works in a thread that is left behind when time is up.
    """
    import threading

    found: list[str] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))

    worker = threading.Thread(target=look_up, daemon=True, name="resolve")
    worker.start()
    worker.join(seconds)
    return () if worker.is_alive() else tuple(found)


def resolves_to_us(name: str, addresses: Collection[str], *, seconds: float = _LOOKUP_SECONDS) -> bool:
    """Whether a resolver gives at least one of our own ``addresses`` for ``name``."""
    return bool(name) and any(answer in addresses for answer in resolve(name, seconds=seconds))
