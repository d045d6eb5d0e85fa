from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.errors import SkupperLocalError
from skupper_local.tls import PeerNameMismatchError, verify_peer_name


def certificate(*names: str, common_name: str = "") -> dict[str, Any]:
    """What getpeercert() returns: names are written ``DNS:x`` or ``IP:x``."""
    kinds = {"IP": "IP Address", "URI": "URI", "email": "email"}
    alternative = tuple(
        (kinds.get(kind, "DNS"), value) for kind, _, value in (name.partition(":") for name in names)
    )
    found: dict[str, Any] = {"subject": ((("commonName", common_name),),) if common_name else ()}
    return {**found, "subjectAltName": alternative} if alternative else found


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["DNS:west.example.com"], "west.example.com"),
        (["DNS:other", "DNS:west"], "west"),
        (["DNS:West.EXAMPLE.com"], "wEST.example.COM"),
        (["DNS:west.example.com"], "west.example.com."),
        (["DNS:*.example.com"], "west.example.com"),
        (["DNS:*.internal"], "west.internal"),
        (["DNS:xn--bcher-kva.example"], "bücher.example"),
        (["DNS:*.xn--bcher-kva.example"], "west.Bücher.example"),
        (["IP:192.168.1.20"], "192.168.1.20"),
        (["IP:2001:db8::5"], "2001:DB8:0:0::5"),
        (["IP:0:0:0:0:0:0:0:1\n"], "::1"),
        (["IP:2001:db8::5"], "[2001:db8::5]"),
        (["IP:fe80::1"], "fe80::1%eth0"),
        (["DNS:192.168.1.20"], "192.168.1.20"),
        (["DNS:2001:db8::5"], "2001:db8:0::5"),
    ],
)
def test_a_name_of_the_certificate_is_accepted(names: list[str], host: str) -> None:
    verify_peer_name(certificate(*names), host)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["DNS:west.example.com"], "east.example.com"),
        (["DNS:west.example.com"], "west.example.com.evil.org"),
        (["DNS:example.com"], "west.example.com"),
        (["DNS:*.example.com"], "example.com"),
        (["DNS:*.example.com"], "a.west.example.com"),
        (["DNS:*.example.com"], ".example.com"),
        (["DNS:w*.example.com"], "west.example.com"),
        (["DNS:west.*.com"], "west.example.com"),
        (["DNS:*"], "west"),
        (["DNS:*.*"], "west.example"),
        (["DNS:*.168.1.20"], "192.168.1.20"),
        (["IP:192.168.1.20"], "192.168.1.21"),
        (["IP:192.168.1.20"], "west"),
        (["DNS:west"], "192.168.1.20"),
        (["DNS:west\x00.evil.org"], "west"),
        (["DNS:west"], ""),
        (["DNS:"], ""),
        (["URI:west"], "west"),
        (["email:west"], "west"),
        (["DNS:west"], "ẞ" * 70),
    ],
)
def test_a_name_that_is_not_in_the_certificate_is_refused(names: list[str], host: str) -> None:
    with pytest.raises(PeerNameMismatchError):
        verify_peer_name(certificate(*names), host)


@pytest.mark.parametrize("host", ["west", "10.0.0.1"])
def test_the_common_name_counts_only_without_alternative_names(host: str) -> None:
    verify_peer_name(certificate(common_name=host), host)
    verify_peer_name(certificate("email:a@b", common_name=host), host)
    for other in ("DNS:east", "IP:10.0.0.2"):
        with pytest.raises(PeerNameMismatchError):
            verify_peer_name(certificate(other, common_name=host), host)


def test_the_error_tells_the_names_there_are() -> None:
    with pytest.raises(PeerNameMismatchError) as caught:
        verify_peer_name(certificate("DNS:a.example", "IP:10.0.0.1", "DNS:a.example"), "b.example")
    error = caught.value
    assert isinstance(error, SkupperLocalError)
    assert isinstance(error, ValueError)
    assert error.names == ("a.example", "10.0.0.1")
    assert str(error) == "The peer's certificate is not for b.example: it is for a.example, 10.0.0.1"


def test_the_error_says_so_when_there_are_none() -> None:
    for nameless in ({}, certificate()):
        with pytest.raises(PeerNameMismatchError, match="it names no host"):
            verify_peer_name(nameless, "west")


def test_names_a_peer_made_up_are_shown_bounded_and_harmless() -> None:
    names = [f"DNS:{'x' * 5000}\x1b[2J{number}" for number in range(500)]
    with pytest.raises(PeerNameMismatchError, match="and 492 more") as caught:
        verify_peer_name(certificate("DNS:\x1b[2J", *names[1:]), "west")
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


_NAMES = st.text(alphabet="ab*.-é:1%[]", max_size=12) | st.ip_addresses().map(str) | st.text(max_size=6)


@given(st.lists(_NAMES, max_size=4), _NAMES)
def test_any_name_is_accepted_or_refused(names: list[str], host: str) -> None:
    found = certificate(*(f"DNS:{name}" for name in names))
    try:
        verify_peer_name(found, host)
    except PeerNameMismatchError:
        return
    assert names
