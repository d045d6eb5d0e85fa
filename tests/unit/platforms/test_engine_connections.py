"""What a person reads when there is no engine, or something else, behind a socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from skupper_local.errors import SkupperLocalError
from skupper_local.platforms.engine import (
    EngineFailedError,
    EngineRefusedError,
    EngineUnreachableError,
    NetworkMissingError,
    engine_of,
)

PLATFORMS = ("podman", "docker")
pytestmark = pytest.mark.parametrize("platform", PLATFORMS)


class Sockets:
    """Unix sockets on which somebody answers each connection with fixed bytes, and closes it."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self._stack = stack

    def answering(self, *answers: bytes) -> str:
        path = str(self.directory / "engine.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        self._stack.callback(listener.close)
        threading.Thread(target=self._serve, args=(listener, answers), daemon=True).start()
        return path

    def _serve(self, listener: socket.socket, answers: tuple[bytes, ...]) -> None:
        for answer in answers:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[Sockets]:
    with ExitStack() as stack:
        yield Sockets(tmp_path, stack)


def http(body: str = "OK", *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body)
    return "\r\n".join(lines).encode()


def ping(platform: str) -> bytes:
    """How an engine answers a ping that asks who is there."""
    return http("OK", "Api-Version: 1.41", *(["Libpod-Api-Version: 4.3.1"] if platform == "podman" else []))


def refused(platform: str, path: str) -> SkupperLocalError:
    with pytest.raises(SkupperLocalError) as caught:
        engine_of(platform, path)
    assert "skupper-local system check" in caught.value.next_step
    return caught.value


def test_a_missing_socket_is_said_with_how_to_start_the_engine(platform: str, tmp_path: Path) -> None:
    error = refused(platform, str(tmp_path / "none.sock"))
    assert isinstance(error, EngineUnreachableError)
    assert error.why == "there is no such socket"
    assert "start it" in error.next_step


def test_a_socket_that_a_dead_engine_left_is_told_from_a_missing_one(platform: str, tmp_path: Path) -> None:
    path = str(tmp_path / "left.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    error = refused(platform, path)
    assert isinstance(error, EngineUnreachableError)
    assert "nobody listens" in error.why


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root; see tests/system")
def test_a_forbidden_socket_names_the_user(platform: str, tmp_path: Path) -> None:
    path = str(tmp_path / "engine.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0)
        assert "may not open" in refused(platform, path).why


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_socket_is_called_what_it_is(platform: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    path.mkdir() if kind == "directory" else path.touch()
    error = refused(platform, str(path))
    assert isinstance(error, EngineRefusedError)
    assert kind in error.why


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH\r\n\r\n", http("<html>"), http("no", status="404 Not Found")]
)
def test_something_that_is_no_engine_is_not_taken_for_one(
    platform: str, answer: bytes, sockets: Sockets
) -> None:
    error = refused(platform, sockets.answering(answer))
    assert isinstance(error, EngineRefusedError)
    assert "not one of a container engine" in error.why


def test_an_engine_that_closes_at_once_broke_off(platform: str, sockets: Sockets) -> None:
    error = refused(platform, sockets.answering(b""))
    assert isinstance(error, EngineUnreachableError)
    assert "broke off" in error.what


def test_the_other_engine_behind_the_socket_is_named_with_its_option(platform: str, sockets: Sockets) -> None:
    other = next(name for name in PLATFORMS if name != platform)
    error = refused(platform, sockets.answering(ping(other)))
    assert isinstance(error, EngineRefusedError)
    assert f"-p {other}" in error.next_step


def test_an_engine_that_is_too_old_is_refused_with_both_versions(platform: str, sockets: Sockets) -> None:
    old = http("OK", "Api-Version: 1.12", *(["Libpod-Api-Version: 3.4.2"] if platform == "podman" else []))
    error = refused(platform, sockets.answering(old))
    assert isinstance(error, EngineRefusedError)
    assert "too old" in error.what
    assert ("3.4.2" if platform == "podman" else "1.12") in error.why


def test_an_engine_s_own_error_is_given_in_its_words(platform: str, sockets: Sockets) -> None:
    failed = http('{"message": "the moon is full"}', status="500 Internal Server Error")
    engine = engine_of(platform, sockets.answering(ping(platform), failed))
    with pytest.raises(EngineFailedError) as caught:
        engine.start("x")
    assert caught.value.why == "the moon is full"


def test_a_missing_network_has_an_error_of_its_own(platform: str, sockets: Sockets) -> None:
    failed = http('{"message": "network nope not found"}', status="404 Not Found")
    engine = engine_of(platform, sockets.answering(ping(platform), failed))
    with pytest.raises(NetworkMissingError):
        engine.start("x")


def test_a_port_in_use_says_how_to_find_who_has_it(platform: str, sockets: Sockets) -> None:
    failed = http('{"message": "listen tcp4 0.0.0.0:80: bind: address already in use"}', status="500 No")
    engine = engine_of(platform, sockets.answering(ping(platform), failed))
    with pytest.raises(EngineFailedError) as caught:
        engine.start("x")
    assert "ss -ltnp" in caught.value.next_step


def test_an_engine_that_dies_in_the_middle_is_unreachable(platform: str, sockets: Sockets) -> None:
    engine = engine_of(platform, sockets.answering(ping(platform), b""))
    with pytest.raises(EngineUnreachableError):
        engine.container("x")


def test_long_words_of_an_engine_are_cut(platform: str, sockets: Sockets) -> None:
    failed = http('{"message": "' + "x" * 9_000 + '"}', status="500 No")
    engine = engine_of(platform, sockets.answering(ping(platform), failed))
    with pytest.raises(EngineFailedError) as caught:
        engine.start("x")
    assert len(caught.value.why) < 1_000
