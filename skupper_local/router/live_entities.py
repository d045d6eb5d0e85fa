"""What management reads: the router's state as it is now, entity by entity (router-protocol 7).

Every value is taken from the objects that do the work at the moment of the question. Attributes that this router has no truth
for are left out.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from skupper_local import __version__
from skupper_local.amqp.types import Symbol
from skupper_local.entities import LONG_NAME_PREFIX
from skupper_local.router.peer import NetworkPeer, Peer, RouterPeer

if TYPE_CHECKING:
    from skupper_local.router.router import Router
    from skupper_local.router.tcp_endpoints import Counters

UP, DOWN = "up", "down"


def _up(value: bool) -> str:
    return UP if value else DOWN


class LiveEntities:
    """The source the management agent reads from."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._readers: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
            "router": self._routers,
            "routerMetrics": self._metrics,
            "router.node": self._nodes,
            "router.address": self._addresses,
            "router.config.address": self._configured_addresses,
            "connection": self._connections,
            "listener": self._listeners,
            "connector": self._connectors,
            "sslProfile": self._ssl_profiles,
            "tcpListener": self._tcp_listeners,
            "tcpConnector": self._tcp_connectors,
            "listenerAddress": self._listener_addresses,
            "proxyProfile": self._proxy_profiles,
            "site": self._sites,
            "log": self._logs,
        }

    def entities(self, long_type_name: str) -> list[dict[str, Any]]:
        """Every entity of a type; none for a type this router does not have."""
        reader = self._readers.get(long_type_name.removeprefix(LONG_NAME_PREFIX))
        return [] if reader is None else list(reader())

    # ------------------------------------------------------------------ the router and its network

    def _routers(self) -> Iterator[dict[str, Any]]:
        settings = self._router.configuration.router
        yield {
            "id": settings.id,
            "name": settings.id,
            "mode": settings.mode,
            "area": "0",
            "version": __version__,
            "hostName": socket.gethostname(),
            "helloIntervalSeconds": settings.hello_interval,
            "helloMaxAgeSeconds": settings.hello_max_age,
            "workerThreads": 1,
            "metadata": settings.metadata,
            "dataConnectionCount": settings.data_connection_count,
        }

    def _metrics(self) -> Iterator[dict[str, Any]]:
        router = self._router
        connections = router.peers.values()
        yield {
            "id": router.router_id,
            "name": router.router_id,
            "version": __version__,
            "uptimeSeconds": int(time.time() - router.started_at),
            "connectionCount": len(connections),
            "linkCount": sum(peer.connection.links for peer in connections),
            "nodeCount": sum(node.router_id != router.router_id for node in router.routing.nodes()),
            "addrCount": sum(1 for _ in self._addresses()),
        }

    def _nodes(self) -> Iterator[dict[str, Any]]:
        routing = self._router.routing
        offset = time.time() - self._router.loop.time()
        for index, node in enumerate(routing.nodes()):
            changed = node.last_topology_change
            yield {
                "id": node.router_id,
                "name": f"router.node/{node.router_id}",
                "protocolVersion": node.protocol_version,
                "instance": node.instance,
                "nextHop": node.next_hop,
                "cost": node.cost,
                "routerLink": node.link,
                "linkState": list(node.peers),
                "validOrigins": sorted(node.valid_origins),
                "address": f"amqp:/_topo/0/{node.router_id}",
                "index": index,
                "lastTopoChange": None if changed is None else int(changed + offset),
            }

    def _addresses(self) -> Iterator[dict[str, Any]]:
        """Service addresses with a listener or connector here, and those other routers announced."""
        router = self._router
        services = {service.key: service for service in router.services.all()}
        for key in sorted(set(services) | set(router.routing.remote_keys())):
            service = services.get(key)
            remote = router.routing.routers_with(key)
            yield {
                "name": key,
                "key": key,
                "distribution": "multicast" if key.startswith("Mmc/") else "balanced",
                "subscriberCount": len(service.connectors) + len(service.edges) if service else 0,
                "remoteCount": len(remote),
                "containerCount": 0,
                "inProcess": 0,
                "priority": -1,  # none of its own: messages keep theirs
            }

    def _configured_addresses(self) -> Iterator[dict[str, Any]]:
        for address in self._router.configuration.addresses:
            yield {
                "name": address.prefix or address.pattern,
                "prefix": address.prefix,
                "pattern": address.pattern,
                "distribution": address.distribution,
            }

    # ------------------------------------------------------------------ AMQP connections

    def _connections(self) -> Iterator[dict[str, Any]]:
        now = self._router.loop.time()
        for peer in self._router.peers.values():
            if peer.remote is not None:
                yield self._connection(peer, now)

    def _connection(self, peer: Peer, now: float) -> dict[str, Any]:
        facts = peer.facts
        remote = peer.remote
        properties = {
            str(key): value
            for key, value in ((remote.properties or {}) if remote else {}).items()
            if isinstance(value, str | int | bool | Symbol)
        }
        return {
            "name": f"connection/{facts.host}",
            "identity": str(peer.number),
            "container": peer.container,
            "host": facts.host,
            "role": peer.role if isinstance(peer, RouterPeer) else facts.role,
            "dir": "in" if facts.incoming else "out",
            "isEncrypted": facts.tls_version is not None,
            "sasl": peer.connection.sasl_mechanism,
            "isAuthenticated": peer.connection.sasl_mechanism not in (None, "ANONYMOUS"),
            "user": facts.user,
            "ssl": facts.tls_version is not None,
            "sslProto": facts.tls_version,
            "sslCipher": facts.tls_cipher,
            "sslProfile": facts.ssl_profile,
            "opened": True,
            "active": peer.is_open and not self._stands_by(peer),
            "operStatus": _up(peer.is_open),
            "uptimeSeconds": int(now - facts.opened_at),
            "properties": properties,
            "link": facts.name,
        }

    def _stands_by(self, peer: Peer) -> bool:
        """Whether it is a connection of an edge router to the interior that waits for the active one to be lost."""
        uplinks = self._router.uplinks
        return uplinks is not None and isinstance(peer, NetworkPeer) and uplinks.active is not peer

    def _listeners(self) -> Iterator[dict[str, Any]]:
        for acceptor in self._router.acceptors:
            settings = acceptor.settings
            yield {
                "name": settings.name,
                "host": settings.host,
                "port": str(settings.port),
                "role": settings.role,
                "cost": settings.cost,
                "sslProfile": settings.ssl_profile,
                "saslMechanisms": " ".join(settings.sasl_mechanisms) or None,
                "authenticatePeer": settings.authenticate_peer,
                "idleTimeoutSeconds": settings.idle_timeout_seconds,
                "http": False,
                "operStatus": _up(acceptor.is_up),
                "connectionMsg": acceptor.message or None,
            }
        for listener in self._router.http_listeners:
            yield {
                "name": listener.settings.name,
                "host": listener.settings.host,
                "port": str(listener.settings.port),
                "role": listener.settings.role,
                "http": True,
                "healthz": listener.settings.healthz,
                "metrics": listener.settings.metrics,
                "operStatus": _up(not listener.message),
                "connectionMsg": listener.message or None,
            }

    def _connectors(self) -> Iterator[dict[str, Any]]:
        for dialer in self._router.dialers:
            settings = dialer.settings
            yield {
                "name": settings.name,
                "host": settings.host,
                "port": str(settings.port),
                "role": settings.role,
                "cost": settings.cost,
                "sslProfile": settings.ssl_profile,
                "proxyProfile": settings.proxy_profile,
                "verifyHostname": settings.verify_hostname,
                "idleTimeoutSeconds": settings.idle_timeout_seconds,
                "connectionStatus": dialer.status,
                "connectionMsg": dialer.message,
            }

    def _ssl_profiles(self) -> Iterator[dict[str, Any]]:
        for profile in self._router.configuration.ssl_profiles.values():
            yield {
                "name": profile.name,
                "certFile": profile.cert_file,
                "privateKeyFile": profile.private_key_file,
                "caCertFile": profile.ca_cert_file,
                "ordinal": profile.ordinal,
                "oldestValidOrdinal": profile.oldest_valid_ordinal,
            }

    def _proxy_profiles(self) -> Iterator[dict[str, Any]]:
        for profile in self._router.configuration.proxy_profiles.values():
            yield {
                "name": profile.name,
                "host": profile.host,
                "port": str(profile.port),
                "username": profile.username,
            }

    # ------------------------------------------------------------------ TCP

    @staticmethod
    def _counters(endpoint: Counters) -> dict[str, Any]:
        return {
            "connectionsOpened": endpoint.connections_opened,
            "connectionsClosed": endpoint.connections_closed,
            "bytesIn": endpoint.bytes_in,
            "bytesOut": endpoint.bytes_out,
        }

    def _tcp_listeners(self) -> Iterator[dict[str, Any]]:
        for listener in self._router.tcp_listeners:
            settings = listener.settings
            yield {
                "name": settings.name,
                "address": settings.address or None,
                "multiAddressStrategy": settings.strategy,
                "host": settings.host,
                "port": str(settings.port),
                "siteId": settings.site_id,
                "sslProfile": settings.ssl_profile,
                "authenticatePeer": settings.authenticate_peer,
                "observer": settings.observer,
                "operStatus": _up(listener.is_up),
                "connectionMsg": listener.message or None,
                **self._counters(listener),
            }

    def _listener_addresses(self) -> Iterator[dict[str, Any]]:
        for listener in self._router.tcp_listeners:
            for target in listener.targets.all:
                if target.settings is not None:
                    yield {
                        "name": target.settings.name or None,
                        "identity": f"listenerAddress/{target.settings.name or target.settings.address}",
                        "address": target.settings.address,
                        "value": target.value,
                        "listener": listener.settings.name,
                        "connectionsOpened": target.connections_opened,
                    }

    def _tcp_connectors(self) -> Iterator[dict[str, Any]]:
        for connector in self._router.tcp_connectors:
            settings = connector.settings
            yield {
                "name": settings.name,
                "address": settings.address,
                "host": settings.host,
                "port": str(settings.port),
                "siteId": settings.site_id,
                "processId": settings.process_id,
                "sslProfile": settings.ssl_profile,
                "verifyHostname": settings.verify_hostname,
                "operStatus": _up(not connector.message),
                "connectionMsg": connector.message or None,
                **self._counters(connector),
            }

    # ------------------------------------------------------------------ the rest

    def _sites(self) -> Iterator[dict[str, Any]]:
        site = self._router.configuration.site
        if site is not None:
            yield {
                "name": site.name,
                "location": site.location,
                "provider": site.provider,
                "platform": site.platform,
                "namespace": site.namespace,
                "version": site.version,
            }

    def _logs(self) -> Iterator[dict[str, Any]]:
        for log in self._router.configuration.logs:
            yield {"name": f"log/{log.module}", "module": log.module, "enable": log.enable}
