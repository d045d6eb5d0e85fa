"""A router for one management client at a time: our own connection state machine in a thread, with an agent behind it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from skupper_local.amqp import events
from skupper_local.amqp.connection import Connection, ConnectionSettings, State
from skupper_local.amqp.link import Link
from skupper_local.amqp.message import Message, decode_message, encode_message
from skupper_local.amqp.performatives import ACCEPTED, RELEASED, Terminus, state
from skupper_local.management_messages import ADDRESS, Response

Answer = Callable[[Message], Response | bytes | None]
"""From a request to an answer; bytes go out as they are, and ``None`` is silence."""

REPLY_ADDRESS = "amqp:/_topo/0/west/temp.1"


class RouterPeer:
    """Accepts links as a router does and answers requests with ``answer``."""

    def __init__(
        self,
        answer: Answer,
        *,
        mechanisms: tuple[str, ...] = ("ANONYMOUS",),
        known: Callable[[str], bool] = lambda address: address == ADDRESS,
        accepts_links: bool = True,
        max_frame_size: int = 16384,
    ) -> None:
        self._answer = answer
        self._mechanisms = mechanisms
        self._known = known
        self._accepts_links = accepts_links
        self._max_frame_size = max_frame_size
        self.requests: list[Message] = []
        self.mechanisms_used: list[str | None] = []
        self.closed_in_order = 0

    def serve(self, sock: socket.socket) -> None:
        """Serve one client until it leaves."""
        connection = Connection(
            ConnectionSettings(
                "west",
                server=True,
                max_frame_size=self._max_frame_size,
                sasl_mechanisms=self._mechanisms,
                sasl_required=True,
            )
        )
        replies: list[Link] = []
        waiting: list[bytes] = []
        incoming: dict[Any, bytearray] = {}
        while connection.state is not State.CLOSED:
            data = sock.recv(65536)
            if not data:
                return
            for event in connection.receive(data):
                match event:
                    case events.Opened():
                        self.mechanisms_used.append(connection.sasl_mechanism)
                    case events.LinkRequested(link) if not self._accepts_links:
                        link.refuse("qd:forbidden", "no clients here")
                    case events.LinkRequested(link) if link.is_sender:
                        link.accept(source=Terminus(REPLY_ADDRESS, dynamic=True))
                        replies.append(link)
                    case events.LinkRequested(link):
                        link.accept()
                        link.issue_credit(250)
                    case events.TransferReceived(delivery, payload, more, _):
                        incoming.setdefault(delivery, bytearray()).extend(payload)
                        if not more:
                            message = decode_message(bytes(incoming.pop(delivery)))
                            self.requests.append(message)
                            known = self._known(message.to or "")
                            delivery.update(state(ACCEPTED if known else RELEASED), settled=True)
                            if known:
                                waiting.extend(self._replies(message))
                    case events.Closed(error, by_peer):
                        self.closed_in_order += by_peer and error is None
                    case _:
                        pass
            while waiting and replies[0].credit > 0:
                replies[0].begin_delivery(settled=True).send(waiting.pop(0), more=False)
            sock.sendall(connection.output.take())

    def _replies(self, request: Message) -> list[bytes]:
        """The answer to a request, if there is one."""
        answer = self._answer(request)
        if answer is None:
            return []
        if isinstance(answer, Response):
            assert request.reply_to == REPLY_ADDRESS
            answer = encode_message(
                Message(
                    to=request.reply_to,
                    correlation_id=request.correlation_id,
                    application_properties=answer.application_properties(),
                    body=answer.body,
                )
            )
        return [answer]


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve clients one after the other on a loopback port, with TLS if there is a context."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(10)
            # What a client or a test does to the connection is not this thread's business.
            with contextlib.suppress(OSError), sock:
                if context is None:
                    serve(sock)
                else:
                    with context.wrap_socket(sock, server_side=True) as secured:
                        serve(secured)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        assert not thread.is_alive()
