"""``skupper-local connector``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of
from skupper_local.cli.declared import (
    add_delete,
    add_status,
    force_option,
    service_arguments,
    service_changes,
)
from skupper_local.cli.waiting import DeclaringCommand

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written
    from skupper_local.operations.target import Target

_Function = TypeVar("_Function", bound=Callable[..., Any])
_CREDENTIALS = "Speak TLS to the server with these credentials."


@click.group(cls=LazyGroup)
def connector() -> None:
    """Offer servers near this site to the network.

    A connector leads from a routing key to a server: whoever reaches a listener with that key, at any linked site, reaches it.

    \b
    Begin with:
      skupper-local connector create backend 8080
      skupper-local connector status
    """


def _server_options(function: _Function) -> _Function:
    """The ways of saying where the server is."""
    for option in (
        click.option(
            "--workload", default="", metavar="compose/SERVICE", help="All containers of a compose service."
        ),
        click.option(
            "--selector", default="", metavar="LABELS", help="All containers with these labels: app=backend."
        ),
        click.option("--container", default="", metavar="NAME", help="The container the server is in."),
        click.option(
            "--host", default="", help="Where the server is.  [default: localhost for a new connector]"
        ),
    ):
        function = option(function)
    return function


def _options(last: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    """What ``create`` and ``generate`` take."""

    def decorated(function: _Function) -> _Function:
        for option in (
            click.option(
                "--verify-hostname", is_flag=True, help="The server's certificate must be for its host name."
            ),
            click.option("--use-client-cert", is_flag=True, help="Show the server a client certificate."),
        ):
            function = option(function)
        function = _server_options(function)
        return service_arguments(
            "-r",
            "--routing-key",
            leads="The service's name on the network: that of its listeners.",
            credentials=_CREDENTIALS,
            last=last,
        )(function)

    return decorated


_WAYS = ("host", "container", "selector", "workload")


def _server(context: click.Context) -> dict[str, str]:
    """Where the server is, as typed: one way of saying it; empty when nothing is said."""
    given = [flag for flag in _WAYS if context.params[flag]]
    if len(given) > 1:
        raise click.UsageError(f"Give one of {', '.join(f'--{flag}' for flag in given)}", context)
    return {flag: context.params[flag] for flag in _WAYS} if given else {}


@connector.command(cls=DeclaringCommand)
@_options(force_option())
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
    use_client_cert: bool,
    verify_hostname: bool,
    kind: str,
    force: bool,
) -> tuple[Written, ...]:
    """Declare a connector: listeners with its routing key, at any linked site, lead to its server.

    The server is at a host, or in containers that are followed wherever they go: by their name on a network that the router is
    on too, by their address, or by the port they publish on this machine.

    \b
    Examples:
      skupper-local connector create backend 8080
      skupper-local connector create db 5432 --host db.example
      skupper-local connector create web 80 --container web
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_connector

    server = _server(context) or {"host": "localhost"}
    target = target_of(context)
    created = create_connector(
        target,
        name,
        port,
        **server,
        routing_key=routing_key,
        tls_credentials=tls_credentials,
        use_client_cert=use_client_cert,
        verify_hostname=verify_hostname,
        force=force,
    )
    return print_created(created, target, start_step(target))


@connector.command(cls=SiteCommand)
@_options(output_option("yaml"))
@click.pass_context
def generate(
    context: click.Context,
    name: str,
    port: int,
    routing_key: str,
    host: str,
    container: str,
    selector: str,
    workload: str,
    tls_credentials: str,
    use_client_cert: bool,
    verify_hostname: bool,
    kind: str,
    output: str,
) -> None:
    """Print what `create` would declare, and write nothing.

    \b
    Examples:
      skupper-local connector generate backend 8080 > backend.yaml
    """
    from skupper_local.cli.generating import print_resource
    from skupper_local.operations.create import new_connector

    made = new_connector(
        name,
        port,
        **(_server(context) or {"host": "localhost"}),
        routing_key=routing_key,
        tls_credentials=tls_credentials,
        use_client_cert=use_client_cert,
        verify_hostname=verify_hostname,
    )
    print_resource(made, output)


@connector.command(cls=DeclaringCommand)
@click.argument("name", shell_complete=completing.declared("Connector"))
@_server_options
@click.option("--use-client-cert/--no-client-cert", default=None, help="Show a client certificate, or none.")
@click.option(
    "--verify-hostname/--any-hostname",
    default=None,
    help="The server's certificate must be for its host name, or for any.",
)
@service_changes("-r", "--routing-key", credentials=_CREDENTIALS)
@click.pass_context
def update(
    context: click.Context,
    name: str,
    port: int | None,
    routing_key: str | None,
    host: str,
    container: str,
    selector: str,
    workload: str,
    tls_credentials: str | None,
    use_client_cert: bool | None,
    verify_hostname: bool | None,
    kind: str | None,
) -> tuple[Written, ...]:
    """Change a connector; what is not said stays as it is.

    \b
    Examples:
      skupper-local connector update backend --port 8081
      skupper-local connector update db --host localhost
      skupper-local connector update web --container web-2
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.update import update_connector

    target = target_of(context)
    updated = update_connector(
        target,
        name,
        port=port,
        server=_server(context),
        routing_key=routing_key,
        tls_credentials=tls_credentials,
        use_client_cert=use_client_cert,
        verify_hostname=verify_hostname,
    )
    return print_created(updated, target, start_step(target))


def _show(target: Target, name: str, output: str) -> None:
    from skupper_local.cli.showing import show_connectors

    show_connectors(target, name, output)


add_delete(connector, "Connector")
add_status(connector, "Connector", _show)
