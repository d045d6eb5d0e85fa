"""Whether servers take connections, seen from this machine.

On the loopback the kernel's table of listening sockets tells who does, and the server notices nothing. Elsewhere, and where
nobody is in that table (the packet filter may lead on from there), only a connection tells: it is closed again at once, and
nothing is sent. What is not known within the time limit is left out.
"""

from __future__ import annotations

import ipaddress
import queue
import threading
import time
from collections.abc import Collection

from skupper_local.host.machine import can_connect
from skupper_local.host.ports import listening_addresses

_WORKERS = 16

Place = tuple[str, int]
"""Host and port."""


def refusals(places: Collection[Place], seconds: float = 1.0) -> dict[Place, str]:
    """Why each of these places takes no connection; empty for those that do.

    ``seconds`` is the limit for one connection. All together take at most twice that long; places for which the time does not
    suffice are missing.
    """
    found: dict[Place, str] = {}
    elsewhere: queue.SimpleQueue[Place] = queue.SimpleQueue()
    local = {place for place in places if _loopback(place[0])}
    listening = listening_addresses({port for _, port in local})
    for place in dict.fromkeys(places):
        if place in local and _listens(place[0], listening.get(place[1], ())):
            found[place] = ""
        else:
            elsewhere.put(place)
    answers: queue.SimpleQueue[tuple[Place, str]] = queue.SimpleQueue()

    def work() -> None:
        while True:
            try:
                host, port = elsewhere.get_nowait()
            except queue.Empty:
                return
            answers.put(((host, port), can_connect(host, port, seconds)))

    waiting = elsewhere.qsize()
    deadline = time.monotonic() + 2 * seconds
    # Daemons: looking up a name has no time limit, and nobody may wait for it.
    for _ in range(min(_WORKERS, waiting)):
        threading.Thread(target=work, daemon=True).start()
    for _ in range(waiting):
        try:
            place, reason = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[place] = reason
    return found


def _loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listens(host: str, addresses: Collection[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> bool:
    """Whether one of the addresses that sockets listen at is meant by a host on the loopback."""
    if host.lower() == "localhost":
        return any(address.is_loopback or address.is_unspecified for address in addresses)
    wanted = ipaddress.ip_address(host)
    return any(
        address == wanted
        # A socket at :: takes connections to IPv4 addresses as well, unless it was told not to.
        or (address.is_unspecified and address.version in (6, wanted.version))
        for address in addresses
    )
