"""What a forward proxy is asked, and what its answers mean."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path

import pytest

from skupper_local.router.configuration import ProxyProfile
from skupper_local.router.proxy import open_way, request_for


def profile(username: str | None = None, password: str | None = None) -> ProxyProfile:
    return ProxyProfile("p", "proxy.example", 3128, username, password)


def test_the_request_names_the_host_and_port() -> None:
    assert request_for("h.example", 55671, profile()) == (
        b"CONNECT h.example:55671 HTTP/1.1\r\nHost: h.example:55671\r\n\r\n"
    )
    assert b"CONNECT [2001:db8::1]:1 HTTP/1.1\r\n" in request_for("2001:db8::1", 1, profile())


@pytest.mark.parametrize("form", ["{}", "pass:{}", "file:{}"])
def test_user_and_password_are_sent_as_basic_authorization(form: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    value = str(tmp_path / "password") if form.startswith("file") else "s3cret"
    [line] = [
        line
        for line in request_for("h", 1, profile("me", form.format(value))).split(b"\r\n")
        if line.startswith(b"Proxy-Authorization: Basic ")
    ]
    assert base64.b64decode(line.split()[-1]) == b"me:s3cret"


async def answered(answer: bytes) -> bytes:
    """Let a proxy give this answer; returns what is left on the socket for the link."""
    ours, proxy = socket.socketpair()
    with ours, proxy:
        ours.setblocking(False)
        proxy.sendall(answer)
        proxy.shutdown(socket.SHUT_WR)
        await open_way(asyncio.get_running_loop(), ours, "h", 1, profile())
        return ours.recv(100)


def test_nothing_is_taken_of_what_follows_the_answer() -> None:
    answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nAMQP"
    assert asyncio.run(answered(answer)) == b"AMQP"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused: 407 Proxy"),
        (b"HTTP/1.1 502 \x1b[31mBad\r\n\r\n", "refused: 502 [31mBad"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 x\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 4000, "too long"),
    ],
)
def test_an_answer_that_is_no_success_is_an_error_that_says_why(answer: bytes, reason: str) -> None:
    with pytest.raises(OSError, match="proxy") as caught:
        asyncio.run(answered(answer))
    assert reason in str(caught.value)
