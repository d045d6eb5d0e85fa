"""``--wait`` and ``--timeout``, for commands that change what runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skupper_local.cli.terminal import talk

if TYPE_CHECKING:
    from skupper_local.operations.target import Target

_Function = TypeVar("_Function", bound=Callable[..., Any])


def wait_options(default: str = "configured") -> Callable[[_Function], _Function]:
    """``--wait none|configured|ready`` and ``--timeout SECONDS``."""

    def decorated(function: _Function) -> _Function:
        timeout = click.option(
            "--timeout",
            type=click.IntRange(1, 3600),
            default=60,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for that.",
        )
        wait = click.option(
            "--wait",
            type=click.Choice(["none", "configured", "ready"]),
            default=default,
            show_default=True,
            help="Wait until the router has it as declared, or until it can carry traffic.",
        )
        return wait(timeout(function))

    return decorated


def wait_and_tell(target: Target, wait: str, seconds: int) -> bool:
    """Wait, and say what is not there when the time is up; whether all is."""
    from skupper_local.operations.waiting import Level, wait_for

    waited = wait_for(target, Level(wait), seconds)
    for title, reason in waited.left:
        talk(f"not {wait} after {seconds} s: {title}: {reason}")
    return waited.reached
