"""The same router as a file for Podman's own generator of units (podman-systemd.unit(5), Quadlet), for Podman 4.4 or newer.

An export for people who keep all their containers that way; this program does not use it. Keys that came after 4.4 are given as
arguments of ``podman run``. The generator passes values on into a command line of a unit, so ``%`` and ``$`` are doubled here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skupper_local.systemd.units import render

_CONTAINER = "skupper-router.container.j2"
_NETWORK = "skupper-site.network.j2"


@dataclass(frozen=True)
class QuadletContainer:
    """What the file says. ``volumes`` are ``source:target:options``, ``network`` the name of one or of a ``.network`` file,
    ``arguments`` whatever else ``podman run`` is given, ``home`` the directory that has to be mounted.
    """

    name: str
    site: str
    home: str
    image: str
    network: str
    stop_seconds: int
    volumes: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    user: str = ""
    group: str = ""
    capabilities: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


def render_container(container: QuadletContainer) -> str:
    """The text of the ``.container`` file. Raises ValueError for a path with a control character."""
    return render(_CONTAINER, container=container)


def render_network(site: str, labels: Mapping[str, str]) -> str:
    """The text of the ``.network`` file of a network that is the site's own."""
    return render(_NETWORK, site=site, labels=labels)
