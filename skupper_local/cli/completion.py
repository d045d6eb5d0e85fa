"""``skupper-local completion``: the script that makes a shell complete our words. Click's own, rendered without a shell."""

from __future__ import annotations

import click

from skupper_local.cli.commands import SiteCommand


@click.command(cls=SiteCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script.

    \b
    bash:  skupper-local completion bash > ~/.local/share/bash-completion/completions/skupper-local
    zsh:   skupper-local completion zsh > "${fpath[1]}/_skupper-local"
    fish:  skupper-local completion fish > ~/.config/fish/completions/skupper-local.fish

    \b
    Examples:
      skupper-local completion bash
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "skupper-local", "_SKUPPER_LOCAL_COMPLETE")
    print(script.source_template % script.source_vars())
