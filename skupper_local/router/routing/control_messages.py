"""The six control messages of the routing protocol (draft: signatures)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def encode_control(router_id: str, to: str, opcode: str, body: Mapping[str, Any], mobile: bool) -> bytes:
    """The complete message of a ``SendControl``, from router annotations to body."""
    raise NotImplementedError
