"""``skupper-local namespace``."""

from __future__ import annotations

import click

from skupper_local.cli.commands import LazyGroup, MachineCommand, output_option


@click.group(cls=LazyGroup, common=False)
def namespace() -> None:
    """See the namespaces of this machine.

    Each holds one site. The first declaration with -n NAME makes a namespace; system teardown removes it.

    \b
    Begin with:
      skupper-local namespace list
    """


@namespace.command("list", cls=MachineCommand)
@output_option()
def list_(output: str | None) -> None:
    """List the namespaces of this user: site, platform, state.

    \b
    Examples:
      skupper-local namespace list
    """
    from skupper_local.cli.showing import show_namespaces

    show_namespaces(output or "")
