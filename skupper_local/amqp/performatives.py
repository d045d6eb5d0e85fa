"""Frame bodies of AMQP 1.0 (parts 2.7 and 5.3 of the standard): typed fields in, bytes out, and back.

``decode_body`` checks the shape of what a peer sent: number of fields, their AMQP types, mandatory ones. What the fields mean
together is the business of the state machine. Transfers are not here: they are by far the most frequent frame and have a
path of their own in ``transfers``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from skupper_local.amqp.codec import DecodeError, decode, encode
from skupper_local.amqp.types import Array, Described, Symbol, UByte, UInt, ULong, UShort, Value

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_CHALLENGE, SASL_RESPONSE, SASL_OUTCOME = range(0x40, 0x45)

ERROR = 0x1D
RECEIVED, ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x23, 0x24, 0x25, 0x26, 0x27
SOURCE, TARGET = 0x28, 0x29
COORDINATOR = 0x30

ROLE_SENDER = False
ROLE_RECEIVER = True


@dataclass(frozen=True, slots=True)
class AmqpError:
    """The condition (``amqp:not-found``), description and information a peer gives, or we give a peer."""

    condition: str
    description: str = ""
    info: Value = None

    def encode(self) -> Described:
        """The described list ``error`` of the standard."""
        values: list[Any] = [Symbol(self.condition), self.description or None, self.info]
        return Described(ULong(ERROR), _trimmed(values))

    def __str__(self) -> str:
        return f"{self.condition}: {self.description}" if self.description else self.condition


def _error(value: Value) -> AmqpError | None:
    if value is None:
        return None
    values = _composite(value, ERROR, "error")
    condition = values[0] if values else None
    description = values[1] if len(values) > 1 else None
    if not isinstance(condition, Symbol) or not isinstance(description, str | None):
        raise DecodeError("an error without a condition")
    return AmqpError(str(condition), description or "", values[2] if len(values) > 2 else None)


def _trimmed(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values


def _composite(value: Value, code: int, name: str) -> list[Any]:
    if not isinstance(value, Described) or value.descriptor != code or not isinstance(value.value, list):
        raise DecodeError(f"not a {name}")
    return value.value


def symbol_list(value: Value) -> tuple[str, ...]:
    """A field of type symbol with ``multiple=true``: null, one symbol or an array of them."""
    if value is None:
        return ()
    if isinstance(value, Symbol):
        return (str(value),)
    if isinstance(value, Array) and all(isinstance(item, Symbol) for item in value):
        return tuple(str(item) for item in value)
    raise DecodeError("not a symbol or an array of symbols")


def _symbols(names: tuple[str, ...], *, single: bool = False) -> Value:
    if not names:
        return None
    if single and len(names) == 1:
        return Symbol(names[0])
    return Array([Symbol(name) for name in names])


@dataclass(frozen=True, slots=True)
class Terminus:
    """The source or target of a link: what the routers use of it.

    ``address`` is ``None`` for the anonymous terminus. ``dynamic`` asks the peer to make an address.
    """

    address: str | None = None
    capabilities: tuple[str, ...] = ()
    dynamic: bool = False

    def encode(self, code: int) -> Described:
        """As a ``source`` (0x28) or ``target`` (0x29)."""
        values: list[Any] = [
            self.address,
            UInt(0),
            Symbol("link-detach"),
            UInt(0),
            self.dynamic,
            None,
        ]
        if code == SOURCE:
            values += [None, None, None, None]
        values.append(_symbols(self.capabilities, single=True))
        return Described(ULong(code), _trimmed(values))


def _terminus(value: Value, code: int) -> Terminus | None:
    if value is None:
        return None
    if isinstance(value, Described) and value.descriptor == COORDINATOR and code == TARGET:
        return None  # transactions: to us as if there were no target, so whoever answers refuses the link
    values = _composite(value, code, "terminus")
    address = values[0] if values else None
    dynamic = values[4] if len(values) > 4 else None
    at = 10 if code == SOURCE else 6
    capabilities = symbol_list(values[at]) if len(values) > at else ()
    if not isinstance(address, str | None) or not isinstance(dynamic, bool | None):
        raise DecodeError("a terminus with fields of the wrong type")
    return Terminus(address, capabilities, bool(dynamic))


class Body:
    """A frame body: a described list with code ``CODE``."""

    CODE: ClassVar[int]

    def values(self) -> list[Any]:
        """The fields in order, ready to encode."""
        raise AssertionError("abstract")

    def encode(self) -> bytes:
        """The bytes of the frame body."""
        return b"\x00\x53" + bytes((self.CODE,)) + encode(_trimmed(self.values()))


class _Reader:
    """Takes the fields of a decoded list one by one and checks their types."""

    def __init__(self, name: str, values: list[Any]) -> None:
        self._name = name
        self._values = iter(values)

    def take(self, name: str, kind: Any, *, mandatory: bool = False) -> Any:
        value = next(self._values, None)
        if value is None:
            if mandatory:
                raise DecodeError(f"{self._name}: the field {name} is missing")
            return None
        if not isinstance(value, kind):
            raise DecodeError(f"{self._name}: the field {name} has the wrong type")
        return value


@dataclass(frozen=True, slots=True)
class Open(Body):
    """Connection parameters; the first body each side sends."""

    CODE: ClassVar[int] = OPEN
    container_id: str
    hostname: str | None = None
    max_frame_size: int = 0xFFFFFFFF
    channel_max: int = 65535
    idle_time_out: int | None = None
    offered_capabilities: tuple[str, ...] = ()
    desired_capabilities: tuple[str, ...] = ()
    properties: dict[Any, Any] | None = None

    def values(self) -> list[Any]:
        return [
            self.container_id,
            self.hostname,
            UInt(self.max_frame_size),
            UShort(self.channel_max),
            None if self.idle_time_out is None else UInt(self.idle_time_out),
            None,
            None,
            _symbols(self.offered_capabilities),
            _symbols(self.desired_capabilities),
            self.properties,
        ]

    @classmethod
    def read(cls, values: list[Any]) -> Open:
        reader = _Reader("open", values)
        container_id = reader.take("container-id", str, mandatory=True)
        hostname = reader.take("hostname", str)
        max_frame_size = reader.take("max-frame-size", UInt)
        channel_max = reader.take("channel-max", UShort)
        idle_time_out = reader.take("idle-time-out", UInt)
        reader.take("outgoing-locales", (Symbol, Array))
        reader.take("incoming-locales", (Symbol, Array))
        offered = symbol_list(reader.take("offered-capabilities", (Symbol, Array)))
        desired = symbol_list(reader.take("desired-capabilities", (Symbol, Array)))
        properties = reader.take("properties", dict)
        return cls(
            container_id,
            hostname,
            0xFFFFFFFF if max_frame_size is None else int(max_frame_size),
            65535 if channel_max is None else int(channel_max),
            None if idle_time_out is None else int(idle_time_out),
            offered,
            desired,
            properties,
        )


@dataclass(frozen=True, slots=True)
class Begin(Body):
    """A session begins on a channel."""

    CODE: ClassVar[int] = BEGIN
    remote_channel: int | None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int
    handle_max: int = 0xFFFFFFFF

    def values(self) -> list[Any]:
        return [
            None if self.remote_channel is None else UShort(self.remote_channel),
            UInt(self.next_outgoing_id),
            UInt(self.incoming_window),
            UInt(self.outgoing_window),
            UInt(self.handle_max),
        ]

    @classmethod
    def read(cls, values: list[Any]) -> Begin:
        reader = _Reader("begin", values)
        remote_channel = reader.take("remote-channel", UShort)
        next_outgoing_id = reader.take("next-outgoing-id", UInt, mandatory=True)
        incoming_window = reader.take("incoming-window", UInt, mandatory=True)
        outgoing_window = reader.take("outgoing-window", UInt, mandatory=True)
        handle_max = reader.take("handle-max", UInt)
        return cls(
            None if remote_channel is None else int(remote_channel),
            int(next_outgoing_id),
            int(incoming_window),
            int(outgoing_window),
            0xFFFFFFFF if handle_max is None else int(handle_max),
        )


@dataclass(frozen=True, slots=True)
class Attach(Body):
    """A link attaches to a session. ``role`` is the role of the side that sends this body."""

    CODE: ClassVar[int] = ATTACH
    name: str
    handle: int
    role: bool
    snd_settle_mode: int = 2
    rcv_settle_mode: int = 0
    source: Terminus | None = None
    target: Terminus | None = None
    initial_delivery_count: int | None = None
    max_message_size: int | None = None

    def values(self) -> list[Any]:
        return [
            self.name,
            UInt(self.handle),
            self.role,
            UByte(self.snd_settle_mode),
            UByte(self.rcv_settle_mode),
            None if self.source is None else self.source.encode(SOURCE),
            None if self.target is None else self.target.encode(TARGET),
            None,
            None,
            None if self.initial_delivery_count is None else UInt(self.initial_delivery_count),
            None if self.max_message_size is None else ULong(self.max_message_size),
        ]

    @classmethod
    def read(cls, values: list[Any]) -> Attach:
        reader = _Reader("attach", values)
        name = reader.take("name", str, mandatory=True)
        handle = reader.take("handle", UInt, mandatory=True)
        role = reader.take("role", bool, mandatory=True)
        snd_settle_mode = reader.take("snd-settle-mode", UByte)
        rcv_settle_mode = reader.take("rcv-settle-mode", UByte)
        source = _terminus(reader.take("source", Described), SOURCE)
        target = _terminus(reader.take("target", Described), TARGET)
        reader.take("unsettled", dict)
        reader.take("incomplete-unsettled", bool)
        initial_delivery_count = reader.take("initial-delivery-count", UInt)
        max_message_size = reader.take("max-message-size", ULong)
        if role == ROLE_SENDER and initial_delivery_count is None:
            raise DecodeError("attach: a sender without initial-delivery-count")
        return cls(
            str(name),
            int(handle),
            role,
            2 if snd_settle_mode is None else int(snd_settle_mode),
            0 if rcv_settle_mode is None else int(rcv_settle_mode),
            source,
            target,
            None if initial_delivery_count is None else int(initial_delivery_count),
            None if max_message_size is None else int(max_message_size),
        )


@dataclass(frozen=True, slots=True)
class Flow(Body):
    """Session windows and, with a handle, the credit of one link."""

    CODE: ClassVar[int] = FLOW
    next_incoming_id: int | None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False

    def values(self) -> list[Any]:
        def uint(value: int | None) -> UInt | None:
            return None if value is None else UInt(value)

        return [
            uint(self.next_incoming_id),
            UInt(self.incoming_window),
            UInt(self.next_outgoing_id),
            UInt(self.outgoing_window),
            uint(self.handle),
            uint(self.delivery_count),
            uint(self.link_credit),
            uint(self.available),
            self.drain or None,
            self.echo or None,
        ]

    @classmethod
    def read(cls, values: list[Any]) -> Flow:
        reader = _Reader("flow", values)
        return cls(
            reader.take("next-incoming-id", UInt),
            reader.take("incoming-window", UInt, mandatory=True),
            reader.take("next-outgoing-id", UInt, mandatory=True),
            reader.take("outgoing-window", UInt, mandatory=True),
            reader.take("handle", UInt),
            reader.take("delivery-count", UInt),
            reader.take("link-credit", UInt),
            reader.take("available", UInt),
            bool(reader.take("drain", bool)),
            bool(reader.take("echo", bool)),
        )


@dataclass(frozen=True, slots=True)
class Disposition(Body):
    """The state of deliveries ``first`` to ``last``. ``role`` is the role of the side that sends this body.

    ``state`` is the described value as it came, so that a relay passes it on with its integer types.
    """

    CODE: ClassVar[int] = DISPOSITION
    role: bool
    first: int
    last: int
    settled: bool = False
    state: Described | None = None

    def values(self) -> list[Any]:
        last = None if self.last == self.first else UInt(self.last)
        return [self.role, UInt(self.first), last, self.settled, self.state]

    @classmethod
    def read(cls, values: list[Any]) -> Disposition:
        reader = _Reader("disposition", values)
        role = reader.take("role", bool, mandatory=True)
        first = reader.take("first", UInt, mandatory=True)
        last = reader.take("last", UInt)
        settled = bool(reader.take("settled", bool))
        state = reader.take("state", Described)
        return cls(role, int(first), int(first if last is None else last), settled, state)


@dataclass(frozen=True, slots=True)
class Detach(Body):
    """A link detaches."""

    CODE: ClassVar[int] = DETACH
    handle: int
    closed: bool = True
    error: AmqpError | None = None

    def values(self) -> list[Any]:
        return [UInt(self.handle), self.closed, None if self.error is None else self.error.encode()]

    @classmethod
    def read(cls, values: list[Any]) -> Detach:
        reader = _Reader("detach", values)
        handle = reader.take("handle", UInt, mandatory=True)
        closed = bool(reader.take("closed", bool))
        return cls(int(handle), closed, _error(reader.take("error", Described)))


@dataclass(frozen=True, slots=True)
class End(Body):
    """A session ends."""

    CODE: ClassVar[int] = END
    error: AmqpError | None = None

    def values(self) -> list[Any]:
        return [None if self.error is None else self.error.encode()]

    @classmethod
    def read(cls, values: list[Any]) -> End:
        return cls(_error(_Reader("end", values).take("error", Described)))


@dataclass(frozen=True, slots=True)
class Close(Body):
    """The connection closes."""

    CODE: ClassVar[int] = CLOSE
    error: AmqpError | None = None

    def values(self) -> list[Any]:
        return [None if self.error is None else self.error.encode()]

    @classmethod
    def read(cls, values: list[Any]) -> Close:
        return cls(_error(_Reader("close", values).take("error", Described)))


@dataclass(frozen=True, slots=True)
class SaslMechanisms(Body):
    """What the server offers."""

    CODE: ClassVar[int] = SASL_MECHANISMS
    mechanisms: tuple[str, ...]

    def values(self) -> list[Any]:
        return [Array([Symbol(name) for name in self.mechanisms], 0xA3)]

    @classmethod
    def read(cls, values: list[Any]) -> SaslMechanisms:
        reader = _Reader("sasl-mechanisms", values)
        return cls(symbol_list(reader.take("sasl-server-mechanisms", (Symbol, Array), mandatory=True)))


@dataclass(frozen=True, slots=True)
class SaslInit(Body):
    """What the client chose."""

    CODE: ClassVar[int] = SASL_INIT
    mechanism: str
    initial_response: bytes | None = None
    hostname: str | None = None

    def values(self) -> list[Any]:
        return [Symbol(self.mechanism), self.initial_response, self.hostname]

    @classmethod
    def read(cls, values: list[Any]) -> SaslInit:
        reader = _Reader("sasl-init", values)
        mechanism = reader.take("mechanism", Symbol, mandatory=True)
        return cls(str(mechanism), reader.take("initial-response", bytes), reader.take("hostname", str))


@dataclass(frozen=True, slots=True)
class SaslOutcome(Body):
    """0 is success; see part 5.3.3.6 of the standard for the others."""

    CODE: ClassVar[int] = SASL_OUTCOME
    code: int

    def values(self) -> list[Any]:
        return [UByte(self.code)]

    @classmethod
    def read(cls, values: list[Any]) -> SaslOutcome:
        return cls(int(_Reader("sasl-outcome", values).take("code", UByte, mandatory=True)))


AnyBody = (
    Open
    | Begin
    | Attach
    | Flow
    | Disposition
    | Detach
    | End
    | Close
    | SaslMechanisms
    | SaslInit
    | SaslOutcome
)

_BODIES: dict[int, Any] = {
    kind.CODE: (kind.read, len(fields(kind)) + 8)
    for kind in (
        Open,
        Begin,
        Attach,
        Flow,
        Disposition,
        Detach,
        End,
        Close,
        SaslMechanisms,
        SaslInit,
        SaslOutcome,
    )
}


def decode_body(data: bytes) -> AnyBody:
    """The body of one frame, all of ``data``. Raises ``DecodeError`` for anything else, transfers included."""
    value, end = decode(data)
    if end != len(data):
        raise DecodeError("bytes follow the frame body")
    if not isinstance(value, Described) or not isinstance(value.value, list):
        raise DecodeError("the frame body is not a described list")
    try:
        read, most_fields = _BODIES[value.descriptor]
    except (KeyError, TypeError):
        raise DecodeError("an unknown frame body") from None
    if len(value.value) > most_fields:
        raise DecodeError("the frame body has too many fields")
    body: AnyBody = read(value.value)
    return body


def state(code: int, *values: Any) -> Described:
    """A delivery state, such as ``state(ACCEPTED)`` or ``state(RECEIVED, UInt(0), ULong(n))``."""
    return Described(ULong(code), list(values))
