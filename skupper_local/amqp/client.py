"""A small blocking AMQP client for requests and answers, with one deadline over everything.

The deadline starts with ``AmqpClient.connect`` and covers name look-up, TCP, TLS, SASL, ``open``, links, requests and answers:
whatever does not answer, the caller is back in time with an error that says what was waited for (``client_errors``).
Requests go to an address (``$management``); the answer comes to an address that the peer makes for us (a receiver with a
dynamic source) and is recognised by its correlation id.

A client lives for a few requests: between calls it sends no heartbeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from skupper_local.amqp import events
from skupper_local.amqp.client_errors import (
    AmqpAnswerError,
    AmqpClientError,
    AmqpClosedError,
    AmqpRefusedError,
    AmqpTimeoutError,
)
from skupper_local.amqp.client_socket import DeadlineSocket
from skupper_local.amqp.codec import DecodeError
from skupper_local.amqp.connection import Connection, ConnectionSettings, State
from skupper_local.amqp.link import IncomingDelivery, Link, OutgoingDelivery
from skupper_local.amqp.message import Message, decode_message, encode_message
from skupper_local.amqp.performatives import ACCEPTED, REJECTED, AmqpError, Open, Terminus, state
from skupper_local.amqp.session import Session
from skupper_local.amqp.types import Described, Symbol, Value

if TYPE_CHECKING:
    import ssl

MAX_ANSWER = 64 * 1_048_576
"""Bytes of one answer; a longer one is an error."""

ANYBODY = ""
"""The target of the link for messages that go where their ``to`` says."""

ANSWER_CREDIT = 16
CLOSE_SECONDS = 0.5
"""How long ``close`` waits for the peer's ``close``."""


class AmqpClient:
    """A connection on which requests are made. Use it as a context manager."""

    def __init__(self, sock: DeadlineSocket, connection: Connection) -> None:
        self._sock = sock
        self._connection = connection
        self._session: Session | None = None
        self._answers_to: Link | None = None
        self._senders: dict[str, Link] = {}
        self._parts: dict[IncomingDelivery, bytearray] = {}
        self._answers: dict[str, Message] = {}
        self._outcomes: dict[OutgoingDelivery, Described | None] = {}
        self._link_errors: dict[Link, AmqpError | None] = {}
        self._requests = 0
        self._heartbeat_at = 0.0
        self._ended: events.Closed | None = None

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        container_id: str,
        deadline_seconds: float,
    ) -> Self:
        """Connect, with TLS when there is a context, and open AMQP.

        ``server_hostname`` is the name the peer's certificate is checked for (default: ``host``). With TLS the client proves
        who it is by its certificate (SASL EXTERNAL) if the peer offers that, else it is anonymous. ``deadline_seconds`` is for
        all that this client does, until ``renew_deadline``. Raises ``AmqpClientError``.
        """
        sock = DeadlineSocket(host, port, deadline_seconds)
        try:
            if ssl_context is not None:
                sock.start_tls(ssl_context, server_hostname or host)
            connection = Connection(
                ConnectionSettings(
                    container_id=container_id,
                    server=False,
                    hostname=server_hostname or host,
                    idle_timeout=0.0,
                    sasl_mechanisms=("ANONYMOUS",) if ssl_context is None else ("EXTERNAL", "ANONYMOUS"),
                    incoming_window=256,
                    max_sessions=8,
                    max_links=64,
                    max_unsettled=64,
                )
            )
            client = cls(sock, connection)
            client._pump(lambda: connection.peer is not None, "AMQP open")
            client._heartbeat_at = 0.0  # the peer has told its idle time-out now
        except BaseException:
            sock.close()
            raise
        return client

    # ------------------------------------------------------------------ what callers do

    @property
    def peer(self) -> Open:
        """The peer's ``open``: its container id, its properties."""
        assert self._connection.peer is not None
        return self._connection.peer

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return self._sock.seconds_left

    def renew_deadline(self, deadline_seconds: float) -> None:
        """Start a new deadline for what comes next."""
        self._sock.renew(deadline_seconds)

    def request(self, address: str, application_properties: dict[str, Any], body: Value = None) -> Message:
        """Send a request to ``address`` and wait for its answer. Raises ``AmqpClientError``."""
        request = Message(to=address, application_properties=application_properties, body=body)
        correlation_id, delivery = self._ask(self._sender(address), request)
        self._pump(
            lambda: correlation_id in self._answers or self._refused(delivery),
            f"answer from {address}",
            self._answers_to,
        )
        self._outcomes.pop(delivery, None)
        answer = self._answers.pop(correlation_id)
        self._answers.clear()
        return answer

    def request_all(
        self, requests: Sequence[Message], seconds: float | None = None
    ) -> list[Message | AmqpClientError]:
        """Send several requests, each to its ``to``, and wait for their answers together; they come in the same order.

        In the place of an answer that did not come in time (``seconds``, or the deadline if that is earlier), or cannot come
        because nobody took the request, stands the error. Raises ``AmqpClientError`` when the connection is of no more use.
        """
        began, left = time.monotonic(), self.seconds_left
        if seconds is not None:
            self._sock.renew(min(seconds, left))
        asked: list[tuple[str, OutgoingDelivery]] = []
        late: AmqpTimeoutError | None = None
        try:
            sender = self._sender(ANYBODY)
            for request in requests:
                self._pump(lambda: sender.credit > 0, "leave to send", sender)
                asked.append(self._ask(sender, request))
            self._pump(lambda: all(self._is_over(*one) for one in asked), "answer", self._answers_to)
        except AmqpTimeoutError as error:
            late = error
        finally:
            if seconds is not None:
                self._sock.renew(left - (time.monotonic() - began))
        results: list[Message | AmqpClientError] = []
        for correlation_id, delivery in asked:
            answer = self._answers.pop(correlation_id, None) or self._refusal(delivery) or late
            assert answer is not None
            results.append(answer)
            self._outcomes.pop(delivery, None)
        if late is not None:
            results += [late] * (len(requests) - len(results))
        self._answers.clear()
        return results

    def _ask(self, sender: Link, request: Message) -> tuple[str, OutgoingDelivery]:
        """Send a request; returns what its answer and its outcome are found by."""
        reply_to = self._reply_address()
        self._requests += 1
        correlation_id = str(self._requests)
        message = replace(request, reply_to=reply_to, correlation_id=correlation_id)
        return correlation_id, self._send(sender, encode_message(message), request.to or "anybody")

    def _is_over(self, correlation_id: str, delivery: OutgoingDelivery) -> bool:
        return correlation_id in self._answers or self._refusal(delivery) is not None

    def close(self) -> None:
        """Close in an orderly way if the peer goes along quickly; never raises, and may be called again."""
        try:
            if self._ended is None and self._connection.state is State.OPEN:
                self._sock.renew(max(0.05, min(CLOSE_SECONDS, self.seconds_left)))
                self._connection.close()
                self._pump(lambda: self._ended is not None, "AMQP close")
        except AmqpClientError:
            pass  # it is over either way
        finally:
            self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ links

    def _live_session(self) -> Session:
        if self._session is None or self._session.closed:
            if self._connection.state is not State.OPEN:
                raise self._closed_error()
            self._session = self._connection.begin()
        return self._session

    def _reply_address(self) -> str:
        link = self._answers_to
        if link is None or link.closed:
            link = self._live_session().attach_receiver(
                self._link_name("answers"), source=Terminus(dynamic=True)
            )
            self._answers_to = link
            self._pump(lambda: link.established, "reply address", link)
            source = link.remote_source
            if source is None or source.address is None:
                # A refusal: the detach with its reason is on the way.
                self._pump(lambda: False, "reply address", link)
            link.issue_credit(ANSWER_CREDIT)
        assert link.remote_source is not None
        assert link.remote_source.address is not None
        return link.remote_source.address

    def _sender(self, address: str) -> Link:
        link = self._senders.get(address)
        if link is None or link.closed:
            link = self._live_session().attach_sender(
                self._link_name("requests"), target=Terminus(address=address or None)
            )
            self._senders[address] = link
        waiting = link
        self._pump(
            lambda: waiting.established and waiting.credit > 0,
            f"leave to send to {address or 'anybody'}",
            waiting,
        )
        return link

    def _link_name(self, purpose: str) -> str:
        self._requests += 1
        return f"{self._connection.settings.container_id}.{purpose}.{self._requests}"

    def _send(self, link: Link, data: bytes, address: str) -> OutgoingDelivery:
        delivery = link.begin_delivery()
        session = link.session
        largest = self._connection.max_payload
        view = memoryview(data)
        while True:
            self._pump(lambda: session.remote_window > 0, f"room for the request to {address}", link)
            piece, view = view[:largest], view[largest:]
            delivery.send(piece, more=bool(view))
            if not view:
                return delivery

    def _refused(self, delivery: OutgoingDelivery) -> bool:
        """Whether an outcome other than ``accepted`` came, which is raised; ``False`` otherwise."""
        refusal = self._refusal(delivery)
        if refusal is not None:
            raise refusal
        return False

    def _refusal(self, delivery: OutgoingDelivery) -> AmqpRefusedError | None:
        outcome = self._outcomes.get(delivery)
        if outcome is None or outcome.descriptor == ACCEPTED:
            return None
        error = _rejection(outcome)
        target = delivery.link.target.address if delivery.link.target else None
        return AmqpRefusedError(
            f"{self._sock.peer} did not take the request to {target or 'another router'}",
            why=str(error) if error else "nobody receives there now",
            error=error,
        )

    # ------------------------------------------------------------------ the conversation

    def _pump(self, done: Callable[[], bool], waiting_for: str, link: Link | None = None) -> None:
        """Send and receive until ``done``; raises when the connection, or ``link``, ends first."""
        while not done():
            self._flush(waiting_for)
            if self._ended is not None:
                raise self._closed_error()
            if link is not None and link.closed:
                raise self._link_error(link)
            self._receive(waiting_for)
        self._flush(waiting_for)

    def _receive(self, waiting_for: str) -> None:
        connection = self._connection
        now = time.monotonic()
        if now >= self._heartbeat_at:
            self._heartbeat_at = connection.check_idle(now)
            self._flush(waiting_for)
        count = self._sock.receive_into(connection.get_buffer(), waiting_for, self._heartbeat_at - now)
        if count == 0:
            connection.connection_lost("without a word")
            self._take_events()
            raise AmqpClosedError(f"{self._sock.peer} closed the connection", why="without a word")
        if count is not None:
            connection.buffer_updated(count)
            self._take_events()

    def _flush(self, waiting_for: str) -> None:
        data = self._connection.output.take()
        if data:
            self._sock.send(data, waiting_for)

    def _take_events(self) -> None:
        for event in self._connection.take_events():
            if isinstance(event, events.TransferReceived):
                self._part(event)
            elif isinstance(event, events.DispositionReceived):
                if isinstance(event.delivery, OutgoingDelivery):
                    self._outcomes[event.delivery] = event.state
            elif isinstance(event, events.DeliveryLost):
                if isinstance(event.delivery, IncomingDelivery):
                    self._parts.pop(event.delivery, None)
            elif isinstance(event, events.LinkRequested):
                event.link.refuse("amqp:not-allowed", "this is a client")
            elif isinstance(event, events.LinkClosed):
                self._link_errors[event.link] = event.error
            elif isinstance(event, events.Closed):
                self._ended = event

    def _part(self, event: events.TransferReceived) -> None:
        delivery = event.delivery
        data = self._parts.setdefault(delivery, bytearray())
        data += event.payload
        if len(data) > MAX_ANSWER:
            raise AmqpAnswerError(
                f"{self._sock.peer} sent an answer that is too large", why=f"over {MAX_ANSWER} bytes"
            )
        if event.more:
            return
        del self._parts[delivery]
        if event.aborted:
            return
        delivery.update(state(ACCEPTED), settled=True)
        try:
            message = decode_message(bytes(data))
        except DecodeError as error:
            raise AmqpAnswerError(
                f"{self._sock.peer} sent an answer that is no message", why=str(error)
            ) from None
        if isinstance(message.correlation_id, str):
            self._answers[str(message.correlation_id)] = message

    def _closed_error(self) -> AmqpClientError:
        ended = self._ended
        error = ended.error if ended else None
        return AmqpClosedError(
            f"{self._sock.peer} closed the connection",
            why=str(error) if error else "it gave no reason",
            error=error,
        )

    def _link_error(self, link: Link) -> AmqpClientError:
        error = self._link_errors.get(link)
        return AmqpRefusedError(
            f"{self._sock.peer} refused a link", why=str(error) if error else "it gave no reason", error=error
        )


def _rejection(outcome: Described) -> AmqpError | None:
    """The error in a ``rejected`` outcome."""
    if outcome.descriptor != REJECTED or not isinstance(outcome.value, list) or not outcome.value:
        return None
    error = outcome.value[0]
    if not isinstance(error, Described) or not isinstance(error.value, list) or not error.value:
        return None
    condition, description = [*error.value, None][:2]
    if not isinstance(condition, Symbol):
        return None
    return AmqpError(str(condition), description if isinstance(description, str) else "")
