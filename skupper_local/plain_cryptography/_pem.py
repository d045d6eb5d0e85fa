"""PEM: blocks of base64 between a line that begins and a line that ends them; what stands between blocks is a comment."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"


@dataclass(frozen=True)
class Block:
    """One block; ``encrypted`` when its headers say that a passphrase protects it."""

    label: str
    content: bytes = field(repr=False)
    encrypted: bool = False


def blocks(pem: bytes) -> Iterator[Block]:
    """The blocks in order. Raises ``ValueError`` at one that is damaged."""
    at = pem.find(_BEGIN)
    while at >= 0:
        start = at + len(_BEGIN)
        dashes = pem.find(_DASHES, start, start + 80)
        if dashes < 0:
            raise ValueError("PEM block without a name")
        label = pem[start:dashes]
        body = dashes + len(_DASHES)
        stop = pem.find(_END, body)
        if stop < 0 or not pem.startswith(_END + label + _DASHES, stop):
            raise ValueError("PEM block without its end")
        yield _block(label, pem[body:stop])
        at = pem.find(_BEGIN, stop)


def encode(label: str, content: bytes) -> bytes:
    """One block."""
    text = base64.b64encode(content)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    name = label.encode("ascii")
    return b"\n".join((_BEGIN + name + _DASHES, *lines, _END + name + _DASHES, b""))


def _block(label: bytes, body: bytes) -> Block:
    lines = [line.strip() for line in body.splitlines()]
    encrypted = False
    if any(b":" in line for line in lines):  # headers, up to an empty line
        while lines and not lines[0]:
            lines.pop(0)
        end = lines.index(b"")  # ValueError without one
        encrypted = any(line.startswith(b"Proc-Type:") and b"ENCRYPTED" in line for line in lines[:end])
        lines = lines[end:]
    try:
        content = base64.b64decode(b"".join(b"".join(line.split()) for line in lines), validate=True)
        return Block(label.decode("ascii"), content, encrypted)
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("PEM block is not base64") from error
