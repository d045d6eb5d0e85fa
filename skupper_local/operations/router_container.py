"""The container a site's router runs in: from what the site declares and what the engine is, to one specification.

The files are this user's, so the router runs as this user (see ``platforms.container.router_container``).
"""

from __future__ import annotations

import contextlib
import os

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.containers import host_entries
from skupper_local.operations.placement import LINUX
from skupper_local.operations.preparation import Prepared
from skupper_local.platforms.container import HOST_NETWORK, ContainerSpec, PublishedPort, router_container
from skupper_local.platforms.engine import EngineFacts
from skupper_local.platforms.face import OWN, Placement
from skupper_local.resources.settings import container_settings

LOCAL_PORT = "skupper-local/normal"


def container_of(
    paths: NamespacePaths, prepared: Prepared, placement: Placement, facts: EngineFacts
) -> ContainerSpec:
    """The specification of the router's container."""
    model = prepared.model
    reach = model.facts.reach
    settings = container_settings(model.state.site)
    return router_container(
        namespace=paths.name,
        home=paths.home,
        site_id=prepared.model.facts.site_id,
        image=prepared.router.container_image,
        platform=placement.platform,
        uid=os.geteuid(),
        gid=os.getegid(),
        rootless=facts.rootless,
        management_port=prepared.choices.ports[LOCAL_PORT],
        network=reach.network or HOST_NETWORK,
        ports=tuple(PublishedPort(item.host, item.port) for item in model.published),
        aliases=model.aliases,
        extra_hosts=host_entries(reach),
        cpus=settings.cpus,
        memory=settings.memory,
        kept_by_engine=placement.keeper == OWN,
    )


def clear_container(paths: NamespacePaths, placement: Placement) -> None:
    """Leave no container of a site that was stopped: the next start makes one, whichever program starts it.

    An engine that fails at this has stopped the router all the same, which is what was asked for.
    """
    if placement.platform == LINUX:
        return
    from skupper_local.platforms.container_platform import ContainerPlatform

    with contextlib.suppress(SkupperLocalError):
        ContainerPlatform(placement.platform, placement.endpoint).clear(paths.home)
