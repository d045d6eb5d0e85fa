"""An HTTP/1.1 server for small answers, in which everything a client can make us spend is bounded.

Theory of operation
-------------------
``h11`` knows the protocol, this module the sockets, the time and the limits. The caller binds the listening sockets; every
accepted connection is one task that reads a request whole, asks the handler, and writes the answer whole, until the client has
had enough, is silent, or breaks a limit:

====================================== =======================================================
too many connections, or closing       503, and the connection is closed
a request that does not arrive in time 408 if some of it came, else closed without a word
request line and header too large      431
body too large                         413
malformed                              400 (501 for a transfer coding nobody needs)
the handler raises or takes too long   500, 503
====================================== =======================================================

Clients are not trusted, and they are few: scrapers, probes, sites that redeem a token, a browser. So there is no streaming, no
pipelining beyond what ``h11`` buffers, and no setting that nobody needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import h11

_log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 32
ACCEPT_PAUSE = 0.1
"""Seconds without accepting after the process ran out of file descriptors."""
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 262_144
_READ_SIZE = 16_384


@dataclass(frozen=True)
class Limits:
    """What one client, and all of them together, may take. Sizes are in bytes, times in seconds."""

    connections: int = 64
    header_bytes: int = 16_384
    body_bytes: int = 65_536
    handshake_seconds: float = 10.0
    request_seconds: float = 10.0
    """From the first wish for a request on a new connection to its last byte."""
    idle_seconds: float = 30.0
    """How long a connection may stay open between two requests."""
    handler_seconds: float = 30.0
    write_seconds: float = 10.0
    requests: int = 1000
    """After so many requests a connection is closed in order."""


@dataclass(frozen=True)
class Request:
    """A request as it arrived. ``path`` is what stands before ``?``, not decoded; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = ""


@dataclass(frozen=True)
class Response:
    """What is answered. ``headers`` are further ones; length, type, date and caching are the server's business."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response | Awaitable[Response]]
"""Answers a request. One that only computes may be a plain function; it holds up everything else while it runs."""


class Routes:
    """A handler that chooses another one by path and method; unknown ones are answered with 404 and 405.

    Whoever answers GET answers HEAD as well (the server sends no body then).
    """

    def __init__(self, routes: Mapping[str, Mapping[str, Handler]]) -> None:
        self._routes = routes

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        methods = self._routes.get(request.path)
        if methods is None:
            return plain_response(404)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
            return plain_response(405, headers={"Allow": ", ".join(allowed)})
        return handler(request)


def plain_response(status: int, text: str = "", *, headers: Mapping[str, str] | None = None) -> Response:
    """A status with one line of text, by default the standard's own phrase."""
    return Response(status, f"{text or _phrase(status)}\n".encode(), headers=headers or {})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


class _RefusedError(Exception):
    """The request cannot be taken; the connection ends after this answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.response = plain_response(status)


class HttpServer:
    """Serves ``handler`` on listening sockets, over TLS if there is a ``context``."""

    def __init__(
        self, handler: Handler, *, limits: Limits | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._handler = handler
        self._context = context
        self._sockets: list[socket.socket] = []
        self._connections: dict[asyncio.Task[None], _Conversation | None] = {}
        self._closing = False

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on sockets that are bound and listening; they belong to the server from now on.

        Has to be called inside of the running loop.
        """
        loop = asyncio.get_running_loop()
        for sock in sockets:
            sock.setblocking(False)
            self._sockets.append(sock)
            loop.add_reader(sock.fileno(), self._accept, sock)

    def use_context(self, context: ssl.SSLContext) -> None:
        """Take another TLS context for the connections to come (certificates were read again)."""
        self._context = context

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def close(self, seconds: float = 2.0) -> None:
        """Accept no more, let answers that are being made go out for at most ``seconds``, then cut what is left."""
        self._closing = True
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()
        for task, conversation in self._connections.items():
            if conversation is None or conversation.idle:
                task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=seconds)
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections))

    # ------------------------------------------------------------------ accepting

    def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    loop.remove_reader(listening.fileno())
                    loop.call_later(ACCEPT_PAUSE, self._accept_again, listening)
                return
            sock.setblocking(False)
            if len(self._connections) >= self.limits.connections:
                _turn_away(sock, encrypted=self._context is not None)
                continue
            client = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
            task = loop.create_task(self._serve(sock, client))
            self._connections[task] = None
            task.add_done_callback(self._ended)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("serving HTTP failed", exc_info=task.exception())

    async def _serve(self, sock: socket.socket, client: str) -> None:
        loop = asyncio.get_running_loop()
        limits = self.limits
        reader = asyncio.StreamReader(limit=_READ_SIZE)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=limits.handshake_seconds if self._context else None,
                ssl_shutdown_timeout=_LINGER_SECONDS if self._context else None,
            )
        except (OSError, TimeoutError):
            sock.close()
            return
        except BaseException:
            sock.close()
            raise
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        conversation = _Conversation(self._handler, limits, reader, writer, client, lambda: self._closing)
        task = asyncio.current_task()
        if task is not None:
            self._connections[task] = conversation
        try:
            await conversation.run()
        except (OSError, TimeoutError, h11.LocalProtocolError):
            transport.abort()
        except asyncio.CancelledError:
            transport.abort()
            raise
        finally:
            writer.close()
            try:
                async with asyncio.timeout(limits.write_seconds):
                    await writer.wait_closed()
            except (OSError, TimeoutError):
                transport.abort()


class _Conversation:
    """One connection. ``idle`` while no request is under way."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: str,
        closing: Callable[[], bool],
    ) -> None:
        self.idle = True
        self._handler = handler
        self._limits = limits
        self._reader = reader
        self._writer = writer
        self._client = client
        self._closing = closing
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)

    async def run(self) -> None:
        """Answer requests until the connection is to be closed."""
        for number in range(1, self._limits.requests + 1):
            try:
                request = await self._request(first=number == 1)
            except _RefusedError as refused:
                await self._send(refused.response, "GET", last=True)
                await self._linger()
                return
            if request is None:
                return
            response = await self._answer(request)
            await self._send(response, request.method, last=number == self._limits.requests)
            if self._protocol.our_state is h11.MUST_CLOSE or self._protocol.their_state is h11.MUST_CLOSE:
                await self._linger()
                return
            self._protocol.start_next_cycle()
            self.idle = True
            if self._closing():
                return

    # ------------------------------------------------------------------ requests

    async def _request(self, *, first: bool) -> Request | None:
        """The next request, whole; None when the client has no more. Raises ``_RefusedError``."""
        limits = self._limits
        try:
            if not first:
                async with asyncio.timeout(limits.idle_seconds):
                    if not await self._begins():
                        return None
            async with asyncio.timeout(limits.request_seconds):
                return await self._whole_request()
        except TimeoutError:
            if self.idle:
                return None
            raise _RefusedError(408) from None
        except h11.RemoteProtocolError as error:
            raise _RefusedError(error.error_status_hint) from None

    async def _begins(self) -> bool:
        """Wait for the first byte of a request."""
        if self._protocol.trailing_data[0]:
            return True
        data = await self._reader.read(_READ_SIZE)
        self._protocol.receive_data(data)
        return bool(data)

    async def _whole_request(self) -> Request | None:
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None  # the client closed between two requests
        headers = _headers(head)
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > self._limits.body_bytes:
            raise _RefusedError(413)
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > self._limits.body_bytes:
                raise _RefusedError(413)
        if not isinstance(event, h11.EndOfMessage):
            return None  # the client went away in the middle
        path, _, query = _origin_form(head.target.decode("ascii", "replace")).partition("?")
        return Request(head.method.decode("ascii"), path, query, headers, bytes(body), self._client)

    async def _event(self) -> Any:
        while True:
            event = self._protocol.next_event()
            if event is not h11.NEED_DATA:
                self.idle = False
                return event
            if self._protocol.they_are_waiting_for_100_continue:
                self._writer.write(
                    self._protocol.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                )
            data = await self._reader.read(_READ_SIZE)
            if data:
                self.idle = False
            self._protocol.receive_data(data)

    # ------------------------------------------------------------------ answers

    async def _answer(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._limits.handler_seconds):
                answer = self._handler(request)
                return await answer if inspect.isawaitable(answer) else answer
        except TimeoutError:
            _log.error("%s %s took too long", request.method, request.path)
            return plain_response(503)
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return plain_response(500)

    async def _send(self, response: Response, method: str, *, last: bool) -> None:
        if self._protocol.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *response.headers.items(),
        ]
        if last or self._closing():
            headers.append(("Connection", "close"))
        send = self._protocol.send
        pieces = [
            send(h11.Response(status_code=response.status, reason=_phrase(response.status), headers=headers))
        ]
        if method != "HEAD":
            pieces.append(send(h11.Data(data=response.body)))
        pieces.append(send(h11.EndOfMessage()))
        self._writer.write(b"".join(piece for piece in pieces if piece))
        async with asyncio.timeout(self._limits.write_seconds):
            await self._writer.drain()

    async def _linger(self) -> None:
        """Read what the client still sends, for a moment: closing a socket with unread bytes would destroy our answer."""
        if self._writer.can_write_eof():
            with contextlib.suppress(OSError):
                self._writer.write_eof()
        left = _LINGER_BYTES
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while left > 0 and (data := await self._reader.read(_READ_SIZE)):
                    left -= len(data)


def _headers(request: h11.Request) -> dict[str, str]:
    """The header fields; those given several times are joined, as RFC 9110 5.3 says."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _origin_form(target: str) -> str:
    """The path of a target; a server also has to take one with scheme and authority (RFC 9112 3.2.2)."""
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return "/" + rest.partition("/")[2]
    return target


def _turn_away(sock: socket.socket, *, encrypted: bool) -> None:
    """Too many connections: say so, if that costs nothing, and close."""
    with contextlib.suppress(OSError):
        if not encrypted:
            sock.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    sock.close()
