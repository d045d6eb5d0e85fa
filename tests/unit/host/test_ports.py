"""Whether a port can be bound."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from skupper_local.host import ports


@pytest.fixture
def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_port_somebody_listens_on_is_not_free_on_that_address_nor_on_all(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    assert not ports.is_free(port, "127.0.0.1")
    assert not ports.is_free(port)
    assert "in use" in ports.bind_problem("127.0.0.1", port)
    listening.close()
    assert ports.is_free(port, "127.0.0.1")


def test_the_next_free_port_skips_those_in_use_and_those_promised(listening: socket.socket) -> None:
    first = listening.getsockname()[1]
    found = ports.next_free(first, host="127.0.0.1", taken={first + 1})
    assert found > first + 1
    assert ports.is_free(found, "127.0.0.1")
    listening.close()


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    assert ports.bind_problem("203.0.113.9", 8080)


def test_a_name_nobody_knows_cannot_be_bound() -> None:
    assert "no-such-host.invalid" in ports.bind_problem("no-such-host.invalid", 8080)


def test_no_port_left_is_said() -> None:
    with pytest.raises(ports.NoFreePortError) as caught:
        ports.next_free(65_534, taken={65_534, 65_535})
    assert "65534" in caught.value.what


@pytest.mark.parametrize(
    ("hosts", "loopback"), [(("127.0.0.1",), True), (("127.0.0.1", "::1"), True), (("",), False)]
)
def test_who_listens_on_the_loopback_alone_is_known(hosts: tuple[str, ...], loopback: bool) -> None:
    with contextlib.ExitStack() as open_sockets:
        port = 0
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listening = open_sockets.enter_context(socket.create_server((host, port), family=family))
            port = listening.getsockname()[1]
        assert (port in ports.on_loopback_only({port, 1})) == loopback
    assert not ports.on_loopback_only({port})


def test_who_holds_ports_is_asked_once_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[str] = []
    listdir = os.listdir

    def counted(path: str) -> list[str]:
        walks.append(path)
        return listdir(path)

    monkeypatch.setattr("os.listdir", counted)
    with contextlib.ExitStack() as open_sockets:
        listening = [open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(30)]
        held = [item.getsockname()[1] for item in listening]
        found = ports.holders_of({*held, 1})
    assert walks == ["/proc"]
    assert found.keys() == set(held)
    assert all(f"process {os.getpid()} (" in holder for holder in found.values())


def test_one_at_a_time_chooses_ports_and_nobody_is_kept_out_for_ever() -> None:
    with ports.turn_to_choose(60.0) as first, ports.turn_to_choose(0.1) as second:
        assert (first, second) == (True, False)
    with ports.turn_to_choose(60.0) as third:
        assert third
