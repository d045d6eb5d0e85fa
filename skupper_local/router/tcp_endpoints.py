"""tcpListener and tcpConnector: where application connections enter and leave the network.

A listener's socket is open only while its address has a consumer somewhere, so a client is refused at once instead of waiting
for nobody (router-protocol 5.3). A connector is announced to the network as long as it is configured.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

from skupper_local.amqp.link import IncomingDelivery
from skupper_local.router.configuration import TcpConnectorSettings, TcpListenerSettings
from skupper_local.router.handshake import HANDSHAKE_TIMEOUT, prepare, tls_over, tls_reason
from skupper_local.router.message_head import TCP_STREAM_FLAGS, MessageHead, tcp_stream_head
from skupper_local.router.multi_key import Target, Targets
from skupper_local.router.services import RemoteChoice
from skupper_local.router.sockets import BIND_RETRY, bind_message, listen_on
from skupper_local.router.tcp_flow import DeliverySource, LocalSink, LocalSource, TcpFlow
from skupper_local.router.tcp_socket import TcpSocket, TlsSocket
from skupper_local.tls import verify_peer_name

if TYPE_CHECKING:
    from skupper_local.router.peer import Peer
    from skupper_local.router.router import Router

ACCEPTS_PER_TURN = 128
ACCEPT_PAUSE = 0.1
"""Seconds without accepting after the process ran out of file descriptors."""
CONNECT_TIMEOUT = 20.0
ANSWER_TIMEOUT = 60.0
"""Seconds after which a client is reset whose connection no connector has answered."""
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Counters:
    """What management shows of an endpoint, and what its flows count."""

    def __init__(self) -> None:
        self.connections_opened = 0
        self.connections_closed = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.flows: set[TcpFlow] = set()

    @property
    def active(self) -> int:
        """Open connections."""
        return self.connections_opened - self.connections_closed

    def flow_ended(self, flow: TcpFlow) -> None:
        """The flow is over."""
        self.flows.discard(flow)

    def abort_all(self) -> None:
        """Reset every connection of this endpoint."""
        for flow in list(self.flows):
            flow.abort()


class TcpListenerEndpoint(Counters):
    """A tcpListener. ``message`` is why its port cannot be bound; down without one, its address has no consumer."""

    def __init__(self, router: Router, settings: TcpListenerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.message = ""
        self._router = router
        self._loop = router.loop
        self._context: ssl.SSLContext | None = None
        self.refresh_tls()
        self.targets = Targets(settings, router.services)
        for target in self.targets.all:
            target.service.listeners.append(self)
        self._sockets: list[socket.socket] = []
        self._retry: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        """Whether the socket is open."""
        return bool(self._sockets)

    def refresh_tls(self) -> None:
        """Use the certificates as they are now for new connections."""
        settings = self.settings
        if settings.ssl_profile is not None:
            self._context = self._router.tls.server(
                settings.ssl_profile, require_client_certificate=settings.authenticate_peer
            )

    def update(self) -> None:
        """Open or close the socket as the address, or one of several, is reachable or not."""
        reachable = self.targets.reachable(self._router.routing) and not self._router.draining
        if reachable and not self._sockets and self._retry is None:
            self._open()
        elif not reachable:
            self.close()
            self.message = ""

    def _open(self) -> None:
        self._retry = None
        settings = self.settings
        try:
            sockets = listen_on(settings.host, settings.port, files=self._router.listening_files)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self.message:
                self._router.log.error(
                    f"tcpListener {settings.name}: {bind_message(settings.host, settings.port, error)}"
                )
            self.message = reason
            self._retry = self._loop.call_later(BIND_RETRY, self._open_again)
            return
        self._sockets = sockets
        self.message = ""
        for sock in sockets:
            self._loop.add_reader(sock.fileno(), self._accept, sock)

    def _open_again(self) -> None:
        self._retry = None
        self.update()

    def close(self) -> None:
        """Close the listening socket; open connections go on."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for sock in self._sockets:
            self._loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets = []

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if listening not in self._sockets:
                return
            try:
                sock, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._router.log.error(
                        f"tcpListener {self.settings.name}: {os.strerror(error.errno or 0)}"
                    )
                    self._loop.remove_reader(listening.fileno())
                    self._loop.call_later(ACCEPT_PAUSE, self._resume_accepting, listening)
                return
            self.connections_opened += 1
            if self._context is None:
                self._begin(TcpSocket(sock))
            else:
                self._router.spawn(self._accept_tls(sock, self._context))

    def reset_unanswered(self, now: float) -> None:
        """Reset clients that wait for what will not come any more (called now and then)."""
        for flow in [item for item in self.flows if item.source is None]:
            if now - flow.opened_at > ANSWER_TIMEOUT:
                flow.abort()

    def _resume_accepting(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    async def _accept_tls(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        prepare(sock)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                tls = await tls_over(self._loop, sock, context, server=True)
        except (OSError, TimeoutError, asyncio.CancelledError):
            self.connections_closed += 1
            sock.close()
            return
        self._begin(TlsSocket(sock, tls))

    def _begin(self, sock: TcpSocket) -> None:
        """A client is there: choose who serves it and open the way."""
        router = self._router
        flow = TcpFlow(self._loop, self, router.dirty_flows, sock)
        self.flows.add(flow)
        tried: list[Target] = []
        while (target := self.targets.choose(router.routing, tried)) is not None:
            choice = target.service.choose(router.routing, None)
            if choice is not None:
                target.connections_opened += 1
                if isinstance(choice, RemoteChoice):
                    self._begin_remote(flow, target, choice)
                else:
                    choice.connect_local(flow)
                return
            # Its consumer was lost a moment ago: the next address, if there are several.
            tried.append(target)
        flow.abort()

    def _begin_remote(self, flow: TcpFlow, target: Target, choice: RemoteChoice) -> None:
        router = self._router
        peer = router.network_peer(choice.link)
        if peer is None:
            flow.abort()
            return
        service = target.service
        reply_to = router.register_reply(flow)
        service.opened(choice.router_id)

        def ended() -> None:
            service.closed(choice.router_id)
            router.forget_reply(reply_to)

        flow.on_ended = ended
        annotations = router.own_annotations(TCP_STREAM_FLAGS)
        flow.sink = peer.open_stream(flow)
        flow.sink.write(
            tcp_stream_head(annotations, service.address, reply_to, router.next_flow_id()), last=False
        )


class TcpConnectorEndpoint(Counters):
    """A tcpConnector."""

    def __init__(self, router: Router, settings: TcpConnectorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.message = ""
        self._router = router
        self._loop = router.loop
        self._context: ssl.SSLContext | None = None
        self.refresh_tls()

    def refresh_tls(self) -> None:
        """Use the certificates as they are now for new connections."""
        if self.settings.ssl_profile is not None:
            self._context = self._router.tls.client(self.settings.ssl_profile)

    def connect_stream(
        self, peer: Peer, delivery: IncomingDelivery, head: MessageHead, rest: bytes, more: bool
    ) -> None:
        """A stream from another router is for this connector: connect, then answer with a stream of our own."""
        flow = TcpFlow(self._loop, self, self._router.dirty_flows, None)
        flow.source = DeliverySource(delivery, flow)
        self._opened(flow)
        if rest or not more:
            flow.feed(rest, last=not more)
        self._router.spawn(self._connect(flow, peer, head.reply_to))

    def connect_local(self, listener_flow: TcpFlow) -> None:
        """A connection from a listener of this router: connect, then join the two flows."""
        flow = TcpFlow(self._loop, self, self._router.dirty_flows, None)
        flow.source = LocalSource(listener_flow)
        flow.sink = LocalSink(listener_flow)
        listener_flow.sink = LocalSink(flow)
        self._opened(flow)
        self._router.spawn(self._connect(flow, None, None, listener_flow))

    def _opened(self, flow: TcpFlow) -> None:
        self.connections_opened += 1
        self.flows.add(flow)

    async def _connect(
        self, flow: TcpFlow, peer: Peer | None, reply_to: str | None, listener_flow: TcpFlow | None = None
    ) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                sock = await self._dial()
        except (OSError, TimeoutError, ValueError) as error:
            self._failed(error)
            flow.abort()
            if listener_flow is not None:
                listener_flow.abort()
            return
        self.message = ""
        if flow.ended:
            sock.close(reset=True)
            return
        flow.sock = sock
        if listener_flow is not None:
            listener_flow.source = LocalSource(flow)
            flow.begin_reading()
            listener_flow.begin_reading()
        elif not self._answer(flow, peer, reply_to):
            flow.abort()
            return
        flow.write_pending()

    def _failed(self, error: Exception) -> None:
        settings = self.settings
        message = f"cannot connect to {settings.host}:{settings.port}: {tls_reason(error)}"
        if message != self.message:
            self._router.log.warning(f"tcpConnector {settings.name}: {message}")
        self.message = message

    def _answer(self, flow: TcpFlow, peer: Peer | None, reply_to: str | None) -> bool:
        """Open the stream back to the listener."""
        router = self._router
        back = router.forwarder.peer_towards(reply_to) if reply_to else None
        if back is None or reply_to is None:
            return False
        annotations = router.own_annotations(TCP_STREAM_FLAGS)
        sink = flow.sink = back.open_stream(flow)
        sink.write(tcp_stream_head(annotations, reply_to), last=False)
        if sink.writable:
            flow.begin_reading()
        return True

    async def _dial(self) -> TcpSocket:
        settings = self.settings
        last: OSError = OSError("the name has no address")
        for family, kind, protocol, address in await self._router.resolve(settings.host, settings.port):
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                await self._loop.sock_connect(sock, address)
                if self._context is None:
                    return TcpSocket(sock)
                tls = await tls_over(self._loop, sock, self._context, server=False, host=settings.host)
                if settings.verify_hostname:
                    verify_peer_name(tls.peer_certificate or {}, settings.host)
                return TlsSocket(sock, tls)
            except OSError as error:
                sock.close()
                last = error
            except BaseException:
                sock.close()
                raise
        raise last
