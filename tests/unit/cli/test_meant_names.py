"""A name that is not there, or that breaks its rule, is answered with one that is there, or would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run, declare
from tests.unit.cli.lines import parses
from tests.unit.cli.test_mistyped_commands import next_line


@pytest.fixture
def declared(skupper: Run) -> Run:
    declare(
        skupper,
        "site create west",
        "listener create backend 8080 --host 127.0.0.1",
        "listener create several 8081 --host 127.0.0.1 --routing-keys a,b",
        "connector create database 5432",
    )
    return skupper


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("listener status bakend", "listener status backend"),
        ("listener status sevral", "listener status several"),
        ("connector status databse", "connector status database"),
        ("site status wset", "site status west"),
        ("service status backnd", "service status backend"),
        ("connector status backend", "listener status backend"),
        ("connector status several", "listener status several"),
        ("link status database", "connector status database"),
        ("-n default listener status bakend -o json", "-n default listener status backend -o json"),
    ],
)
def test_the_line_with_the_name_or_the_kind_that_was_meant_can_be_typed(
    declared: Run, typed: str, meant: str
) -> None:
    ran = declared(typed)
    assert ran.status == 2
    if "json" in typed:
        assert f'"next": "skupper-local {meant}"' in ran.err
    else:
        assert next_line(ran.err) == f"skupper-local {meant}"
    assert declared(meant).status == 0


@pytest.mark.parametrize("typed", ["connector delete backend", "listener delete bakend", "site delete wset"])
def test_a_deletion_of_something_else_is_not_proposed(declared: Run, typed: str) -> None:
    ran = declared(typed)
    assert ran.status == 2
    assert "error [not-declared]" in ran.err
    assert "skupper-local" in next_line(ran.err)
    assert " delete " not in next_line(ran.err)
    assert parses(next_line(ran.err).removeprefix("see what there is: "))


def test_a_name_of_another_kind_is_said(declared: Run) -> None:
    assert "but there is a listener backend" in declared("connector delete backend").err
    assert "but there is a connector database" in declared("listener update database --port 1").err


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("listener", "create", "Back_End", "80"), "; give back-end"),
        (
            ("listener", "create", "web", "80", "--host", "http://10.0.0.1:81/x"),
            "; give 10.0.0.1, and 81 as the port",
        ),
        (("listener", "create", "web", "80", "--host", "[::1]"), "; give ::1"),
        (("connector", "create", "web", "80", "--host", "Server.Example"), "; give server.example"),
        (("connector", "create", "web", "80", "--host", "server:81"), "; give server, and 81 as the port"),
        (("connector", "create", "web", "80", "--routing-key", "a b"), "; give a-b"),
        (("site", "create", "My Site"), "; give my-site"),
    ],
)
def test_a_value_that_breaks_its_rule_is_answered_with_one_that_would_do(
    skupper: Run, words: tuple[str, ...], advice: str
) -> None:
    ran = skupper(*words)
    assert ran.status == 2
    assert advice in ran.err


@pytest.mark.parametrize("value", ["", "-", "...", "///", "日本", "a" * 300])
def test_no_value_is_proposed_where_none_would_do(skupper: Run, value: str) -> None:
    ran = skupper("listener", "create", "--", "web", "80")
    assert ran.status == 0
    ran = skupper("connector", "create", "db", "1", "--host", value or " ")
    assert ran.status == 2
    assert "; give" not in ran.err


def test_a_service_of_any_key_has_both_ends_with_a_name_that_can_be_one(
    declared: Run, data_home: Path
) -> None:
    reached = declared("reach payments.Production 18080")
    assert reached.status == 0, reached.err
    assert "payments.Production is reached at 127.0.0.1:18080" in reached.out
    exposed = declared("expose 9090 --as payments.Production")
    assert exposed.status == 0, exposed.err
    resources = data_home / "namespaces" / "default" / "input" / "resources"
    assert "routingKey: payments.Production" in (resources / "Listener-payments-production.yaml").read_text()
    assert "routingKey: payments.Production" in (resources / "Connector-payments-production.yaml").read_text()


def test_before_there_is_a_site_the_next_step_is_to_declare_one(skupper: Run) -> None:
    assert "next: skupper-local site create my-site\n" in skupper("listener create web 80").err
    assert "next: skupper-local site create east -n east\n" in skupper("connector create web 80 -n east").err
    assert skupper("site create my-site").status == 0
    assert "next: skupper-local system start\n" in skupper("connector create web 80").err


def test_standard_input_without_a_resource_says_what_to_give(
    skupper: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for command in ("apply", "delete"):
        with empty.open() as nothing:
            monkeypatch.setattr("sys.stdin", nothing)
            ran = skupper(f"system {command} -f -")
        assert ran.status == 2
        assert "why: standard input: it holds no resource" in ran.err
        assert "skupper-local site generate my-site" in ran.err


@pytest.mark.parametrize(
    ("typed", "like"), [("-p podmn", "podman"), ("-p Docker", "docker"), ("-p linx", "linux")]
)
def test_a_platform_with_a_slip_is_named(skupper: Run, typed: str, like: str) -> None:
    ran = skupper(f"site create west {typed}")
    assert ran.status == 2
    assert next_line(ran.err) == f"give {like} in its place"


def test_a_dump_for_a_directory_goes_into_it(declared: Run, tmp_path: Path) -> None:
    place = tmp_path / "dumps"
    place.mkdir()
    assert declared("debug", "dump", str(place)).status == 0
    assert [file.name.startswith("skupper-dump-default-") for file in place.iterdir()] == [True]
