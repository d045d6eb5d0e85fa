"""What the servers behind connectors do, where it can be seen without the router.

A router tells that a server refuses when a client wanted to reach it, and skrouterd not even then: its tcpConnector has no
status at all. On platform ``linux`` the router dials as any process of this machine, so what this process finds is what the
router would find. So does a container on the machine's own network, but it may know a host by another name; of names nothing
is said there, and in a network of the engine's of no server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace

from skupper_local.host.servers import refusals
from skupper_local.operations.placement import LINUX
from skupper_local.resources import Connector, Resource
from skupper_local.site.observed import ObservedRouter
from skupper_local.site.reach import Reach
from skupper_local.site.sockets import is_loopback

_MOST = 256
"""Servers that are looked at."""


def with_servers(
    observed: ObservedRouter | None, resources: Iterable[Resource], reach: Reach, platform: str
) -> ObservedRouter | None:
    """``observed`` with what the servers of its connectors do now, as far as it is known. Takes two seconds at most."""
    if observed is None or reach.network:
        return observed
    places = dict.fromkeys(
        (target.host, target.port)
        for connector in resources
        if isinstance(connector, Connector)
        for target in reach.targets(connector)
        if f"connector/{connector.name}@{target.label}" in observed.tcp_connectors
        and (platform == LINUX or is_loopback(target.host) or _is_address(target.host))
    )
    return replace(observed, servers=refusals(list(places)[:_MOST]))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
