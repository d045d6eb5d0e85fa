"""What the program tells people to type can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from skupper_local.cli.main import cli

PACKAGE = Path(__file__).resolve().parents[3] / "skupper_local"
# First words of commands that exist, here or in the reference; anything else after the name is prose.
_NOUNS = "|".join(
    (
        "site|token|link|listener|connector|service|certificate|system",
        "debug|version|manifest|completion|namespace|network|demo|up|expose|reach",
    )
)
_MENTION = re.compile(rf"skupper-local ((?:{_NOUNS})(?: [-a-z]+)?)")


def mentions() -> set[str]:
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        found.update(mention.strip() for mention in _MENTION.findall(file.read_text()))
    return found


def exists(words: list[str]) -> bool:
    command: click.Command | None = cli
    for word in words:
        if not isinstance(command, click.Group):
            return True  # an argument, or the next word of a sentence
        command = command.get_command(click.Context(command), word)
        if command is None:
            return False
    return True


@pytest.mark.parametrize("mention", sorted(mentions()))
def test_every_command_in_a_message_exists(mention: str) -> None:
    assert exists(mention.split())


def test_there_are_mentions_to_check() -> None:
    assert {"system start", "system reload", "system logs"} <= mentions()
