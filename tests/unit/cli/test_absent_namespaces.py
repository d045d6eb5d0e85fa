"""A namespace whose name was mistyped or left away: those that are there are named, and nothing is refused for it."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Run, declare


@pytest.fixture(autouse=True)
def two_namespaces(skupper: Run) -> None:
    declare(skupper, "site create one -n one", "site create west -n west")


@pytest.mark.parametrize(
    "words",
    [
        "system status",
        "system start",
        "system reload",
        "system stop",
        "system teardown",
        "system history",
        "site status",
        "site update --edge",
        "listener status",
        "listener status backend",
        "listener delete backend",
        "link status",
        "link generate",
        "connector status -o json",
        "certificate status",
        "service status",
        "up",
        "expose 9090",
    ],
)
def test_the_one_that_was_meant_is_named(skupper: Run, words: str) -> None:
    assert "namespace oen does not exist; did you mean -n one?" in skupper(f"{words} -n oen").err


def test_a_first_listener_may_stand_before_its_site_and_the_others_are_named(skupper: Run) -> None:
    ran = skupper("listener create backend 8080 -n weste")
    assert ran.status == 0
    assert "namespace weste is new, and has no site; did you mean -n west?" in ran.err


def test_without_a_flag_those_that_are_there_are_named(skupper: Run) -> None:
    assert "namespace default does not exist; choose one with -n: one, west" in skupper("site status").err


def test_a_program_reads_it_in_the_error(skupper: Run) -> None:
    error = json.loads(skupper("listener status backend -n oen -o json").err)["error"]
    assert error["note"] == "namespace oen does not exist; did you mean -n one?"


def test_nothing_is_said_of_others_where_a_site_is(skupper: Run) -> None:
    for words in ("site create oen -n oen", "site status one -n one", "listener status -n oen"):
        ran = skupper(words)
        assert ran.status == 0
        assert "did you mean" not in ran.err


def test_nothing_is_said_where_there_is_no_other(skupper: Run) -> None:
    for name in ("one", "west"):
        skupper(f"system teardown --force -n {name}")
    assert "note:" not in skupper("site status -n oen").err
