"""``skupper-local site``."""

from __future__ import annotations

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of


@click.group(cls=LazyGroup)
def site() -> None:
    """Declare this machine's place on the network."""


@site.command(cls=SiteCommand)
@click.argument("name")
@click.option("--enable-link-access", is_flag=True, help="Let other sites link to this one.")
@click.option("--force", is_flag=True, help="Replace a site that is declared already.")
@click.pass_context
def create(context: click.Context, name: str, enable_link_access: bool, force: bool) -> None:
    """Declare the site of a namespace."""
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_site

    target = target_of(context)
    created = create_site(target, name, enable_link_access=enable_link_access, force=force)
    print_created(created, target, start_step(target))


@site.command(cls=SiteCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Site"))
@click.option("--all", "everything", is_flag=True, help="Delete every declaration of the namespace.")
@click.pass_context
def delete(context: click.Context, name: str | None, everything: bool) -> None:
    """Take the declaration of the site back."""
    from skupper_local.cli.declaring import print_deleted
    from skupper_local.operations.delete import delete_all, delete_declaration

    if bool(name) == everything:
        raise click.UsageError("Give the name of the site, or --all", context)
    target = target_of(context)
    print_deleted(delete_declaration(target, "Site", name) if name else delete_all(target), target)


@site.command(cls=SiteCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Site"))
@output_option()
@click.pass_context
def status(context: click.Context, name: str | None, output: str | None) -> None:
    """Show the state of the site."""
    from skupper_local.cli.showing import show_sites

    show_sites(target_of(context), name or "", output or "")
