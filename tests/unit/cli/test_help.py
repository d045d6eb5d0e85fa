"""The help of every command."""

from __future__ import annotations

import re

import click
import pytest

from skupper_local.cli.main import cli
from skupper_local.cli.mistyped import walk
from tests.unit.cli.conftest import Run
from tests.unit.cli.lines import parses

_ALL = {"": click.Context(cli, info_name="skupper-local")} | {
    " ".join(path): context for path, context in walk(cli, "skupper-local")
}
_GROUPS = [name for name, context in _ALL.items() if isinstance(context.command, click.Group)]
_COMMANDS = [name for name in _ALL if name not in _GROUPS]


def help_of(skupper: Run, name: str) -> str:
    ran = skupper(*name.split(), "--help")
    assert (ran.status, ran.err) == (0, "")
    return ran.out


def lines_to_type(text: str) -> list[str]:
    """The command lines of the program that a help shows as examples."""
    _, _, examples = re.sub("Begin with:|Examples?:", "\0", text).partition("\0")
    return [line.strip() for line in examples.splitlines() if re.match(r" {4}skupper-local ", line)]


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_help_of_every_command_shows_examples_of_that_command_that_can_be_typed(
    skupper: Run, name: str
) -> None:
    examples = lines_to_type(help_of(skupper, name))
    assert examples
    for example in examples:
        assert example.startswith(f"skupper-local {name}")
        assert parses(example)


@pytest.mark.parametrize("name", _GROUPS)
def test_the_help_of_every_group_says_where_to_begin(skupper: Run, name: str) -> None:
    text = help_of(skupper, name)
    assert "Begin with:" in text
    for line in lines_to_type(text):
        assert line.startswith(f"skupper-local {name}".rstrip())
        assert parses(line)


@pytest.mark.parametrize("name", _GROUPS)
def test_no_summary_of_a_command_is_cut(skupper: Run, name: str) -> None:
    _, found, commands = help_of(skupper, name).partition("Commands:")
    assert found
    assert not [line for line in commands.splitlines() if line.endswith("...")]


@pytest.mark.parametrize("columns", ["40", "60", "80", "200"])
def test_no_help_is_wider_than_the_terminal(
    skupper: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in _ALL:
        text = help_of(skupper, name)
        typed = {*lines_to_type(text), *re.findall(r"\S*skupper-local completion.*", text)}
        for line in text.splitlines():
            # What is to be typed is one line; a word, or an option with its opposite, is not broken.
            whole = (
                len(line.split()) == 1
                or line.startswith(("  -", "Usage: "))
                or any(one in line for one in typed)
            )
            if not whole:
                assert len(line) <= int(columns), name
            assert len(line) <= 80 or int(columns) != 80, name


def test_every_option_says_what_it_is_for(skupper: Run) -> None:
    for name, context in _ALL.items():
        for parameter in context.command.get_params(context):
            assert not isinstance(parameter, click.Option) or parameter.help, (name, parameter.name)
