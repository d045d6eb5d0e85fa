"""What ``create`` and ``delete`` of every kind print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skupper_local.cli.answering import answers_resources
from skupper_local.cli.terminal import say, talk, warn
from skupper_local.cli.waiting import takes_effect

if TYPE_CHECKING:
    from skupper_local.operations.create import Created
    from skupper_local.operations.declarations import Written
    from skupper_local.operations.delete import Deleted
    from skupper_local.operations.target import Target


def print_created(created: Created, target: Target, next_step: str) -> tuple[Written, ...]:
    """What was written, and what to type next. Returns it."""
    from skupper_local.operations.declarations import Outcome

    for text in created.warnings:
        warn(text)
    answered = answers_resources(created.written)
    for item in created.written if not answered else ():
        if item.outcome is Outcome.UNCHANGED:
            say(f"{item.resource.title} is declared already: {item.path}")
        elif item.outcome is Outcome.DELETED:
            say(f"{item.resource.title} deleted")
        else:
            say(f"File written to {item.path}")
    if created.main.outcome is not Outcome.UNCHANGED and not takes_effect():
        talk(f"next: {effect_step(target) if created.started else next_step}")
    return created.written


def print_deleted(deleted: Deleted, target: Target) -> tuple[Written, ...]:
    """What was taken back. Returns it."""
    if not answers_resources(deleted.written):
        for resource in deleted.resources:
            say(f"{resource.title} deleted")
        if not deleted.resources:
            say("Nothing to delete")
    if deleted.resources and deleted.started and not takes_effect():
        print_after_deletion(target)
    return deleted.written


def print_after_deletion(target: Target) -> None:
    """What to type when something was taken back from a site that was started."""
    if _is_stopped(target):
        return  # its next start does without
    if has_site(target):
        talk(f"next: {reload_step(target)} (the router still runs with it)")
        return
    flag = namespace_flag(target)
    talk(f"next: {start_step(target)}")
    talk(
        f"note: the router runs on as it was; skupper-local system stop{flag} stops it, "
        f"skupper-local system teardown{flag} removes it with its keys"
    )


def effect_step(target: Target) -> str:
    """The command that brings declarations into effect where a site was started before: what was stopped, is started."""
    return start_step(target) if _is_stopped(target) or not has_site(target) else reload_step(target)


def _is_stopped(target: Target) -> bool:
    """Whether the user stopped the site, so that a reload would leave it stopped."""
    from skupper_local.namespace.records import DesiredState, read_desired_state

    return read_desired_state(target.paths) is DesiredState.STOPPED


def reload_step(target: Target) -> str:
    """The command that makes the router take the declarations up."""
    return f"skupper-local system reload{namespace_flag(target)}"


def start_step(target: Target) -> str:
    """The command that starts the site, or declares it if there is none."""
    from skupper_local.namespace.paths import usual_site_name

    if not has_site(target):
        return f"skupper-local site create {usual_site_name(target.namespace)}{namespace_flag(target)}"
    platform = f" -p {target.platform}" if target.platform and not _has_platform(target) else ""
    return f"skupper-local system start{namespace_flag(target)}{platform}"


def has_site(target: Target) -> bool:
    """Whether a Site is declared; one that this program wrote shows by the name of its file."""
    from skupper_local.errors import SkupperLocalError
    from skupper_local.operations.declarations import read_declarations

    if any(target.paths.input_resources.glob("Site-*.yaml")):
        return True
    try:
        return bool(read_declarations(target.paths.input_resources).of_kind("Site"))
    except SkupperLocalError:
        return True  # a start will say what is wrong


def _has_platform(target: Target) -> bool:
    """Whether the namespace has recorded where it runs, so that the flag need not be repeated."""
    return target.paths.platform.exists()


def namespace_flag(target: Target) -> str:
    """The flag to repeat in a command for the same namespace."""
    return "" if target.namespace == "default" else f" -n {target.namespace}"
