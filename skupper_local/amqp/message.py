"""Messages with an amqp-value body, as management exchanges them: from values to bytes and back.

Only what requests and answers use is here; routers read the heads of messages they pass on in a way of their own
(``skupper_local.router.message_head``). A message from a peer is not trusted: ``decode_message`` checks its shape and ends in
``DecodeError`` for anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skupper_local.amqp.codec import DecodeError, decode, encode
from skupper_local.amqp.types import Described, Value

HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = range(0x70, 0x75)
DATA, SEQUENCE, VALUE, FOOTER = range(0x75, 0x79)

_IGNORED = frozenset({HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, FOOTER})


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``body`` is the value of its amqp-value section, ``None`` without one."""

    to: str | None = None
    reply_to: str | None = None
    correlation_id: Value = None
    application_properties: dict[Any, Any] = field(default_factory=dict)
    body: Value = None


def encode_message(message: Message) -> bytes:
    """The bytes of a message. Raises ``EncodeError``."""
    properties = [None, None, message.to, None, message.reply_to, message.correlation_id]
    while properties and properties[-1] is None:
        properties.pop()
    sections = [_section(PROPERTIES, properties)]
    if message.application_properties:
        sections.append(_section(APPLICATION_PROPERTIES, message.application_properties))
    sections.append(_section(VALUE, message.body))
    return b"".join(sections)


def decode_message(data: bytes) -> Message:
    """Read a complete message. Raises ``DecodeError`` for whatever is none, or has another kind of body."""
    sections: dict[int, Value] = {}
    offset = 0
    while offset < len(data):
        section, offset = decode(data, offset)
        if not isinstance(section, Described) or not isinstance(section.descriptor, int):
            raise DecodeError("not a message section")
        code = int(section.descriptor)
        if code in _IGNORED:
            continue
        if code not in (PROPERTIES, APPLICATION_PROPERTIES, VALUE) or code in sections:
            raise DecodeError("a message section that has no place here")
        sections[code] = section.value
    properties = sections.get(PROPERTIES, [])
    application_properties = sections.get(APPLICATION_PROPERTIES, {})
    if not isinstance(properties, list) or len(properties) > 13:
        raise DecodeError("malformed properties")
    if not isinstance(application_properties, dict):
        raise DecodeError("malformed application-properties")
    properties = [*properties, *[None] * 6]
    to, reply_to = properties[2], properties[4]
    if not isinstance(to, str | None) or not isinstance(reply_to, str | None):
        raise DecodeError("malformed properties")
    return Message(to, reply_to, properties[5], application_properties, sections.get(VALUE))


def _section(code: int, value: Value) -> bytes:
    return b"\x00\x53" + bytes((code,)) + encode(value)
