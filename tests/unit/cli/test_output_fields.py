"""OUTPUT.md names every field that ``-o`` prints, and every command that has ``-o``."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import yaml

from skupper_local.cli.main import cli
from tests.rig.output_fields import ACTING, OUTPUT, documents, section_of, undocumented
from tests.unit.cli.conftest import Run

_SEEING = (
    "site status",
    "listener status",
    "connector status",
    "link status",
    "service status",
    "certificate status",
    "namespace list",
    "system status",
    "system history",
    "system check --pre",
    "version",
    "site generate north",
    "listener generate backend 8080",
    "connector generate backend 8080 --host localhost",
)
_ACTING = (
    "site create west --enable-link-access",
    "listener create backend 8080 --host 127.0.0.1",
    "listener create several 8081 --host 127.0.0.1 --routing-keys near,far",
    "connector create backend 8090 --host localhost",
    "listener update backend --port 8082",
    "listener delete backend",
    "connector delete backend --wait ready",
    "site update --edge --disable-link-access",
    "site delete --all",
    "system teardown --force",
)


@pytest.mark.parametrize("words", _SEEING)
def test_what_a_command_shows_is_documented(skupper: Run, words: str) -> None:
    for command in _ACTING[:4]:
        skupper(command)
    ran = skupper(f"{words} -o json")
    assert documents(ran.out)
    assert undocumented(" ".join(words.split()[:2]), ran.out) == set()
    assert len(list(yaml.safe_load_all(skupper(f"{words} -o yaml").out))) == len(documents(ran.out))


def test_what_a_command_did_is_one_document_and_documented(skupper: Run) -> None:
    for words in _ACTING:
        ran = skupper(f"{words} -o json")
        assert ran.status == 0, ran.err
        (document,) = documents(ran.out)
        assert undocumented(words, ran.out) == set()
        assert document, words


def test_what_became_of_each_declaration_can_be_read(skupper: Run) -> None:
    (created,) = documents(skupper("listener create backend 8080 -o json").out)
    (row,) = created["resources"]
    assert (row["kind"], row["name"], row["outcome"]) == ("Listener", "backend", "added")
    assert row["path"].endswith("/input/resources/Listener-backend.yaml")
    again = yaml.safe_load(skupper("listener create backend 8080 -o yaml").out)
    assert [item["outcome"] for item in again["resources"]] == ["unchanged"]


def _commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_every_command_with_documents_has_its_place_in_the_list() -> None:
    text = OUTPUT.read_text()
    acting = text.partition(f"## {ACTING}")[2].partition("\n## ")[0]
    for path, command in _commands(cli):
        formats = [
            option
            for option in command.params
            if option.name == "output" and isinstance(option.type, click.Choice)
        ]
        verb = path.split()[-1]
        if formats and section_of(path) == ACTING:
            assert f"`{path}`" in acting or verb in ("create", "update", "delete"), path


def test_every_command_that_reports_or_acts_can_answer_with_documents() -> None:
    without = {
        path
        for path, command in _commands(cli)
        if not any(
            option.name == "output" and isinstance(option.type, click.Choice) for option in command.params
        )
    }
    assert without == {"completion", "demo", "system generate-bundle", "system logs"}
