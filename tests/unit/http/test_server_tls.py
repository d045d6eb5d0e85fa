from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skupper_local.http.server import HttpServer, Limits, Request, Response, plain_response
from skupper_local.tls import client_context, server_context, verify_peer_name
from tests.rig.certificates import Authority, Credentials
from tests.unit.http.test_server import Client, listening_socket

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def answer(request: Request) -> Response:
    return plain_response(200, "answered")


def context_of(credentials: Credentials) -> ssl.SSLContext:
    return server_context(
        certificate=str(credentials.certificate),
        private_key=str(credentials.key),
        require_client_certificate=False,
    )


@contextlib.asynccontextmanager
async def serving(
    context: ssl.SSLContext, limits: Limits | None = None
) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(answer, limits=limits, context=context)
    sock = listening_socket()
    port = sock.getsockname()[1]
    server.start([sock])
    try:
        yield server, port
    finally:
        await server.close(0.2)
        assert server.open_connections == 0


async def connect(port: int, trusted: Path) -> tuple[Client, ssl.SSLObject]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client_context(ca=str(trusted)), server_hostname="127.0.0.1"
    )
    return Client(reader, writer), writer.get_extra_info("ssl_object")


def test_requests_are_served_over_tls(tmp_path: Path) -> None:
    credentials = Authority(tmp_path).server("server")

    async def run() -> None:
        async with serving(context_of(credentials)) as (_, port):
            client, tls = await connect(port, credentials.ca)
            verify_peer_name(tls.getpeercert() or {}, "127.0.0.1")
            for _number in range(2):
                assert (await client.ask(GET))[0] == 200
            client.writer.close()

    asyncio.run(run())


def test_new_connections_see_new_certificates_and_open_ones_go_on(tmp_path: Path) -> None:
    before = Authority(tmp_path / "before", "before").server("server")
    after = Authority(tmp_path / "after", "after").server("server")

    async def run() -> None:
        async with serving(context_of(before)) as (server, port):
            client, _tls = await connect(port, before.ca)
            assert (await client.ask(GET))[0] == 200
            server.use_context(context_of(after))
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(port, before.ca)
            other, _tls = await connect(port, after.ca)
            assert (await other.ask(GET))[0] == 200
            assert (await client.ask(GET))[0] == 200
            client.writer.close()
            other.writer.close()

    asyncio.run(run())


def test_who_does_not_come_to_an_end_with_the_handshake_is_dropped_and_harms_nobody(tmp_path: Path) -> None:
    credentials = Authority(tmp_path).server("server")

    async def run() -> None:
        limits = Limits(connections=3, handshake_seconds=0.3)
        async with serving(context_of(credentials), limits) as (server, port):
            silent = await asyncio.open_connection("127.0.0.1", port)
            babbling = await asyncio.open_connection("127.0.0.1", port)
            babbling[1].write(b"GET / HTTP/1.1\r\n\r\n")
            client, _tls = await connect(port, credentials.ca)
            assert (await client.ask(GET))[0] == 200
            for reader, writer in (silent, babbling):
                with contextlib.suppress(ConnectionError):
                    await asyncio.wait_for(reader.read(), 3)
                writer.close()
            async with asyncio.timeout(3):
                while server.open_connections > 1:
                    await asyncio.sleep(0.02)
            client.writer.close()

    asyncio.run(run())
