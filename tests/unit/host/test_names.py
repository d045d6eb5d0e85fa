"""Host names worth handing to others."""

from __future__ import annotations

import socket
import time

import pytest

from skupper_local.host import names


def test_a_name_that_resolves_to_one_of_our_addresses_is_ours() -> None:
    assert names.resolves_to_us("localhost", {"127.0.0.1", "::1"})


def test_a_name_that_resolves_elsewhere_is_not_ours() -> None:
    assert not names.resolves_to_us("localhost", {"192.0.2.1"})


def test_an_empty_name_is_nobodys() -> None:
    assert not names.resolves_to_us("", {"127.0.0.1"})


def test_a_resolver_that_hangs_costs_only_the_time_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> list[object]:
        time.sleep(2)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    assert names.resolve("anything", seconds=0.1) == ()
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize(("name", "given"), [("Laptop.Example.COM", "laptop.example.com"), ("my_host", "")])
def test_the_host_name_is_one_a_certificate_can_hold(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert names.hostname() == given
