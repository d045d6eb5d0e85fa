"""``skupper-local system load-image``."""

from __future__ import annotations

import click

from skupper_local.cli import completing
from skupper_local.cli.answering import ActingCommand
from skupper_local.cli.commands import target_of


@click.command("load-image", cls=ActingCommand)
@click.argument("archive", metavar="ARCHIVE", shell_complete=completing.files)
@click.pass_context
def load_image(context: click.Context, archive: str) -> None:
    """Load a router image from an archive (podman save, docker save), on a machine without a registry.

    \b
    Examples:
      skupper-local system load-image router.tar
    """
    from pathlib import Path

    from skupper_local.cli.installing import print_loaded
    from skupper_local.operations.load_image import load_image as load_archive

    target = target_of(context)
    print_loaded(load_archive(target, Path(archive)), target)
