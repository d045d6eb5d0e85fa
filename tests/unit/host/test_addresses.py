"""Which addresses of this machine another machine may use."""

from __future__ import annotations

import ipaddress
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from skupper_local.host.addresses import select_usable, usable_addresses

UNIVERSE, LINK, HOST = 0, 253, 254
NAMES = {1: "lo", 2: "eth0", 3: "docker0", 4: "br-0123456789ab", 5: "br-office", 6: "wg0"}


def attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + value + padding


def message(index: int, text: str, *, scope: int = UNIVERSE, flags: int = 0, peer: str = "") -> bytes:
    address = ipaddress.ip_address(text)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    body = struct.pack("=BBBBI", family, 24, flags, scope, index)
    body += attribute(1, ipaddress.ip_address(peer or text).packed)
    if address.version == 4:
        body += attribute(2, address.packed)
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 1, 0) + body


def texts(*messages: bytes) -> list[str]:
    return [address.text for address in select_usable(b"".join(messages), NAMES)]


def test_loopback_and_link_local_addresses_are_left_out() -> None:
    dump = (
        message(1, "127.0.0.1", scope=HOST),
        message(2, "192.0.2.7"),
        message(2, "169.254.3.4", scope=LINK),
        message(2, "fe80::1", scope=LINK),
    )
    assert texts(*dump) == ["192.0.2.7"]


def test_addresses_of_container_bridges_are_left_out_and_those_of_other_bridges_stay() -> None:
    dump = (message(3, "172.17.0.1"), message(4, "172.18.0.1"), message(5, "10.0.0.5"))
    assert texts(*dump) == ["10.0.0.5"]


def test_ipv4_comes_before_ipv6() -> None:
    assert texts(message(2, "2001:db8::7"), message(2, "192.0.2.7")) == ["192.0.2.7", "2001:db8::7"]


def test_an_address_still_being_checked_for_duplicates_is_left_out() -> None:
    assert texts(message(2, "2001:db8::7", flags=0x40), message(2, "2001:db8::8")) == ["2001:db8::8"]


def test_on_a_point_to_point_interface_the_local_address_counts_and_not_the_peers() -> None:
    assert texts(message(6, "10.9.0.1", peer="10.9.0.2")) == ["10.9.0.1"]


def test_privacy_addresses_are_marked() -> None:
    found = select_usable(message(2, "2001:db8::7", flags=0x01), NAMES)
    assert [address.temporary for address in found] == [True]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_failure(dump: bytes) -> None:
    select_usable(dump, NAMES)


def test_addresses_of_this_machine_can_be_bound() -> None:
    for address in usable_addresses():
        family = socket.AF_INET6 if ":" in address.text else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address.text, 0))
