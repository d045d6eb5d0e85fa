"""``skupper-local listener``."""

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
_CREDENTIALS = "Serve TLS with these credentials."


@click.group(cls=LazyGroup)
def listener() -> None:
    """Open ports here that lead to connectors elsewhere.

    A listener leads from a port of this machine to the connectors with its routing key, at any linked site.

    \b
    Begin with:
      skupper-local listener create backend 8080
      skupper-local listener status
    """


def _several_keys(function: _Function) -> _Function:
    """The options of a listener that has several routing keys, and the observer."""
    for option in (
        click.option(
            "--observer",
            type=click.Choice(["auto", "none", "http1", "http2"]),
            help="What the router looks for in the traffic.",
        ),
        click.option(
            "--strategy",
            type=click.Choice(["priority", "weighted"]),
            help="How to choose among several keys: the first that can be reached, or shares by weight.",
        ),
        click.option(
            "--routing-keys", metavar="KEYS", help="Several keys: a,b in their order, or a=3,b=1 by weight."
        ),
    ):
        function = option(function)
    return function


def _options(last: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    """What ``create`` and ``generate`` take."""

    def decorated(function: _Function) -> _Function:
        function = click.option(
            "--host",
            default="0.0.0.0",  # noqa: S104
            show_default=True,
            help="The local address to listen on.",
        )(function)
        function = _several_keys(function)
        return service_arguments(
            "-r",
            "--routing-key",
            leads="The service's name on the network: that of its connectors.",
            credentials=_CREDENTIALS,
            last=last,
        )(function)

    return decorated


def _require_one_way(context: click.Context, several: str | None, strategy: str | None, one: str) -> None:
    if several is not None and one:
        raise click.UsageError("Give --routing-key or --routing-keys", context)
    if several is None and strategy:
        raise click.UsageError("--strategy chooses among several keys: give --routing-keys a,b too", context)


@listener.command(cls=DeclaringCommand)
@_options(force_option())
@click.pass_context
def create(
    context: click.Context,
    name: str,
    port: int,
    routing_key: str,
    routing_keys: str | None,
    strategy: str | None,
    observer: str | None,
    host: str,
    tls_credentials: str,
    kind: str,
    force: bool,
) -> tuple[Written, ...]:
    """Declare a listener: a port of this machine that leads to the connectors with its routing key, at any linked site.

    With --routing-keys it leads to the connectors of several keys: to those of the first key that can be reached (priority), or
    to all of them by weight (weighted).

    \b
    Examples:
      skupper-local listener create backend 8080
      skupper-local listener create db 5432 --host 127.0.0.1
      skupper-local listener create api 80 --routing-keys near,far
      skupper-local listener create web 80 --routing-keys new=1,old=9
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.create import create_listener, create_multi_key_listener

    _require_one_way(context, routing_keys, strategy, routing_key)
    target = target_of(context)
    common: dict[str, Any] = {
        "host": host,
        "tls_credentials": tls_credentials,
        "observer": observer or "",
        "force": force,
    }
    if routing_keys is None:
        created = create_listener(target, name, port, routing_key=routing_key, **common)
    else:
        created = create_multi_key_listener(
            target, name, port, routing_keys, strategy=strategy or "", **common
        )
    written = print_created(created, target, start_step(target))
    _tell_who_reaches_it(created.main.resource)
    return written


@listener.command(cls=SiteCommand)
@_options(output_option("yaml"))
@click.pass_context
def generate(
    context: click.Context,
    name: str,
    port: int,
    routing_key: str,
    routing_keys: str | None,
    strategy: str | None,
    observer: str | None,
    host: str,
    tls_credentials: str,
    kind: str,
    output: str,
) -> None:
    """Print what `create` would declare, and write nothing.

    \b
    Examples:
      skupper-local listener generate backend 8080 > backend.yaml
    """
    from skupper_local.cli.generating import print_resource
    from skupper_local.operations.create import new_listener, new_multi_key_listener

    _require_one_way(context, routing_keys, strategy, routing_key)
    common: dict[str, Any] = {
        "host": host,
        "tls_credentials": tls_credentials,
        "observer": observer or "",
    }
    if routing_keys is None:
        print_resource(new_listener(name, port, routing_key=routing_key, **common), output)
    else:
        made = new_multi_key_listener(name, port, routing_keys, strategy=strategy or "", **common)
        print_resource(made, output)


@listener.command(cls=DeclaringCommand)
@click.argument("name", shell_complete=completing.declared("Listener", "MultiKeyListener"))
@click.option("--host", help="The local address to listen on.")
@_several_keys
@service_changes("-r", "--routing-key", credentials=_CREDENTIALS)
@click.pass_context
def update(
    context: click.Context,
    name: str,
    port: int | None,
    routing_key: str | None,
    routing_keys: str | None,
    strategy: str | None,
    observer: str | None,
    host: str | None,
    tls_credentials: str | None,
    kind: str | None,
) -> tuple[Written, ...]:
    """Change a listener; what is not said stays as it is.

    \b
    Examples:
      skupper-local listener update backend --host 127.0.0.1
      skupper-local listener update api --routing-keys far,near
    """
    from skupper_local.cli.declaring import print_created, start_step
    from skupper_local.operations.update import update_listener

    target = target_of(context)
    updated = update_listener(
        target,
        name,
        port=port,
        host=host,
        routing_key=routing_key,
        routing_keys=routing_keys,
        strategy=strategy,
        tls_credentials=tls_credentials,
        observer=observer,
    )
    written = print_created(updated, target, start_step(target))
    _tell_who_reaches_it(updated.main.resource)
    return written


def _tell_who_reaches_it(made: Any) -> None:
    """A socket on every interface is open to others, which a person may not have meant."""
    from skupper_local.cli.terminal import talk

    if made.host in ("0.0.0.0", "::"):  # noqa: S104
        talk(
            f"note: it listens on all interfaces: whoever reaches this machine can connect to port {made.port};"
            " --host 127.0.0.1 lets in this machine only"
        )


def _show(target: Target, name: str, output: str) -> None:
    from skupper_local.cli.showing import show_listeners

    show_listeners(target, name, output)


add_delete(listener, "Listener")
add_status(listener, "Listener", _show)
