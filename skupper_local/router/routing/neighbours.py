"""Neighbours: routers that hear us, and that we hear, on a control link.

Each side says HELLO on every control link once a second and lists whom it hears. A link is *confirmed* while the other side's
HELLOs list us, and lost when none did for the maximum age, or at once when its connection goes away. A neighbour is a router
with at least one confirmed link; when there are several, the cheapest is used, of equal ones the one that came up first.

A control link is one connection to one router, so our HELLO lists at most one id, the one heard on that very link: a link that
works in one direction only is then found out even next to a parallel link that works (the reference lists everybody it hears
anywhere).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skupper_local.router.routing.control_messages import Hello, MalformedControlError


@dataclass
class ControlLink:
    """One control link, usable in both directions."""

    number: int
    cost: int
    order: int
    """Counts up with each new link: smaller is older."""
    router_id: str | None = None
    """The router at the other end; the first HELLO says it, and it never changes."""
    instance: int | None = None
    heard_at: float | None = None
    """The last HELLO of any kind; None: none within the maximum age."""
    confirmed_at: float | None = None
    """The last HELLO that listed us; None: not a way to a neighbour."""


class Neighbours:
    """All control links, and which of them is used for each neighbour."""

    def __init__(self, router_id: str, max_age: float) -> None:
        self._router_id = router_id
        self._max_age = max_age
        self._links: dict[int, ControlLink] = {}
        self._count = 0
        self.used: dict[str, ControlLink] = {}
        """Neighbour -> the link to it, by id; made anew by :meth:`choose`, so a caller may keep the old one to compare."""

    def __iter__(self) -> Iterator[ControlLink]:
        return iter(self._links.values())

    def __contains__(self, link: int) -> bool:
        return link in self._links

    def __getitem__(self, link: int) -> ControlLink:
        return self._links[link]

    def up(self, link: int, cost: int) -> bool:
        """A link is usable, or has another cost. True when it is new."""
        known = self._links.get(link)
        if known is not None:
            known.cost = cost
            return False
        self._count += 1
        self._links[link] = ControlLink(link, cost, self._count)
        return True

    def lost(self, link: int) -> None:
        """A link is gone."""
        self._links.pop(link, None)

    def check(self, link: int, hello: Hello) -> None:
        """Raises :class:`MalformedControlError` if this HELLO cannot come from the router at the other end of the link."""
        known = self._links[link].router_id
        if known is not None and known != hello.router_id:
            raise MalformedControlError("another router id than before on the same connection")

    def heard(self, link: int, hello: Hello, now: float) -> bool:
        """Take in a checked HELLO. True when the router was not heard on this link just before, so it wants a quick answer."""
        state = self._links[link]
        first = state.heard_at is None
        state.router_id = hello.router_id
        state.instance = hello.instance
        state.heard_at = now
        if self._router_id in hello.seen:
            state.confirmed_at = now
        return first

    def restarted(self, router_id: str, instance: int | None) -> None:
        """The router runs as ``instance`` now: links to its former self, not yet noticed as dead, are no way to it."""
        for state in self._links.values():
            if state.router_id == router_id and state.instance != instance:
                state.confirmed_at = None

    def expire(self, now: float) -> None:
        """Forget what was heard longer ago than the maximum age."""
        oldest = now - self._max_age
        for state in self._links.values():
            if state.heard_at is not None and state.heard_at < oldest:
                state.heard_at = None
            if state.confirmed_at is not None and state.confirmed_at < oldest:
                state.confirmed_at = None

    def next_expiry(self) -> float:
        """When a confirmation gets too old; infinite without one."""
        times = [state.confirmed_at for state in self._links.values() if state.confirmed_at is not None]
        return min(times, default=float("inf")) + self._max_age

    def forgive(self, since: float) -> None:
        """Count everything heard as heard at ``since`` at the earliest: this program itself was not running meanwhile, and
        HELLOs may be waiting to be read."""
        for state in self._links.values():
            if state.heard_at is not None:
                state.heard_at = max(state.heard_at, since)
            if state.confirmed_at is not None:
                state.confirmed_at = max(state.confirmed_at, since)

    def choose(self) -> None:
        """Choose the link to each neighbour again, after anything changed."""
        best: dict[str, ControlLink] = {}
        for state in self._links.values():
            if state.confirmed_at is None or state.router_id is None:
                continue
            rival = best.get(state.router_id)
            if rival is None or (state.cost, state.order) < (rival.cost, rival.order):
                best[state.router_id] = state
        self.used = dict(sorted(best.items()))

    def costs(self) -> Mapping[str, int]:
        """Our own link state: neighbour -> cost."""
        return {router: state.cost for router, state in self.used.items()}
