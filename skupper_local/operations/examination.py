"""What the doctor is to look at: the platform, engine, image and router that a namespace has, or would get."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from skupper_local.namespace.records import read_choices
from skupper_local.operations.adoption import site_platform
from skupper_local.operations.image import choose_image
from skupper_local.operations.install import platform_meant
from skupper_local.operations.placement import LINUX, choose_place
from skupper_local.operations.target import Target, platform_of

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
        placement = choose_place(target, choices, environ=environ).placement
    image = "" if placement.platform == LINUX else choose_image("", choices.image, environ)
    return {
        "platform": placement.platform,
        "endpoint": placement.endpoint,
        "image": image,
        "program": choices.router_program or choices.router_kind,
        "keeper": placement.keeper if found else "",
    }
