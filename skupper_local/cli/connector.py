"""``skupper-local connector``."""

from __future__ import annotations

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of


@click.group(cls=LazyGroup)
def connector() -> None:
    """Offer servers near this site to the network."""


@connector.command(cls=SiteCommand)
@click.argument("name")
@click.argument("port", type=int)
@click.option("-r", "--routing-key", default="", help="What leads here from listeners.  [default: the name]")
@click.option("--host", default="localhost", show_default=True, help="Where the server is.")
@click.option("--tls-credentials", default="", help="Speak TLS to the server with these credentials.")
@click.option(
    "--type", "kind", type=click.Choice(["tcp"]), default="tcp", show_default=True, help="The protocol."
)
@click.option("--force", is_flag=True, help="Replace a connector that is declared already.")
@click.pass_context
def create(
    context: click.Context,
    name: str,
    port: int,
    routing_key: str,
    host: str,
    tls_credentials: str,
    kind: str,
    force: bool,
) -> None:
    """Declare a connector."""
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_connector

    target = target_of(context)
    created = create_connector(
        target, name, port, host=host, routing_key=routing_key, tls_credentials=tls_credentials, force=force
    )
    print_created(created, target, start_step(target))


@connector.command(cls=SiteCommand)
@click.argument("name", shell_complete=completing.declared("Connector"))
@click.pass_context
def delete(context: click.Context, name: str) -> None:
    """Take the declaration of a connector back."""
    from skupper_local.cli.declaring import print_deleted
    from skupper_local.operations.delete import delete_declaration

    target = target_of(context)
    print_deleted(delete_declaration(target, "Connector", name), target)


@connector.command(cls=SiteCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Connector"))
@output_option()
@click.pass_context
def status(context: click.Context, name: str | None, output: str | None) -> None:
    """Show the state of the connectors, or of one."""
    from skupper_local.cli.showing import show_connectors

    show_connectors(target_of(context), name or "", output or "")
