"""Switches as the reference takes them: with ``=`` and a truth value."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from skupper_local.cli.commands import SiteCommand


@pytest.fixture
def command() -> click.Command:
    @click.command(cls=SiteCommand)
    @click.option("--link/--no-link", "-l/-L", default=None)
    @click.option("--force", is_flag=True)
    @click.option("--name", default="")
    @click.argument("rest", nargs=-1)
    def command(link: bool | None, force: bool, name: str, rest: tuple[str, ...]) -> None:
        click.echo(f"{link} {force} {name} {' '.join(rest)}".rstrip())

    return command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--link=true --force=false", "True False"),
        ("--link=false --force=T", "False True"),
        ("--no-link=1", "False False"),
        ("--no-link=FALSE --force", "True True"),
        ("--force --force=0", "None False"),
        ("--name=true a", "None False true a"),
        ("-- --force=true", "None False  --force=true"),
    ],
)
def test_a_switch_may_have_a_truth_value(command: click.Command, words: str, said: str) -> None:
    ran = CliRunner().invoke(command, words.split())
    assert (ran.exit_code, ran.output.rstrip()) == (0, said)


@pytest.mark.parametrize("value", ["", "yes", "2", "tRUE"])
def test_any_other_value_is_refused_with_those_there_are(command: click.Command, value: str) -> None:
    ran = CliRunner().invoke(command, [f"--link={value}"])
    assert ran.exit_code == 2
    assert f"it takes no value, or true or false, not '{value}'" in ran.output
