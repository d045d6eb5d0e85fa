"""The declared site: all resources of a namespace together, and the rules between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skupper_local.resources import (
    Connector,
    Link,
    Listener,
    OtherResource,
    Problem,
    Resource,
    RouterAccess,
    Secret,
    Site,
)
from skupper_local.resources.problems import InvalidResourcesError


@dataclass(frozen=True)
class SiteState:
    """The resources of one namespace that hold together, each kind by name and sorted by it."""

    namespace: str
    site: Site
    listeners: Mapping[str, Listener]
    connectors: Mapping[str, Connector]
    links: Mapping[str, Link]
    router_accesses: Mapping[str, RouterAccess]
    secrets: Mapping[str, Secret]
    others: tuple[OtherResource, ...] = ()

    def resources(self) -> tuple[Resource, ...]:
        """All of them, as declared: what ``internal/snapshot`` holds."""
        raise NotImplementedError


@dataclass(frozen=True)
class Assembled:
    """The outcome of :func:`assemble`: ``state`` is None exactly when there is a problem."""

    state: SiteState | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def require(self) -> SiteState:
        """The state; raises :class:`InvalidResourcesError` with all problems when there is one."""
        if self.state is None:
            raise InvalidResourcesError(self.problems, what="The declarations do not make a site")
        return self.state


def assemble(resources: Iterable[Resource], *, namespace: str) -> Assembled:
    """Check the rules between resources (reference-engine 2.1 and 2.3) and put them together.

    A resource without a namespace counts as declared in ``namespace``; every other namespace is a problem.
    """
    raise NotImplementedError
