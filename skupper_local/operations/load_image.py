"""Load a router's image from an archive, for machines that have no registry: ``system load-image``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from skupper_local.errors import InvalidRequestError
from skupper_local.namespace.records import read_choices
from skupper_local.operations.image import choose_image
from skupper_local.operations.install import platform_meant
from skupper_local.operations.placement import LINUX
from skupper_local.operations.target import Target


class NoImagesError(InvalidRequestError):
    """A platform without images was asked to load one."""

    code: ClassVar[str] = "platform-without-images"


@dataclass(frozen=True)
class LoadedImages:
    """What was loaded into which engine. ``wanted`` is the image that sites of this namespace run, ``present`` whether it is
    there now; ``started`` says that a site runs with a recorded image."""

    platform: str
    endpoint: str
    references: tuple[str, ...]
    wanted: str
    present: bool
    started: bool


def load_image(target: Target, archive: Path, environ: Mapping[str, str] | None = None) -> LoadedImages:
    """Load the images of an archive into the engine of the namespace's platform.

    Raises NoImagesError, ImageArchiveError and the errors of engines.
    """
    from skupper_local.platforms.engine import engine_of

    environ = os.environ if environ is None else environ
    platform, endpoint = platform_meant(target, environ)
    if platform == LINUX:
        raise NoImagesError(
            "Platform linux has no images",
            why="its routers are programs of this machine",
            next_step="name the engine: skupper-local system load-image FILE -p podman (or docker)",
        )
    recorded = read_choices(target.paths).image
    wanted = choose_image("", recorded, environ)
    with closing(engine_of(platform, endpoint, environ)) as engine:
        references = engine.load(archive)
        present = engine.image(wanted) is not None
    return LoadedImages(platform, endpoint, references, wanted, present, target.paths.router_config.exists())
