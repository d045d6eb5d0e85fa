"""Conditions and the status they make, as the reference writes them (reference-engine 10.1).

A condition is ``Ready``, ``Pending`` (it may come by itself) or ``Error`` (somebody has to do something). The status of a
resource is that of its first condition that is not fulfilled. Times of transition change with the outcome alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

READY = "Ready"
PENDING = "Pending"
ERROR = "Error"

_OWN_KEYS = frozenset(
    (
        "status",
        "message",
        "conditions",
        "endpoints",
        "containers",
        "engineNetwork",
        "sitesInNetwork",
        "network",
        "hasMatchingConnector",
        "hasMatchingListener",
        "hasDestination",
        "strategy",
        "remoteSiteId",
        "remoteSiteName",
    )
)
"""What is judged anew each time. All else in an earlier status is kept."""


class Condition(NamedTuple):
    """One condition of a resource: its type, its state (Ready, Pending or Error) and a message (``OK`` when Ready)."""

    type: str
    state: str = READY
    message: str = "OK"


def overall_of(conditions: list[Condition]) -> Condition:
    """The first condition that is not fulfilled, or Ready."""
    return next((condition for condition in conditions if condition.state != READY), Condition("Ready"))


def status_of(
    previous: Mapping[str, Any],
    conditions: list[Condition],
    details: Mapping[str, Any],
    now: str,
    *,
    mirrored: bool,
) -> dict[str, Any]:
    """The status that takes the place of ``previous``; see :func:`overall_of`.

    A condition that was so before keeps its time of transition, the others get ``now``. ``mirrored``: the outcome is a
    condition ``Ready`` as well.
    """
    overall = overall_of(conditions)
    before = _transitions(previous)
    kept = {key: value for key, value in previous.items() if key not in _OWN_KEYS}
    listed = []
    outcome = (Condition("Ready", overall.state, overall.message),) if mirrored else ()
    for condition in (*conditions, *outcome):
        fulfilled = "True" if condition.state == READY else "False"
        was, since = before.get(condition.type, ("", ""))
        listed.append(
            {
                "type": condition.type,
                "status": fulfilled,
                "reason": condition.state,
                "message": condition.message,
                "lastTransitionTime": since if since and was == fulfilled else now,
            }
        )
    return {**kept, **details, "status": overall.state, "message": overall.message, "conditions": listed}


def _transitions(previous: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and transition time of each earlier condition; what is malformed counts as absent."""
    conditions = previous.get("conditions")
    found: dict[str, tuple[str, str]] = {}
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, Mapping):
            since = condition.get("lastTransitionTime")
            if isinstance(since, str):
                found[str(condition.get("type"))] = (str(condition.get("status")), since)
    return found
