"""A ``listener`` with ``http``: health and metrics of the router."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from skupper_local.errors import SkupperLocalError
from skupper_local.http.server import HttpServer
from skupper_local.router.configuration import ListenerSettings
from skupper_local.router.health import RouterMetrics, health_routes
from skupper_local.router.sockets import BIND_RETRY, listen_on

if TYPE_CHECKING:
    from skupper_local.router.router import Router


class HttpListener:
    """One of them. ``message`` says why it is down, or is empty."""

    def __init__(self, router: Router, settings: ListenerSettings) -> None:
        self.settings = settings
        self.message = ""
        self._router = router
        self._retry: asyncio.TimerHandle | None = None
        routes = health_routes(
            router if settings.healthz else None, self._metrics if settings.metrics else None
        )
        self._server = HttpServer(routes)

    def start(self) -> None:
        """Bind, or say why not and try again every ``BIND_RETRY`` seconds."""
        self._retry = None
        settings, router = self.settings, self._router
        try:
            self._use_certificates()
            sockets = listen_on(settings.host, settings.port)
        except (OSError, SkupperLocalError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            message = f"cannot listen on {settings.host or '*'}:{settings.port}: {reason}"
            if message != self.message:
                router.log.error(f"listener {settings.name}: {message}")
            self.message = message
            self._retry = router.loop.call_later(BIND_RETRY, self.start)
            return
        self.message = ""
        self._server.start(sockets)

    def refresh_tls(self) -> None:
        """The certificates were read again; when that failed, the server keeps what it has."""
        with contextlib.suppress(SkupperLocalError):
            self._use_certificates()

    def _use_certificates(self) -> None:
        settings = self.settings
        if settings.ssl_profile is not None:
            self._server.use_context(
                self._router.tls.server(
                    settings.ssl_profile, require_client_certificate=settings.authenticate_peer
                )
            )

    async def close(self) -> None:
        """Answer nobody any more."""
        if self._retry is not None:
            self._retry.cancel()
        await self._server.close(0.5)

    def _metrics(self) -> RouterMetrics:
        router = self._router
        nodes = router.routing.nodes()
        endpoints = (*router.tcp_listeners, *router.tcp_connectors)
        streams = sum(endpoint.connections_opened for endpoint in endpoints)
        changes = [node.last_topology_change for node in nodes if node.last_topology_change is not None]
        return RouterMetrics(
            connections=len(router.peers) + sum(endpoint.active for endpoint in endpoints),
            links=sum(peer.connection.links for peer in router.peers.values()),
            addresses=len(router.entities.entities("router.address")),
            routers=sum(node.router_id != router.router_id for node in nodes),
            deliveries_ingress=streams,
            deliveries_egress=streams,
            deliveries_transit=router.forwarder.streams_in_transit,
            last_topology_change=int(max(changes) + time.time() - router.loop.time()) if changes else 0,
        )
