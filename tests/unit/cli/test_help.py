"""The help of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from skupper_local.cli import main


def _commands(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    if not isinstance(command, click.Group):
        yield context
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found
        yield from _commands(found, click.Context(found, parent=context, info_name=name))


_ROOT = next(value for value in vars(main).values() if isinstance(value, click.Group))
_ALL = list(_commands(_ROOT, click.Context(_ROOT, info_name="skupper-local")))


@pytest.mark.parametrize("context", _ALL, ids=lambda context: context.command_path)
def test_the_help_of_every_command_shows_an_example_of_that_command(context: click.Context) -> None:
    _, found, examples = context.get_help().partition("Example")
    assert found
    assert f"\n    {context.command_path}" in examples


def _groups(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    if isinstance(command, click.Group):
        yield context
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from _groups(found, click.Context(found, parent=context, info_name=name))


@pytest.mark.parametrize(
    "context",
    list(_groups(_ROOT, click.Context(_ROOT, info_name="skupper-local"))),
    ids=lambda context: context.command_path,
)
def test_no_summary_of_a_command_is_cut(context: click.Context) -> None:
    _, found, commands = context.get_help().partition("Commands:")
    assert found
    assert not [line for line in commands.splitlines() if line.endswith("...")]
