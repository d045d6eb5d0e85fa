"""``--wait`` and ``--timeout``, for commands that change what runs or what is declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skupper_local.cli.answering import ActingCommand, answers
from skupper_local.cli.commands import insert_options, target_of
from skupper_local.cli.numbers import Number
from skupper_local.cli.terminal import talk

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written
    from skupper_local.operations.target import Target

_Function = TypeVar("_Function", bound=Callable[..., Any])
_UNTIL = "until the router has it as declared, or until it can carry traffic."
_TAKES_EFFECT = "skupper_local.takes_effect"


def timeout_option(text: str = "How long to wait for that, at most 3600.") -> click.Option:
    """``--timeout SECONDS``."""
    return click.Option(
        ["--timeout"],
        type=Number(1, 3600),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help=text,
    )


def _options(default: str, text: str) -> tuple[click.Option, click.Option]:
    levels = click.Choice(["none", "configured", "ready"])
    wait = click.Option(["--wait"], type=levels, default=default, show_default=True, help=text)
    return wait, timeout_option()


def wait_options(default: str = "configured") -> Callable[[_Function], _Function]:
    """``--wait none|configured|ready`` and ``--timeout SECONDS`` of a command that changes what runs."""

    def decorated(function: _Function) -> _Function:
        parameters = vars(function).setdefault("__click_params__", [])
        parameters.extend(reversed(_options(default, f"Wait {_UNTIL}")))
        return function

    return decorated


class DeclaringCommand(ActingCommand):
    """A command that changes declarations, and on request brings them into effect and waits for that.

    Its function returns what was written: that is waited for, and taken back if it cannot take effect.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        text = f"Bring it into effect at once, if the site runs, and wait {_UNTIL}"
        insert_options(self, *_options("none", text))

    def act(self, ctx: click.Context) -> None:
        wait, seconds = ctx.params.pop("wait"), ctx.params.pop("timeout")
        ctx.meta[_TAKES_EFFECT] = wait != "none"
        written: tuple[Written, ...] = super().act(ctx)
        if wait != "none" and not _take_effect(target_of(ctx), written, wait, seconds):
            ctx.exit(1)


def takes_effect() -> bool:
    """Whether the command at work brings into effect what it declares, so that no other has to be typed for that."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_TAKES_EFFECT))


def _take_effect(target: Target, written: Iterable[Written], wait: str, seconds: int) -> bool:
    from skupper_local.cli.declaring import start_step
    from skupper_local.cli.running import print_reloaded
    from skupper_local.operations.declarations import Outcome
    from skupper_local.operations.effect import take_effect

    written = tuple(written)
    outcome = take_effect(target, written)
    if outcome is None:
        talk(f"the site does not run, so there is nothing to wait for; next: {start_step(target)}")
        return True
    print_reloaded(outcome, target)
    present = {item.resource.title for item in written if item.outcome is not Outcome.DELETED}
    return wait_and_tell(target, wait, seconds, only=present)


def wait_and_tell(target: Target, wait: str, seconds: int, *, only: Collection[str] | None = None) -> bool:
    """Wait, and say what is not there when the time is up; whether all is, or ``only`` what has these titles."""
    from skupper_local.operations.waiting import Level, wait_for

    waited = wait_for(target, Level(wait), seconds, only=only)
    if wait != "none":
        left = [{"resource": title, "message": reason} for title, reason in waited.left]
        answers(waitedFor=wait, reached=waited.reached, notReached=left)
    for title, reason in waited.left:
        talk(f"not {wait} after {seconds} s: {title}: {reason}")
    for title, reason in waited.without_server:
        talk(f"note: {title}: {reason}")
    if not waited.reached:
        from skupper_local.cli.declaring import namespace_flag

        talk(f"next: skupper-local system status{namespace_flag(target)}")
    return waited.reached
