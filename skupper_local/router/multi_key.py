"""Which of its addresses a tcpListener uses for the next connection.

A listener has one address, or several with a strategy (router-protocol 5.3). Only addresses that have a consumer somewhere
count. ``priority``: the one with the highest value; of equals the first of the configuration. ``weighted``: one at random,
each as likely as its value says among those that count; an address of weight 0 gets no connection. The socket is open while
there is an address to choose.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skupper_local.router.services import Service

if TYPE_CHECKING:
    from skupper_local.router.configuration import ListenerAddress, TcpListenerSettings
    from skupper_local.router.services import Reachability, Services

PRIORITY, WEIGHTED = "priority", "weighted"


@dataclass(slots=True, eq=False)
class Target:
    """One address of a listener. ``settings`` is None for the only address of a listener without a strategy."""

    service: Service
    value: int = 1
    settings: ListenerAddress | None = None
    connections_opened: int = 0


class Targets:
    """The addresses of one listener and its strategy."""

    def __init__(self, listener: TcpListenerSettings, services: Services) -> None:
        self._weighted = listener.strategy == WEIGHTED
        if listener.strategy == "none":
            self.all = [Target(services.get(listener.address))]
        else:
            self.all = [Target(services.get(item.address), item.value, item) for item in listener.addresses]
            # Of equal values the first stays first.
            self.all.sort(key=lambda target: -target.value)

    def reachable(self, routing: Reachability) -> bool:
        """Whether there is an address to choose."""
        return any(self._counts(target, routing) for target in self.all)

    def _counts(self, target: Target, routing: Reachability) -> bool:
        return not (self._weighted and target.value == 0) and target.service.reachable(routing)

    def choose(self, routing: Reachability, without: Collection[Target] = ()) -> Target | None:
        """The address for the next connection, other than those ``without``; None when there is none."""
        if len(self.all) == 1 and not without:
            return self.all[0]
        counting = [target for target in self.all if target not in without and self._counts(target, routing)]
        if not counting:
            return None
        if not self._weighted:
            return counting[0]
        weights = [target.value for target in counting]
        return random.choices(counting, weights)[0]  # noqa: S311 (a balance, no secret)
