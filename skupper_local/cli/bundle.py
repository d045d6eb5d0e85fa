"""``skupper-local system generate-bundle``."""

from __future__ import annotations

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import SiteCommand, target_of


@click.command("generate-bundle", cls=SiteCommand)
@click.argument("name")
@click.option(
    "--input",
    "directory",
    default="",
    metavar="DIR",
    shell_complete=completing.directories,
    help="Take the declarations in this directory in place of the namespace's: files of resources, or resources/,"
    " issuers/ and certs/ below it.",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["tarball", "shell-script"]),
    default="tarball",
    show_default=True,
    help="An archive with install.sh in it, or one script that unpacks itself.",
)
@click.option(
    "-o",
    "--output",
    default="",
    metavar="PATH",
    shell_complete=completing.files,
    help="The file to write, or a directory for it.  [default: bundles/ in the data directory]",
)
@click.option("--force", is_flag=True, help="Replace a file of that name that is no bundle of this site.")
@click.pass_context
def generate_bundle(
    context: click.Context, name: str, directory: str, kind: str, output: str, force: bool
) -> None:
    """Make an archive that installs this site on another host.

    The host needs Python 3.11 or newer and a POSIX shell, and for the platforms podman and docker their engine. It makes its
    own certificates. -n and -p give the namespace and the platform that are usual there; its user can choose others.

    \b
    Examples:
      skupper-local system generate-bundle remote --type shell-script
      skupper-local system generate-bundle edge --input declarations/ -o /tmp
    """
    from skupper_local.cli.terminal import say, talk, warn
    from skupper_local.operations.bundle import SHELL_SCRIPT
    from skupper_local.operations.bundle import generate_bundle as generate

    bundle = generate(target_of(context), name, directory=directory, kind=kind, output=output, force=force)
    for text in bundle.warnings:
        warn(text)
    say(f'Site "{bundle.site}" has been created (as a distributable bundle)')
    say(f"Installation bundle available at: {bundle.path}")
    say(f"Default namespace: {bundle.namespace}")
    say(f"Default platform: {bundle.platform or 'the first of podman, docker and linux that is there'}")
    talk(f"{bundle.resources} resources, {bundle.size / 1e6:.1f} MB")
    if bundle.holds_keys:
        talk("it holds private keys: send it over a channel that nobody else reads")
    file = bundle.path.name
    if kind == SHELL_SCRIPT:
        talk(f"next: copy it to the host, and there: sh {file}")
    else:
        talk(
            f"next: copy it to the host, and there: mkdir site && tar -xzf {file} -C site && site/install.sh"
        )
