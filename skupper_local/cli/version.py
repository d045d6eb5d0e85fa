"""``skupper-local version``."""

from __future__ import annotations

import click

from skupper_local import __version__
from skupper_local.cli.commands import SiteCommand, output_option
from skupper_local.cli.documents import print_documents
from skupper_local.cli.terminal import say


@click.command(cls=SiteCommand)
@output_option()
def version(output: str | None) -> None:
    """Print the version of this program.

    \b
    Examples:
      skupper-local version
      skupper-local version -o json
    """
    if output:
        print_documents([{"name": "skupper-local", "version": __version__}], output)
    else:
        say(__version__)
