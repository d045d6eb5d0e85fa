"""``skupper-local up``: from declarations to a running site."""

from __future__ import annotations

import click

from skupper_local.cli import completing
from skupper_local.cli.answering import ActingCommand
from skupper_local.cli.commands import target_of
from skupper_local.cli.waiting import wait_and_tell, wait_options


@click.command(cls=ActingCommand)
@click.option(
    "-f",
    "--filename",
    default="",
    metavar="FILE|DIR|-",
    shell_complete=completing.files,
    help="Declare these resources first: a file, a directory of files, or - for standard input.",
)
@wait_options()
@click.pass_context
def up(context: click.Context, filename: str, wait: str, timeout: int) -> None:
    """Declare, start or reload, wait, and show what there is. Repeat it after each change.

    \b
    Examples:
      skupper-local up -f declarations/
      skupper-local up --wait ready --timeout 30
    """
    from skupper_local.cli.declaring import namespace_flag
    from skupper_local.cli.pulling import pull_progress
    from skupper_local.cli.running import print_raised, show_picture
    from skupper_local.cli.terminal import talk
    from skupper_local.operations.apply import read_sources
    from skupper_local.operations.planned_change import Wishes
    from skupper_local.operations.up import up as raise_site

    target = target_of(context)
    sources = read_sources(filename) if filename else ()
    with pull_progress() as shown:
        raised = raise_site(target, sources, Wishes(progress=shown.tell))
    print_raised(raised.applied, raised.outcome, target)
    reached = wait_and_tell(target, wait, timeout)
    show_picture(target)
    talk(f"next: skupper-local service status{namespace_flag(target)}")
    if not reached:
        context.exit(1)
