"""What the program tells people to type can be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from skupper_local.cli.main import cli
from tests.unit.cli.conftest import Run
from tests.unit.cli.lines import lines_in, parses

PACKAGE = Path(__file__).resolve().parents[3] / "skupper_local"
# First words of commands that exist, here or in the reference; anything else after the name is prose.
_NOUNS = "|".join(
    (
        "site|token|link|listener|connector|service|certificate|system",
        "debug|version|manifest|completion|namespace|network|demo|up|expose|reach",
    )
)
_MENTION = re.compile(rf"skupper-local ((?:{_NOUNS})\b[^;,()\n\"`]*)")


def texts() -> Iterator[str]:
    """Every text in the code; what is put into it stands as ``X``."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else " X" for part in node.values)
                yield "".join(str(part) for part in parts)


def mentions() -> set[str]:
    """Every command line in a text, with the words of prose that follow it."""
    return {" ".join(mention.split()) for text in texts() for mention in _MENTION.findall(text)}


def problem(words: list[str]) -> str:
    """What is wrong with the words of a command line: one that is no command, an option that its command does not have."""
    command: click.Command = cli
    context = click.Context(cli, info_name="skupper-local")
    for number, word in enumerate(words):
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, word)
        if found is None:
            return "" if word in ("X", "--help") or number == len(words) else f"no command {word}"
        command, context = found, click.Context(found, parent=context, info_name=word)
    known = {option for item in command.get_params(context) for option in (*item.opts, *item.secondary_opts)}
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("mention", sorted(mentions()))
def test_every_command_in_a_text_exists_with_the_options_it_is_given(mention: str) -> None:
    assert problem(mention.split()) == ""


def test_there_are_mentions_to_check() -> None:
    found = {" ".join(mention.split()[:2]) for mention in mentions()}
    assert {"system start", "system reload", "system logs", "site update"} <= found


def test_a_command_or_an_option_that_is_not_there_would_be_found() -> None:
    assert problem(["system", "strat"]) == "no command strat"
    assert problem(["system", "start", "--now"]) == "no option --now"


_EVERY_COMMAND = [
    "listener create web 8080",
    "site create west --enable-link-access",
    "site create east",
    "site status",
    "site update --edge",
    "listener status",
    "listener status wbe",
    "listener create web 8081 --host 127.0.0.1",
    "listener delete nothing",
    "connector status",
    "connector create db 5432",
    "connector update nothing --port 1",
    "connector delete db",
    "link status",
    "link generate",
    "link update nothing --cost 2",
    "service status",
    "service status nothing",
    "certificate status",
    "certificate status nothing",
    "system status",
    "system check",
    "system history",
    "system rollback",
    "system rollback 7",
    "system stop",
    "system logs",
    "system units --text",
    "system migrate --to podman",
    "system migrate --to podmann",
    "system upgrade --image x",
    "system load-image nothing",
    "system load-image nothing -p podman",
    "system start --router nothing",
    "system start -p podman --router embedded",
    "system apply -f nothing",
    "system apply -f .",
    "system delete -f nothing",
    "system generate-bundle a/b",
    "system generate-bundle a --input nothing",
    "system uninstall",
    "system teardown",
    "debug dump /nowhere/at/all",
    "namespace list",
    "expose 9090",
    "reach key 9091",
    "site status -n other",
    "system status -n other",
    "system start -n other",
    "system reload -n other",
    "system check -n other",
    "expose 80 -n other",
    "site create x -n Other_",
    "site create x -p nothing",
]


def test_every_next_step_of_every_command_can_be_typed(
    skupper: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found: dict[str, str] = {}
    for words in _EVERY_COMMAND:
        ran = skupper(words)
        assert ran.status == 0 or any(label in ran.err for label in ("next: ", "fix: ")), (words, ran)
        for line in lines_in(ran.err) + lines_in(ran.out):
            found[line] = words
    assert len(found) > 10
    assert [(line, words) for line, words in found.items() if not parses(line)] == []
