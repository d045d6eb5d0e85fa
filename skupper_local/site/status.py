"""Declared and observed in, status conditions out; never optimistic (reference-engine 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skupper_local.resources import Resource
from skupper_local.site.observed import ObservedRouter


@dataclass(frozen=True)
class LinkRow:
    """One line of ``link status``: a link that this site dials (``outgoing``) or one that another site dialled.

    ``name`` of an incoming link is the remote router's id, as its own name is known only there. ``status`` is ``Ready``,
    ``Pending`` or ``Error``; ``message`` is ``OK`` or the reason.
    """

    name: str
    outgoing: bool
    status: str
    cost: int
    role: str
    remote_site: str
    remote_site_id: str
    message: str


def with_statuses(
    resources: Iterable[Resource],
    observed: ObservedRouter | None,
    *,
    site_id: str,
    now: str,
    down_reason: str = "",
) -> tuple[Resource, ...]:
    """The active resources with their statuses of this moment.

    ``observed`` is None when the router does not answer; ``down_reason`` then says why. ``now`` (RFC 3339, UTC) becomes the
    transition time of conditions that changed since the status the resource carries.
    """
    raise NotImplementedError


def link_rows(
    resources: Iterable[Resource], observed: ObservedRouter | None, *, down_reason: str = ""
) -> tuple[LinkRow, ...]:
    """Outgoing links by name, then incoming ones by remote router."""
    raise NotImplementedError
