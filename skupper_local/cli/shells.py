"""What zsh and fish are told otherwise than click tells them.

Both take ``--wait=`` and what follows for one word, so what is offered must begin with it. Fish's script splits an offer at
commas, and would cut a description at its first one.
"""

from __future__ import annotations

import click
from click.shell_completion import (
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)


class _WholeWords(ShellComplete):
    """Offers whole words for ``--option=value``."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if not equals or not option.startswith("--"):
            return found
        return [
            CompletionItem(f"{option}={item.value}", item.type, item.help)
            for item in found
            if item.type == "plain"
        ]


class _Zsh(_WholeWords, ZshComplete):
    pass


class _Fish(_WholeWords, FishComplete):
    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


def script_for(shell: str, command: click.Command, program: str, variable: str) -> str:
    """The script that makes a shell complete the words of a program; made without the shell."""
    register()
    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(command, {}, program, variable)
    return made.source_template % made.source_vars()


def register() -> None:
    """Let click find these shells."""
    for kind in (_Zsh, _Fish):
        add_completion_class(kind)
