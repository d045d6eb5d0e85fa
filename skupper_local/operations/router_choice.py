"""Which router a site runs: a program of this machine on ``linux``, an image on the engines.

Chosen at the first start, recorded, changed by a flag only. A record of an attempt that got nowhere binds nobody: it counts
from the moment a configuration was written for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices
from skupper_local.operations.image import ImageChoiceInvalidError, choose_image, kind_of_image
from skupper_local.platforms.engine import ImageFacts
from skupper_local.platforms.linux.program import (
    EMBEDDED,
    SKROUTERD,
    RouterChoiceInvalidError,
    choose_program,
    kind_of_program,
)

LINUX = "linux"
_PROGRAM_VARIABLE = "SKUPPER_ROUTER"


@dataclass(frozen=True)
class RouterChoice:
    """``kind`` is ``embedded`` or ``skrouterd``. ``program`` is an absolute path, empty for the embedded router and for an
    image.

    ``image_id`` names the content of the image, as it is now; ``held`` that the image is run by that id, because the newest of
    its name did not get ready.
    """

    kind: str
    program: str = ""
    image: str = ""
    image_id: str = ""
    held: bool = False

    @property
    def container_image(self) -> str:
        """What the container is made from."""
        return self.image_id if self.held else self.image

    @property
    def name(self) -> str:
        """As it is printed: the image, the program, or ``embedded``."""
        return self.image or self.program or self.kind

    def recorded_in(self, choices: Choices) -> Choices:
        """The choices with this one."""
        return replace(
            choices,
            router_kind=self.kind,
            router_program=self.program,
            image=self.image,
            held_image=self.image_id if self.held else "",
        )


def recorded_router(choices: Choices) -> RouterChoice:
    """The choice that is recorded; the embedded router where none is."""
    return RouterChoice(
        choices.router_kind or EMBEDDED,
        choices.router_program,
        choices.image,
        choices.held_image,
        held=bool(choices.held_image),
    )


def choose_local_router(
    paths: NamespacePaths, choices: Choices, asked: str = "", *, environ: Mapping[str, str] | None = None
) -> RouterChoice:
    """The program a site on ``linux`` runs. Raises RouterChoiceInvalidError."""
    environ = os.environ if environ is None else environ
    program = choices.router_program or ("" if choices.image else choices.router_kind)
    if asked or not paths.router_config.exists() or not program:
        program = choose_program(asked or environ.get(_PROGRAM_VARIABLE, ""))
    elif program == SKROUTERD:  # a record of the kind alone
        program = choose_program(SKROUTERD)
    return RouterChoice(kind_of_program(program), "" if program == EMBEDDED else program)


def wanted_image(
    paths: NamespacePaths, choices: Choices, asked: str = "", *, environ: Mapping[str, str] | None = None
) -> str:
    """The image a site on an engine runs. Raises ImageChoiceInvalidError."""
    environ = os.environ if environ is None else environ
    recorded = choices.image if paths.router_config.exists() else ""
    return choose_image(asked, recorded, environ)


def router_of_image(image: str, facts: ImageFacts, *, held: bool = False) -> RouterChoice:
    """The choice of an image that is present."""
    return RouterChoice(kind_of_image(facts), image=image, image_id=facts.id, held=held)


def refuse_foreign_wishes(platform: str, *, router: str, image: str, pull: str) -> None:
    """Raise for a wish that means nothing on the platform: nothing that is asked for is ignored in silence."""
    if platform == LINUX and (image or pull):
        raise ImageChoiceInvalidError(
            "A site on platform linux has no image",
            why=f"{'--image' if image else '--pull'} is about containers",
            next_step="leave it away, or choose the router program: --router embedded|skrouterd|PATH",
        )
    if platform != LINUX and router:
        raise RouterChoiceInvalidError(
            f"A site on platform {platform} runs the router that is in its image",
            why="--router names a program of this machine",
            next_step="leave it away, or choose the image: --image REFERENCE",
        )
