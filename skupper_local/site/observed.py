"""What a running router says of itself, taken from its management answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OBSERVED_TYPES: tuple[str, ...] = (
    "io.skupper.router.router",
    "io.skupper.router.router.node",
    "io.skupper.router.connection",
    "io.skupper.router.connector",
    "io.skupper.router.listener",
    "io.skupper.router.tcpListener",
    "io.skupper.router.tcpConnector",
    "io.skupper.router.router.address",
)
"""The entity types to QUERY, by their full names, for :func:`observe`."""


@dataclass(frozen=True)
class RemoteRouter:
    """Another router of the network: its id, the site it belongs to, and the routing keys it listens and connects for."""

    router_id: str
    site_id: str = ""
    site_name: str = ""
    listener_keys: frozenset[str] = frozenset()
    connector_keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ObservedRouter:
    """The router now. See :func:`observe`."""

    router_id: str


def observe(
    answers: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    remote_routers: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] | None = None,
) -> ObservedRouter:
    """Translate management answers: entity type (full or short name) to the entities' attribute maps.

    ``remote_routers`` may hold the answers of other routers by router id (types router, tcpListener, tcpConnector); it is what tells whether a
    connector has a listener elsewhere, and the remote site's true name. Missing types and attributes are taken as unknown.
    """
    raise NotImplementedError
