"""What the doctor is to look at: the platform, engine, image and router that a namespace has, or would get."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from skupper_local.namespace.records import Choices, read_choices
from skupper_local.operations.adoption import site_platform
from skupper_local.operations.image import choose_image
from skupper_local.operations.install import platform_meant
from skupper_local.operations.placement import LINUX
from skupper_local.operations.router_choice import choose_local_router
from skupper_local.operations.target import Target, platform_of
from skupper_local.platforms.endpoints import engine_endpoint, socket_path
from skupper_local.platforms.face import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping


def facts_of(
    target: Target, environ: Mapping[str, str] | None = None, *, pre: bool = False
) -> dict[str, str]:
    """Platform, endpoint, image, program and keeper, by name; ``pre``: for a first site, whatever namespaces there are.

    Raises the errors of ``target`` and ``placement``.
    """
    environ = os.environ if environ is None else environ
    if pre:
        platform, endpoint = platform_meant(target, environ)
        image = "" if platform == LINUX else choose_image("", "", environ)
        return {"platform": platform, "endpoint": endpoint, "image": image, "program": "", "keeper": ""}
    choices = read_choices(target.paths)
    found = site_platform(target.paths)
    if found:
        platform_of(target, environ)  # a flag other than the record is refused here as everywhere
        placement = found[0]
    else:
        placement = _to_come(target, environ)
    image = "" if placement.platform == LINUX else choose_image("", choices.image, environ)
    return {
        "platform": placement.platform,
        "endpoint": placement.endpoint,
        "image": image,
        "program": _program(target, choices, environ) if placement.platform == LINUX else "",
        "keeper": placement.keeper if found else "",
    }


def _program(target: Target, choices: Choices, environ: Mapping[str, str]) -> str:
    """The router program that was chosen, or that a start would take now."""
    router = choose_local_router(target.paths, choices, environ=environ)
    return router.program or router.kind


def _to_come(target: Target, environ: Mapping[str, str]) -> Placement:
    """Where the first start would put the site, told by the sockets alone: whether an engine answers is for the checks to find
    out, which have a time limit of their own."""
    platform = platform_of(target, environ)
    for name in ("podman", "docker") if not platform else (platform,):
        if name != LINUX:
            endpoint = engine_endpoint(name, environ, os.getuid())
            if platform or os.access(socket_path(endpoint), os.R_OK | os.W_OK):
                return Placement(name, endpoint=endpoint)
    return Placement(LINUX)
