"""What ``system install``, ``uninstall`` and ``load-image`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skupper_local.cli.answering import answers
from skupper_local.cli.declaring import namespace_flag
from skupper_local.cli.terminal import say, talk, warn

if TYPE_CHECKING:
    from skupper_local.operations.install import Installed
    from skupper_local.operations.load_image import LoadedImages
    from skupper_local.operations.target import Target
    from skupper_local.operations.uninstall import Uninstalled


def print_installed(installed: Installed, target: Target) -> None:
    """What was done, what was there, what is missing, and what to type."""
    from skupper_local.namespace.paths import usual_site_name

    answered = answers(
        platform=installed.platform,
        done=list(installed.done),
        found=list(installed.found),
        image=installed.image,
        imagePresent=installed.image_present if installed.image else None,
    )
    if not answered:
        for text in installed.done:
            say(f"done:  {text}")
        for text in installed.found:
            say(f"found: {text}")
    for text in installed.advice:
        warn(text)
    if not answered:
        say(f"Platform {installed.platform} is now configured for Skupper")
    flag = namespace_flag(target)
    if installed.image and not installed.image_present:
        talk(f"the router's image {installed.image} is not here yet; the first start pulls it")
        talk(f"without a network: skupper-local system load-image FILE -p {installed.platform}")
    own_image = f" --image {installed.image}" if installed.image_chosen else ""
    talk(f"next: skupper-local site create {usual_site_name(target.namespace)}{flag}")
    talk(f"then: skupper-local system start -p {installed.platform}{own_image}{flag}")


def print_uninstalled(outcome: Uninstalled) -> int:
    """What is gone, what is left and why; the exit status."""
    answered = answers(removed=list(outcome.removed), left=list(outcome.left), failed=list(outcome.failed))
    for text in outcome.removed if not answered else ():
        say(f"removed: {text}")
    for text in outcome.left if not answered else ():
        say(f"left:    {text}")
    for text in outcome.failed:
        warn(text)
    if outcome.failed:
        talk(
            "next: see to what is named above, then repeat skupper-local system uninstall; skupper-local system check says more"
        )
        return 1
    if not answered:
        say("Skupper is now uninstalled here" if outcome.removed else "There is nothing to uninstall here")
    return 0


def print_loaded(loaded: LoadedImages, target: Target) -> None:
    """Which images are there now, and how sites come to use them."""
    answered = answers(platform=loaded.platform, endpoint=loaded.endpoint, images=list(loaded.references))
    for reference in loaded.references if not answered else ():
        say(f"Loaded {reference} into {loaded.platform} ({loaded.endpoint})")
    if not loaded.references:
        if not answered:
            say(f"Loaded images without a name into {loaded.platform} ({loaded.endpoint})")
        talk(f"next: give it one: {loaded.platform} images, then {loaded.platform} tag ID {loaded.wanted}")
        return
    flag = namespace_flag(target)
    if loaded.present and loaded.wanted in loaded.references:
        verb = "upgrade" if loaded.started else f"start -p {loaded.platform}"
        talk(f"next: skupper-local system {verb}{flag}")
        return
    image = loaded.references[0]
    if loaded.started:
        talk(f"next: skupper-local system upgrade --image {image}{flag}")
    else:
        talk(f"next: skupper-local system start -p {loaded.platform} --image {image}{flag}")
        talk(f"or, for every site to come: export SKUPPER_ROUTER_IMAGE={image}")
