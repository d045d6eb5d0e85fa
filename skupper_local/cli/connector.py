"""``skupper-local connector``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skupper_local.cli.commands import LazyGroup, SiteCommand, target_of
from skupper_local.cli.declared import add_delete, add_status, service_arguments

if TYPE_CHECKING:
    from skupper_local.operations.target import Target


@click.group(cls=LazyGroup)
def connector() -> None:
    """Offer servers near this site to the network."""


@connector.command(cls=SiteCommand)
@service_arguments(
    "-r",
    "--routing-key",
    leads="What leads here from listeners.",
    credentials="Speak TLS to the server with these credentials.",
)
@click.option("--host", default="", help="Where the server is.  [default: localhost]")
@click.option("--container", default="", metavar="NAME", help="The container the server is in.")
@click.option(
    "--selector", default="", metavar="LABELS", help="All containers with these labels: app=backend."
)
@click.option(
    "--workload", default="", metavar="compose/SERVICE", help="All containers of a compose service."
)
@click.pass_context
def create(
    context: click.Context,
    name: str,
    port: int,
    routing_key: str,
    host: str,
    container: str,
    selector: str,
    workload: str,
    tls_credentials: str,
    kind: str,
    force: bool,
) -> None:
    """Declare a connector.

    The server is at a host, or in containers that are followed wherever they go: by their name on a network that the router is
    on too, by their address, or by the port they publish on this machine.
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_connector

    given = [flag for flag in ("host", "container", "selector", "workload") if context.params[flag]]
    if len(given) > 1:
        raise click.UsageError(f"Give one of {', '.join(f'--{flag}' for flag in given)}", context)
    target = target_of(context)
    created = create_connector(
        target,
        name,
        port,
        host="localhost" if not given else host,
        container=container,
        selector=selector,
        workload=workload,
        routing_key=routing_key,
        tls_credentials=tls_credentials,
        force=force,
    )
    print_created(created, target, start_step(target))


def _show(target: Target, name: str, output: str) -> None:
    from skupper_local.cli.showing import show_connectors

    show_connectors(target, name, output)


add_delete(connector, "Connector")
add_status(connector, "Connector", _show)
