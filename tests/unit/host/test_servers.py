"""Whether servers take connections, seen from this machine."""

from __future__ import annotations

import socket
import time

import pytest

from skupper_local.host import servers
from skupper_local.host.servers import refusals


@pytest.mark.parametrize(
    ("bound", "asked", "taken"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "::1", False),
        ("0.0.0.0", "127.0.0.7", True),
        ("0.0.0.0", "::1", False),
    ],
)
def test_a_server_on_the_loopback_is_seen_without_a_connection(bound: str, asked: str, taken: bool) -> None:
    with socket.create_server((bound, 0)) as server:
        port = server.getsockname()[1]
        expected = "" if taken else "connection refused"
        assert refusals([(asked, port)]) == {(asked, port): expected}
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        place = ("127.0.0.1", unheard.getsockname()[1])
        assert refusals([place, ("localhost", place[1])]) == {
            place: "connection refused",
            ("localhost", place[1]): "connection refused",
        }


def test_servers_elsewhere_are_asked_together_and_what_takes_too_long_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(host: str, port: int, seconds: float) -> str:
        time.sleep(3.0 if host == "slow" else 0.05)
        return "" if port == 1 else "no route to host"

    monkeypatch.setattr(servers, "can_connect", connect)
    places = [("slow", 1), *((f"host{number}", number % 2) for number in range(40))]
    start = time.monotonic()
    found = refusals(places, 0.4)
    assert time.monotonic() - start < 1.5
    assert found == {
        (host, port): "" if port else "no route to host" for host, port in places if host != "slow"
    }


def test_nobody_to_ask_is_no_work() -> None:
    assert refusals([]) == {}
