from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.http.server import Handler, HttpServer, Limits, Request, Response, Routes, plain_response

Answer = tuple[int, dict[str, str], bytes]


def listening_socket() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    return sock


class Client:
    """Speaks raw bytes, because these tests are about what no good client sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        with contextlib.suppress(OSError):
            await self.writer.drain()

    async def answer(self, *, body: bool = True) -> Answer:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode()
        lines = head.split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers["content-length"]) if body else 0
        return status, headers, await asyncio.wait_for(self.reader.readexactly(length), 5)

    async def ask(self, request: bytes) -> Answer:
        await self.send(request)
        return await self.answer()

    async def at_end(self, seconds: float = 5) -> bool:
        return await asyncio.wait_for(self.reader.read(), seconds) == b""


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, limits: Limits | None = None
) -> AsyncIterator[tuple[HttpServer, Callable[[], Awaitable[Client]]]]:
    server = HttpServer(handler, limits=limits)
    sock = listening_socket()
    address = sock.getsockname()
    server.start([sock])
    clients: list[Client] = []

    async def connect() -> Client:
        client = Client(*await asyncio.open_connection(*address))
        clients.append(client)
        return client

    try:
        yield server, connect
    finally:
        await server.close(0.2)
        for client in clients:
            client.writer.close()
        assert server.open_connections == 0


def echo(request: Request) -> Response:
    return Response(200, f"{request.method} {request.path} {request.query} ".encode() + request.body)


def test_a_request_is_answered_with_what_the_handler_says() -> None:
    async def run() -> None:
        async with serving(echo) as (_, connect):
            client = await connect()
            status, headers, body = await client.ask(b"GET /some/where?x=1 HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (status, body) == (200, b"GET /some/where x=1 ")
            assert headers["content-type"].startswith("text/plain")
            assert headers["cache-control"] == "no-store"

    asyncio.run(run())


def test_a_connection_serves_one_request_after_the_other() -> None:
    async def run() -> None:
        async with serving(echo) as (_, connect):
            client = await connect()
            for number in range(3):
                request = f"POST /{number} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc".encode()
                assert (await client.ask(request))[2] == f"POST /{number}  abc".encode()

    asyncio.run(run())


def test_requests_sent_at_once_are_answered_in_order() -> None:
    async def run() -> None:
        async with serving(echo) as (_, connect):
            client = await connect()
            await client.send(b"".join(f"GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for n in range(5)))
            for number in range(5):
                assert (await client.answer())[2] == f"GET /{number}  ".encode()

    asyncio.run(run())


def test_the_answer_to_head_has_the_length_but_no_body() -> None:
    async def run() -> None:
        async with serving(Routes({"/a": {"GET": lambda _: Response(200, b"12345")}})) as (_, connect):
            client = await connect()
            await client.send(b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
            status, headers, _body = await client.answer(body=False)
            assert (status, headers["content-length"]) == (200, "5")
            assert (await client.ask(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"))[2] == b"12345"

    asyncio.run(run())


def test_a_chunked_body_arrives_whole_and_100_continue_is_sent() -> None:
    async def run() -> None:
        async with serving(echo) as (_, connect):
            client = await connect()
            await client.send(
                b"PUT /c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            interim = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 5)
            assert interim.startswith(b"HTTP/1.1 100 ")
            assert (await client.ask(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"))[2] == b"PUT /c  abc"

    asyncio.run(run())


def test_http_1_0_is_answered_and_closed() -> None:
    async def run() -> None:
        async with serving(echo) as (_, connect):
            client = await connect()
            assert (await client.ask(b"GET / HTTP/1.0\r\n\r\n"))[0] == 200
            assert await client.at_end()

    asyncio.run(run())


def test_routes_answer_404_for_a_path_and_405_for_a_method_that_does_not_exist() -> None:
    async def run() -> None:
        routes = Routes({"/a": {"GET": lambda _: plain_response(200), "POST": lambda _: plain_response(201)}})
        async with serving(routes) as (_, connect):
            client = await connect()
            assert (await client.ask(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 404
            status, headers, _body = await client.ask(b"DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (status, headers["allow"]) == (405, "GET, HEAD, POST")
            assert (await client.ask(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"))[0] == 201
            assert (await client.ask(b"GET http://elsewhere/a HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 5_000, 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + b"a" * 1001, 413),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3e8\r\n" + b"a" * 1000 + b"\r\n1\r\na\r\n",
            413,
        ),
    ],
)
def test_a_bad_request_gets_its_status_and_the_connection_is_closed(
    request_bytes: bytes, status: int
) -> None:
    async def run() -> None:
        async with serving(echo, Limits(body_bytes=1000)) as (_, connect):
            client = await connect()
            assert (await client.ask(request_bytes))[0] == status
            assert await client.at_end()
            assert (await (await connect()).ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200

    asyncio.run(run())


def test_a_request_that_stops_halfway_is_answered_with_408() -> None:
    async def run() -> None:
        async with serving(echo, Limits(request_seconds=0.2)) as (_, connect):
            client = await connect()
            assert (await client.ask(b"GET / HTT"))[0] == 408
            client = await connect()
            assert (await client.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"))[0] == 408

    asyncio.run(run())


def test_a_request_that_drips_does_not_get_more_time() -> None:
    async def run() -> None:
        async with serving(echo, Limits(request_seconds=0.3)) as (_, connect):
            client = await connect()

            async def drip() -> None:
                for _ in range(100):
                    await client.send(b"x")
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            assert (await client.answer())[0] == 408
            dripping.cancel()

    asyncio.run(run())


def test_a_silent_client_is_dropped_without_a_word() -> None:
    async def run() -> None:
        limits = Limits(request_seconds=0.2, idle_seconds=0.2)
        async with serving(echo, limits) as (_, connect):
            assert await (await connect()).at_end(2)
            client = await connect()
            await client.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await client.at_end(2)

    asyncio.run(run())


def test_more_connections_than_allowed_are_turned_away_and_room_is_found_again() -> None:
    async def run() -> None:
        async with serving(echo, Limits(connections=2)) as (server, connect):
            first, second = await connect(), await connect()
            for client in (first, second):
                assert (await client.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200
            third = await connect()
            assert (await third.answer())[0] == 503
            assert await third.at_end()
            first.writer.close()
            while server.open_connections > 1:
                await asyncio.sleep(0.01)
            assert (await (await connect()).ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200

    asyncio.run(run())


def test_a_handler_that_fails_or_hangs_costs_one_answer() -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/fails":
            raise RuntimeError("secret detail")
        if request.path == "/hangs":
            await asyncio.sleep(60)
        return plain_response(200)

    async def run() -> None:
        async with serving(handler, Limits(handler_seconds=0.1)) as (_, connect):
            client = await connect()
            status, _headers, body = await client.ask(b"GET /fails HTTP/1.1\r\nHost: h\r\n\r\n")
            assert status == 500
            assert b"secret" not in body
            assert (await client.ask(b"GET /hangs HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 503
            assert (await client.ask(b"GET /works HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200

    asyncio.run(run())


def test_a_client_that_does_not_read_its_answer_is_dropped() -> None:
    async def run() -> None:
        large = Response(200, bytes(32 << 20))
        async with serving(lambda _: large, Limits(write_seconds=0.2)) as (server, connect):
            client = await connect()
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await asyncio.sleep(0.1)
            assert server.open_connections == 1
            async with asyncio.timeout(3):
                while server.open_connections:
                    await asyncio.sleep(0.02)

    asyncio.run(run())


def test_a_connection_ends_after_its_share_of_requests() -> None:
    async def run() -> None:
        async with serving(echo, Limits(requests=2)) as (_, connect):
            client = await connect()
            assert "connection" not in (await client.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[1]
            assert (await client.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[1]["connection"] == "close"
            assert await client.at_end()

    asyncio.run(run())


def test_closing_lets_an_answer_in_the_making_go_out_and_cuts_idle_clients() -> None:
    release = asyncio.Event()

    async def handler(request: Request) -> Response:
        await release.wait()
        return plain_response(200)

    async def run() -> None:
        async with serving(handler) as (server, connect):
            idle, busy = await connect(), await connect()
            await busy.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await asyncio.sleep(0.05)
            closing = asyncio.create_task(server.close(3))
            assert await idle.at_end()
            release.set()
            status, headers, _body = await busy.answer()
            assert (status, headers["connection"]) == (200, "close")
            await closing
            with pytest.raises(OSError, match=r"."):
                await connect()

    asyncio.run(run())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5))
def test_arbitrary_bytes_never_break_the_server(pieces: list[bytes]) -> None:
    async def run() -> None:
        async with serving(echo, Limits(request_seconds=0.05, idle_seconds=0.05)) as (_, connect):
            client = await connect()
            for piece in pieces:
                await client.send(piece)
            client.writer.write_eof()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(client.reader.read(), 5)
            assert (await (await connect()).ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200

    asyncio.run(run())
