"""``skupper-local version``."""

from __future__ import annotations

import click

from skupper_local import __version__
from skupper_local.cli.commands import SiteCommand
from skupper_local.cli.terminal import say


@click.command(cls=SiteCommand)
def version() -> None:
    """Print the version of this program.

    \b
    Examples:
      skupper-local version
    """
    say(__version__)
