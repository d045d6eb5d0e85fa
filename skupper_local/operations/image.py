"""The router's image: which one, whether it is pulled, and what kind of router is in it.

The image is chosen at the first start, as the reference names it (reference-engine 6.1), recorded, and changed only by a
flag. The one default is pinned to a release, because a tag that moves would change a site's router behind its owner's back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from skupper_local.errors import InvalidRequestError
from skupper_local.platforms.engine import ImageFacts
from skupper_local.platforms.linux.program import EMBEDDED, SKROUTERD

REGISTRY = "quay.io/skupper"
NAME = "skupper-router"
TAG = "3.5.1"
KIND_LABEL = "skupper-local/router"
"""A label of our image. Its value is ``embedded``: the router re-reads certificates on SIGHUP. Others hold ``skrouterd``."""

PULL_POLICIES = ("missing", "always", "never")

_IMAGE_VARIABLE = "SKUPPER_ROUTER_IMAGE"
_REGISTRY_VARIABLE = "SKUPPER_IMAGE_REGISTRY"
_POLICY_VARIABLE = "SKUPPER_ROUTER_IMAGE_PULL_POLICY"
_POLICIES = {"always": "always", "ifnotpresent": "missing", "never": "never", "missing": "missing"}
_LONGEST_REFERENCE = 512


class ImageChoiceInvalidError(InvalidRequestError):
    """What was asked for is not the name of an image, or not a rule for pulling one."""

    code: ClassVar[str] = "image-choice-invalid"


def choose_image(asked: str, recorded: str, environ: Mapping[str, str]) -> str:
    """The image to run: the one asked for, else the recorded one, else what the variables say, else the pinned one.

    Raises ImageChoiceInvalidError.
    """
    if asked or recorded:
        return _require_reference(asked or recorded, "--image" if asked else "the record")
    if image := environ.get(_IMAGE_VARIABLE, ""):
        return _require_reference(image, _IMAGE_VARIABLE)
    registry = environ.get(_REGISTRY_VARIABLE, "").rstrip("/") or REGISTRY
    return _require_reference(f"{registry}/{NAME}:{TAG}", _REGISTRY_VARIABLE)


def choose_policy(asked: str, environ: Mapping[str, str]) -> str:
    """When to pull: ``missing``, ``always`` or ``never``; the variable has Kubernetes' words for it.

    Raises ImageChoiceInvalidError.
    """
    value = asked or environ.get(_POLICY_VARIABLE, "") or "missing"
    policy = _POLICIES.get(value.lower())
    if policy is None:
        raise ImageChoiceInvalidError(
            f"{value[:60]!r} is no rule for pulling an image",
            why=f"{'--pull' if asked else _POLICY_VARIABLE} says so",
            next_step=f"use {', '.join(PULL_POLICIES)} (or Always, IfNotPresent, Never in the variable)",
        )
    return policy


def kind_of_image(image: ImageFacts) -> str:
    """``embedded`` or ``skrouterd``: what the router in the image can and cannot do."""
    return EMBEDDED if image.labels.get(KIND_LABEL) == EMBEDDED else SKROUTERD


def repository_of(reference: str) -> str:
    """An image's name without its tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _require_reference(reference: str, said_by: str) -> str:
    """An image's name has no blanks and does not begin like an option; the rest is the engine's to judge."""
    if (
        reference.startswith("-")
        or len(reference) > _LONGEST_REFERENCE
        or not reference.isprintable()
        or " " in reference
    ):
        raise ImageChoiceInvalidError(
            f"{reference[:60]!r} cannot be the name of an image",
            why=f"{said_by} says so; a name looks like registry/repository:tag",
            next_step=f"use, for instance, {REGISTRY}/{NAME}:{TAG}",
        )
    return reference
