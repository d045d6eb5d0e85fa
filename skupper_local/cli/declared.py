"""What the commands of every declared kind have in common: the arguments of a service, ``delete`` and ``status``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import SiteCommand, output_option, target_of
from skupper_local.cli.numbers import Port
from skupper_local.cli.waiting import DeclaringCommand

if TYPE_CHECKING:
    from skupper_local.operations.declarations import Written
    from skupper_local.operations.target import Target

_Function = TypeVar("_Function", bound=Callable[..., Any])


def service_arguments(
    *routing_key: str, leads: str, credentials: str, last: Callable[[Any], Any] | None = None
) -> Callable[[_Function], _Function]:
    """Name and port, routing key, TLS credentials, protocol and a last option, which is ``--force`` unless given."""

    def decorated(function: _Function) -> _Function:
        for parameter in reversed(
            (
                click.argument("name"),
                click.argument("port", type=Port(bounded=False)),
                click.option(*routing_key, default="", help=f"{leads}  [default: the name]"),
                click.option("--tls-credentials", default="", help=credentials),
                click.option(
                    "--type",
                    "kind",
                    type=click.Choice(["tcp"]),
                    default="tcp",
                    show_default=True,
                    help="The protocol.",
                ),
                last or force_option(),
            )
        ):
            function = parameter(function)
        return function

    return decorated


def service_changes(*routing_key: str, credentials: str) -> Callable[[_Function], _Function]:
    """What ``update`` takes of a service: None where nothing was said."""

    def decorated(function: _Function) -> _Function:
        for option in (
            click.option("--tls-credentials", help=f"{credentials} Empty: none."),
            click.option("--type", "kind", type=click.Choice(["tcp"]), help="The protocol."),
            click.option(*routing_key, help="The routing key."),
            click.option("--port", type=Port(bounded=False), help="The port."),
        ):
            function = option(function)
        return function

    return decorated


def force_option() -> Callable[[_Function], _Function]:
    """``--force`` of ``create``."""
    return click.option("--force", is_flag=True, help="Replace what is declared under that name already.")


def add_delete(group: click.Group, kind: str) -> None:
    """The command that takes one declaration back."""

    @group.command(
        "delete",
        cls=DeclaringCommand,
        help=_with_examples(
            f"Delete the declaration of a {kind.lower()}.\n\nA running router keeps it until a reload, which --wait does"
            " at once.",
            f"{group.name} delete backend",
            f"{group.name} delete backend --wait configured",
        ),
    )
    @click.argument("name", shell_complete=completing.declared(*_kinds(kind)))
    @click.pass_context
    def delete(context: click.Context, name: str) -> tuple[Written, ...]:
        from skupper_local.cli.declaring import print_deleted
        from skupper_local.operations.delete import delete_declaration

        target = target_of(context)
        return print_deleted(delete_declaration(target, kind, name), target)


def add_status(group: click.Group, kind: str, show: Callable[[Target, str, str], None]) -> None:
    """The command that shows all of a kind, or one."""

    @group.command(
        "status",
        cls=SiteCommand,
        help=_with_examples(
            "Show the state of the site."
            if kind == "Site"
            else f"Show the state of every {kind.lower()}, or of one, and what is in the way of those that are not ready.",
            f"{group.name} status",
            *(() if kind == "Site" else (f"{group.name} status backend",)),
            f"{group.name} status -o json",
        ),
    )
    @click.argument("name", required=False, shell_complete=completing.declared(*_kinds(kind)))
    @output_option()
    @click.pass_context
    def status(context: click.Context, name: str | None, output: str | None) -> None:
        show(target_of(context), name or "", output or "")


def _kinds(kind: str) -> tuple[str, ...]:
    """The kinds behind a word: a listener has one routing key, or several."""
    return ("Listener", "MultiKeyListener") if kind == "Listener" else (kind,)


def _with_examples(text: str, *examples: str) -> str:
    return f"{text}\n\n\b\nExamples:\n" + "\n".join(f"  skupper-local {example}" for example in examples)
