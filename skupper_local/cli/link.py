"""``skupper-local link``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of
from skupper_local.cli.numbers import Number
from skupper_local.cli.waiting import DeclaringCommand

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written

_COST = Number(1, 2**31 - 1)


@click.group(cls=LazyGroup)
def link() -> None:
    """Join this site to others.

    A site that accepts links (site create --enable-link-access) prints a link, the other site applies it (system apply -f
    link.yaml). One link carries traffic in both directions.

    \b
    Begin with:
      skupper-local link generate > link.yaml
      skupper-local link status
    """


@link.command(cls=SiteCommand)
@click.option("--name", default="", help="The name of the link.  [default: link-ACCESS]")
@click.option(
    "--host",
    default="",
    help="How the other site reaches this one.  [default: a name or address of this machine]",
)
@click.option(
    "--cost",
    type=_COST,
    default=1,
    show_default=True,
    metavar="NUMBER",
    help="The cost of the link: traffic takes the cheapest way.",
)
@click.option(
    "--tls-credentials",
    default="",
    metavar="NAME",
    help="Credentials that the other site has already; without it a key is made, and printed.",
)
@output_option("yaml")
@click.pass_context
def generate(
    context: click.Context, name: str, host: str, cost: int, tls_credentials: str, output: str
) -> None:
    """Print a link to this site, for `system apply` at another one. It holds a private key: hand it over with care.

    \b
    Examples:
      skupper-local link generate --host gateway.example > link.yaml
      skupper-local link generate --tls-credentials our-client > link.yaml
    """
    from skupper_local.cli.linking import print_generated

    print_generated(
        target_of(context), name=name, host=host, cost=cost, tls_credentials=tls_credentials, output=output
    )


@link.command(cls=DeclaringCommand)
@click.argument("name", shell_complete=completing.declared("Link"))
@click.option(
    "--cost", type=_COST, metavar="NUMBER", help="The cost of the link: traffic takes the cheapest way."
)
@click.option("--tls-credentials", metavar="NAME", help="The Secret with the credentials of the link.")
@click.pass_context
def update(
    context: click.Context, name: str, cost: int | None, tls_credentials: str | None
) -> tuple[Written, ...]:
    """Change a link that this site dials; what is not said stays as it is.

    \b
    Examples:
      skupper-local link update west --cost 5
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.update import update_link

    target = target_of(context)
    updated = update_link(target, name, cost=cost, tls_credentials=tls_credentials)
    return print_created(updated, target, start_step(target))


@link.command(cls=DeclaringCommand)
@click.argument("name", shell_complete=completing.declared("Link"))
@click.pass_context
def delete(context: click.Context, name: str) -> tuple[Written, ...]:
    """Delete the declaration of a link, with its key.

    A running router keeps it until a reload, which --wait does at once.

    \b
    Examples:
      skupper-local link delete west
    """
    from skupper_local.cli.declaring import print_deleted
    from skupper_local.operations.delete import delete_declaration

    target = target_of(context)
    return print_deleted(delete_declaration(target, "Link", name), target)


@link.command(cls=SiteCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Link"))
@output_option()
@click.pass_context
def status(context: click.Context, name: str | None, output: str | None) -> None:
    """Show the links of this site, those from other sites included.

    \b
    Examples:
      skupper-local link status
      skupper-local link status west -o json
    """
    from skupper_local.cli.showing import show_links

    show_links(target_of(context), name or "", output or "")
