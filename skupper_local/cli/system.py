"""``skupper-local system``."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import click

from skupper_local.cli import completing
from skupper_local.cli.answering import ActingCommand, ActingPlatformCommand
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of
from skupper_local.cli.numbers import Number
from skupper_local.cli.waiting import DeclaringCommand, wait_and_tell, wait_options

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written

_ELSEWHERE = {
    "generate-bundle": (
        "skupper_local.cli.bundle:generate_bundle",
        "Make an archive that installs this site on another host.",
    ),
    "load-image": (
        "skupper_local.cli.load_image:load_image",
        "Load a router image from an archive (podman save, docker save), on a machine without a registry.",
    ),
}


@click.group(cls=LazyGroup, lazy=_ELSEWHERE)
def system() -> None:
    """Run the site: start, stop, reload, see, remove.

    What is declared takes effect with a start, and later with a reload.

    \b
    Begin with:
      skupper-local system start
      skupper-local system status
    """


_FILES = click.option(
    "-f",
    "--filename",
    required=True,
    metavar="FILE|DIR|-",
    shell_complete=completing.files,
    help="A file of resources, a directory of such files, or - for standard input.",
)


@system.command(cls=DeclaringCommand)
@_FILES
@click.pass_context
def apply(context: click.Context, filename: str) -> tuple[Written, ...]:
    """Declare the resources in YAML or JSON files: all of them or, if one is wrong, none.

    \b
    Examples:
      skupper-local system apply -f site.yaml
      skupper-local system apply -f declarations/
    """
    from skupper_local.cli.running import print_applied
    from skupper_local.operations.apply import apply_sources, read_sources

    target = target_of(context)
    applied = apply_sources(target, read_sources(filename))
    print_applied(applied, target)
    return applied.written


@system.command(cls=DeclaringCommand)
@_FILES
@click.pass_context
def delete(context: click.Context, filename: str) -> tuple[Written, ...]:
    """Delete the declarations of the resources that files name: all of them or none.

    \b
    Example:
      skupper-local system delete -f site.yaml
    """
    from skupper_local.cli.running import print_taken_back
    from skupper_local.operations.apply import delete_sources, read_sources

    target = target_of(context)
    taken = delete_sources(target, read_sources(filename))
    print_taken_back(taken, target)
    return taken.written


_ROUTER = click.option(
    "--router",
    default="",
    metavar="embedded|skrouterd|PATH",
    shell_complete=completing.routers,
    help="Change the router program of this site (platform linux).",
)
_IMAGE = click.option(
    "--image", default="", metavar="REFERENCE", help="Change the router image of this site (podman, docker)."
)
_PULL = click.option(
    "--pull",
    type=click.Choice(["missing", "always", "never"]),
    default=None,
    help="When to pull the image.  [default: $SKUPPER_ROUTER_IMAGE_PULL_POLICY, else missing]",
)
_SYSTEMD = click.option(
    "--with-systemd/--without-systemd",
    "systemd",
    default=None,
    help="Let systemd keep the router running, or do without it.  [default: the recorded way, else systemd where it is"
    " there]",
)


@system.command(cls=ActingCommand)
@_ROUTER
@_IMAGE
@_PULL
@_SYSTEMD
@wait_options("none")
@click.pass_context
def start(
    context: click.Context,
    router: str,
    image: str,
    pull: str | None,
    systemd: bool | None,
    wait: str,
    timeout: int,
) -> None:
    """Start the site and wait until its router answers; put right what is missing of one that was started.

    \b
    Examples:
      skupper-local system start
      skupper-local system start -n west -p linux --wait ready --timeout 30
    """
    from skupper_local.cli.pulling import pull_progress
    from skupper_local.cli.running import print_started
    from skupper_local.operations.lifecycle import start as start_site
    from skupper_local.operations.planned_change import Wishes

    target = target_of(context)
    with pull_progress() as shown:
        outcome = start_site(target, Wishes(router, image, pull or "", systemd, shown.tell))
    print_started(outcome, target)
    if not wait_and_tell(target, wait, timeout):
        context.exit(1)


@system.command(cls=SiteCommand)
@click.option(
    "--pre", is_flag=True, help="Look at the machine and the platform only, before there is a site."
)
@output_option()
@click.pass_context
def check(context: click.Context, pre: bool, output: str | None) -> None:
    """Examine machine, engine, services and site: what is wrong, why, and what to type. Exit status 1 when a check fails.

    \b
    Examples:
      skupper-local system check --pre -p podman
      skupper-local system check -n west -o json
    """
    from skupper_local.cli.check import check_system

    if not check_system(target_of(context), pre=pre, output=output or ""):
        context.exit(1)


@system.command(cls=ActingCommand)
@click.pass_context
def stop(context: click.Context) -> None:
    """Stop the router. Everything is kept; teardown is what removes.

    \b
    Examples:
      skupper-local system stop
    """
    from skupper_local.cli.running import print_stopped
    from skupper_local.operations.lifecycle import stop as stop_site

    target = target_of(context)
    print_stopped(stop_site(target), target)


@system.command(cls=ActingCommand)
@click.option("--dry-run", "dry", is_flag=True, help="Show what would change, and change nothing.")
@_PULL
@wait_options("none")
@click.pass_context
def reload(context: click.Context, dry: bool, pull: str | None, wait: str, timeout: int) -> None:
    """Bring changed declarations into effect. The router restarts only if its configuration changed.

    \b
    Examples:
      skupper-local system reload
      skupper-local system reload --wait configured
      skupper-local system reload --dry-run -o json
    """
    from skupper_local.cli.pulling import pull_progress
    from skupper_local.cli.running import print_foreseen, print_reloaded
    from skupper_local.operations.lifecycle import Deed, foresee_reload
    from skupper_local.operations.lifecycle import reload as reload_site
    from skupper_local.operations.planned_change import Wishes

    if dry and wait != "none":
        raise click.UsageError("--dry-run changes nothing, so there is nothing to wait for", context)
    target = target_of(context)
    if dry:
        print_foreseen(foresee_reload(target, Wishes(pull=pull or "")))
        return
    with pull_progress() as shown:
        outcome = reload_site(target, Wishes(pull=pull or "", progress=shown.tell))
    print_reloaded(outcome, target)
    if outcome.deed is not Deed.LEFT_STOPPED and not wait_and_tell(target, wait, timeout):
        context.exit(1)


@system.command(cls=ActingCommand)
@_IMAGE
@_ROUTER
@_PULL
@wait_options("none")
@click.pass_context
def upgrade(
    context: click.Context, image: str, router: str, pull: str | None, wait: str, timeout: int
) -> None:
    """Move the router to a new image or program; the former one comes back if the new one does not get ready.

    \b
    Examples:
      skupper-local system upgrade
    """
    from skupper_local.cli.pulling import pull_progress
    from skupper_local.cli.running import print_upgraded
    from skupper_local.operations.lifecycle import Deed
    from skupper_local.operations.planned_change import Wishes
    from skupper_local.operations.upgrade import upgrade as upgrade_site

    target = target_of(context)
    with pull_progress() as shown:
        outcome = upgrade_site(target, Wishes(router, image, pull or "", None, shown.tell))
    print_upgraded(outcome, target)
    if outcome.deed is not Deed.LEFT_STOPPED and not wait_and_tell(target, wait, timeout):
        context.exit(1)


@system.command(cls=ActingCommand)
@click.option(
    "--to",
    required=True,
    metavar="PLATFORM",
    shell_complete=completing.platforms,
    help="Where the site shall run: podman, docker or linux.",
)
@_IMAGE
@_ROUTER
@_PULL
@_SYSTEMD
@wait_options("none")
@click.pass_context
def migrate(
    context: click.Context,
    to: str,
    image: str,
    router: str,
    pull: str | None,
    systemd: bool | None,
    wait: str,
    timeout: int,
) -> None:
    """Move the site to another platform. It keeps its id, its CAs, its ports and its links.

    \b
    Examples:
      skupper-local system migrate --to docker
    """
    from skupper_local.cli.pulling import pull_progress
    from skupper_local.cli.running import print_migrated
    from skupper_local.operations.lifecycle import Deed
    from skupper_local.operations.migrate import migrate as migrate_site
    from skupper_local.operations.planned_change import Wishes

    target = target_of(context)
    with pull_progress() as shown:
        outcome = migrate_site(target, to, Wishes(router, image, pull or "", systemd, shown.tell))
    print_migrated(outcome, target)
    if outcome.deed is not Deed.LEFT_STOPPED and not wait_and_tell(target, wait, timeout):
        context.exit(1)


@system.command(cls=SiteCommand)
@output_option()
@click.pass_context
def history(context: click.Context, output: str | None) -> None:
    """List the generations of the declarations: every start or reload with changed ones makes a new one.

    \b
    Example:
      skupper-local system history -n west
    """
    from skupper_local.cli.generations import show_history

    show_history(target_of(context), output or "")


@system.command(cls=ActingCommand)
@click.argument("generation", type=Number(1), required=False, shell_complete=completing.generations)
@wait_options("none")
@click.pass_context
def rollback(context: click.Context, generation: int | None, wait: str, timeout: int) -> None:
    """Go back to earlier declarations: to GENERATION, else to the last that differ. Ports, CAs and keys stay.

    \b
    Examples:
      skupper-local system rollback
      skupper-local system rollback 3 -n west
    """
    from skupper_local.cli.generations import print_rolled_back
    from skupper_local.operations.history import rollback as roll_back

    target = target_of(context)
    rolled = roll_back(target, generation or 0)
    print_rolled_back(rolled, target)
    if rolled.outcome and not wait_and_tell(target, wait, timeout):
        context.exit(1)


@system.command(cls=SiteCommand)
@output_option()
@click.pass_context
def status(context: click.Context, output: str | None) -> None:
    """Show how the site runs: its router, since when, why not, and what is ready.

    \b
    Examples:
      skupper-local system status
      skupper-local system status -o json
    """
    from skupper_local.cli.running import show_system

    show_system(target_of(context), output or "")


@system.command(cls=SiteCommand)
@click.option("--text", is_flag=True, help="Print the unit of this namespace as it is installed.")
@click.option(
    "--quadlet", is_flag=True, help="Print the router of this namespace as files for Podman's Quadlet."
)
@output_option()
@click.pass_context
def units(context: click.Context, text: bool, quadlet: bool, output: str | None) -> None:
    """Show the systemd units that keep sites: all of this user's, or with -n the one of a namespace.

    \b
    Examples:
      skupper-local system units
      skupper-local system units --quadlet -n west
    """
    from skupper_local.cli.units import show_quadlet, show_unit_file, show_units

    if text and quadlet:
        raise click.UsageError("--text and --quadlet are two different things to print", context)
    if quadlet:
        show_quadlet(target_of(context), output or "")
    elif text:
        show_unit_file(target_of(context), output or "")
    else:
        named = "namespace" in context.find_root().meta
        show_units(target_of(context).namespace if named else "", output or "")


@system.command(cls=SiteCommand)
@click.option(
    "--tail",
    type=Number(-1),
    default=100,
    show_default=True,
    metavar="N",
    help="Begin with the last N lines; -1 is all.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with every new line.")
@click.pass_context
def logs(context: click.Context, tail: int, follow: bool) -> None:
    """Print the log of the router and its supervisor.

    \b
    Examples:
      skupper-local system logs
    """
    from skupper_local.cli.terminal import say
    from skupper_local.operations.logs import log_lines

    if follow:
        gc.enable()  # this one may run for days
    for line in log_lines(target_of(context), tail, follow=follow):
        say(line)
        if follow:
            sys.stdout.flush()


@system.command(cls=ActingCommand)
@click.option("--force", is_flag=True, help="Do not ask.")
@click.pass_context
def teardown(context: click.Context, force: bool) -> None:
    """Stop the site and remove its namespace with all declarations, certificates and keys.

    \b
    Examples:
      skupper-local system teardown --force
    """
    from skupper_local.cli.running import confirm_teardown, print_removed
    from skupper_local.operations.lifecycle import teardown as teardown_site

    target = target_of(context)
    if force or confirm_teardown(target, context):
        print_removed(teardown_site(target))


@system.command(cls=ActingPlatformCommand)
@click.option("--image", default="", metavar="REFERENCE", help="The router image that sites will run.")
@click.option(
    "--pull", type=click.Choice(["missing", "always"]), default=None, help="Pull the router image now."
)
@click.option(
    "--archive",
    default="",
    metavar="FILE",
    shell_complete=completing.files,
    help="Load the router image from this archive now.",
)
@click.option(
    "--enable-linger", "linger", is_flag=True, help="Let your services start at boot and outlive the session."
)
@click.option(
    "--reload-type",
    type=click.Choice(["manual", "auto"]),
    default="manual",
    show_default=True,
    help="How changed declarations come into effect.",
)
@click.pass_context
def install(
    context: click.Context, image: str, pull: str | None, archive: str, linger: bool, reload_type: str
) -> None:
    """Prepare a platform for sites: data directory, engine socket at boot, on request image and lingering.

    \b
    Examples:
      skupper-local system install
    """
    from pathlib import Path

    from skupper_local.cli.installing import print_installed
    from skupper_local.cli.pulling import pull_progress
    from skupper_local.operations.install import InstallWishes
    from skupper_local.operations.install import install as install_platform

    target = target_of(context)
    with pull_progress() as shown:
        wishes = InstallWishes(
            image, pull or "", Path(archive) if archive else None, linger, reload_type, shown.tell
        )
        installed = install_platform(target, wishes)
    print_installed(installed, target)


@system.command(cls=ActingPlatformCommand)
@click.option("-f", "--force", is_flag=True, help="Remove the sites, too, with their declarations and keys.")
@click.pass_context
def uninstall(context: click.Context, force: bool) -> None:
    """Undo what install did, and remove what is left of sites; what others use stays. Without -p: on every platform.

    \b
    Examples:
      skupper-local system uninstall
    """
    from skupper_local.cli.installing import print_uninstalled
    from skupper_local.operations.uninstall import uninstall as uninstall_platform

    target = target_of(context)
    outcome = uninstall_platform(target.paths.data_home, target.platform, force=force, command=target.command)
    context.exit(print_uninstalled(outcome))
