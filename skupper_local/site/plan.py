"""What separates a running router from the one that is wanted.

Two configurations are compared as sets of entities: their order says nothing (reference-engine 3.1), and a value written as
text equals the same value written as a number (``"55671"`` and ``55671``), because the router reads both alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skupper_local.entities import Entity

_LONGEST_VALUE = 40

_SINGLE = frozenset(("router", "site"))
"""Types of which a configuration has one entity: a new name changes it, and does not make another."""


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
        """The plan for a reader, a line for each entity: ``+ tcpListener listener/backend``, ``- ...``, ``~ ...``.

        A changed entity names the attributes that change, with their values where these are short.
        """
        lines = [f"+ {_title(entity)}" for entity in self.added]
        lines += [f"- {_title(entity)}" for entity in self.removed]
        for before, after in self.changed:
            lines.append(f"~ {_title(after)} ({', '.join(_change(before, after))})")
        lines += [f"~ sslProfile {name} (files)" for name in self.reissued]
        return tuple(lines)


def plan(running: Sequence[Entity], wanted: Sequence[Entity], *, reissued: Iterable[str] = ()) -> Plan:
    """Compare two configurations. Of entities with one name, the last counts, as when the router reads them."""
    before, after = _by_key(running), _by_key(wanted)
    return Plan(
        added=tuple(entity for key, entity in after.items() if key not in before),
        removed=tuple(entity for key, entity in before.items() if key not in after),
        changed=tuple(
            (before[key], entity)
            for key, entity in after.items()
            if key in before and _changed_attributes(before[key], entity)
        ),
        reissued=tuple(sorted(set(reissued))),
    )


def _by_key(entities: Sequence[Entity]) -> dict[tuple[str, str], Entity]:
    return {(entity.type, _key(entity)): entity for entity in entities}


def _key(entity: Entity) -> str:
    """What an entity is told apart by when a configuration is read back (reference-engine 3.1)."""
    if entity.type in _SINGLE:
        return ""
    attribute = {"address": "prefix", "log": "module"}.get(entity.type, "name")
    return str(entity.attributes.get(attribute, ""))


def _title(entity: Entity) -> str:
    return f"{entity.type} {_key(entity)}".strip()


def _change(before: Entity, after: Entity) -> list[str]:
    """Each attribute that changes, with what it was and what it shall be."""
    told = []
    for name in _changed_attributes(before, after):
        values = [_value(entity.attributes, name) or "unset" for entity in (before, after)]
        short = all(len(value) <= _LONGEST_VALUE and value.isprintable() for value in values)
        told.append(f"{name}: {values[0]} -> {values[1]}" if short else name)
    return told


def _changed_attributes(before: Entity, after: Entity) -> list[str]:
    names = before.attributes.keys() | after.attributes.keys()
    return sorted(name for name in names if _value(before.attributes, name) != _value(after.attributes, name))


def _value(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
