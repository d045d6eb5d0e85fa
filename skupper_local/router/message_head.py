"""The sections at the head of a routed message: what a router reads, and what it rewrites.

A message between routers begins with the *router annotations* (router-protocol 3): flags, an overriding ``to``, the ingress
router and the trace of routers passed. Everything after them is an ordinary AMQP message, which a transit router passes on
byte for byte. So a head is parsed once, from the first frames of a delivery, and forwarded as new annotations plus the rest
as it came.

A head comes from a peer that is not trusted: it must be complete within ``MAX_HEAD`` bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skupper_local.amqp.codec import DecodeError, decode, encode, encode_list32
from skupper_local.amqp.types import Described, UInt, Value

ANNOTATIONS_DESCRIPTOR = 0x534B50522D2D5241
ANNOTATIONS_PREFIX = b"\x00\x80SKPR--RA"

FLAG_STREAMING = 1
FLAG_RESEND_RELEASED = 2
FLAG_DISABLE_Q2 = 4
TCP_STREAM_FLAGS = FLAG_STREAMING | FLAG_DISABLE_Q2

HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = range(0x70, 0x75)
DATA, SEQUENCE, VALUE = range(0x75, 0x78)

MAX_HEAD = 65_536
MAX_TRACE = 1024

CONTENT_TYPE_TCP = "application/octet-stream"

_BODY_PREFIXES = frozenset(b"\x00\x53" + bytes((code,)) for code in (DATA, SEQUENCE, VALUE))


class HeadError(ValueError):
    """The head is malformed or too long: the message cannot be routed."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Router annotations; the defaults are those of a message that a client sent."""

    flags: int = 0
    to_override: str | None = None
    ingress: str | None = None
    trace: tuple[str, ...] = ()
    mesh: str | None = None
    """The mesh of the edge router where the message entered the network."""

    def encode(self) -> bytes:
        """The section. Without a mesh there is no fifth element: null there is an error for others."""
        fields: list[Value] = [UInt(self.flags), self.to_override, self.ingress, list(self.trace)]
        if self.mesh is not None:
            fields.append(self.mesh)
        return ANNOTATIONS_PREFIX + encode_list32(fields)


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What was read of a message.

    ``rest_offset`` is where the message goes on after the router annotations. ``body_offset`` is where its body sections
    begin; in a TCP stream, whose body is an empty value, it is where the raw bytes begin.
    """

    annotations: Annotations
    to: str | None
    reply_to: str | None
    correlation_id: Value
    content_type: str | None
    application_properties: dict[Any, Any]
    rest_offset: int
    body_offset: int

    @property
    def destination(self) -> str | None:
        """The address that routing goes by."""
        return self.annotations.to_override or self.to

    @property
    def is_tcp_stream(self) -> bool:
        """Whether this is one direction of a TCP connection."""
        return self.content_type == CONTENT_TYPE_TCP


def parse_head(data: bytes, *, complete: bool) -> MessageHead | None:
    """Read the head of a message from its first bytes.

    Returns ``None`` when more bytes are needed (``complete`` tells that none will come). Raises ``HeadError``.
    """
    try:
        return _parse(data, complete=complete)
    except DecodeError as error:
        if not complete and len(data) < MAX_HEAD:
            return None
        raise HeadError(str(error)) from None


def _parse(data: bytes, *, complete: bool) -> MessageHead:
    annotations = Annotations()
    rest_offset = offset = 0
    properties: list[Any] = []
    application_properties: dict[Any, Any] = {}
    before = HEADER - 1
    while True:
        prefix = data[offset : offset + 3]
        if prefix in _BODY_PREFIXES or (not prefix and complete and offset):
            break
        if prefix[:1] not in (b"\x00", b""):
            raise HeadError("not a message section")
        section, end = decode(data, offset)
        if end > MAX_HEAD:
            raise HeadError("the head of the message is too long")
        if not isinstance(section, Described):
            raise HeadError("not a message section")
        code, value = section.descriptor, section.value
        if code == ANNOTATIONS_DESCRIPTOR and offset == 0:
            annotations = _annotations(value)
            rest_offset = offset = end
            continue
        if not isinstance(code, int) or not before < code <= APPLICATION_PROPERTIES:
            # Each section comes once at most, so that a head of ever the same ones is no work for nothing.
            raise HeadError("an unknown message section, or one out of order")
        if code == PROPERTIES:
            if not isinstance(value, list) or len(value) > 13:
                raise HeadError("malformed properties")
            properties = value
        elif code == APPLICATION_PROPERTIES:
            if not isinstance(value, dict):
                raise HeadError("malformed application-properties")
            application_properties = value
        before, offset = code, end
    properties = [*properties, *[None] * (7 - len(properties))]
    to, reply_to, content_type = properties[2], properties[4], properties[6]
    if not isinstance(to, str | None) or not isinstance(reply_to, str | None):
        raise HeadError("malformed properties")
    if content_type == CONTENT_TYPE_TCP:
        _, offset = decode(data, offset)
    return MessageHead(
        annotations,
        to,
        reply_to,
        properties[5],
        content_type if isinstance(content_type, str) else None,
        application_properties,
        rest_offset,
        offset,
    )


def _annotations(value: Value) -> Annotations:
    if not isinstance(value, list) or len(value) < 4:
        raise HeadError("malformed router annotations")
    flags, to_override, ingress, trace = value[:4]
    mesh = value[4] if len(value) > 4 else None
    if (
        not isinstance(flags, UInt)
        or not isinstance(to_override, str | None)
        or not isinstance(ingress, str | None)
        or not isinstance(mesh, str | None)
        or not isinstance(trace, list)
        or len(trace) > MAX_TRACE
        or not all(isinstance(item, str) for item in trace)
    ):
        raise HeadError("malformed router annotations")
    return Annotations(
        int(flags),
        to_override,
        ingress,
        tuple(str(item) for item in trace),
        None if mesh is None else str(mesh),
    )


def body_value(head: MessageHead, data: bytes) -> Any:
    """The value of a complete message ``data`` with an amqp-value body, else ``None``. Raises ``DecodeError``."""
    if head.body_offset >= len(data):
        return None
    body, _ = decode(data, head.body_offset)
    return body.value if isinstance(body, Described) and body.descriptor == VALUE else None


def section(code: int, value: Value) -> bytes:
    """One message section."""
    return b"\x00\x53" + bytes((code,)) + encode(value)


def tcp_stream_head(
    annotations: Annotations, to: str, reply_to: str | None = None, correlation_id: str | None = None
) -> bytes:
    """The head of one direction of a TCP connection (router-protocol 5.3): raw bytes follow it."""
    return (
        annotations.encode()
        + section(PROPERTIES, [None, None, to, None, reply_to, correlation_id, CONTENT_TYPE_TCP])
        + section(APPLICATION_PROPERTIES, {"V": UInt(1)})
        + b"\x00\x53\x77\x40"
    )


def encode_message(
    annotations: Annotations | None,
    *,
    to: str | None,
    reply_to: str | None = None,
    correlation_id: Value = None,
    application_properties: dict[Any, Any] | None = None,
    body: Value = None,
) -> bytes:
    """A whole message with an amqp-value body; ``annotations`` is ``None`` towards an ordinary client."""
    return (
        (annotations.encode() if annotations is not None else b"")
        + section(PROPERTIES, [None, None, to, None, reply_to, correlation_id])
        + (section(APPLICATION_PROPERTIES, application_properties) if application_properties else b"")
        + section(VALUE, body)
    )
