"""Everything the engine says: control messages, events and warnings, in order, until somebody takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skupper_local.router.routing.control_messages import (
    ALL_ROUTERS_ADDRESS,
    ALL_ROUTERS_MOBILE_ADDRESS,
    HELLO,
    HELLO_ADDRESS,
    LSR,
    LSU,
    MAR,
    MAU,
    RA,
    absolute_update_body,
    advertisement_body,
    differential_update_body,
    hello_body,
    link_state_body,
    link_state_request_body,
    mobile_request_body,
    router_address,
    router_mobile_address,
)
from skupper_local.router.routing.outputs import Output, SendControl
from skupper_local.router.routing.outputs import Warning as LogWarning

_MAX_WARNINGS = 1024


class Outbox:
    """Queued outputs of the router ``router_id``, which runs as ``instance``. ``link`` is the connection to send on."""

    def __init__(self, router_id: str, instance: int) -> None:
        self._id = router_id
        self._instance = instance
        self._queue: list[Output] = []
        self._warned: set[tuple[object, ...]] = set()

    def take(self) -> list[Output]:
        """What was queued since the last call."""
        queue, self._queue = self._queue, []
        return queue

    def event(self, output: Output) -> None:
        """Tell the router around the engine."""
        self._queue.append(output)

    def warn(self, cause: tuple[object, ...], text: str) -> None:
        """Write a line to the log, once per cause, and not without end. A cause about a connection starts with its number."""
        if cause not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(cause)
            self._queue.append(LogWarning(text))

    def forget_warnings(self, link: int) -> None:
        """The connection is gone: what another one of this number does is news."""
        self._warned = {cause for cause in self._warned if cause[0] != link}

    def hello(self, link: int, seen: list[str]) -> None:
        body = hello_body(self._id, self._instance, seen)
        self._queue.append(SendControl(link, HELLO_ADDRESS, HELLO, body, mobile=False))

    def advertisement(self, links: Iterable[int], link_state_sequence: int, mobile_sequence: int) -> None:
        body = advertisement_body(self._id, self._instance, link_state_sequence, mobile_sequence)
        for link in links:
            self._queue.append(SendControl(link, ALL_ROUTERS_ADDRESS, RA, body, mobile=False))

    def link_state_request(self, link: int, router: str) -> None:
        body = link_state_request_body(self._id)
        self._queue.append(SendControl(link, router_address(router), LSR, body, mobile=False))

    def link_state(self, link: int, router: str, sequence: int, peers: Mapping[str, int]) -> None:
        body = link_state_body(self._id, self._instance, sequence, peers)
        self._queue.append(SendControl(link, router_address(router), LSU, body, mobile=False))

    def mobile_request(self, link: int, router: str, have_sequence: int) -> None:
        body = mobile_request_body(self._id, have_sequence)
        self._queue.append(SendControl(link, router_mobile_address(router), MAR, body, mobile=True))

    def absolute_update(self, link: int, router: str, sequence: int, exist: Mapping[str, int]) -> None:
        body = absolute_update_body(self._id, sequence, exist)
        self._queue.append(SendControl(link, router_mobile_address(router), MAU, body, mobile=True))

    def differential_update(
        self, links: Iterable[int], sequence: int, add: Mapping[str, int], delete: list[str]
    ) -> None:
        body = differential_update_body(self._id, sequence, add, delete)
        for link in links:
            self._queue.append(SendControl(link, ALL_ROUTERS_MOBILE_ADDRESS, MAU, body, mobile=True))
