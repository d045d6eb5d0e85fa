"""The installer of a bundle: what ``install.sh`` runs, with the options of the reference's (reference-engine 8.8).

Its first two arguments come from the script: the directory of the unpacked bundle, and the script's own name. What it starts
has to outlive the unpacked bundle, so it installs the program first, becomes that one, and then does the rest.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skupper_local.cli.waiting import timeout_option, wait_and_tell

if TYPE_CHECKING:
    from skupper_local.operations.bundled import Installed
    from skupper_local.operations.target import Target


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-p", "--platform", default="", metavar="podman|docker|linux", help="Where the router runs.")
@click.option("-n", "--namespace", default="", metavar="NAME", help="The namespace to install into.")
@click.option("-x", "--remove", is_flag=True, help="Remove the site and the program that came with it.")
@click.option(
    "-d",
    "--dump-links",
    "directory",
    default=None,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the links to this site into DIR/SITE, for other sites to apply; install nothing.",
)
@click.pass_obj
def install(
    bundle: Path, platform: str, namespace: str, remove: bool, directory: Path | None, timeout: int
) -> None:
    """Install the site of this bundle and start it. Repeat it to put things right, or with a newer bundle to upgrade.

    Namespace and platform are those the bundle was made for, unless said otherwise.
    """
    from skupper_local.operations.bundled import (
        dump_links,
        install_bundle,
        place_program,
        read_manifest,
        remove_bundle,
        target_of_bundle,
    )

    if remove and directory is not None:
        raise click.UsageError("-x and -d exclude each other")
    manifest = read_manifest(bundle)
    target = target_of_bundle(manifest, namespace, platform)
    if remove:
        _tell_removed(remove_bundle(target), target.namespace)
        return
    _become_installed(place_program(bundle, target) / "lib")
    if directory is not None:
        _tell_links(dump_links(bundle, target, directory), manifest.site)
    else:
        from skupper_local.cli.pulling import pull_progress
        from skupper_local.operations.planned_change import Wishes

        with pull_progress() as shown:
            installed = install_bundle(bundle, target, Wishes(progress=shown.tell))
        _tell_installed(installed, target, timeout)


def _become_installed(library: Path) -> None:
    """Go on as the program that is installed, unless this is it: with the same arguments, in the same process."""
    from skupper_local.assets import module_command, package_directory

    if package_directory().parent == library:
        return
    sys.stdout.flush()
    command = (*module_command(__spec__.name, library), *sys.argv[1:])
    os.execv(command[0], command)  # noqa: S606 - itself


def _tell_installed(installed: Installed, target: Target, timeout: int) -> None:
    from skupper_local.cli.running import print_raised, show_picture
    from skupper_local.cli.terminal import say, talk, warn

    for text in installed.warnings:
        if text not in installed.applied.warnings:
            warn(text)
    for title in installed.removed:
        say(f"{title} deleted: the bundle has it no more")
    print_raised(installed.applied, installed.outcome, target)
    reached = wait_and_tell(target, "configured", timeout)
    show_picture(target)
    talk(f"the program is here: {installed.programs}/skupper-local")
    if not reached:
        sys.exit(1)


def _tell_removed(site: str, namespace: str) -> None:
    from skupper_local.cli.terminal import say

    if site:
        say(f'Site "{site}" has been removed from namespace "{namespace}"')
    else:
        say(f'There is no site in namespace "{namespace}": nothing to remove')


def _tell_links(written: tuple[Path, ...], site: str) -> None:
    from skupper_local.cli.terminal import say, talk

    for path in written:
        say(str(path))
    if written:
        talk("each leads here under another name or address; they hold keys: hand one over on a safe channel")
        talk("at the other site: skupper-local system apply -f FILE, then system reload")
    else:
        say(f'Site "{site}" accepts no links: it has no link access')


install.params.append(
    timeout_option("How long to wait until the router has all that is declared, at most 3600.")
)


def main() -> None:
    """The entry point of ``install.sh``."""
    from skupper_local.cli.main import run

    bundle, script, *arguments = sys.argv[1:]
    sys.exit(run(arguments, install, script, Path(bundle)))


if __name__ == "__main__":
    main()
