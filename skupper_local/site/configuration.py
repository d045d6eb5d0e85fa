"""The router's configuration of a site, as a list of entities (reference-engine 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skupper_local.site.derive import SiteModel

if TYPE_CHECKING:
    from skupper_local.entities import Entity


def router_configuration(model: SiteModel) -> list[Entity]:
    """All entities of ``skrouterd.json`` in the reference's group order, each group sorted by name."""
    raise NotImplementedError
