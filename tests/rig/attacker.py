"""A router that is no friend: it speaks the protocol well enough to be a neighbour, and then does what a test tells it.

It is made of our own sans-IO connection and routing engine over a blocking socket, so that a test only writes what is wrong.
Call ``pump`` often: nothing is received, and no HELLO sent, in between.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from skupper_local.amqp import events
from skupper_local.amqp.codec import decode
from skupper_local.amqp.connection import Connection, ConnectionSettings, State
from skupper_local.amqp.link import Link
from skupper_local.amqp.performatives import AmqpError, Terminus
from skupper_local.amqp.session import Session
from skupper_local.router.message_head import MessageHead, parse_head
from skupper_local.router.routing import RoutingEngine, SendControl
from skupper_local.router.routing.control_messages import encode_control
from tests.rig.certificates import Credentials
from tests.rig.ports import HOST

CONTROL = Terminus(capabilities=("qd.router",))
DATA = Terminus(capabilities=("qd.router-data",))
MAX_REMEMBERED = 1000


class Attacker:
    """One connection to a router, open when the constructor returns."""

    def __init__(
        self,
        port: int,
        credentials: Credentials | None = None,
        *,
        router_id: str = "evil",
        window: int = 8192,
    ) -> None:
        self.router_id = router_id
        self.socket: socket.socket = socket.create_connection((HOST, port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if credentials is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(credentials.ca)
            context.load_cert_chain(credentials.certificate, credentials.key)
            self.socket = context.wrap_socket(self.socket, server_hostname=HOST)
        self.connection = Connection(
            ConnectionSettings(
                container_id=router_id,
                server=False,
                hostname=HOST,
                incoming_window=window,
                sasl_mechanisms=("EXTERNAL", "ANONYMOUS"),
                properties={"qd.annotations-version": 2},
            )
        )
        self.engine: RoutingEngine | None = None
        self.error: AmqpError | None = None
        """What the router closed the connection with."""
        self.closed = False
        self.received: list[tuple[MessageHead, bytes]] = []
        """Messages and first parts of streams that are no routing protocol, with their bytes."""
        self.outcomes: list[Any] = []
        """Descriptors of the states of our deliveries that were told, the settled ones only."""
        self.on_event: Callable[[events.Event], bool] = lambda event: False
        """Sees every event first; true keeps it from the usual handling."""
        self._control_out: Link | None = None
        self._pending: list[bytes] = []
        self.wait_until(lambda: self.connection.state is State.OPEN or self.closed)

    # ------------------------------------------------------------------ moving bytes

    def send_raw(self, data: bytes) -> bool:
        """Send bytes as they are; whether they could be sent."""
        try:
            self.socket.settimeout(5)
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Send what the connection has to say."""
        data = self.connection.output.take()
        if data and not self.send_raw(data):
            self.closed = True

    def pump(self, seconds: float = 0.0) -> None:
        """Send, receive and act for so long (once at least)."""
        end = time.monotonic() + seconds
        while True:
            self._tick()
            self.flush()
            self._receive(min(0.05, max(0.001, end - time.monotonic())))
            self.flush()
            if self.closed or time.monotonic() >= end:
                return

    def wait_until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        """Pump until the condition holds; ``AssertionError`` when it never does."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"nothing happens; the router said {self.error}"
            self.pump(0.02)

    def wait_closed(self, seconds: float = 5.0) -> AmqpError | None:
        """Wait until the router closed the connection; the error it gave."""
        self.wait_until(lambda: self.closed, seconds)
        return self.error

    def close(self) -> None:
        """Leave without a word."""
        with contextlib.suppress(OSError):
            self.socket.close()

    def _receive(self, seconds: float) -> None:
        try:
            self.socket.settimeout(seconds)
            data = self.socket.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        for event in self.connection.receive(data):
            if not self.on_event(event):
                self._handle(event)

    # ------------------------------------------------------------------ being a neighbour

    def begin(self) -> Session:
        """A new session."""
        return self.connection.begin()

    def become_neighbour(self, addresses: tuple[str, ...] = ()) -> None:
        """Make control links, exchange HELLOs, and announce these service addresses."""
        session = self.begin()
        session.attach_receiver("control.in", CONTROL, CONTROL)
        self._control_out = session.attach_sender("control.out", CONTROL, CONTROL)
        self.wait_until(lambda: self._control_out is not None and self._control_out.credit > 0)
        self.engine = RoutingEngine(self.router_id, int(time.time()))
        for address in addresses:
            self.engine.add_local_address("M" + address, 3, time.monotonic())
        self.engine.link_up(1, 1, time.monotonic())
        self.wait_until(lambda: self.engine is not None and self.engine.neighbours())
        self.pump(0.5)

    def data_link(self, session: Session | None = None, *, capable: bool = True) -> Link:
        """A link that we send on, with credit."""
        terminus = DATA if capable else Terminus()
        link = (session or self.begin()).attach_sender(f"data.{time.monotonic_ns()}", terminus, terminus)
        self.wait_until(lambda: link.credit > 0 or link.closed)
        return link

    def data_receiver(self) -> Link:
        """A link of the message kind on which the router can send to us."""
        link = self.begin().attach_receiver(f"data.{time.monotonic_ns()}", DATA, DATA)
        self.wait_until(lambda: link.established or link.closed)
        return link

    def _tick(self) -> None:
        if self.engine is None:
            return
        self.engine.tick(time.monotonic())
        for output in self.engine.take_output():
            link = self._control_out
            if isinstance(output, SendControl) and link is not None and link.credit > 0 and not link.closed:
                message = encode_control(self.router_id, output.to, output.opcode, output.body, output.mobile)
                link.begin_delivery(settled=True).send(message, more=False)

    def _handle(self, event: events.Event) -> None:
        match event:
            case events.Closed(error, _):
                self.error = error
                self.closed = True
            case events.LinkRequested(link):
                link.accept()
                if not link.is_sender:
                    link.issue_credit(250)
            case events.LinkEstablished(link) if not link.is_sender:
                link.issue_credit(250)
            case events.TransferReceived(delivery, payload, more, aborted):
                if delivery.context is None and not aborted:
                    delivery.context = "seen"
                    self._message(bytes(payload), complete=not more)
            case events.DispositionReceived(_, state, settled):
                if settled and len(self.outcomes) < MAX_REMEMBERED:
                    self.outcomes.append(None if state is None else int(state.descriptor))
            case _:
                pass

    def _message(self, data: bytes, *, complete: bool) -> None:
        head = parse_head(data, complete=complete)
        if head is None:
            return
        opcode = head.application_properties.get("opcode")
        if self.engine is not None and isinstance(opcode, str):
            body, _ = decode(data, head.body_offset)
            self.engine.receive(1, opcode, body.value, time.monotonic())
        elif len(self.received) < MAX_REMEMBERED:
            self.received.append((head, data))
