"""``skupper-local demo``."""

from __future__ import annotations

import click

from skupper_local.cli.commands import MachineCommand


@click.command(cls=MachineCommand)
@click.option(
    "--keep", is_flag=True, help="Leave the two sites running, and say how to look at and remove them."
)
def demo(keep: bool) -> None:
    """Two linked sites on this machine carry a real HTTP request, step by step; nothing stays behind.

    \b
    Examples:
      skupper-local demo
    """
    from skupper_local.cli.telling import Narrator
    from skupper_local.operations.demo import run_demo

    narrator = Narrator()
    narrator.conclude(run_demo(narrator.tell, keep=keep))
