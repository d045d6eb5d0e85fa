"""``skupper-local completion``: the script that makes a shell complete our words."""

from __future__ import annotations

import click

from skupper_local.cli.commands import MachineCommand


@click.command(cls=MachineCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and names.

    For this shell only, type the line; for every new one, put it into the file.

    \b
    bash, ~/.bashrc:
      eval "$(skupper-local completion bash)"
    zsh, ~/.zshrc, below compinit:
      eval "$(skupper-local completion zsh)"
    fish, ~/.config/fish/config.fish:
      skupper-local completion fish | source

    \b
    Examples:
      skupper-local completion bash
    """
    from skupper_local.cli import shells

    print(shells.script_for(shell, context.find_root().command, "skupper-local", "_SKUPPER_LOCAL_COMPLETE"))
