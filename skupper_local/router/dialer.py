"""Connectors: the links this router dials, and dials again when they break."""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import ssl
from typing import TYPE_CHECKING

from skupper_local.amqp.tls_stream import TlsStream
from skupper_local.errors import SkupperLocalError
from skupper_local.router.configuration import ConnectorSettings
from skupper_local.router.handshake import (
    HANDSHAKE_TIMEOUT,
    answer_to_sasl,
    certificate_user,
    prepare,
    start_peer,
    tls_over,
    tls_reason,
)
from skupper_local.router.peer import Peer, PeerFacts
from skupper_local.router.proxy import open_way
from skupper_local.tls import verify_peer_name

if TYPE_CHECKING:
    from skupper_local.amqp.performatives import AmqpError
    from skupper_local.router.router import Router

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
CONNECT_TIMEOUT = 10.0
STABLE_AFTER = 10.0
"""Seconds a connection must have lasted for the next attempt to follow quickly."""

MAX_FAILOVER = 8

SocketAddress = tuple[int, int, int, tuple[str, int]]
"""Family, type, protocol and address of a socket to connect to."""

CONNECTING, SUCCESS, FAILED = "CONNECTING", "SUCCESS", "FAILED"


class Dialer:
    """One ``connector``. ``status`` and ``message`` are what management shows of it."""

    def __init__(self, router: Router, settings: ConnectorSettings) -> None:
        self.settings = settings
        self.status = CONNECTING
        self.message = "not connected yet"
        self.peer: Peer | None = None
        self._router = router
        self._task: asyncio.Task[None] | None = None
        self._trial: asyncio.Task[None] | None = None
        self._context: ssl.SSLContext | None = None
        """With what the open connection was made."""
        self._error: AmqpError | None = None
        self._failover: list[tuple[str, int]] = []
        profiles = router.configuration.proxy_profiles
        self._proxy = None if settings.proxy_profile is None else profiles[settings.proxy_profile]

    def start(self) -> None:
        """Dial until ``close``."""
        self._task = self._router.spawn(self._run())

    def close(self) -> None:
        """Dial no more; the connection goes on."""
        for task in (self._task, self._trial):
            if task is not None:
                task.cancel()

    def credentials_read(self) -> None:
        """The certificate files were read again: judge the open connection by them if they changed.

        Another connection is tried with them, up to the point where the peer accepted our certificate. If it succeeds, as
        after a renewal, the open one stays; if not, it is closed, as it could not be made any more: the link would otherwise
        count as good until it breaks, long after the mistake.
        """
        profile, peer = self.settings.ssl_profile, self.peer
        if profile is None or peer is None or self._router.tls.client(profile) is self._context:
            return
        if self._trial is not None:
            self._trial.cancel()
        self._trial = self._router.spawn(self._judge(peer))

    async def _judge(self, peer: Peer) -> None:
        context = self._router.tls.client(self.settings.ssl_profile or "")
        delay = FIRST_DELAY
        while self.peer is peer:
            verdict = await self._try_credentials()
            if verdict == "":
                self._context = context
                self._router.log.info(f"connector {self.settings.name}: stays, its new credentials are good")
                return
            if verdict is not None and self.peer is peer:
                peer.transport.abort(verdict)
                return
            # The peer cannot be reached at the moment, which says nothing about the credentials.
            delay = min(delay * 2, LONGEST_DELAY)
            await asyncio.sleep(delay)

    async def _try_credentials(self) -> str | None:
        """Why a connection with the credentials as they are now fails; empty when none fails, None when that is not known."""
        reason: str | None = None
        for endpoint, target in await self._endpoints():
            sock: socket.socket | None = None
            try:
                sock, tls = await self._reach(endpoint, target)
                assert tls is not None
                async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                    await answer_to_sasl(self._router.loop, tls)
            except (ssl.SSLError, SkupperLocalError, ConnectionResetError, BrokenPipeError) as error:
                reason = tls_reason(error)
            except (OSError, TimeoutError, ValueError) as error:
                self._router.log.debug(f"connector {self.settings.name}: not judged: {tls_reason(error)}")
            else:
                return ""
            finally:
                if sock is not None:
                    sock.close()
        return reason

    async def _run(self) -> None:
        delay = FIRST_DELAY
        loop = self._router.loop
        while True:
            lasted = 0.0
            for endpoint, target in await self._endpoints():
                started = loop.time()
                if await self._connection(endpoint, target):
                    lasted = loop.time() - started
                    break
            delay = FIRST_DELAY if lasted > STABLE_AFTER else min(delay * 2, LONGEST_DELAY)
            # Jitter: many routers that lost the same neighbour must not come back in step.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311

    async def _endpoints(self) -> list[tuple[SocketAddress, tuple[str, int]]]:
        """Every address to try, in turn: those of the host, then those the peer named for when it is gone. Each with the
        host and port it is to lead to: through a proxy, that resolves the names, the addresses are the proxy's."""
        found: list[tuple[SocketAddress, tuple[str, int]]] = []
        for target in [(self.settings.host, self.settings.port), *self._failover]:
            host, port = (self._proxy.host, self._proxy.port) if self._proxy is not None else target
            try:
                found += [(address, target) for address in await self._router.resolve(host, port)]
            except OSError as error:
                self._fail(tls_reason(error))
        return found

    async def _reach(
        self, endpoint: SocketAddress, target: tuple[str, int]
    ) -> tuple[socket.socket, TlsStream | None]:
        """A connection to the peer, verified. Raises ``OSError``, ``TimeoutError``, ``ValueError``, ``SkupperLocalError``."""
        settings, router = self.settings, self._router
        family, kind, protocol, address = endpoint
        sock = socket.socket(family, kind, protocol)
        try:
            prepare(sock)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await router.loop.sock_connect(sock, address)
                if self._proxy is not None:
                    await open_way(router.loop, sock, *target, self._proxy)
            if settings.ssl_profile is None:
                return sock, None
            context = router.tls.client(settings.ssl_profile)
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                tls = await tls_over(router.loop, sock, context, server=False, host=settings.host)
            if settings.verify_hostname:
                verify_peer_name(tls.peer_certificate or {}, settings.host)
            if router.tls.client(settings.ssl_profile) is not context:
                raise ConnectionAbortedError(errno.ECONNABORTED, "the credentials were replaced meanwhile")
        except BaseException:
            sock.close()
            raise
        return sock, tls

    async def _connection(self, endpoint: SocketAddress, target: tuple[str, int]) -> bool:
        """One attempt, and the life of the connection if it succeeds. Returns whether it ever opened."""
        settings, router = self.settings, self._router
        user = version = cipher = None
        mechanisms = settings.sasl_mechanisms
        try:
            sock, tls = await self._reach(endpoint, target)
        except (OSError, TimeoutError, ValueError, SkupperLocalError) as error:
            self._fail(tls_reason(error))
            return False
        if tls is not None:
            self._context = router.tls.client(settings.ssl_profile or "")
            user = certificate_user(tls)
            version = tls.version
            cipher = tls.cipher
            mechanisms = mechanisms or ("EXTERNAL", "ANONYMOUS")
        closed: asyncio.Future[None] = router.loop.create_future()
        self._error = None

        def on_closed(peer: Peer, error: AmqpError | None) -> None:
            self._error = peer.refusal or error
            if not closed.done():
                closed.set_result(None)

        facts = PeerFacts(
            name=settings.name,
            host=f"{settings.host}:{settings.port}",
            incoming=False,
            role=settings.role,
            tls_version=version,
            tls_cipher=cipher,
            user=user,
            ssl_profile=settings.ssl_profile,
            opened_at=router.loop.time(),
        )
        self.peer = peer = start_peer(
            router,
            sock,
            tls,
            facts,
            mechanisms=mechanisms or ("ANONYMOUS",),
            sasl_required=False,
            cost=settings.cost,
            idle_timeout=float(settings.idle_timeout_seconds),
            frame_size=settings.max_frame_size,
            session_frames=settings.max_session_frames,
            link_capacity=settings.link_capacity,
            hostname=settings.host,
            on_closed=on_closed,
        )
        try:
            await closed
        finally:
            self.peer = None
        opened = peer.remote is not None
        self._fail(str(self._error) if self._error is not None else "the connection was closed")
        return opened

    def opened(self) -> None:
        """The peer answered with ``open``; it may name other places where it can be reached."""
        remote = self.peer.remote if self.peer else None
        self._failover = _failover((remote.properties or {}) if remote else {})
        self.status = SUCCESS
        self.message = f"Connection opened: role={self.settings.role} container={self.peer.container if self.peer else ''}"
        self._router.log.info(
            f"connector {self.settings.name}: connected to {self.settings.host}:{self.settings.port}"
        )

    def _fail(self, message: str) -> None:
        if self.status != FAILED or message != self.message:
            self._router.log.warning(
                f"connector {self.settings.name}: {self.settings.host}:{self.settings.port}: {message}"
            )
        self.status = FAILED
        self.message = message


def _failover(properties: dict[object, object]) -> list[tuple[str, int]]:
    """The addresses of ``failover-server-list``: maps with ``network-host`` and ``port``."""
    servers = properties.get("failover-server-list")
    found: list[tuple[str, int]] = []
    for server in servers[:MAX_FAILOVER] if isinstance(servers, list) else []:
        if isinstance(server, dict):
            host, port = server.get("network-host"), str(server.get("port", ""))
            if isinstance(host, str) and port.isdigit() and 0 < int(port) < 65536:
                found.append((host, int(port)))
    return found
