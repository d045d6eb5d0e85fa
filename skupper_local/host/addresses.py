"""The addresses of this machine, asked from the kernel.

Linux answers the question "which addresses do you have" over a netlink socket (``RTM_GETADDR``, rtnetlink(7)): one message an
address, holding a fixed header and a list of attributes. Asking needs no privilege, no program and no library, and gives what
a name lookup cannot: the interface and the scope of each address.

Of the addresses found only those are usable by another machine: not loopback, not link-local (they need a zone, and a zone is
a fact of one machine), not tentative, and not the inner side of a container bridge.
"""

from __future__ import annotations

import re
import socket
import struct
import sys
from typing import NamedTuple

_RTM_NEWADDR = 20
_RTM_GETADDR = 22
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST = 0x001
_NLM_F_DUMP = 0x300

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_FLAGS = 8
_FLAG_TEMPORARY = 0x01
_FLAG_DADFAILED = 0x08
_FLAG_TENTATIVE = 0x40

_SCOPE_UNIVERSE = 0
_SCOPE_SITE = 200

_MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, prefix length, flags, scope, interface index
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr: length, type

_ANSWER_SECONDS = 2.0

_BRIDGES = re.compile(
    r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni\d+|cni-podman\d+|virbr\d+|lxcbr\d+|lxdbr\d+|incusbr\d+"
    r"|veth.*|vnet\d+|flannel.*|cali.*|kube-.*"
)
"""Interfaces made by container engines and virtual machine managers: their addresses exist on this machine only."""


class Address(NamedTuple):
    """One address: its interface, its text (no prefix length, no zone), and whether it changes by itself (privacy)."""

    interface: str
    text: str
    temporary: bool = False


class _Found(NamedTuple):
    interface: int
    text: str
    scope: int
    flags: int


def usable_addresses() -> tuple[Address, ...]:
    """The addresses by which other machines may reach this one, in the kernel's order, IPv4 before IPv6.

    Empty when there are none, and also when the kernel does not answer: not every sandbox has netlink.
    """
    try:
        dump = _ask_kernel()
        names = dict(socket.if_nameindex())
    except OSError:
        return ()
    return select_usable(dump, names)


def select_usable(dump: bytes, names: dict[int, str]) -> tuple[Address, ...]:
    """The usable addresses in the answer to ``RTM_GETADDR``; ``names`` maps interface indexes to names."""
    found: list[Address] = []
    for address in _addresses(dump):
        interface = names.get(address.interface, "")
        if address.scope not in (_SCOPE_UNIVERSE, _SCOPE_SITE):
            continue
        if address.flags & (_FLAG_TENTATIVE | _FLAG_DADFAILED) or _BRIDGES.fullmatch(interface):
            continue
        temporary = bool(address.flags & _FLAG_TEMPORARY) and ":" in address.text
        found.append(Address(interface, address.text, temporary))
    return tuple(sorted(found, key=lambda address: ":" in address.text))


def _ask_kernel() -> bytes:
    """The concatenated messages of the kernel's answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_ANSWER_SECONDS)
        body = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        length = _MESSAGE.size + len(body)
        kernel.send(_MESSAGE.pack(length, _RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + body)
        answer = bytearray()
        while True:
            part = kernel.recv(65_536)
            answer += part
            if not part or any(kind in (_NLMSG_DONE, _NLMSG_ERROR) for kind, _ in _messages(part)):
                return bytes(answer)


def _messages(dump: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each netlink message; what is cut short is left out."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while position + _MESSAGE.size <= len(dump):
        length, kind, _, _, _ = _MESSAGE.unpack_from(dump, position)
        if length < _MESSAGE.size or position + length > len(dump):
            break
        found.append((kind, dump[position + _MESSAGE.size : position + length]))
        position += _aligned(length)
    return found


def _addresses(dump: bytes) -> list[_Found]:
    found: list[_Found] = []
    for kind, body in _messages(dump):
        if kind != _RTM_NEWADDR or len(body) < _ADDRESS.size:
            continue
        family, _, flags, scope, index = _ADDRESS.unpack_from(body)
        attributes = _attributes(body[_ADDRESS.size :])
        # On a point-to-point interface IFA_ADDRESS is the peer's address and IFA_LOCAL ours; IPv6 has only IFA_ADDRESS.
        raw = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS) or b""
        if _IFA_FLAGS in attributes and len(attributes[_IFA_FLAGS]) == 4:
            flags = int.from_bytes(attributes[_IFA_FLAGS], sys.byteorder)
        if (family, len(raw)) in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
            found.append(_Found(index, socket.inet_ntop(family, raw), scope, flags))
    return found


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if length < _ATTRIBUTE.size or position + length > len(data):
            break
        found[kind] = data[position + _ATTRIBUTE.size : position + length]
        position += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3
