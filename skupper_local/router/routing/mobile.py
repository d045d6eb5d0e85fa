"""Mobile addresses: which are consumed here, and which on other routers.

Each router numbers the states of its own address list. It floods each change with the next number (differential MAU); a
receiver that has exactly the number before takes it, any other one asks (MAR) and gets the whole list (absolute MAU).
Additions and removals wait here until they are announced, so that the list and its number always belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from skupper_local.router.routing.control_messages import MalformedControlError
from skupper_local.router.routing.settings import RoutingLimits


class LocalAddresses:
    """The addresses with a consumer on this router, and how far the others have been told."""

    def __init__(self) -> None:
        self.sequence = 0
        """The number of the announced list."""
        self.announced: dict[str, int] = {}
        """Address key -> treatment, as of ``sequence``."""
        self._current: dict[str, int] = {}
        self._pending: dict[str, None] = {}

    @property
    def pending(self) -> bool:
        """Whether there is something to announce."""
        return bool(self._pending)

    def add(self, key: str, treatment: int) -> None:
        """The address has a consumer here; again with another treatment: it changed."""
        self._current[key] = treatment
        self._mark(key)

    def remove(self, key: str) -> None:
        """The address has no consumer here any more."""
        self._current.pop(key, None)
        self._mark(key)

    def _mark(self, key: str) -> None:
        if self._current.get(key) == self.announced.get(key):
            self._pending.pop(key, None)
        else:
            self._pending[key] = None

    def advance(self) -> tuple[dict[str, int], list[str]]:
        """Announce what is pending under the next number: (added or changed, removed)."""
        added = {key: self._current[key] for key in self._pending if key in self._current}
        removed = [key for key in self._pending if key not in self._current]
        self.sequence += 1
        self.announced = dict(self._current)
        self._pending.clear()
        return added, removed


class RemoteAddresses:
    """The addresses announced by other routers.

    Every change returns the keys for which it may have changed an answer of :meth:`routers_with` or :meth:`has_destination`.
    """

    def __init__(self, limits: RoutingLimits) -> None:
        self._limits = limits
        self._characters = 0
        self._reachable: set[str] = set()
        self._announced: dict[str, dict[str, int | None]] = {}
        self._holders: dict[str, set[str]] = {}
        self._reachable_holders: dict[str, set[str]] = {}
        self._sequences: dict[str, int] = {}

    def sequence(self, router_id: str) -> int:
        """The number of the list we have from a router; 0: none."""
        return self._sequences.get(router_id, 0)

    def routers_with(self, key: str) -> Set[str]:
        """The reachable routers that announced the address."""
        return self._reachable_holders.get(key, _NOBODY)

    def reachable_keys(self) -> Set[str]:
        """The keys that some reachable router announced."""
        return self._reachable_holders.keys()

    def has_destination(self, key: str) -> bool:
        """Whether any router announced the address, reachable or not."""
        return key in self._holders

    def treatment(self, key: str) -> int | None:
        """How the holder with the lowest id treats the address, as far as it said."""
        for router in sorted(self._holders.get(key, ())):
            treatment = self._announced[router][key]
            if treatment is not None:
                return treatment
        return None

    def check(self, router_id: str, addresses: Mapping[str, object], replace: bool) -> None:
        """Raises :class:`MalformedControlError` when the router would then have announced too much."""
        old = self._announced.get(router_id, {})
        new = [key for key in addresses if key not in old]
        count = len(addresses) if replace else len(old) + len(new)
        if count > self._limits.addresses_per_router:
            raise MalformedControlError(
                f"more than {self._limits.addresses_per_router} addresses on one router"
            )
        gone = sum(len(key) for key in old if key not in addresses) if replace else 0
        if self._characters - gone + sum(map(len, new)) > self._limits.address_characters:
            raise MalformedControlError("the addresses of all routers together are too long")

    def replace(self, router_id: str, sequence: int, addresses: Mapping[str, int | None]) -> set[str]:
        """The whole (checked) list of a router."""
        changed: set[str] = set()
        for key in list(self._announced.get(router_id, ())):
            if key not in addresses:
                self._remove(router_id, key, changed)
        self.add(router_id, sequence, addresses, changed)
        return changed

    def add(
        self,
        router_id: str,
        sequence: int,
        addresses: Mapping[str, int | None],
        changed: set[str] | None = None,
    ) -> set[str]:
        """More (checked) addresses of a router."""
        changed = set() if changed is None else changed
        known = self._announced.setdefault(router_id, {})
        for key, treatment in addresses.items():
            if key not in known:
                self._characters += len(key)
                self._holders.setdefault(key, set()).add(router_id)
                if router_id in self._reachable:
                    self._reachable_holders.setdefault(key, set()).add(router_id)
                changed.add(key)
            known[key] = treatment
        self._sequences[router_id] = sequence
        return changed

    def delete(self, router_id: str, addresses: Set[str]) -> set[str]:
        """A router has no consumer of these addresses any more."""
        changed: set[str] = set()
        for key in addresses:
            if key in self._announced.get(router_id, ()):
                self._remove(router_id, key, changed)
        return changed

    def forget(self, router_id: str) -> set[str]:
        """Everything this router announced is void."""
        changed: set[str] = set()
        for key in list(self._announced.get(router_id, ())):
            self._remove(router_id, key, changed)
        self._announced.pop(router_id, None)
        self._sequences.pop(router_id, None)
        return changed

    def set_reachable(self, router_id: str, reachable: bool) -> set[str]:
        """There is a path to the router now, or none any more."""
        if reachable == (router_id in self._reachable):
            return set()
        keys = set(self._announced.get(router_id, ()))
        if reachable:
            self._reachable.add(router_id)
            for key in keys:
                self._reachable_holders.setdefault(key, set()).add(router_id)
        else:
            self._reachable.discard(router_id)
            for key in keys:
                _discard(self._reachable_holders, key, router_id)
        return keys

    def _remove(self, router_id: str, key: str, changed: set[str]) -> None:
        del self._announced[router_id][key]
        self._characters -= len(key)
        _discard(self._holders, key, router_id)
        _discard(self._reachable_holders, key, router_id)
        changed.add(key)


_NOBODY: frozenset[str] = frozenset()


def _discard(index: dict[str, set[str]], key: str, router_id: str) -> None:
    routers = index.get(key)
    if routers is not None:
        routers.discard(router_id)
        if not routers:
            del index[key]
