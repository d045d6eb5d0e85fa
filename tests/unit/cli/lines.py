"""Command lines in what the program prints, and whether they are lines of this program."""

from __future__ import annotations

import re
import shlex

import click

from skupper_local.cli.main import cli

_LINE = re.compile(r"skupper-local (?!\[)[-a-z][^();\n]*")
_STEP = re.compile(r"^\s*(?:next|then|fix|help|why not): .*", re.MULTILINE)
_PROSE = re.compile(r"(?:,? (?:then|explains|says|and|or|for)\b| > | \| |, ).*")


def lines_in(text: str) -> list[str]:
    """The command lines behind ``next:`` and its like, each without the words around it."""
    steps = (step.group() for step in _STEP.finditer(text))
    return [_PROSE.sub("", line).strip() for step in steps for line in _LINE.findall(step)]


def parses(line: str) -> bool:
    """Whether a line is one of this program's: all its words are taken."""
    program, *words = shlex.split(line.partition(" > ")[0])
    assert program == "skupper-local"
    try:
        command: click.Command = cli
        context = cli.make_context(program, words)
        while isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command, context = found, found.make_context(name, rest, parent=context)
    except click.exceptions.Exit as end:  # --help
        return end.exit_code == 0
    except click.ClickException:
        return False
    return True
