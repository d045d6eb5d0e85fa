"""The six control messages of the routing protocol: what they say, and how they look on the wire.

======= ========================= ==================================================================================
opcode  sent to                   meaning
======= ========================= ==================================================================================
HELLO   ``_local/qdhello``        I am here, and this is whom I hear on this link (one hop)
RA      ``_topo/0/all/qdrouter``  the current sequence numbers of my link state and of my addresses
LSR     ``_topo/0/<id>/qdrouter`` send me your link state
LSU     ``_topo/0/<id>/qdrouter`` these are my neighbours and the cost of each
MAR     ``…/<id>/qdrouter.ma``    I know your addresses up to this sequence number; send me the rest
MAU     ``…/<id>/qdrouter.ma``    all my addresses (absolute, the answer to a MAR), or
        ``…/all/qdrouter.ma``     what changed since the sequence number before this one (differential)
======= ========================= ==================================================================================

Two programs inside the reference write these messages, and each in its own style: HELLO, RA, LSR and LSU have string keys and
AMQP ints, MAR and MAU symbol keys and AMQP longs. We write each as the reference does, byte for byte (router-protocol 4).
What is received may use any integer width and string type, but must otherwise be what it claims to be: :func:`parse_control`
raises :class:`MalformedControlError` for everything else, so the engine only ever sees well-typed, bounded facts.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skupper_local.amqp.codec import encode, encode_list32
from skupper_local.amqp.types import Long, Symbol, UInt
from skupper_local.router.routing.settings import RoutingLimits

HELLO = "HELLO"
RA = "RA"
LSR = "LSR"
LSU = "LSU"
MAR = "MAR"
MAU = "MAU"
OPCODES = frozenset({HELLO, RA, LSR, LSU, MAR, MAU})

LINK_STATE_VERSION = 1
"""Protocol version (``pv``) of HELLO, RA, LSR and LSU."""
MOBILE_VERSION = 2
"""Protocol version of MAR and MAU."""

HELLO_ADDRESS = "amqp:/_local/qdhello"
ALL_ROUTERS_ADDRESS = "amqp:/_topo/0/all/qdrouter"
ALL_ROUTERS_MOBILE_ADDRESS = "_topo/0/all/qdrouter.ma"
"""Without ``amqp:/``, unlike every other one: so it was recorded from the reference."""

MOBILE_CLASSES = "MNH"
"""First characters of the address keys that are announced: mobile, network, edge router."""

_MAX_SEQUENCE = 2**63 - 1
_MAX_COST = 2**31 - 1


def router_address(router_id: str) -> str:
    """Where LSR and LSU for a router go."""
    return f"amqp:/_topo/0/{router_id}/qdrouter"


def router_mobile_address(router_id: str) -> str:
    """Where MAR and absolute MAU for a router go."""
    return f"amqp:/_topo/0/{router_id}/qdrouter.ma"


class MalformedControlError(ValueError):
    """A received control message is not what its opcode demands, or is larger than we accept."""


class UnknownVersionError(ValueError):
    """A received control message speaks a newer protocol version than we do."""

    def __init__(self, router_id: str, version: int) -> None:
        super().__init__(f"protocol version {version}")
        self.router_id = router_id
        self.version = version


@dataclass(frozen=True)
class Hello:
    """``instance`` is None when the sender did not say (all messages)."""

    router_id: str
    version: int
    instance: int | None
    seen: frozenset[str]


@dataclass(frozen=True)
class RouterAdvertisement:
    router_id: str
    version: int
    instance: int | None
    link_state_sequence: int
    mobile_sequence: int


@dataclass(frozen=True)
class LinkStateRequest:
    router_id: str
    version: int


@dataclass(frozen=True)
class LinkStateUpdate:
    router_id: str
    version: int
    instance: int | None
    link_state_sequence: int
    peers: Mapping[str, int]
    """Neighbour id -> cost; never the sender itself."""


@dataclass(frozen=True)
class MobileAddressRequest:
    router_id: str
    version: int
    have_sequence: int


@dataclass(frozen=True)
class AbsoluteMobileUpdate:
    router_id: str
    version: int
    mobile_sequence: int
    exist: Mapping[str, int | None]
    """Address key -> the treatment the sender uses, or None."""


@dataclass(frozen=True)
class DifferentialMobileUpdate:
    router_id: str
    version: int
    mobile_sequence: int
    add: Mapping[str, int | None]
    delete: frozenset[str]


ControlMessage = (
    Hello
    | RouterAdvertisement
    | LinkStateRequest
    | LinkStateUpdate
    | MobileAddressRequest
    | AbsoluteMobileUpdate
    | DifferentialMobileUpdate
)


# ------------------------------------------------------------------------------------------------------------- receiving


def parse_control(opcode: str, body: Mapping[str, Any], limits: RoutingLimits) -> ControlMessage:
    """The message in ``body``, checked.

    Raises :class:`MalformedControlError` or, for a version newer than ours, :class:`UnknownVersionError`.
    """
    if opcode not in OPCODES:
        raise MalformedControlError("unknown opcode")
    if not isinstance(body, Mapping):
        raise MalformedControlError("the body is not a map")
    router_id = _router_id(body.get("id"), "id", limits)
    version = _integer(body.get("pv", 0), "pv", 2**32 - 1)
    if version > (MOBILE_VERSION if opcode in (MAR, MAU) else LINK_STATE_VERSION):
        raise UnknownVersionError(router_id, version)
    if opcode == HELLO:
        return Hello(router_id, version, _instance(body), _seen(body.get("seen"), limits))
    if opcode == RA:
        return RouterAdvertisement(
            router_id, version, _instance(body), _sequence(body, "ls_seq"), _sequence(body, "mobile_seq")
        )
    if opcode == LSR:
        return LinkStateRequest(router_id, version)
    if opcode == LSU:
        return _link_state_update(router_id, version, body, limits)
    if opcode == MAR:
        return MobileAddressRequest(router_id, version, _sequence(body, "have_seq"))
    return _mobile_update(router_id, version, body, limits)


def _text(value: Any, what: str, limit: int) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedControlError(f"{what} is not a text")
    if len(value) > limit:
        raise MalformedControlError(f"{what} is longer than {limit} characters")
    return str(value)


def _router_id(value: Any, what: str, limits: RoutingLimits) -> str:
    """A router id that can stand in a topological address: an answer to ``all`` would go to everybody."""
    router_id = _text(value, what, limits.id_length)
    if "/" in router_id or router_id == "all":
        raise MalformedControlError(f"{what} cannot be the id of a router")
    return router_id


def _integer(value: Any, what: str, largest: int, smallest: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
        raise MalformedControlError(f"{what} is not a number from {smallest} to {largest}")
    return int(value)


def _sequence(body: Mapping[str, Any], what: str) -> int:
    return _integer(body.get(what), what, _MAX_SEQUENCE)


def _instance(body: Mapping[str, Any]) -> int | None:
    """Zero or nothing: the sender does not say (the reference does the same for a missing field)."""
    return _integer(body.get("instance", 0), "instance", _MAX_SEQUENCE) or None


def _list(value: Any, what: str, limit: int) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedControlError(f"{what} is not a list")
    if len(value) > limit:
        raise MalformedControlError(f"{what} has more than {limit} entries")
    return value


def _seen(value: Any, limits: RoutingLimits) -> frozenset[str]:
    return frozenset(
        _router_id(peer, "an entry of seen", limits) for peer in _list(value, "seen", limits.peers)
    )


def _link_state_update(
    router_id: str, version: int, body: Mapping[str, Any], limits: RoutingLimits
) -> LinkStateUpdate:
    state = body.get("ls")
    if not isinstance(state, Mapping):
        raise MalformedControlError("ls is not a map")
    if state.get("id") != router_id:
        raise MalformedControlError("ls is the link state of another router")
    peers = state.get("peers")
    if not isinstance(peers, Mapping):
        raise MalformedControlError("peers is not a map")
    if len(peers) > limits.peers:
        raise MalformedControlError(f"peers has more than {limits.peers} entries")
    costs = {
        _router_id(peer, "a peer", limits): _integer(cost, "the cost of a peer", _MAX_COST, 1)
        for peer, cost in peers.items()
    }
    costs.pop(router_id, None)
    return LinkStateUpdate(router_id, version, _instance(body), _sequence(state, "ls_seq"), costs)


def _mobile_update(
    router_id: str, version: int, body: Mapping[str, Any], limits: RoutingLimits
) -> AbsoluteMobileUpdate | DifferentialMobileUpdate:
    sequence = _sequence(body, "mobile_seq")
    if "exist" in body:
        if "add" in body or "del" in body:
            raise MalformedControlError("both absolute and differential")
        return AbsoluteMobileUpdate(router_id, version, sequence, _addresses(body["exist"], "exist", limits))
    added = _addresses(body.get("add"), "add", limits)
    deleted = _addresses(body.get("del"), "del", limits)
    return DifferentialMobileUpdate(router_id, version, sequence, added, frozenset(deleted))


def _addresses(value: Any, what: str, limits: RoutingLimits) -> dict[str, int | None]:
    """Key -> treatment of a list of address descriptors.

    Further elements (inlinks, capacity, edge mesh) tell an interior router nothing it uses. Keys of a class that is not
    announced today are left out, not refused: a newer router may know more classes.
    """
    addresses: dict[str, int | None] = {}
    for descriptor in _list(value, what, limits.addresses_per_router):
        if not isinstance(descriptor, list) or not descriptor:
            raise MalformedControlError(f"an entry of {what} is not an address descriptor")
        key = _text(descriptor[0], "an address key", limits.key_length)
        treatment = descriptor[1] if len(descriptor) > 1 else None
        if treatment is not None:
            treatment = _integer(treatment, "a treatment", 2**31 - 1, -1)
        if key[0] in MOBILE_CLASSES:
            addresses[key] = treatment
    return addresses


# --------------------------------------------------------------------------------------------------------------- sending


def hello_body(router_id: str, instance: int, seen: list[str]) -> dict[str, Any]:
    """The body of a HELLO."""
    return _link_state_body(router_id) | {"instance": instance, "seen": seen}


def advertisement_body(
    router_id: str, instance: int, link_state_sequence: int, mobile_sequence: int
) -> dict[str, Any]:
    """The body of an RA."""
    return _link_state_body(router_id) | {
        "instance": instance,
        "ls_seq": link_state_sequence,
        "mobile_seq": mobile_sequence,
    }


def link_state_request_body(router_id: str) -> dict[str, Any]:
    """The body of an LSR."""
    return _link_state_body(router_id)


def link_state_body(
    router_id: str, instance: int, link_state_sequence: int, peers: Mapping[str, int]
) -> dict[str, Any]:
    """The body of an LSU."""
    state = {"id": router_id, "area": "0", "ls_seq": link_state_sequence, "peers": dict(peers)}
    return _link_state_body(router_id) | {"instance": instance, "ls_seq": link_state_sequence, "ls": state}


def mobile_request_body(router_id: str, have_sequence: int) -> dict[str, Any]:
    """The body of a MAR."""
    return _mobile_body(router_id) | {"have_seq": have_sequence}


def absolute_update_body(router_id: str, mobile_sequence: int, exist: Mapping[str, int]) -> dict[str, Any]:
    """The body of an absolute MAU. ``exist``: address key -> treatment."""
    return _mobile_body(router_id) | {"mobile_seq": mobile_sequence, "exist": _descriptors(exist)}


def differential_update_body(
    router_id: str, mobile_sequence: int, add: Mapping[str, int], delete: list[str]
) -> dict[str, Any]:
    """The body of a differential MAU."""
    return _mobile_body(router_id) | {
        "mobile_seq": mobile_sequence,
        "add": _descriptors(add),
        "del": [[key] for key in delete],
    }


def _link_state_body(router_id: str) -> dict[str, Any]:
    return {"id": router_id, "pv": LINK_STATE_VERSION, "area": "0"}


def _mobile_body(router_id: str) -> dict[str, Any]:
    return {"id": router_id, "pv": MOBILE_VERSION, "area": "0"}


def _descriptors(addresses: Mapping[str, int]) -> list[list[Any]]:
    """Key, treatment, and the number of producers here (a hint that nobody uses for balancing: always 0)."""
    return [[key, treatment, 0] for key, treatment in addresses.items()]


_ROUTER_ANNOTATIONS = b"\x00\x80SKPR--RA"
_HEADER_NOT_DURABLE = b"\x00\x53\x70\xd0\x00\x00\x00\x05\x00\x00\x00\x01\x42"
_PROPERTIES = b"\x00\x53\x73"
_APPLICATION_PROPERTIES = b"\x00\x53\x74"
_AMQP_VALUE = b"\x00\x53\x77"


def encode_control(router_id: str, to: str, opcode: str, body: Mapping[str, Any], mobile: bool) -> bytes:
    """The complete message of a ``SendControl``: router annotations (flags 0, we are the ingress and the whole trace), header,
    properties, application properties and body. ``mobile`` chooses the style of MAR and MAU."""
    node = "0/" + router_id
    trace = encode_list32([node])
    annotations = _list32([encode(UInt(0)), encode(None), encode(node), trace])
    properties = [None, None, to] if mobile else [None, None, to, None, None, None]
    opcode_key = Symbol("opcode") if mobile else "opcode"
    return b"".join(
        (
            _ROUTER_ANNOTATIONS,
            annotations,
            _HEADER_NOT_DURABLE,
            _PROPERTIES,
            encode_list32(properties),
            _APPLICATION_PROPERTIES,
            encode({opcode_key: opcode}),
            _AMQP_VALUE,
            _mobile_map(body) if mobile else _encode_wide(dict(body)),
        )
    )


def _list32(encoded: list[bytes]) -> bytes:
    content = b"".join(encoded)
    return b"\xd0" + struct.pack(">II", len(content) + 4, len(encoded)) + content


def _map32(encoded: list[tuple[bytes, bytes]]) -> bytes:
    content = b"".join(key + value for key, value in encoded)
    return b"\xd1" + struct.pack(">II", len(content) + 4, 2 * len(encoded)) + content


def _encode_wide(value: Any) -> bytes:
    """A value of HELLO, RA, LSR or LSU: as ``encode`` writes it, but non-empty lists in their 32-bit form."""
    if isinstance(value, dict):
        return _map32([(encode(key), _encode_wide(item)) for key, item in value.items()])
    if isinstance(value, list) and value:
        return _list32([_encode_wide(item) for item in value])
    return encode(value)


def _mobile_map(body: Mapping[str, Any]) -> bytes:
    """The body of MAR or MAU: symbol keys, longs, and descriptor lists whose numbers are ints, every list in 32-bit form."""
    return _map32([(encode(Symbol(key)), _mobile_value(value)) for key, value in body.items()])


def _mobile_value(value: Any) -> bytes:
    if isinstance(value, list):
        return _list32([encode_list32(descriptor) for descriptor in value])
    return encode(Long(value) if isinstance(value, int) else value)
