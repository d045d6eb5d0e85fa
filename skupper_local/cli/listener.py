"""``skupper-local listener``."""

from __future__ import annotations

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of


@click.group(cls=LazyGroup)
def listener() -> None:
    """Open ports here that lead to connectors elsewhere."""


@listener.command(cls=SiteCommand)
@click.argument("name")
@click.argument("port", type=int)
@click.option("--routing-key", default="", help="What leads to the connectors.  [default: the name]")
@click.option("--host", default="0.0.0.0", show_default=True, help="The local address to listen on.")  # noqa: S104
@click.option("--tls-credentials", default="", help="Serve TLS with these credentials.")
@click.option(
    "--type", "kind", type=click.Choice(["tcp"]), default="tcp", show_default=True, help="The protocol."
)
@click.option("--force", is_flag=True, help="Replace a listener that is declared already.")
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
    """Declare a listener."""
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_listener

    target = target_of(context)
    created = create_listener(
        target, name, port, host=host, routing_key=routing_key, tls_credentials=tls_credentials, force=force
    )
    print_created(created, target, start_step(target))


@listener.command(cls=SiteCommand)
@click.argument("name", shell_complete=completing.declared("Listener"))
@click.pass_context
def delete(context: click.Context, name: str) -> None:
    """Take the declaration of a listener back."""
    from skupper_local.cli.declaring import print_deleted
    from skupper_local.operations.delete import delete_declaration

    target = target_of(context)
    print_deleted(delete_declaration(target, "Listener", name), target)


@listener.command(cls=SiteCommand)
@click.argument("name", required=False, shell_complete=completing.declared("Listener"))
@output_option()
@click.pass_context
def status(context: click.Context, name: str | None, output: str | None) -> None:
    """Show the state of the listeners, or of one."""
    from skupper_local.cli.showing import show_listeners

    show_listeners(target_of(context), name or "", output or "")
