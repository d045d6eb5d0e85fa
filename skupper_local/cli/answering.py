"""``-o json|yaml`` of commands that act: what was done, as one document in place of sentences.

What each command prints it says twice: as lines for a person, and as fields for a program. The fields of one command line
come together here, wherever they are said, and are printed when it is over; OUTPUT.md lists them. Warnings and next steps are
talk, and stay on standard error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from skupper_local.cli.commands import PlatformCommand, SiteCommand, insert_options, output_option_of
from skupper_local.cli.documents import print_documents

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written
    from skupper_local.operations.lifecycle import Outcome
    from skupper_local.resources import Resource

_ANSWER = "skupper_local.answer"


class _Answering(click.Command):
    """A command that acts, and on request answers with a document."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        insert_options(self, output_option_of("Print what was done in this format."))

    def invoke(self, ctx: click.Context) -> None:
        output = ctx.params.pop("output")
        if not output:
            self.act(ctx)
            return
        answer: dict[str, Any] = {}
        ctx.meta[_ANSWER] = answer
        try:
            self.act(ctx)
        except click.exceptions.Exit:  # it did not get as far as was asked for
            print_documents([answer], output)
            raise
        print_documents([answer], output)

    def act(self, ctx: click.Context) -> Any:
        """Do the work of the command; what its function returned."""
        return super().invoke(ctx)


class ActingCommand(_Answering, SiteCommand):
    """A command that changes one namespace."""


class ActingPlatformCommand(_Answering, PlatformCommand):
    """A command that changes a platform of this machine."""


def answers(**fields: Any) -> bool:
    """Whether a document was asked for: then these fields are in it, unless empty, and nothing needs to be said in words."""
    context = click.get_current_context(silent=True)
    answer: dict[str, Any] | None = context.meta.get(_ANSWER) if context else None
    if answer is None:
        return False
    for name, value in fields.items():
        if isinstance(value, list) and name in answer:
            answer[name].extend(value)
        elif value not in ("", None):
            answer[name] = value
    return True


def answers_resources(written: Iterable[Written], absent: Iterable[Resource] = ()) -> bool:
    """As :func:`answers`, with what became of declarations."""
    from skupper_local.resources import kind_of

    rows = [
        {
            "kind": kind_of(item.resource),
            "name": item.resource.name,
            "outcome": item.outcome.value,
            "path": str(item.path),
        }
        for item in written
    ]
    rows += [{"kind": kind_of(item), "name": item.name, "outcome": "absent"} for item in absent]
    return answers(resources=rows)


def answers_outcome(outcome: Outcome) -> bool:
    """As :func:`answers`, with what became of the router."""
    return answers(
        namespace=outcome.namespace,
        site=outcome.site,
        platform=outcome.platform,
        router=outcome.deed.value,
        program=outcome.program,
        configuration=list(outcome.plan),
        directory=str(outcome.home or ""),
        linksDirectory=str(outcome.links or ""),
        pending=outcome.pending or None,
    )
