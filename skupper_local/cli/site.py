"""``skupper-local site``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of
from skupper_local.cli.declared import add_status, force_option
from skupper_local.cli.waiting import DeclaringCommand

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written
    from skupper_local.operations.target import Target

_Function = TypeVar("_Function", bound=Callable[..., Any])


@click.group(cls=LazyGroup)
def site() -> None:
    """Declare this machine's place on the network.

    A namespace holds one site; without -n it is the namespace called default.

    \b
    Begin with:
      skupper-local site create my-site
      skupper-local site status
    """


def _container_options(function: _Function) -> _Function:
    """What a site says of its router's container; None: nothing was said, empty text: what is said is taken back."""
    for option in (
        click.option("--memory", metavar="AMOUNT", help="How much memory its router may use: 256m, 1g."),
        click.option("--cpus", metavar="NUMBER", help="How many processors its router may use: 0.5, 2."),
        click.option(
            "--network",
            metavar="NAME",
            help="The network of the engine that its router joins.  [default: host, the machine's own]",
        ),
    ):
        function = option(function)
    return function


@site.command(cls=DeclaringCommand)
@click.argument("name")
@click.option(
    "--enable-link-access/--disable-link-access",
    default=False,
    help="Let other sites link to this one.  [default: disabled]",
)
@click.option(
    "--edge", is_flag=True, help="Make its router an edge router: it links to others, and takes no links."
)
@_container_options
@force_option()
@click.pass_context
def create(
    context: click.Context,
    name: str,
    enable_link_access: bool,
    edge: bool,
    network: str | None,
    cpus: str | None,
    memory: str | None,
    force: bool,
) -> tuple[Written, ...]:
    """Declare the site of a namespace, under the name it has on the network.

    --network, --cpus and --memory are about the router's container, on podman and docker.

    \b
    Examples:
      skupper-local site create west --enable-link-access
      skupper-local site create branch --edge
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_site

    target = target_of(context)
    created = create_site(
        target,
        name,
        enable_link_access=enable_link_access,
        edge=edge,
        settings={"network": network, "cpus": cpus, "memory": memory},
        force=force,
    )
    return print_created(created, target, start_step(target))


@site.command(cls=SiteCommand)
@click.argument("name")
@click.option(
    "--enable-link-access/--disable-link-access",
    default=False,
    help="Let other sites link to it.  [default: disabled]",
)
@click.option("--edge", is_flag=True, help="Make its router an edge router.")
@_container_options
@output_option("yaml")
@click.pass_context
def generate(
    context: click.Context,
    name: str,
    enable_link_access: bool,
    edge: bool,
    network: str | None,
    cpus: str | None,
    memory: str | None,
    output: str,
) -> None:
    """Print what `create` would declare, and write nothing.

    \b
    Examples:
      skupper-local site generate west --enable-link-access > site.yaml
    """
    from skupper_local.cli.generating import print_resource
    from skupper_local.operations.create import new_site

    made = new_site(
        target_of(context),
        name,
        enable_link_access=enable_link_access,
        edge=edge,
        settings={"network": network, "cpus": cpus, "memory": memory},
    )
    print_resource(made, output)


@site.command(cls=DeclaringCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Site"))
@click.option(
    "--enable-link-access/--disable-link-access",
    default=None,
    help="Let other sites link to this one, or not.",
)
@click.option("--edge/--no-edge", default=None, help="Make its router an edge router, or an interior one.")
@_container_options
@click.pass_context
def update(
    context: click.Context,
    name: str | None,
    enable_link_access: bool | None,
    edge: bool | None,
    network: str | None,
    cpus: str | None,
    memory: str | None,
) -> tuple[Written, ...]:
    """Change what the site declares; what is not said stays as it is.

    An empty value takes a setting back: --cpus "".

    \b
    Examples:
      skupper-local site update --enable-link-access
      skupper-local site update west --memory 512m
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import update_site

    target = target_of(context)
    updated = update_site(
        target,
        name or "",
        enable_link_access=enable_link_access,
        edge=edge,
        settings={"network": network, "cpus": cpus, "memory": memory},
    )
    return print_created(updated, target, start_step(target))


@site.command(cls=DeclaringCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Site"))
@click.option("--all", "everything", is_flag=True, help="Delete every declaration of the namespace.")
@click.pass_context
def delete(context: click.Context, name: str | None, everything: bool) -> tuple[Written, ...]:
    """Delete the declaration of the site.

    A running router keeps it; what removes a site with its keys is system teardown.

    \b
    Examples:
      skupper-local site delete west
      skupper-local site delete --all
    """
    from skupper_local.cli.declaring import print_deleted
    from skupper_local.operations.delete import delete_all, delete_declaration

    if bool(name) == everything:
        raise click.UsageError("Give the name of the site, or --all", context)
    target = target_of(context)
    return print_deleted(delete_declaration(target, "Site", name) if name else delete_all(target), target)


def _show(target: Target, name: str, output: str) -> None:
    from skupper_local.cli.showing import show_sites

    show_sites(target, name, output)


add_status(site, "Site", _show)
