"""Asking a router of a test network about itself, over a ``normal`` listener without TLS."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from skupper_local.management import RouterManagement
from tests.rig.network import Node
from tests.rig.ports import HOST, free_port


def add_management(node: Node) -> int:
    """Give a router (before its start) a management listener; returns its port."""
    port = free_port()
    node.configuration.listen(port, None, role="normal", name="management")
    return port


def entities(port: int, kind: str) -> list[dict[str, Any]]:
    """All entities of a type."""
    with RouterManagement.connect(HOST, port, credentials=None) as management:
        return management.query(kind)


def entity(port: int, kind: str, name: str) -> dict[str, Any]:
    """One entity."""
    with RouterManagement.connect(HOST, port, credentials=None) as management:
        return management.read(kind, name)


def wait_for(
    port: int, kind: str, name: str, condition: Callable[[dict[str, Any]], object], seconds: float = 10.0
) -> dict[str, Any]:
    """Ask for an entity until the condition holds; ``AssertionError`` with what was last seen if it never does."""
    deadline = time.monotonic() + seconds
    while True:
        found = entity(port, kind, name)
        if condition(found):
            return found
        assert time.monotonic() < deadline, f"{kind} {name} stays {found}"
        time.sleep(0.05)
