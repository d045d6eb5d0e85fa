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
from skupper_local.site.observed import OBSERVED_TYPES, REMOTE_TYPES, ObservedRouter, observe

STATUS_SECONDS = 4.0
"""How long a status command waits for a router in all."""

_HOST = "127.0.0.1"
_USUAL_PORT = 5671
_MOST_REMOTE_ROUTERS = 200


def ask_whether_ready(paths: NamespacePaths, seconds: float) -> str:
    """Ask the router for itself; returns why there was no answer, or an empty text."""
    return ask_router(paths.router_config, paths.runtime_certs, seconds)


def observe_router(paths: NamespacePaths, seconds: float) -> tuple[ObservedRouter | None, str]:
    """What the router says of itself and its network now; or None, and why it says nothing."""
    try:
        with _connect(paths, seconds) as router:
            answers = router.query_all(OBSERVED_TYPES)
            others = _other_routers(answers)
            remote = router.query_routers(others, REMOTE_TYPES) if others else {}
    except ManagementError as error:
        return None, f"{error.what}: {error.why}" if error.why else error.what
    return observe(answers, remote_routers=remote), ""


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


def _other_routers(answers: dict[str, list[dict[str, object]]]) -> list[str]:
    own = {entity.get("id") for entity in answers.get("io.skupper.router.router", [])}
    nodes = [node.get("id") for node in answers.get("io.skupper.router.router.node", [])]
    others = {node for node in nodes if isinstance(node, str) and node and node not in own}
    return sorted(others)[:_MOST_REMOTE_ROUTERS]
