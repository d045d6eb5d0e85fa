"""Listening sockets, the same way for AMQP, HTTP and TCP listeners."""

from __future__ import annotations

import errno
import socket

BIND_RETRY = 2.0
"""Seconds between attempts to bind a port that somebody else has."""

BACKLOG = 1024


def listen_on(host: str, port: int, *, files: int = 0) -> list[socket.socket]:
    """Non-blocking listening sockets on every address of ``host`` (all interfaces when it is empty). Raises ``OSError``.

    ``files`` is how many files may be open afterwards (0: as many as the system allows): the kernel gives the lowest number
    that is free, so a higher one tells that more are.
    """
    sockets: list[socket.socket] = []
    seen = set()
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            if (family, address) in seen:
                continue
            seen.add((family, address))
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:
                if not host and error.errno not in (errno.EMFILE, errno.ENFILE):
                    continue  # a machine without IPv6
                raise
            sockets.append(sock)
            if files and sock.fileno() >= files:
                raise OSError(errno.EMFILE, "too many open files; raise the limit (ulimit -Hn)")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setblocking(False)
            sock.bind(address)
            sock.listen(BACKLOG)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    except UnicodeError:
        raise OSError(errno.EINVAL, "not a host name") from None
    return sockets


def bind_message(host: str, port: int, error: OSError) -> str:
    """Why a port cannot be listened on."""
    return f"cannot listen on {host or '*'}:{port}: {error.strerror or error}"
