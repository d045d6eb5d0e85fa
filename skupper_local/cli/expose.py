"""``skupper-local expose`` and ``skupper-local reach``: the two ends of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skupper_local.cli.answering import ActingCommand, answers, answers_outcome, answers_resources
from skupper_local.cli.commands import target_of
from skupper_local.cli.numbers import Port
from skupper_local.cli.waiting import wait_and_tell, wait_options

if TYPE_CHECKING:
    from skupper_local.operations.expose import ServiceEnd
    from skupper_local.operations.target import Target

_PORT = Port()


@click.command(cls=ActingCommand)
@click.argument("port", type=_PORT)
@click.option("--name", default="", help="The connector's name.  [default: the key, else port-PORT]")
@click.option(
    "--as", "key", default="", metavar="KEY", help="The routing key of the service.  [default: the name]"
)
@click.option("--host", default="localhost", show_default=True, help="Where the server is.")
@wait_options()
@click.pass_context
def expose(
    context: click.Context, port: int, name: str, key: str, host: str, wait: str, timeout: int
) -> None:
    """Offer a server to the network: declare a connector, and bring it into effect if the site runs.

    \b
    Examples:
      skupper-local expose 8080
      skupper-local expose 5432 --as database --host db.example
    """
    from skupper_local.cli.terminal import say
    from skupper_local.operations.expose import expose as expose_port

    target = target_of(context)
    end = expose_port(target, port, name=name, key=key, host=host)
    if not answers(routingKey=end.key, host=host, port=port):
        say(f"{host}:{port} is offered as {end.key}")
    _tell_rest(end, target)
    if end.outcome and not wait_and_tell(target, wait, timeout, only={end.created.main.resource.title}):
        context.exit(1)


@click.command(cls=ActingCommand)
@click.argument("key")
@click.argument("port", type=_PORT, required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="The local address to listen on.")
@wait_options()
@click.pass_context
def reach(context: click.Context, key: str, port: int | None, host: str, wait: str, timeout: int) -> None:
    """Open a port of this machine that leads to a service: declare a listener, and bring it into effect if the site runs.

    \b
    Examples:
      skupper-local reach database
      skupper-local reach backend 8080
    """
    from skupper_local.cli.terminal import say
    from skupper_local.operations.expose import reach as reach_key

    target = target_of(context)
    end = reach_key(target, key, port or 0, host=host)
    if not answers(routingKey=key, host=end.host, port=end.port):
        say(f"{key} is reached at {end.host}:{end.port}")
    _tell_rest(end, target)
    if end.outcome and not wait_and_tell(target, wait, timeout, only={end.created.main.resource.title}):
        context.exit(1)


def _tell_rest(end: ServiceEnd, target: Target) -> None:
    """What became of the router, and what to type next."""
    from skupper_local.cli.declaring import namespace_flag, start_step
    from skupper_local.cli.terminal import talk, warn

    for text in end.created.warnings:
        warn(text)
    answers_resources(end.created.written)
    if end.outcome is None:
        talk(f"next: {start_step(target)}")
        return
    for text in end.outcome.warnings:
        warn(text)
    answers_outcome(end.outcome)
    talk(f"next: skupper-local service status {end.key}{namespace_flag(target)}")
