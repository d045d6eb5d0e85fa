"""Listeners: where other routers and management clients connect to us."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

from skupper_local.amqp.tls_stream import TlsStream
from skupper_local.errors import SkupperLocalError
from skupper_local.router.configuration import ListenerSettings
from skupper_local.router.handshake import (
    HANDSHAKE_TIMEOUT,
    certificate_user,
    prepare,
    start_peer,
    tls_over,
    tls_reason,
)
from skupper_local.router.peer import Peer, PeerFacts
from skupper_local.router.sockets import BIND_RETRY, bind_message, listen_on

if TYPE_CHECKING:
    from skupper_local.amqp.performatives import AmqpError
    from skupper_local.router.router import Router

MAX_HANDSHAKES = 256
"""Connections that may be in their TLS handshake at once; with one more the oldest is given up: it had the most time, and
who only opens connections must not keep others out."""
MAX_CONNECTIONS = 1024
ACCEPTS_PER_TURN = 64
ACCEPT_PAUSE = 0.1


class Acceptor:
    """One ``listener``. ``message`` says why it is down, or is empty."""

    def __init__(self, router: Router, settings: ListenerSettings) -> None:
        self.settings = settings
        self.message = ""
        self.peers: set[Peer] = set()
        self._router = router
        self._sockets: list[socket.socket] = []
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._retry: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        """Whether the socket is open."""
        return bool(self._sockets)

    def start(self) -> None:
        """Bind, or say why not and try again every ``BIND_RETRY`` seconds."""
        self._retry = None
        settings, router = self.settings, self._router
        try:
            self._sockets = listen_on(settings.host, settings.port)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self.message:
                router.log.error(
                    f"listener {settings.name}: {bind_message(settings.host, settings.port, error)}"
                )
            self.message = reason
            self._retry = router.loop.call_later(BIND_RETRY, self.start)
            return
        self.message = ""
        try:
            self._tls_context()
        except SkupperLocalError as error:
            self._unusable(error)
        for sock in self._sockets:
            router.loop.add_reader(sock.fileno(), self._accept, sock)

    def _tls_context(self) -> ssl.SSLContext | None:
        """The context for the next connection. Raises ``SkupperLocalError`` when a file of the profile cannot be used."""
        settings = self.settings
        if settings.ssl_profile is None:
            return None
        context = self._router.tls.server(
            settings.ssl_profile,
            require_client_certificate=settings.authenticate_peer or "EXTERNAL" in settings.sasl_mechanisms,
        )
        self.message = ""
        return context

    def _unusable(self, error: SkupperLocalError) -> None:
        """The socket is open, but nobody can connect before the files are repaired."""
        if str(error) != self.message:
            self._router.log.error(f"listener {self.settings.name}: {error}")
        self.message = str(error)

    def close(self) -> None:
        """Accept no more; open connections go on."""
        if self._retry is not None:
            self._retry.cancel()
        for sock in self._sockets:
            self._router.loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets = []

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                loop = self._router.loop
                self._router.log.error(f"listener {self.settings.name}: {error.strerror}")
                loop.remove_reader(listening.fileno())
                loop.call_later(ACCEPT_PAUSE, self._resume, listening)
                return
            if len(self.peers) >= MAX_CONNECTIONS:
                sock.close()
                continue
            if len(self._handshakes) >= MAX_HANDSHAKES:
                oldest = next(iter(self._handshakes))
                del self._handshakes[oldest]
                oldest.cancel()
            prepare(sock)
            task = self._router.spawn(self._set_up(sock, f"{address[0]}:{address[1]}"))
            self._handshakes[task] = None
            task.add_done_callback(self._set_up_done)

    def _set_up_done(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._router.loop.add_reader(listening.fileno(), self._accept, listening)

    async def _set_up(self, sock: socket.socket, address: str) -> None:
        try:
            await self._handshake(sock, address)
        except SkupperLocalError as error:
            sock.close()
            self._unusable(error)
        except (OSError, TimeoutError) as error:
            sock.close()
            self._router.log.info(
                f"listener {self.settings.name}: connection from {address}: {tls_reason(error)}"
            )
        except asyncio.CancelledError:
            sock.close()

    async def _handshake(self, sock: socket.socket, address: str) -> None:
        settings, router = self.settings, self._router
        tls: TlsStream | None = None
        user = version = cipher = None
        mechanisms = settings.sasl_mechanisms or ("ANONYMOUS",)
        context = self._tls_context()
        if context is not None:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                tls = await tls_over(router.loop, sock, context, server=True)
            user = certificate_user(tls)
            version = tls.version
            cipher = tls.cipher
        elif settings.require_ssl:
            raise OSError("this listener requires TLS and has no sslProfile")
        if user is None:
            mechanisms = tuple(name for name in mechanisms if name != "EXTERNAL")
        if settings.authenticate_peer:
            mechanisms = tuple(name for name in mechanisms if name != "ANONYMOUS")
        facts = PeerFacts(
            name=settings.name,
            host=address,
            incoming=True,
            role=settings.role,
            tls_version=version,
            tls_cipher=cipher,
            user=user,
            ssl_profile=settings.ssl_profile,
            opened_at=router.loop.time(),
        )
        peer = start_peer(
            router,
            sock,
            tls,
            facts,
            mechanisms=mechanisms,
            sasl_required=settings.authenticate_peer,
            cost=settings.cost,
            idle_timeout=float(settings.idle_timeout_seconds),
            frame_size=settings.max_frame_size,
            session_frames=settings.max_session_frames,
            link_capacity=settings.link_capacity,
            hostname=None,
            on_closed=self._peer_closed,
        )
        self.peers.add(peer)

    def _peer_closed(self, peer: Peer, error: AmqpError | None) -> None:
        self.peers.discard(peer)
