"""A well-behaved dialogue of a router that dials another, as a list of byte strings: what the fuzzer starts from."""

from __future__ import annotations

from typing import Any

from skupper_local.amqp.codec import encode, encode_list32
from skupper_local.amqp.types import Described, Symbol, UByte, UInt, ULong, UShort, symbols

SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
_ANNOTATIONS = b"\x00\x80SKPR--RA"

FRAMES_BEFORE_CREDIT = 50
"""How much of a ``dialogue`` may be sent before the answers to it are read."""

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_INIT = 0x41


def frame(channel: int, body: bytes, *, kind: int = 0) -> bytes:
    """A frame: 0 is AMQP, 1 is SASL."""
    return (
        (len(body) + 8).to_bytes(4, "big") + bytes((2, kind)) + (channel & 0xFFFF).to_bytes(2, "big") + body
    )


def performative(code: int, *fields: Any) -> bytes:
    """The described list of a frame body."""
    return encode(Described(ULong(code), list(fields)))


def sasl_init(mechanism: str) -> bytes:
    """The client's choice of a mechanism."""
    return frame(0, performative(SASL_INIT, Symbol(mechanism), b"", "127.0.0.1"), kind=1)


def open_frame(router_id: str) -> bytes:
    """What a dialling router says first."""
    offered = symbols("ANONYMOUS-RELAY", "qd.streaming-links")
    properties = {
        Symbol("product"): "fuzz",
        Symbol("version"): "1",
        Symbol("qd.conn-id"): 1,
        Symbol("qd.annotations-version"): 2,
    }
    return frame(
        0,
        performative(
            OPEN,
            router_id,
            "127.0.0.1",
            UInt(16384),
            UShort(32767),
            UInt(8000),
            None,
            None,
            offered,
            offered,
            properties,
        ),
    )


def begin(channel: int) -> bytes:
    """A new session."""
    return frame(channel, performative(BEGIN, None, UInt(0), UInt(8192), UInt(8192), UInt(0x7FFFFFFF)))


def attach(
    channel: int, handle: int, *, sender: bool, capability: str | None, address: str | None = None
) -> bytes:
    """One end of a new link; without a capability it is a streaming link."""
    capabilities = Symbol(capability) if capability else None
    source = Described(
        ULong(0x28),
        [address, UInt(0), Symbol("link-detach"), UInt(0), False, None, None, None, None, None, capabilities],
    )
    target = Described(
        ULong(0x29), [address, UInt(0), Symbol("link-detach"), UInt(0), False, None, capabilities]
    )
    return frame(
        channel,
        performative(
            ATTACH,
            f"fuzz.{channel}.{handle}",
            UInt(handle),
            not sender,
            UByte(2),
            UByte(0),
            source,
            target,
            None,
            None,
            UInt(0) if sender else None,
            ULong(0),
        ),
    )


def credit(channel: int, handle: int, amount: int = 250) -> bytes:
    """Let the peer send on a link."""
    return frame(
        channel,
        performative(
            FLOW, UInt(0), UInt(8192), UInt(0), UInt(8192), UInt(handle), UInt(0), UInt(amount), None, False
        ),
    )


def transfer(
    channel: int, handle: int, delivery: int, payload: bytes, *, settled: bool = True, more: bool = False
) -> bytes:
    """One frame of a delivery."""
    tag = delivery.to_bytes(8, "little")
    return frame(
        channel,
        performative(TRANSFER, UInt(handle), UInt(delivery), tag, UInt(0), settled, more) + payload,
    )


def control_message(router_id: str, opcode: str, to: str, body: dict[Any, Any]) -> bytes:
    """A message of the routing protocol."""
    return (
        _ANNOTATIONS
        + encode_list32([UInt(0), None, f"0/{router_id}", [f"0/{router_id}"]])
        + performative(0x70, False)
        + performative(0x73, None, None, to)
        + encode(Described(ULong(0x74), {"opcode": opcode}))
        + encode(Described(ULong(0x77), body))
    )


def stream_head(router_id: str, to: str) -> bytes:
    """The head of a TCP stream."""
    return (
        _ANNOTATIONS
        + encode_list32([UInt(5), None, f"0/{router_id}", [f"0/{router_id}"]])
        + performative(
            0x73, None, None, to, None, f"amqp:/_topo/0/{router_id}/temp.x", "x:1", "application/octet-stream"
        )
        + encode(Described(ULong(0x74), {"V": UInt(1)}))
        + encode(Described(ULong(0x77), None))
    )


def _hello(router_id: str, victim: str) -> bytes:
    body = {"id": router_id, "pv": 1, "area": "0", "instance": 1, "seen": [victim]}
    return control_message(router_id, "HELLO", "amqp:/_local/qdhello", body)


def _link_state(router_id: str, victim: str) -> bytes:
    state = {"id": router_id, "area": "0", "ls_seq": 1, "peers": {victim: 1}}
    body = {"id": router_id, "pv": 1, "area": "0", "instance": 1, "ls_seq": 1, "ls": state}
    return control_message(router_id, "LSU", f"amqp:/_topo/0/{victim}/qdrouter", body)


def _addresses(router_id: str, victim: str) -> bytes:
    body = {
        Symbol("id"): router_id,
        Symbol("pv"): 2,
        Symbol("area"): "0",
        Symbol("mobile_seq"): 1,
        Symbol("exist"): [["Mfuzzed", 3, 0]],
    }
    return control_message(router_id, "MAU", f"_topo/0/{victim}/qdrouter.ma", body)


def dialogue(router_id: str, victim: str, *, mechanism: str = "ANONYMOUS") -> list[bytes]:
    """All that a dialling router says until it is a neighbour and has sent the beginning of a stream, and then goes.

    The first ``FRAMES_BEFORE_CREDIT`` open the links; the rest needs the credit that the other side then gives.
    """
    parts = [SASL_HEADER, sasl_init(mechanism), AMQP_HEADER, open_frame(router_id), begin(0)]
    parts += [
        attach(0, 0, sender=False, capability="qd.router"),
        attach(0, 1, sender=True, capability="qd.router"),
    ]
    parts.append(credit(0, 0))
    for channel in range(1, 11):
        parts.append(begin(channel))
        parts.append(attach(channel, 0, sender=False, capability="qd.router-data"))
        parts.append(attach(channel, 1, sender=True, capability="qd.router-data"))
        parts.append(credit(channel, 0))
    parts += [begin(11), attach(11, 0, sender=True, capability="qd.router-data")]
    for delivery, message in enumerate([_hello, _link_state, _addresses]):
        parts.append(transfer(0, 1, delivery, message(router_id, victim)))
    parts.append(transfer(11, 0, 0, stream_head(router_id, "fuzzed"), settled=False, more=True))
    parts.append(transfer(11, 0, 0, b"some bytes of a stream", settled=False, more=True))
    parts.append(
        frame(
            11,
            performative(
                DISPOSITION, True, UInt(0), None, False, Described(ULong(0x23), [UInt(0), ULong(9)])
            ),
        )
    )
    parts.append(frame(11, performative(DETACH, UInt(0), True)))
    parts.append(frame(11, performative(END)))
    parts.append(frame(0, performative(CLOSE)))
    return parts
