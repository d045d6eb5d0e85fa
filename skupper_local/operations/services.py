"""The services of the network as this site sees them: ``service status``."""

from __future__ import annotations

from dataclasses import dataclass

from skupper_local.operations.errors import NotDeclaredError
from skupper_local.operations.spelling import meant, no_site
from skupper_local.operations.status import view_site
from skupper_local.operations.target import Target
from skupper_local.site.services import Service, services


@dataclass(frozen=True)
class ServicesView:
    """``site`` is this site's name; ``reason`` says why nothing of other sites is known, empty when something is."""

    site: str
    services: tuple[Service, ...]
    reason: str
    warnings: tuple[str, ...]


def view_services(target: Target, key: str = "") -> ServicesView:
    """All services, or the one with that routing key.

    Raises NoSiteError for a namespace that holds nothing, NotDeclaredError when nobody has the key.
    """
    if not target.paths.exists():
        raise no_site(target.paths)
    view = view_site(target)
    found = tuple(
        item for item in services(view.resources, view.observed, view.reason) if key in ("", item.key)
    )
    if key and not found:
        keys = [item.key for item in services(view.resources, view.observed, view.reason)]
        why = f"; what other sites have is not known: {view.reason}" if view.reason else ""
        raise NotDeclaredError(
            f"Nobody has the routing key {key}",
            why=f"no listener and no connector that this site knows has it{why}",
            next_step=f"see which there are: skupper-local service status -n {target.namespace}",
            meant=meant(key, keys),
        )
    sites = view.of_kind("Site")
    return ServicesView(sites[0].name if sites else "", found, view.reason, view.warnings)
