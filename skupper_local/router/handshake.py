"""From a TCP connection to an AMQP connection that runs: TLS, the settings of each role, the time limits."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skupper_local import __version__
from skupper_local.amqp.connection import Connection, ConnectionSettings
from skupper_local.amqp.performatives import SASL_HEADER
from skupper_local.amqp.tls_stream import READ_SIZE, TlsStream
from skupper_local.amqp.transport import AmqpTransport
from skupper_local.amqp.types import Symbol
from skupper_local.router.attached_edge import AttachedEdge
from skupper_local.router.client_peer import ClientPeer
from skupper_local.router.interior_uplink import InteriorUplink
from skupper_local.router.peer import LINK_CREDIT, ROLE_EDGE, ROLE_NORMAL, Peer, PeerFacts, RouterPeer

if TYPE_CHECKING:
    from skupper_local.router.router import Router

HANDSHAKE_TIMEOUT = 10.0
"""Seconds from the TCP connection to the peer's ``open``."""

FRAME_SIZE = 65_536
"""Larger than the reference's 16 KiB: between two routers of ours a frame costs the same whatever its size."""

ROUTER_WINDOW = 8192
CLIENT_WINDOW = 512
PRODUCT = "skupper-local-router"


def prepare(sock: socket.socket) -> None:
    """Options of every AMQP socket."""
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def tls_over(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    context: ssl.SSLContext,
    *,
    server: bool,
    host: str | None = None,
) -> TlsStream:
    """Do the TLS handshake on a connected socket. Raises ``OSError`` (``ssl.SSLError`` included)."""
    tls = TlsStream(sock, context, server=server, host=host)
    while not tls.handshake():
        await _ready(loop, tls)
    return tls


async def answer_to_sasl(loop: asyncio.AbstractEventLoop, tls: TlsStream) -> None:
    """Begin SASL and wait for the peer to go on with it. The caller sets the time limit and closes the socket.

    With TLS 1.3 a client knows only from what comes after the handshake whether its certificate was accepted. Raises
    ``OSError`` (``ssl.SSLError`` included).
    """
    tls.encrypt(SASL_HEADER)
    tls.flush()
    answer = memoryview(bytearray(READ_SIZE))
    while True:
        try:
            if not tls.read_into(answer):
                raise ConnectionResetError(
                    errno.ECONNRESET, "the peer closed the connection after the TLS handshake"
                )
        except BlockingIOError:
            await _ready(loop, tls)
            tls.flush()
        else:
            return


async def _ready(loop: asyncio.AbstractEventLoop, tls: TlsStream) -> None:
    """Wait until the socket is readable, or writable if something waits to be sent."""
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(tls.fd, wake)
    if tls.unsent:
        loop.add_writer(tls.fd, wake)
    try:
        await ready
    finally:
        loop.remove_reader(tls.fd)
        loop.remove_writer(tls.fd)


def certificate_user(tls: TlsStream) -> str | None:
    """The subject of the verified certificate of the other side, as text; ``None`` without one."""
    certificate = tls.peer_certificate
    if not certificate:
        return None
    parts = [f"{key}={value}" for names in certificate.get("subject", ()) for key, value in names]
    return ",".join(reversed(parts)) or "(no subject)"


def tls_reason(error: BaseException) -> str:
    """Why a connection could not be set up, in words for a log or a status."""
    if isinstance(error, TimeoutError) and not error.args:
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verification failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):
        return f"name resolution failed: {error.strerror}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()  # asyncio puts words of its own in the place of the system's
    return str(error)


def start_peer(
    router: Router,
    sock: socket.socket,
    tls: TlsStream | None,
    facts: PeerFacts,
    *,
    mechanisms: tuple[str, ...],
    sasl_required: bool,
    cost: int,
    idle_timeout: float,
    frame_size: int | None,
    session_frames: int | None,
    link_capacity: int | None,
    hostname: str | None,
    on_closed: Callable[[Peer, Any], None] | None = None,
) -> Peer:
    """Run AMQP on a connected socket. The peer is given up if its ``open`` does not come in time."""
    number = router.next_number()
    client = facts.role == ROLE_NORMAL
    connection = Connection(
        ConnectionSettings(
            container_id=router.router_id,
            server=facts.incoming,
            hostname=hostname,
            max_frame_size=frame_size or FRAME_SIZE,
            idle_timeout=idle_timeout,
            offered_capabilities=("ANONYMOUS-RELAY", "qd.streaming-links"),
            properties=open_properties(number, facts.role, cost),
            sasl_mechanisms=mechanisms,
            sasl_required=sasl_required,
            incoming_window=session_frames or (CLIENT_WINDOW if client else ROUTER_WINDOW),
            max_sessions=16 if client else 512,
            max_links=64 if client else 65_536,
            max_unsettled=1024 if client else 65_536,
        )
    )
    peer = _kind_of_peer(facts)(router, connection, facts, number)
    peer.link_credit = link_capacity or LINK_CREDIT
    peer.on_closed = on_closed
    peer.transport = AmqpTransport(router.loop, sock, connection, peer.handle, tls)
    router.peer_started(peer)
    peer.transport.start()

    def give_up() -> None:
        if peer.remote is None:
            peer.transport.abort("no AMQP open came in time")

    peer.open_timer = router.loop.call_later(HANDSHAKE_TIMEOUT, give_up)
    return peer


def _kind_of_peer(facts: PeerFacts) -> type[Peer]:
    if facts.role == ROLE_NORMAL:
        return ClientPeer
    if facts.role == ROLE_EDGE:
        return AttachedEdge if facts.incoming else InteriorUplink
    return RouterPeer


def open_properties(number: int, role: str, cost: int) -> dict[Any, Any]:
    """The properties of our ``open`` (router-protocol 1)."""
    properties: dict[Any, Any] = {
        Symbol("product"): PRODUCT,
        Symbol("version"): __version__,
        Symbol("qd.conn-id"): number,
    }
    if cost > 1:
        properties[Symbol("qd.inter-router-cost")] = cost
    if role != ROLE_NORMAL:
        properties[Symbol("qd.annotations-version")] = 2
    return properties
