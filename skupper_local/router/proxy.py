"""Dialling through a forward proxy: ``CONNECT host:port`` in HTTP/1.1 on the socket that the link then uses.

The proxy is asked once and its answer read byte by byte up to the empty line, so that nothing is taken of what comes after
it. Any 2xx is success. User name and password go as basic authorization (RFC 7617); they never stand in an error's text.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket

from skupper_local.router.configuration import ProxyProfile

MAX_ANSWER = 16_384
MAX_PASSWORD = 4096


class ProxyRefusedError(OSError):
    """The proxy did not open the way. The text says why."""


def request_for(host: str, port: int, profile: ProxyProfile) -> bytes:
    """The request for a way to ``host:port``. Raises ``OSError`` when the file of the password cannot be read."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if profile.username is not None:
        credentials = f"{profile.username}:{_password(profile)}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(credentials).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


def _password(profile: ProxyProfile) -> str:
    given = profile.password or ""
    if given.startswith("file:"):
        descriptor = os.open(given.removeprefix("file:"), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            data = os.read(descriptor, MAX_PASSWORD)
        finally:
            os.close(descriptor)
        return data.decode(errors="replace").split("\n")[0].rstrip("\r")
    return given.removeprefix("pass:")


async def open_way(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, host: str, port: int, profile: ProxyProfile
) -> None:
    """Ask the proxy at the other end of ``sock`` for ``host:port``. Raises ``OSError``; the caller sets the time limit."""
    await loop.sock_sendall(sock, request_for(host, port, profile))
    answer = bytearray()
    while not answer.endswith(b"\r\n\r\n"):
        byte = await loop.sock_recv(sock, 1)
        if not byte:
            raise ProxyRefusedError("the proxy closed the connection without an answer")
        answer += byte
        if len(answer) > MAX_ANSWER:
            raise ProxyRefusedError("the proxy's answer is too long")
    status = answer.split(b"\r\n")[0].decode("ascii", "replace")
    version, _, rest = status.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal():
        raise ProxyRefusedError("the proxy does not answer in HTTP/1.1")
    if not code.startswith("2"):
        raise ProxyRefusedError(f"the proxy refused: {''.join(filter(str.isprintable, rest[:100]))}")
