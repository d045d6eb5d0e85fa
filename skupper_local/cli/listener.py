"""``skupper-local listener``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skupper_local.cli.commands import LazyGroup, SiteCommand, target_of
from skupper_local.cli.declared import add_delete, add_status, service_arguments

if TYPE_CHECKING:
    from skupper_local.operations.target import Target


@click.group(cls=LazyGroup)
def listener() -> None:
    """Open ports here that lead to connectors elsewhere."""


@listener.command(cls=SiteCommand)
@service_arguments(
    "--routing-key", leads="What leads to the connectors.", credentials="Serve TLS with these credentials."
)
@click.option("--host", default="0.0.0.0", show_default=True, help="The local address to listen on.")  # noqa: S104
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


def _show(target: Target, name: str, output: str) -> None:
    from skupper_local.cli.showing import show_listeners

    show_listeners(target, name, output)


add_delete(listener, "Listener")
add_status(listener, "Listener", _show)
