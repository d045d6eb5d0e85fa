"""What separates a running router from the one that is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skupper_local.entities import Entity


@dataclass(frozen=True)
class Plan:
    """The difference of two configurations. ``changed`` pairs the entity as it is with the one that is wanted.

    ``reissued`` names the sslProfiles whose files change while the entity stays the same.
    """

    added: tuple[Entity, ...]
    removed: tuple[Entity, ...]
    changed: tuple[tuple[Entity, Entity], ...]
    reissued: tuple[str, ...] = ()

    @property
    def restart(self) -> bool:
        """Whether the router must be restarted: its configuration is not the same."""
        return bool(self.added or self.removed or self.changed)

    @property
    def empty(self) -> bool:
        """Nothing at all to do."""
        return not self.restart and not self.reissued

    def lines(self) -> tuple[str, ...]:
        """The plan for a reader, one line per entity: ``+ tcpListener listener/backend``, ``~ ...``, ``- ...``."""
        raise NotImplementedError


def plan(running: Sequence[Entity], wanted: Sequence[Entity], *, reissued: Iterable[str] = ()) -> Plan:
    """Compare two configurations; the order of entities does not count."""
    raise NotImplementedError
