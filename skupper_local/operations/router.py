"""Talking to the router of a site: whether it answers, and what it says.

The site's local listener (``skupper-local``) accepts management from whoever holds the client certificate in the namespace.
Other routers of the network are asked through it; what they do not answer in time is taken as unknown.
"""

from __future__ import annotations

from skupper_local.management import RouterManagement
from skupper_local.management.errors import ManagementError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.platforms.readiness import ask_router
from skupper_local.resources import RouterAccess, decode_documents
from skupper_local.site.observed import (
    NEIGHBOUR_TYPES,
    OBSERVED_TYPES,
    REMOTE_TYPES,
    Answers,
    ObservedRouter,
    neighbours_in,
    observe,
)

STATUS_SECONDS = 4.0
"""How long a status command waits for a router in all."""

_HOST = "127.0.0.1"
_USUAL_PORT = 5671
_MOST_REMOTE_ROUTERS = 200
_ROUNDS = 3
"""From an edge router to the one it is attached to, from there to the other interior ones, and to their edge routers."""
_FAR_TYPES = (*REMOTE_TYPES, *NEIGHBOUR_TYPES)


def ask_whether_ready(paths: NamespacePaths, seconds: float) -> str:
    """Ask the router for itself; returns why there was no answer, or an empty text."""
    return ask_router(paths.router_config, paths.runtime_certs, seconds)


def observe_router(paths: NamespacePaths, seconds: float) -> tuple[ObservedRouter | None, str]:
    """What the router says of itself and its network now; or None, and why it says nothing."""
    try:
        with _connect(paths, seconds) as router:
            answers = router.query_all(OBSERVED_TYPES)
            remote = _ask_others(router, answers, seconds / (_ROUNDS + 1))
    except ManagementError as error:
        return None, f"{error.what}: {error.why}" if error.why else error.what
    return observe(answers, remote_routers=remote), ""


def _ask_others(router: RouterManagement, answers: Answers, seconds: float) -> dict[str, Answers]:
    """The answers of the other routers of the network, by id.

    A router knows of those that are attached to it and of the interior ones; an edge router of the former only. So those are
    asked first, and then the ones that they know of. ``seconds`` are for each round: who is silent keeps nobody else from being
    asked.
    """
    found: dict[str, Answers] = {}
    known = {str(entity.get("id")) for entity in answers.get("io.skupper.router.router", [])}
    interiors, edges = neighbours_in(answers)
    for _ in range(_ROUNDS):
        interiors, edges = interiors - known, edges - known - interiors
        room = _MOST_REMOTE_ROUTERS - len(found)
        asked = (*sorted(interiors), *sorted(edges))[: max(0, room)]
        if not asked:
            break
        known |= {*interiors, *edges}
        found |= router.query_routers(
            interiors.intersection(asked), _FAR_TYPES, edges=edges.intersection(asked), seconds=seconds
        )
        interiors, edges = set(), set()
        for router_id in asked:
            further = neighbours_in(found.get(router_id, {}))
            interiors, edges = interiors | further[0], edges | further[1]
    return found


def ask_everything(paths: NamespacePaths) -> dict[str, list[dict[str, object]]]:
    """Every entity that the router knows of the types that status rests on, by type. Raises ManagementError."""
    with _connect(paths, STATUS_SECONDS) as router:
        return router.query_all(OBSERVED_TYPES)


def _connect(paths: NamespacePaths, seconds: float) -> RouterManagement:
    credentials = paths.runtime_certs / "skupper-local-client"
    return RouterManagement.connect(_HOST, _local_port(paths), credentials=credentials, seconds=seconds)


def _local_port(paths: NamespacePaths) -> int:
    """The port of the local listener, where the reference keeps it too (reference-engine 4.4)."""
    path = paths.runtime_resources / "RouterAccess-skupper-local.yaml"
    try:
        found = decode_documents(path.read_text(encoding="utf-8"), str(path)).resources
    except (OSError, UnicodeDecodeError):
        return _USUAL_PORT
    ports = [
        role.port
        for access in found
        if isinstance(access, RouterAccess)
        for role in access.roles
        if role.port
    ]
    return ports[0] if ports else _USUAL_PORT
