"""``skupper-local debug``."""

from __future__ import annotations

from typing import Any

import click

from skupper_local.cli import completing
from skupper_local.cli.answering import ActingCommand, answers
from skupper_local.cli.commands import LazyGroup, target_of


@click.group(cls=LazyGroup)
def debug() -> None:
    """Gather what helps to find a fault.

    "skupper-local system check" says what is wrong and what to type; a dump is for whoever helps you.

    \b
    Begin with:
      skupper-local debug dump
    """


@debug.command(cls=ActingCommand)
@click.argument("file", required=False, shell_complete=completing.files)
@click.pass_context
def dump(context: click.Context, file: str | None) -> None:
    """Write an archive of everything about the site, without keys and codes. It works when everything is down.

    FILE is its name, or the directory it goes to.  [default: skupper-dump-NAMESPACE-TIME.tar.gz here]

    \b
    Examples:
      skupper-local debug dump
      skupper-local debug dump /tmp/west.tar.gz -n west
    """
    from skupper_local.cli.terminal import say, warn
    from skupper_local.operations.dump import dump as dump_site

    target = target_of(context)
    dumped = dump_site(target, file or "", further={"check.json": lambda: _examination(context)})
    for line in dumped.missing:
        warn(f"not in it: {line}")
    if not answers(path=str(dumped.path), missing=list(dumped.missing)):
        say(f"Skupper dump details written to compressed archive: `{dumped.path}`")


def _examination(context: click.Context) -> dict[str, Any]:
    from skupper_local.cli.check import examination_document

    return examination_document(target_of(context))
