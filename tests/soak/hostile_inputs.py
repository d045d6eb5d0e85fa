"""What a hostile peer might send: mutations of a proper dialogue, and attacks on what a parser must bound.

``hostile_input(seed, number)`` is always the same bytes, so that an input that broke something can be sent again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skupper_local.amqp.codec import encode
from skupper_local.amqp.types import Described, Symbol, UInt, ULong, UShort
from tests.soak import conversation as talk

_EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True)
class HostileInput:
    """The bytes of one connection and the name of the idea behind them.

    Each step is sent after the victim had a moment to answer the one before (with credit, mostly).
    """

    idea: str
    steps: tuple[bytes, ...]


_PAUSE = object()
"""Stands between frames where the sender waits a moment for answers."""


def _steps(*parts: Any) -> tuple[bytes, ...]:
    steps: list[list[bytes]] = [[]]
    for part in parts:
        if part is _PAUSE:
            steps.append([])
        else:
            steps[-1].append(part)
    return tuple(b"".join(step) for step in steps)


def _prologue(router_id: str, mechanism: str, *, sessions: bool = True) -> list[bytes]:
    parts = [talk.SASL_HEADER, talk.sasl_init(mechanism), talk.AMQP_HEADER, talk.open_frame(router_id)]
    if sessions:
        parts += talk.dialogue(router_id, "victim", mechanism=mechanism)[4:8]
    return parts


# Mutations of the proper dialogue


def _flipped(rng: random.Random, parts: list[bytes]) -> bytes:
    data = bytearray(b"".join(parts))
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flipped_in_one_frame(rng: random.Random, parts: list[bytes]) -> bytes:
    index = rng.randrange(len(parts))
    part = bytearray(parts[index])
    for _ in range(rng.randint(1, 4)):
        part[rng.randrange(len(part))] = rng.randrange(256)
    return b"".join([*parts[:index], bytes(part), *parts[index + 1 :]])


def _extreme_number(rng: random.Random, parts: list[bytes]) -> bytes:
    data = bytearray(b"".join(parts))
    width = rng.choice((1, 2, 4))
    at = rng.randrange(len(data) - width)
    data[at : at + width] = (rng.choice(_EXTREMES) & (256**width - 1)).to_bytes(width, "big")
    return bytes(data)


def _cut_short(rng: random.Random, parts: list[bytes]) -> bytes:
    data = b"".join(parts)
    return data[: rng.randrange(len(data))]


def _shuffled(rng: random.Random, parts: list[bytes]) -> bytes:
    start = rng.randrange(len(parts))
    rest = parts[start:]
    rng.shuffle(rest)
    return b"".join([*parts[:start], *rest])


def _repeated(rng: random.Random, parts: list[bytes]) -> bytes:
    index = rng.randrange(len(parts))
    return b"".join([*parts[: index + 1], *[parts[index]] * rng.randint(1, 200), *parts[index + 1 :]])


def _left_out(rng: random.Random, parts: list[bytes]) -> bytes:
    left = [part for part in parts if rng.random() > 0.15]
    return b"".join(left)


def _with_noise(rng: random.Random, parts: list[bytes]) -> bytes:
    data = b"".join(parts)
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 2000)) + data[at:]


# Attacks


def _noise(rng: random.Random, _mechanism: str) -> tuple[bytes, ...]:
    return _steps(rng.randbytes(rng.randint(1, 4000)))


def _nested(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    depth = rng.choice((50, 500, 5_000))
    value = b"\x45"
    if rng.random() < 0.5:
        value = b"\x00\x53\x10" * depth + value
    else:
        for _ in range(depth):
            value = b"\xd0" + (len(value) + 4).to_bytes(4, "big") + b"\x00\x00\x00\x01" + value
            if len(value) > 60_000:
                break
    parts = _prologue("fuzz", mechanism, sessions=rng.random() < 0.5)
    return _steps(*parts, talk.frame(0, b"\x00\x53\x11" + value))


def _many_elements(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    """Counts far beyond the bytes that follow; arrays of elements that take no bytes at all."""
    count = rng.choice((0xFFFF, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(4, "big")
    constructor = bytes((rng.choice((0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x70)),))
    array = b"\xf0" + (9).to_bytes(4, "big") + count + constructor + b"\x00" * 4
    compound = bytes((rng.choice((0xD0, 0xD1)),)) + (8).to_bytes(4, "big") + count + b"\x40" * 4
    body = b"\x00\x53" + bytes((rng.randint(0x10, 0x18),)) + rng.choice((array, compound))
    return _steps(*_prologue("fuzz", mechanism, sessions=rng.random() < 0.5), talk.frame(0, body))


def _bad_frame_header(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    size = rng.choice((*_EXTREMES, 16_385, 65_537))
    header = (
        size.to_bytes(4, "big")
        + bytes((rng.choice((0, 1, 2, 3, 255)), rng.randrange(256)))
        + rng.randbytes(2)
    )
    parts = _prologue("fuzz", mechanism)
    return _steps(*parts[: rng.randrange(len(parts) + 1)], header, rng.randbytes(rng.randrange(40_000)))


def _many_sessions(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    channels = range(rng.choice((300, 5_000)))
    return _steps(*_prologue("fuzz", mechanism, sessions=False), *map(talk.begin, channels))


def _many_links(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    capability = rng.choice(("qd.router-data", "qd.router", None))
    links = [
        talk.attach(0, handle, sender=rng.random() < 0.5, capability=capability)
        for handle in range(2, rng.choice((100, 3_000)))
    ]
    return _steps(*_prologue("fuzz", mechanism), *links)


def _many_unsettled(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    parts: list[Any] = [
        *_prologue("fuzz", mechanism),
        talk.begin(1),
        talk.attach(1, 0, sender=True, capability="qd.router-data"),
        _PAUSE,
    ]
    head = talk.stream_head("fuzz", rng.choice(("fuzzed", "_topo/0/all/qdrouter", "$management")))
    more = rng.random() < 0.5
    parts += [
        talk.transfer(1, 0, number, head, settled=False, more=more)
        for number in range(rng.choice((300, 3_000)))
    ]
    return _steps(*parts)


def _endless_head(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    parts: list[Any] = [
        *_prologue("fuzz", mechanism),
        talk.begin(1),
        talk.attach(1, 0, sender=True, capability="qd.router-data"),
        _PAUSE,
    ]
    opening = b"\x00\x53\x73\xd0\x7f\xff\xff\xff\x00\x00\x00\x0d\xb1\x7f\xff\xff\x00"
    parts.append(talk.transfer(1, 0, 0, opening, settled=False, more=True))
    parts += [talk.transfer(1, 0, 0, b"a" * 16_000, settled=False, more=True)] * rng.choice((10, 60))
    return _steps(*parts)


def _wild_numbers(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    def number() -> UInt:
        return UInt(rng.choice((*_EXTREMES, rng.randrange(2**32))))

    frames = []
    for _ in range(rng.randint(1, 60)):
        channel = rng.choice((0, 0, 0, 1, 40_000))
        flow = talk.performative(
            talk.FLOW,
            number(),
            number(),
            number(),
            number(),
            number(),
            number(),
            number(),
            number(),
            True,
            True,
        )
        state = Described(ULong(rng.randint(0x22, 0x28)), [number(), ULong(rng.randrange(2**64))])
        disposition = talk.performative(
            talk.DISPOSITION, rng.random() < 0.5, number(), number(), rng.random() < 0.5, state
        )
        sent = talk.performative(
            talk.TRANSFER,
            number(),
            number(),
            rng.randbytes(rng.choice((0, 8, 32, 33, 300))),
            number(),
            False,
            True,
        )
        gone = talk.performative(talk.DETACH, number(), rng.random() < 0.5)
        body = rng.choice((flow, disposition, sent, gone))
        tail = rng.randbytes(8) if body is sent or rng.random() < 0.02 else b""
        frames.append(talk.frame(channel, body + tail))
    return _steps(*_prologue("fuzz", mechanism), _PAUSE, *frames)


def _random_value(rng: random.Random, depth: int = 0) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: UInt(rng.choice(_EXTREMES)),
        lambda: ULong(rng.randrange(2**64)),
        lambda: rng.randrange(-(2**31), 2**31),
        lambda: "x" * rng.choice((0, 1, 255, 256, 5_000)),
        lambda: Symbol("s" * rng.choice((0, 1, 255, 256))),
        lambda: rng.randbytes(rng.choice((0, 1, 255, 256))),
        lambda: 1.5,
    ]
    if depth < 4:
        choices += [
            lambda: [_random_value(rng, depth + 1) for _ in range(rng.randrange(8))],
            lambda: {Symbol(str(index)): _random_value(rng, depth + 1) for index in range(rng.randrange(6))},
            lambda: Described(ULong(rng.randrange(0x80)), _random_value(rng, depth + 1)),
        ]
    return rng.choice(choices)()


def _wrong_types(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    frames = []
    for _ in range(rng.randint(1, 20)):
        fields = [_random_value(rng) for _ in range(rng.randrange(14))]
        code = rng.choice((*range(0x10, 0x19), *range(0x40, 0x46), rng.randrange(256)))
        kind = 1 if rng.random() < 0.1 else 0
        frames.append(talk.frame(rng.choice((0, 0, 1)), talk.performative(code, *fields), kind=kind))
    return _steps(*_prologue("fuzz", mechanism, sessions=rng.random() < 0.7), *frames)


def _wrong_sasl(rng: random.Random, _mechanism: str) -> tuple[bytes, ...]:
    mechanism = rng.choice(("PLAIN", "EXTERNAL", "GSSAPI", "", "A" * 300))
    parts = [
        rng.choice((talk.SASL_HEADER, b"AMQP\x02\x01\x00\x00", b"AMQP\x03\x09\x00\x00", b"")),
        talk.sasl_init(mechanism) * rng.randint(1, 50),
        rng.choice((talk.AMQP_HEADER, talk.SASL_HEADER, b"")),
        talk.open_frame("fuzz"),
    ]
    return _steps(*parts)


def _odd_open(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    fields = [
        rng.choice(("victim", "", "x" * 10_000, "fuzz")),
        None,
        UInt(rng.choice((0, 1, 8, 511, 512, 0xFFFFFFFF))),
        UShort(rng.choice((0, 1, 65_535))),
        UInt(rng.choice((0, 1, 10, 0xFFFFFFFF))),
    ]
    parts = _prologue("fuzz", mechanism)
    parts[3] = talk.frame(0, talk.performative(talk.OPEN, *fields)) * rng.choice((1, 2))
    return _steps(*parts)


def _odd_control(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    """Messages of the routing protocol with too much, too little or the wrong thing in them."""
    sizes = rng.choice((0, 1, 500, 5_000))
    ids = [rng.choice(("", "victim", f"ghost-{number}", "x" * 300)) for number in range(sizes)]
    body: dict[Any, Any] = {
        "id": rng.choice(("fuzz", "victim", "", 5, "x" * 5_000)),
        "pv": rng.choice((0, 1, 2, 3, -1, 2**31 - 1, "1")),
        "area": rng.choice(("0", "1", None)),
        "instance": _random_value(rng),
        "seen": ids,
        "ls_seq": rng.choice((0, 1, -1, 2**31 - 1)),
        "mobile_seq": rng.choice((0, 1, -1, 2**31 - 1)),
        "ls": {"id": "fuzz", "area": "0", "ls_seq": 1, "peers": dict.fromkeys(ids, rng.choice((0, 1, -5)))},
        "have_seq": 0,
        "exist": [[f"Mghost-{number}", rng.choice((0, 3, 77)), 0] for number in range(sizes)],
        "add": rng.choice(([], [_random_value(rng)], None)),
        "del": rng.choice(([], ["Mfuzzed"], 7)),
    }
    body = {key: value for key, value in body.items() if rng.random() > 0.1}
    opcode = rng.choice(("HELLO", "RA", "LSU", "LSR", "MAU", "MAR", "XXX"))
    to = rng.choice(
        (
            "amqp:/_local/qdhello",
            "amqp:/_topo/0/victim/qdrouter",
            "amqp:/_topo/0/all/qdrouter",
            "_topo/0/all/qdrouter.ma",
            "_topo/0/victim/qdrouter.ma",
        )
    )
    message = talk.control_message("fuzz", opcode, to, body)
    frames = [
        talk.transfer(0, 1, 0, message[start : start + 16_000], more=start + 16_000 < len(message))
        for start in range(0, len(message), 16_000)
    ]
    return _steps(*_prologue("fuzz", mechanism), _PAUSE, *frames)


def _odd_stream(rng: random.Random, mechanism: str) -> tuple[bytes, ...]:
    """Streams to and from the management address, to temporary addresses, with odd heads."""
    to = rng.choice(
        ("$management", "_local/$management", "amqp:/_topo/0/victim/temp.x", "mc/sfe.all", "", "_$qd.x")
    )
    head = bytearray(talk.stream_head("fuzz", to))
    if rng.random() < 0.5:
        head[rng.randrange(len(head))] = rng.randrange(256)
    body = encode(Described(ULong(0x77), _random_value(rng)))
    parts: list[Any] = [
        *_prologue("fuzz", mechanism),
        talk.begin(1),
        talk.attach(1, 0, sender=True, capability="qd.router-data"),
        _PAUSE,
    ]
    settled = rng.random() < 0.5
    parts.append(talk.transfer(1, 0, 0, bytes(head), settled=settled, more=True))
    parts.append(talk.transfer(1, 0, 0, body, settled=settled, more=rng.random() < 0.5))
    return _steps(*parts)


_MUTATIONS = (
    _flipped,
    _flipped_in_one_frame,
    _flipped_in_one_frame,
    _extreme_number,
    _extreme_number,
    _cut_short,
    _shuffled,
    _repeated,
    _left_out,
    _with_noise,
)
_ATTACKS = (
    _noise,
    _nested,
    _many_elements,
    _bad_frame_header,
    _wild_numbers,
    _wild_numbers,
    _wrong_types,
    _wrong_types,
    _wrong_sasl,
    _odd_open,
    _odd_control,
    _odd_stream,
)
_COSTLY_ATTACKS = (_many_sessions, _many_links, _many_unsettled, _endless_head)


def hostile_input(seed: int, number: int, *, mechanism: str = "ANONYMOUS") -> HostileInput:
    """The input with this number of the series with this seed."""
    rng = random.Random(f"{seed}/{number}")
    chance = rng.random()
    if chance < 0.4:
        attack = rng.choice(_COSTLY_ATTACKS if chance < 0.01 else _ATTACKS)
        return HostileInput(attack.__name__[1:], attack(rng, mechanism))
    mutation = rng.choice(_MUTATIONS)
    parts = talk.dialogue(f"fuzz-{rng.randrange(50)}", "victim", mechanism=mechanism)
    pause = sum(map(len, parts[: talk.FRAMES_BEFORE_CREDIT]))
    data = mutation(rng, parts)
    return HostileInput(mutation.__name__[1:], (data[:pause], data[pause:]))


def hostile_request(seed: int, number: int) -> HostileInput:
    """The same for an HTTP listener."""
    rng = random.Random(f"{seed}/http/{number}")
    request = rng.choice(
        (
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * rng.randint(1, 5),
            b"GET /" + b"a" * rng.choice((10, 100_000)) + b" HTTP/1.1\r\n\r\n",
            b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 1000,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n" + b"x" * 1000,
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * rng.choice((10, 20_000)) + b"\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            rng.randbytes(rng.randint(1, 3000)),
        )
    )
    data = bytearray(request)
    if rng.random() < 0.5:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return HostileInput("http", (bytes(data),))
