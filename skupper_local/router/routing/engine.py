"""The interior routing protocol of one router, without input or output.

Routers find their neighbours with HELLO, tell everybody their neighbours with link state (RA, LSR, LSU), compute the cheapest
path to each router, and tell everybody which addresses have a consumer with them (MAR, MAU). The router around this engine
reports control links, received messages and local addresses, calls :meth:`RoutingEngine.tick` at the time that
:meth:`RoutingEngine.next_tick` gives, and carries out what :meth:`RoutingEngine.take_output` returns (router-protocol 4).

The reference does everything in a tick once a second. This engine answers at once and uses ticks only for what is periodic or
limited, and it sends two things unasked, which the reference accepts: a HELLO when a link comes up or a new router is heard on
it, and the whole address list to a router that shows for the first time that it knows us. It sends MAR and MAU only to such
routers as far as it can tell, because the reference logs a warning when a stranger sends them.

Every event method ends in ``_settle``: it turns what changed into neighbours, paths, reachability and messages, in this order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, assert_never

from skupper_local.router.routing.control_messages import (
    LINK_STATE_VERSION,
    OPCODES,
    AbsoluteMobileUpdate,
    ControlMessage,
    DifferentialMobileUpdate,
    Hello,
    LinkStateRequest,
    LinkStateUpdate,
    MalformedControlError,
    MobileAddressRequest,
    RouterAdvertisement,
    UnknownVersionError,
    parse_control,
)
from skupper_local.router.routing.link_state import LinkStates, Node
from skupper_local.router.routing.mobile import LocalAddresses, RemoteAddresses
from skupper_local.router.routing.neighbours import ControlLink, Neighbours
from skupper_local.router.routing.outbox import Outbox
from skupper_local.router.routing.outputs import (
    NeighbourLost,
    NeighbourUp,
    NodeInfo,
    Output,
    RemoteAddressesChanged,
    RouterRestarted,
    RoutesChanged,
)
from skupper_local.router.routing.paths import RoutingTable
from skupper_local.router.routing.settings import RoutingLimits, RoutingTimers

_NEVER = float("inf")
_EDGES_PER_SECOND = 20_000
"""Paths are computed at most so often that a second's work covers this many edges, and four times a second at least."""
_MAX_TREE_STEPS = 1_000_000
"""Up to so many routers times edges the management view computes all valid origins; beyond it would block for seconds."""


class RoutingEngine:
    """The routing state of one interior router. Times are seconds of one monotonic clock."""

    def __init__(
        self,
        router_id: str,
        instance: int,
        timers: RoutingTimers = RoutingTimers(),  # noqa: B008 (frozen)
        limits: RoutingLimits = RoutingLimits(),  # noqa: B008 (frozen)
    ) -> None:
        """``instance``: seconds since the epoch at the start of this process; it must differ from the last time."""
        self._id = router_id
        self._instance = instance
        self._timers = timers
        self._limits = limits
        self._outbox = Outbox(router_id, instance)
        self._neighbours = Neighbours(router_id, timers.hello_max_age)
        self._announced_costs: dict[str, int] = {}
        self._link_state_sequence = 0
        self._states = LinkStates(router_id, timers, limits)
        self._table = RoutingTable(router_id, {})
        self._links: dict[str, int] = {}
        self._local = LocalAddresses()
        self._remote = RemoteAddresses(limits)
        self._hold_off: dict[str, float] = {}
        self._changed_keys: set[str] = set()
        self._advertise = False
        self._pending_since = _NEVER
        self._updated_at = float("-inf")
        self._advertised_at = float("-inf")
        self._computed_at = float("-inf")
        self._topology_changed_at: float | None = None
        self._next_hello = float("-inf")
        self._request_due = _NEVER
        self._rejected = 0
        self.radius = 0
        """Hops to the farthest reachable router; a delivery with a longer trace than this plus one goes round in circles."""

    # -------------------------------------------------------------------------------------------- what happens around us

    def link_up(self, link: int, cost: int, now: float) -> None:
        """The control link of connection ``link`` is usable in both directions; again with another cost: the cost changed."""
        if self._neighbours.up(link, max(1, cost)):
            self._send_hello(self._neighbours[link])
        self._settle(now)

    def link_lost(self, link: int, now: float) -> None:
        """The control link is gone; a neighbour without another link is lost at once."""
        self._neighbours.lost(link)
        self._outbox.forget_warnings(link)
        self._settle(now)

    def receive(self, link: int, opcode: str, body: Mapping[str, Any], now: float) -> None:
        """A HELLO, RA, LSR, LSU, MAR or MAU addressed to us or to all, received on an up link (on others it is ignored).

        Malformed messages, those that would exceed a limit, and those of a newer protocol version are counted, reported once
        per cause, and change nothing.
        """
        if link not in self._neighbours:
            return
        try:
            message = parse_control(opcode, body, self._limits)
            if message.router_id == self._id:
                self._heard_ourselves(message)
                return
            self._accept(link, message, now)
        except UnknownVersionError as error:
            self._rejected += 1
            self._outbox.warn(
                (link, "version", error.router_id),
                f"{_printable(opcode)} at protocol version {error.version} from {_printable(error.router_id)} is ignored",
            )
        except MalformedControlError as error:
            self._rejected += 1
            self._outbox.warn(
                (link, opcode if isinstance(opcode, str) and opcode in OPCODES else "", str(error)),
                f"{_printable(opcode)} received on connection {link} is ignored: {error}",
            )
        else:
            self._settle(now)

    def add_local_address(self, key: str, treatment: int, now: float) -> None:
        """Announce that the address (``"Mbackend"``) has a consumer here. It goes out with the next tick, so that addresses
        added in one go make one message; call :meth:`next_tick`."""
        self._local.add(key, treatment)
        self._note_pending(now)

    def remove_local_address(self, key: str, now: float) -> None:
        """The last local consumer of the address is gone."""
        self._local.remove(key)
        self._note_pending(now)

    def tick(self, now: float) -> None:
        """Do what is due: HELLO, advertisements, retries, ageing."""
        if now >= self._next_hello:
            self._beat(now)
        self._neighbours.expire(now)
        self._settle(now)
        if self._update_due() <= now:
            self._flood_mobile_update(now)
        if now >= self._advertisement_due():
            self._send_advertisement(now)

    def next_tick(self, now: float) -> float:
        """When :meth:`tick` has something to do; never before ``now``."""
        due = min(
            self._next_hello,
            self._neighbours.next_expiry() + 0.001,
            self._computation_due(),
            self._request_due,
            self._update_due(),
            self._advertisement_due(),
            min(self._hold_off.values(), default=_NEVER),
        )
        return max(now, due)

    def take_output(self) -> list[Output]:
        """What the engine wants done since the last call, in order."""
        return self._outbox.take()

    # -------------------------------------------------------------------- what forwarding asks, per message: look-ups

    def next_hop(self, router_id: str) -> int | None:
        """The connection towards a router, or None while it is unreachable."""
        return self._links.get(router_id)

    def path_cost(self, router_id: str) -> int | None:
        """The cost of the path to a router, or None while it is unreachable; 0 for our own id."""
        return 0 if router_id == self._id else self._table.cost.get(router_id)

    def routers_with(self, key: str) -> Set[str]:
        """The reachable remote routers that announced the address. A live set: do not keep it."""
        return self._remote.routers_with(key)

    def has_destination(self, key: str) -> bool:
        """Whether some remote router has the address, one that became unreachable a moment ago (hold-off) included."""
        return self._remote.has_destination(key)

    def remote_treatment(self, key: str) -> int | None:
        """The treatment (0 to 4) that a remote router gives the address, if one told."""
        return self._remote.treatment(key)

    def valid_origins(self, router_id: str) -> frozenset[str]:
        """The ingress routers whose cheapest path to ``router_id`` leads through us. Our own id is never among them: what
        enters the network here may always go out."""
        return self._table.valid_origins(router_id)

    def may_forward(self, origin: str, router_id: str) -> bool:
        """Whether a message that entered the network at ``origin`` may go through us to ``router_id``: the same as
        ``origin in valid_origins(router_id)`` or being the origin, but cheaper in a large network."""
        return origin == self._id or router_id in self._table.through_us(origin)

    def neighbours(self) -> Mapping[str, int]:
        """Neighbour id -> the connection used towards it."""
        return {router: state.number for router, state in self._neighbours.used.items()}

    def flood_links(self, trace: Iterable[str]) -> list[int]:
        """The connections on which a message to ``_topo/0/all/qdrouter`` goes on: those to neighbours that are not in the trace
        (plain router ids, without ``0/``). The caller drops a message whose trace is longer than ``radius + 1``."""
        seen = frozenset(trace)
        return [state.number for router, state in self._neighbours.used.items() if router not in seen]

    def multicast_links(self, origin: str, routers: Iterable[str], trace: Iterable[str]) -> list[int]:
        """The connections on which a multicast that entered the network at ``origin`` goes on to reach ``routers``, each once.

        Our own id as origin: all of them. Next hops in the trace are left out.
        """
        seen = frozenset(trace)
        through = None if origin == self._id else self._table.through_us(origin)
        hops = {
            self._table.next_hop[router]
            for router in routers
            if router in self._table.next_hop and (through is None or router in through)
        }
        return [self._links[hop] for hop in sorted(hops) if hop not in seen and hop in self._links]

    def all_routers(self) -> Set[str]:
        """Every reachable remote router: the destinations of ``_topo/0/all/qdrouter.ma``, which goes on as a multicast."""
        return self._table.next_hop.keys()

    # ----------------------------------------------------------------------------------------- what management shows

    def nodes(self) -> list[NodeInfo]:
        """This router first, then every known router by id."""
        here = NodeInfo(
            router_id=self._id,
            next_hop="(self)",
            cost=0,
            link=None,
            instance=self._instance,
            protocol_version=LINK_STATE_VERSION,
            valid_origins=frozenset(),
            peers=tuple(self._announced_costs),
            last_topology_change=self._topology_changed_at,
        )
        return [here, *(self._node_info(self._states.nodes[router]) for router in sorted(self._states.nodes))]

    def _node_info(self, node: Node) -> NodeInfo:
        router = node.router_id
        small = len(self._states.nodes) * self._states.edge_count <= _MAX_TREE_STEPS
        return NodeInfo(
            router_id=router,
            next_hop=self._table.next_hop.get(router),
            cost=self._table.cost.get(router),
            link=self._links.get(router),
            instance=node.instance or 0,
            protocol_version=node.version,
            valid_origins=self._table.valid_origins(router) if small else frozenset(),
            peers=tuple(sorted(node.peers)),
            last_topology_change=self._topology_changed_at,
        )

    def remote_keys(self) -> Set[str]:
        """Every address key that a reachable remote router announced. A live set: do not keep it."""
        return self._remote.reachable_keys()

    def rejected_messages(self) -> int:
        """How many control messages were refused since the start."""
        return self._rejected

    # --------------------------------------------------------------------------------------------- received messages

    def _accept(self, link: int, message: ControlMessage, now: float) -> None:
        """Check that there is room for what the message says, then take it in. Only the checks raise."""
        match message:
            case Hello():
                self._neighbours.check(link, message)
            case LinkStateUpdate():
                self._states.check_update(message)
            case AbsoluteMobileUpdate():
                self._remote.check(message.router_id, message.exist, replace=True)
            case DifferentialMobileUpdate():
                self._remote.check(message.router_id, message.add, replace=False)
            case _:
                pass
        self._states.require_room([message.router_id])
        node = self._states.learn(message.router_id, now)
        node.heard_at = now
        node.version = max(node.version, message.version)
        match message:
            case Hello():
                self._on_hello(link, node, message, now)
            case RouterAdvertisement():
                self._on_advertisement(node, message, now)
            case LinkStateRequest():
                self._known_by(node, link, now)
                self._send_link_state(node.router_id, link)
            case LinkStateUpdate():
                self._note_instance(node, message.instance)
                self._states.update(node, message, now)
                self._known_by(node, link, now)
            case MobileAddressRequest():
                self._known_by(node, link, now)
                self._on_mobile_request(node, message, link, now)
            case AbsoluteMobileUpdate():
                self._known_by(node, link, now)
                self._on_absolute_update(node, message)
            case DifferentialMobileUpdate():
                self._on_differential_update(node, message)
            case _:
                assert_never(message)

    def _heard_ourselves(self, message: object) -> None:
        """Our own floods come back in a ring; a HELLO with our id does not."""
        if isinstance(message, Hello):
            if message.instance == self._instance:
                self._outbox.warn(("loop",), "a link leads from this router to itself")
            else:
                self._outbox.warn(
                    ("duplicate",),
                    f"a neighbour has the same router id as this router: {_printable(self._id)}",
                )

    def _on_hello(self, link: int, node: Node, hello: Hello, now: float) -> None:
        self._note_instance(node, hello.instance)
        if self._neighbours.heard(link, hello, now):
            self._send_hello(self._neighbours[link])

    def _on_advertisement(self, node: Node, message: RouterAdvertisement, now: float) -> None:
        self._note_instance(node, message.instance)
        node.refreshed_at = now
        sequence = message.link_state_sequence
        if sequence != node.sequence and (
            sequence != node.advertised_sequence or not node.link_state_request.wanted
        ):
            node.link_state_request.ask()
        node.advertised_sequence = sequence
        self._note_mobile_sequence(node, message.mobile_sequence)

    def _note_mobile_sequence(self, node: Node, sequence: int) -> None:
        if sequence == self._remote.sequence(node.router_id):
            node.mobile_request.answered()
        elif sequence != node.advertised_mobile_sequence or not node.mobile_request.wanted:
            node.mobile_request.ask()
        node.advertised_mobile_sequence = sequence

    def _on_mobile_request(self, node: Node, message: MobileAddressRequest, link: int, now: float) -> None:
        if message.have_sequence != self._local.sequence:
            self._offer_absolute_update(node, link, now)

    def _on_absolute_update(self, node: Node, message: AbsoluteMobileUpdate) -> None:
        self._changed_keys |= self._remote.replace(node.router_id, message.mobile_sequence, message.exist)
        if message.mobile_sequence >= node.advertised_mobile_sequence:
            node.mobile_request.answered()

    def _on_differential_update(self, node: Node, message: DifferentialMobileUpdate) -> None:
        """Only the very next number fits what we have. A lower one is a copy that came late or twice, and the reference would
        not answer a MAR about it; a higher one shows that we missed something."""
        known = self._remote.sequence(node.router_id)
        if message.mobile_sequence == known + 1:
            self._changed_keys |= self._remote.add(node.router_id, message.mobile_sequence, message.add)
            self._changed_keys |= self._remote.delete(node.router_id, message.delete - message.add.keys())
            if message.mobile_sequence >= node.advertised_mobile_sequence:
                node.mobile_request.answered()
        elif message.mobile_sequence > known:
            self._note_mobile_sequence(node, message.mobile_sequence)

    def _note_instance(self, node: Node, instance: int | None) -> None:
        """A known router with another instance is another process: nothing it said before counts."""
        if instance is None or instance == node.instance:
            return
        restarted = node.instance is not None
        node.instance = instance
        if restarted:
            self._states.forget_link_state(node)
            self._changed_keys |= self._remote.forget(node.router_id)
            self._neighbours.restarted(node.router_id, instance)
            self._strange(node)
            self._outbox.event(RouterRestarted(node.router_id))

    def _strange(self, node: Node) -> None:
        """The router does not know us (any more), as far as we know; its link state will show."""
        node.knows_us = False
        node.absolute_due = _NEVER
        node.link_state_request.ask()
        node.advertised_mobile_sequence = 0
        node.mobile_request.answered()

    def _known_by(self, node: Node, link: int, now: float) -> None:
        """The router sent something that only goes to routers it knows. The first time, it gets our addresses unasked."""
        if not node.knows_us:
            node.knows_us = True
            if self._local.sequence:
                self._offer_absolute_update(node, link, now)

    # --------------------------------------------------------------------------------------------- from facts to effects

    def _settle(self, now: float) -> None:
        self._settle_neighbours()
        if now >= self._computation_due():
            self._compute(now)
        for router in [router for router, until in self._hold_off.items() if now >= until]:
            del self._hold_off[router]
            self._changed_keys |= self._remote.forget(router)
        self._send_requests(now)
        if self._changed_keys:
            self._outbox.event(RemoteAddressesChanged(frozenset(self._changed_keys)))
            self._changed_keys.clear()
        if self._advertise:
            self._send_advertisement(now)

    def _settle_neighbours(self) -> None:
        """Compare the links used with those used before; our own link state follows."""
        before = self._neighbours.used
        self._neighbours.choose()
        used = self._neighbours.used
        for router in before:
            if router not in used:
                self._outbox.event(NeighbourLost(router))
        for router, state in used.items():
            old = before.get(router)
            if old is None or old.number != state.number:
                self._outbox.event(NeighbourUp(router, state.number))
                self._states.nodes[router].link_state_request.ask()
                self._compute_at_once()
        costs = dict(self._neighbours.costs())
        if costs != self._announced_costs:
            self._announced_costs = costs
            self._link_state_sequence += 1
            self._advertise = True
            self._compute_at_once()

    def _computation_due(self) -> float:
        """Link states of others may change faster than paths can be computed; a change of our own never waits."""
        if not self._states.changed:
            return _NEVER
        return self._computed_at + min(0.25, self._states.edge_count / _EDGES_PER_SECOND)

    def _compute_at_once(self) -> None:
        self._states.changed = True
        self._computed_at = float("-inf")

    def _compute(self, now: float) -> None:
        self._states.changed = False
        self._computed_at = self._topology_changed_at = now
        old = self._table
        self._table = RoutingTable(self._id, {self._id: self._announced_costs, **self._states.edges()})
        self.radius = self._table.radius
        self._links = {
            router: self._neighbours.used[hop].number for router, hop in self._table.next_hop.items()
        }
        for router in old.next_hop.keys() - self._table.next_hop.keys():
            self._hold_off[router] = now + self._timers.unreachable_hold_off
            self._changed_keys |= self._remote.set_reachable(router, False)
            if router in self._states.nodes:
                self._strange(self._states.nodes[router])
        for router in self._table.next_hop.keys() - old.next_hop.keys():
            self._hold_off.pop(router, None)
            self._changed_keys |= self._remote.set_reachable(router, True)
            self._states.nodes[router].link_state_request.ask()
        self._outbox.event(RoutesChanged())

    def _beat(self, now: float) -> None:
        """What happens once per HELLO interval."""
        interval = self._timers.hello_interval
        if self._next_hello + interval < now and self._next_hello != float("-inf"):
            self._neighbours.forgive(now - self._timers.hello_max_age + interval)
        self._next_hello = (
            self._next_hello + interval if self._next_hello + interval > now else now + interval
        )
        used = {state.number for state in self._neighbours.used.values()}
        # The reference uses the link on which it heard the latest HELLO, so the preferred one comes last.
        for state in sorted(self._neighbours, key=lambda state: state.number in used):
            self._send_hello(state)
        for router in self._states.expire(self._neighbours.used, now):
            self._hold_off.pop(router, None)
            self._changed_keys |= self._remote.forget(router)
            if router in self._links:
                self._compute_at_once()

    # ------------------------------------------------------------------------------------------------- messages we send

    def _send_hello(self, link: ControlLink) -> None:
        heard = link.router_id if link.heard_at is not None else None
        self._outbox.hello(link.number, [] if heard is None else [heard])

    def _send_advertisement(self, now: float) -> None:
        self._advertise = False
        self._advertised_at = now
        links = self.neighbours().values()
        self._outbox.advertisement(links, self._link_state_sequence, self._local.sequence)

    def _advertisement_due(self) -> float:
        """Often while the topology changes: a lost message then does little harm."""
        if not self._neighbours.used:
            return _NEVER
        soon = self._advertised_at + self._timers.ra_interval_flux
        changed = self._topology_changed_at
        if changed is not None and soon <= changed + self._timers.flux_duration:
            return soon
        return self._advertised_at + self._timers.ra_interval

    def _send_link_state(self, router: str, fallback: int) -> None:
        """The answer to an LSR: the way the routes say, else the way the question came."""
        link = self._links.get(router, fallback)
        self._outbox.link_state(link, router, self._link_state_sequence, self._announced_costs)

    def _send_requests(self, now: float) -> None:
        """LSR and MAR that are due, and absolute MAU that had to wait, to routers that can be reached."""
        self._request_due = _NEVER
        for router, link in self._links.items():
            node = self._states.nodes[router]
            if node.is_quiet():
                continue
            if node.link_state_request.is_due(now):
                node.link_state_request.sent(now)
                self._outbox.link_state_request(link, router)
            if node.knows_us and node.mobile_request.is_due(now):
                node.mobile_request.sent(now)
                self._outbox.mobile_request(link, router, self._have_sequence(node))
            if node.knows_us and now >= node.absolute_due:
                self._send_absolute_update(node, link, now)
            self._request_due = min(self._request_due, node.next_due())

    def _have_sequence(self, node: Node) -> int:
        """0 when the router advertises less than we have: it started anew, and answers only who has less than it."""
        known = self._remote.sequence(node.router_id)
        return known if known < node.advertised_mobile_sequence else 0

    def _offer_absolute_update(self, node: Node, fallback: int, now: float) -> None:
        """Now, or when the last one is long enough ago: it may be large, and the question is small."""
        due = node.absolute_sent_at + self._timers.mobile_update_interval
        if now >= due:
            self._send_absolute_update(node, fallback, now)
        else:
            node.absolute_due = due

    def _send_absolute_update(self, node: Node, fallback: int, now: float) -> None:
        node.absolute_sent_at = now
        node.absolute_due = _NEVER
        link = self._links.get(node.router_id, fallback)
        self._outbox.absolute_update(link, node.router_id, self._local.sequence, self._local.announced)

    def _note_pending(self, now: float) -> None:
        if not self._local.pending:
            self._pending_since = _NEVER
        elif self._pending_since == _NEVER:
            self._pending_since = now

    def _update_due(self) -> float:
        """At once if the last one is long enough ago and everybody reachable knows us; strangers delay it by one interval."""
        if self._pending_since == _NEVER:
            return _NEVER
        interval = self._timers.mobile_update_interval
        known = all(self._states.nodes[router].knows_us for router in self._links)
        return max(
            self._pending_since if known else self._pending_since + interval, self._updated_at + interval
        )

    def _flood_mobile_update(self, now: float) -> None:
        added, removed = self._local.advance()
        self._pending_since = _NEVER
        if not self._links:
            return
        self._updated_at = now
        strangers = [router for router in self._table.next_hop if not self._states.nodes[router].knows_us]
        links = self.multicast_links(self._id, self.all_routers(), strangers)
        self._outbox.differential_update(links, self._local.sequence, added, removed)
        self._send_advertisement(now)


def _printable(text: object) -> str:
    """A name chosen by somebody else, for a log line."""
    return ascii(str(text)[:64])
