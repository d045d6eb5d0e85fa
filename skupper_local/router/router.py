"""The embedded router: everything it is made of, wired together.

One asyncio loop, one thread. Sockets belong to the acceptors, dialers and TCP endpoints; their bytes become events of peers;
the forwarder decides where deliveries go; the routing engine (pure) knows the network and is told the time here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import logging
import resource
import secrets
import socket
import string
import time
from collections.abc import Coroutine, Iterable
from typing import Any

from skupper_local.router.acceptor import Acceptor
from skupper_local.router.addresses import AddressKind, parse_address
from skupper_local.router.attached_edge import AttachedEdge
from skupper_local.router.client_peer import ClientPeer
from skupper_local.router.configuration import RouterConfiguration
from skupper_local.router.dialer import Dialer
from skupper_local.router.forwarding import MULTICAST_PREFIX, Forwarder
from skupper_local.router.http_listener import HttpListener
from skupper_local.router.interior_uplink import InteriorUplink, Uplinks
from skupper_local.router.live_entities import LiveEntities
from skupper_local.router.management_agent import ManagementAgent
from skupper_local.router.message_head import Annotations, MessageHead, encode_message
from skupper_local.router.peer import (
    MAX_QUEUED_BYTES,
    ROLE_INTER_ROUTER,
    MessageLink,
    NetworkPeer,
    Peer,
    RouterPeer,
)
from skupper_local.router.routing import (
    EdgeRouting,
    NeighbourLost,
    NeighbourUp,
    RemoteAddressesChanged,
    RouterRestarted,
    RoutesChanged,
    RoutingEngine,
    RoutingTimers,
    SendControl,
    Warning,  # noqa: A004
)
from skupper_local.router.routing.control_messages import encode_control
from skupper_local.router.services import Service, Services
from skupper_local.router.tcp_endpoints import TcpConnectorEndpoint, TcpListenerEndpoint
from skupper_local.router.tcp_flow import TcpFlow
from skupper_local.router.tls_profiles import TlsProfiles

TREATMENT_MULTICAST, TREATMENT_CLOSEST, TREATMENT_BALANCED = 1, 2, 3
MESH_ID_LENGTH = 15
DRAIN_SECONDS = 3.0
"""How long open connections may go on after SIGTERM before they are reset."""
CLOSE_SECONDS = 1.0
"""How long orderly AMQP closes may take after that."""
RESERVED_FILES = 128
"""Files that listening sockets leave to everything else."""
RESOLVED_FOR = 5.0
HOUSEKEEPING_SECONDS = 10.0
REPLY_ALPHABET = string.ascii_letters + string.digits

Endpoint = tuple[int, int, int, Any]


class Router:
    """One router, interior or edge. ``uplinks`` are those of an edge, None in an interior router."""

    def __init__(self, configuration: RouterConfiguration, log: logging.Logger) -> None:
        self.configuration = configuration
        self.log = log
        self.loop = asyncio.get_running_loop()
        self.started_at = time.time()
        self.router_id = configuration.router.id
        self.trace_id = f"0/{self.router_id}"
        self.ready = False
        self.draining = False
        edge = configuration.router.mode == "edge"
        self.uplinks = Uplinks(self) if edge else None
        self.routing: RoutingEngine | EdgeRouting = self._edge_routing() if edge else self._interior_routing()
        self.mesh = "".join(secrets.choice(REPLY_ALPHABET) for _ in range(MESH_ID_LENGTH)) if edge else None
        """What this edge calls the mesh that it is alone in: so the interior leads nothing back to it."""
        self._edges: dict[str, list[AttachedEdge]] = {}
        self.tls = TlsProfiles(configuration.ssl_profiles)
        self.services = Services()
        self.forwarder = Forwarder(self)
        self.dirty_flows: set[TcpFlow] = set()
        self.replies: dict[str, TcpFlow] = {}
        self.client_replies: dict[str, MessageLink] = {}
        self.peers: dict[int, Peer] = {}
        self.listening_files = most_listening_files()
        self.entities = LiveEntities(self)
        self.agent = ManagementAgent(self.entities)
        self.acceptors = [Acceptor(self, item) for item in configuration.listeners if not item.http]
        self.dialers = [Dialer(self, item) for item in configuration.connectors]
        self.tcp_connectors: list[TcpConnectorEndpoint] = []
        self.tcp_listeners: list[TcpListenerEndpoint] = []
        self.http_listeners = [HttpListener(self, item) for item in configuration.listeners if item.http]
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._flow_numbers = itertools.count(1)
        self._flow_prefix = "".join(secrets.choice(REPLY_ALPHABET) for _ in range(5))
        self._routing_timer: asyncio.TimerHandle | None = None
        self._resolved: dict[tuple[str, int], tuple[float, list[Endpoint]]] = {}
        self._make_endpoints()

    def _interior_routing(self) -> RoutingEngine:
        settings = self.configuration.router
        return RoutingEngine(
            self.router_id,
            int(self.started_at),
            RoutingTimers(
                hello_interval=settings.hello_interval,
                hello_max_age=settings.hello_max_age,
                ra_interval=settings.ra_interval,
                ra_interval_flux=settings.ra_interval_flux,
                remote_link_state_max_age=settings.remote_ls_max_age,
                unreachable_hold_off=settings.unreachable_holdoff,
            ),
        )

    def _edge_routing(self) -> EdgeRouting:
        routing = EdgeRouting(self.router_id, int(self.started_at))
        for listener in self.configuration.tcp_listeners:
            addresses = [item.address for item in listener.addresses] or [listener.address]
            for address in addresses:
                if address:
                    routing.watch("M" + address)
        return routing

    def _make_endpoints(self) -> None:
        for connector in self.configuration.tcp_connectors:
            endpoint = TcpConnectorEndpoint(self, connector)
            self.tcp_connectors.append(endpoint)
            self.services.get(connector.address).connectors.append(endpoint)
        for listener in self.configuration.tcp_listeners:
            self.tcp_listeners.append(TcpListenerEndpoint(self, listener))

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Open listeners and links."""
        now = self.loop.time()
        for address in sorted({item.settings.address for item in self.tcp_connectors}):
            self.routing.add_local_address("M" + address, TREATMENT_BALANCED, now)
        for acceptor in self.acceptors:
            acceptor.start()
        for listener in self.tcp_listeners:
            listener.update()
        for dialer in self.dialers:
            dialer.start()
        for http_listener in self.http_listeners:
            http_listener.start()
        self.routing.tick(now)
        self.routing_changed()
        self.loop.call_later(HOUSEKEEPING_SECONDS, self._housekeeping)
        self.ready = True

    async def stop(self) -> None:
        """Drain and close; takes at most ``DRAIN_SECONDS + CLOSE_SECONDS``.

        New connections are refused and our services withdrawn at once; open connections may end by themselves for
        ``DRAIN_SECONDS``, then they are reset; links are closed in order.
        """
        self.draining = True
        for listener in self.tcp_listeners:
            listener.close()
        for acceptor in self.acceptors:
            acceptor.close()
        now = self.loop.time()
        for address in {item.settings.address for item in self.tcp_connectors}:
            self.routing.remove_local_address("M" + address, now)
        self.routing_changed()
        deadline = now + DRAIN_SECONDS
        while self.loop.time() < deadline and any(item.flows for item in self._endpoints()):
            await asyncio.sleep(0.02)
        for endpoint in self._endpoints():
            endpoint.abort_all()
        for dialer in self.dialers:
            dialer.close()
        await asyncio.sleep(0)
        for peer in list(self.peers.values()):
            peer.connection.close()
            peer.transport.dispatch()
        deadline = self.loop.time() + CLOSE_SECONDS
        while self.peers and self.loop.time() < deadline:
            await asyncio.sleep(0.005)
        for http_listener in self.http_listeners:
            await http_listener.close()
        for task in list(self._tasks):
            task.cancel()

    def reload_certificates(self) -> None:
        """Read every certificate file again; connections made from now on use them, links that stand are judged by them."""
        problems = self.tls.reload()
        for problem in problems:
            self.log.error(f"certificates kept as they were: {problem}")
        for connector in self.tcp_connectors:
            connector.refresh_tls()
        for listener in self.tcp_listeners:
            listener.refresh_tls()
        for http_listener in self.http_listeners:
            http_listener.refresh_tls()
        for dialer in self.dialers:
            dialer.credentials_read()
        self.log.info("certificates read again")

    def _endpoints(self) -> list[TcpListenerEndpoint | TcpConnectorEndpoint]:
        return [*self.tcp_listeners, *self.tcp_connectors]

    def _housekeeping(self) -> None:
        for peer in self.peers.values():
            if isinstance(peer, NetworkPeer) and peer.is_open:
                peer.stream_links.trim()
        now = self.loop.time()
        for listener in self.tcp_listeners:
            listener.reset_unanswered(now)
        self._resolved.clear()
        self.loop.call_later(HOUSEKEEPING_SECONDS, self._housekeeping)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task; what it raises is logged, never lost."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("an internal task failed", exc_info=task.exception())

    # ------------------------------------------------------------------ routing

    def routing_changed(self) -> None:
        """Carry out what the routing engine wants; called after everything it was told."""
        for output in self.routing.take_output():
            if isinstance(output, SendControl):
                peer = self.peers.get(output.link)
                if isinstance(peer, RouterPeer):
                    peer.send_control(
                        encode_control(self.router_id, output.to, output.opcode, output.body, output.mobile)
                    )
            elif isinstance(output, RemoteAddressesChanged | RoutesChanged):
                for listener in self.tcp_listeners:
                    listener.update()
                if isinstance(output, RemoteAddressesChanged) and self._edges:
                    self._tell_edges_of(output.keys)
            elif isinstance(output, NeighbourUp):
                self.log.info(f"neighbour {output.router_id} is up")
            elif isinstance(output, NeighbourLost):
                self.log.info(f"neighbour {output.router_id} is lost")
            elif isinstance(output, RouterRestarted):
                self.log.info(f"router {output.router_id} was restarted")
            elif isinstance(output, Warning):
                self.log.warning(output.text)
        if self.uplinks is not None and self.uplinks.active is not None:
            assert isinstance(self.routing, EdgeRouting)
            self.uplinks.active.follow(self.routing)
        if self._routing_timer is not None:
            self._routing_timer.cancel()
        self._routing_timer = self.loop.call_at(self.routing.next_tick(self.loop.time()), self._routing_tick)

    def _routing_tick(self) -> None:
        try:
            self.routing.tick(self.loop.time())
        except Exception:
            # Without its clock the router would fall out of the network without a word.
            self.log.exception("the routing protocol failed")
        self.routing_changed()

    def link_up(self, peer: RouterPeer) -> None:
        """The control links of a connection are usable."""
        assert isinstance(self.routing, RoutingEngine)
        self.routing.link_up(peer.number, peer.cost, self.loop.time())
        self.routing_changed()

    def link_down(self, peer: RouterPeer) -> None:
        """They are gone."""
        assert isinstance(self.routing, RoutingEngine)
        self.routing.link_lost(peer.number, self.loop.time())
        self.routing_changed()

    def control_received(self, peer: RouterPeer, opcode: str, body: dict[Any, Any]) -> None:
        """A routing protocol message for us."""
        assert isinstance(self.routing, RoutingEngine)
        self.routing.receive(peer.number, opcode, body, self.loop.time())
        self.routing_changed()

    # ------------------------------------------------------------------ edge routers

    def edge(self, edge_id: str) -> AttachedEdge | None:
        """The edge router of this id, if it is attached here; its newest connection."""
        attached = self._edges.get(edge_id)
        return attached[-1] if attached else None

    def edge_attached(self, peer: AttachedEdge) -> None:
        """An edge router made itself known."""
        self._edges.setdefault(peer.container, []).append(peer)
        self.log.info(f"edge router {peer.container} is attached")
        self.routing.add_local_address("H" + peer.container, TREATMENT_CLOSEST, self.loop.time())
        self.routing_changed()

    def edge_detached(self, peer: AttachedEdge) -> None:
        """It is gone, or this connection of it."""
        others = self._edges[peer.container]
        others.remove(peer)
        self.log.info(f"edge router {peer.container} is detached")
        if not others:
            del self._edges[peer.container]
            self.routing.remove_local_address("H" + peer.container, self.loop.time())
            self.routing_changed()

    def service_changed(self, service: Service) -> None:
        """Attached edge routers began or ceased to consume from an address: the network and the listeners must know."""
        now = self.loop.time()
        if service.consumed_here and not self.draining:
            multicast = service.address.startswith(MULTICAST_PREFIX)
            treatment = TREATMENT_MULTICAST if multicast else TREATMENT_BALANCED
            self.routing.add_local_address(service.key, treatment, now)
        else:
            self.routing.remove_local_address(service.key, now)
        for listener in service.listeners:
            listener.update()
        self.tell_edges(service)
        self.services.forget_unused(service)
        self.routing_changed()

    def tell_edges(self, service: Service) -> None:
        """Tell the edge routers that watch the address what changed for them."""
        for edge in list(service.watchers):
            edge.tell(service)

    def _tell_edges_of(self, keys: Iterable[str]) -> None:
        for key in keys:
            service = self.services.known(key[1:]) if key.startswith("M") else None
            if service is not None:
                self.tell_edges(service)

    def uplink_changed(self) -> None:
        """Another connection to the interior is active, or none."""
        assert isinstance(self.routing, EdgeRouting)
        active = self.uplinks.active if self.uplinks else None
        self.routing.uplink_changed(active.number if active else None)
        self.routing_changed()

    def address_tracked(self, peer: InteriorUplink, key: str, reachable: bool) -> None:
        """The interior says whether an address that we watch is reachable."""
        if isinstance(self.routing, EdgeRouting) and self.uplinks and self.uplinks.active is peer:
            self.routing.tracked(key, reachable)
            self.routing_changed()

    # ------------------------------------------------------------------ peers

    def next_number(self) -> int:
        """A number for a new connection."""
        return next(self._numbers)

    def peer_started(self, peer: Peer) -> None:
        """A connection begins AMQP."""
        self.peers[peer.number] = peer

    def peer_opened(self, peer: Peer) -> None:
        """Its ``open`` came."""
        for dialer in self.dialers:
            if dialer.peer is peer:
                dialer.opened()

    def peer_closed(self, peer: Peer) -> None:
        """A connection is over."""
        self.peers.pop(peer.number, None)

    def network_peer(self, number: int) -> NetworkPeer | None:
        """The connection to a neighbour or edge, if it is open."""
        peer = self.peers.get(number)
        if isinstance(peer, RouterPeer):
            return peer if peer.is_open and peer.role == ROLE_INTER_ROUTER else None
        return peer if isinstance(peer, NetworkPeer) and peer.is_open else None

    def own_annotations(self, flags: int) -> Annotations:
        """The router annotations of a message that enters the network here; those of an edge are filled in by the interior."""
        if self.uplinks is not None:
            return Annotations(flags, mesh=self.mesh)
        return Annotations(flags, None, self.trace_id, (self.trace_id,))

    def reply_address(self, name: str) -> str:
        """The address by which all routers know something of ours."""
        if self.uplinks is not None:
            return f"amqp:/_edge/{self.router_id}/{name}"
        return f"amqp:/_topo/0/{self.router_id}/{name}"

    # ------------------------------------------------------------------ flows

    def flush_flows(self) -> None:
        """Write to TCP what one batch of events brought."""
        dirty = self.dirty_flows
        while dirty:
            dirty.pop().write_pending()

    def next_flow_id(self) -> str:
        """An identity for a new connection, unique in the network."""
        return f"{self._flow_prefix}:{next(self._flow_numbers)}"

    def new_reply_name(self) -> str:
        """A temporary name. Nobody can guess it: whoever knows it may answer the client that waits there."""
        return f"temp.{secrets.token_urlsafe(12)}"

    def register_reply(self, flow: TcpFlow) -> str:
        """An address at which this flow's answer arrives."""
        name = self.new_reply_name()
        self.replies[name] = flow
        return self.reply_address(name)

    def forget_reply(self, address: str) -> None:
        """The flow is over."""
        self.replies.pop(address.rpartition("/")[2], None)

    # ------------------------------------------------------------------ management

    def management_request(self, peer: Peer, head: MessageHead, body: Any) -> None:
        """Answer a management request, from a client here or from anywhere in the network."""
        may_change = isinstance(peer, ClientPeer) and peer.may_change
        response = self.agent.respond(head.application_properties, body, may_change=may_change)
        if head.reply_to is None:
            return
        address = parse_address(head.reply_to, self.router_id)
        properties = response.application_properties()
        if address.kind is AddressKind.LOCAL:
            message = encode_message(
                None,
                to=head.reply_to,
                correlation_id=head.correlation_id,
                application_properties=properties,
                body=response.body,
            )
            self.deliver_to_client(address.name, message)
        else:
            towards = self.forwarder.peer_towards(head.reply_to)
            if towards is not None and towards.connection.output.size < 4 * MAX_QUEUED_BYTES:
                message = encode_message(
                    self.own_annotations(0),
                    to=head.reply_to,
                    correlation_id=head.correlation_id,
                    application_properties=properties,
                    body=response.body,
                )
                towards.send_message(message, settled=True)

    def deliver_to_client(self, name: str, message: bytes) -> bool:
        """Hand a message to the client whose temporary address it names."""
        link = self.client_replies.get(name)
        if link is None or link.link.session.connection.output.size > MAX_QUEUED_BYTES:
            return False
        return link.send(message, settled=True)

    # ------------------------------------------------------------------ names

    async def resolve(self, host: str, port: int) -> list[Endpoint]:
        """Socket addresses of ``host``; asked anew after ``RESOLVED_FOR`` seconds. Raises ``OSError``."""
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            pass
        else:
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            return [(family, socket.SOCK_STREAM, 0, (host, port))]
        now = self.loop.time()
        known = self._resolved.get((host, port))
        if known is not None and known[0] > now:
            return known[1]
        answers = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        endpoints: list[Endpoint] = [
            (family, kind, protocol, address) for family, kind, protocol, _, address in answers
        ]
        self._resolved[(host, port)] = (now + RESOLVED_FOR, endpoints)
        return endpoints


def raise_descriptor_limit() -> None:
    """Allow as many open sockets as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_listening_files() -> int:
    """How many files may be open when another tcpListener opens its socket: the rest is for links, management, connections.

    Without it a site with more listeners than files could not even be asked what is wrong.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if limit == resource.RLIM_INFINITY else limit - min(RESERVED_FILES, limit // 4)
