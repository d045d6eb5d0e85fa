"""Declarations as typed: listeners of several keys, changes that keep the rest, and ``generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.conftest import Run


def spec(data_home: Path, name: str) -> dict[str, Any]:
    file = data_home / "namespaces" / "default" / "input" / "resources" / f"{name}.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text())["spec"]
    return found


@pytest.mark.parametrize(
    ("typed", "strategy"),
    [
        ("--routing-keys near,far", {"priority": {"routingKeys": ["near", "far"]}}),
        ("--routing-keys near,far --strategy priority", {"priority": {"routingKeys": ["near", "far"]}}),
        ("--routing-keys new=1,old=9", {"weighted": {"routingKeys": {"new": 1, "old": 9}}}),
        ("--routing-keys a,b=3 --strategy weighted", {"weighted": {"routingKeys": {"a": 1, "b": 3}}}),
    ],
)
def test_a_listener_has_several_keys_in_order_or_by_weight(
    skupper: Run, data_home: Path, typed: str, strategy: dict[str, Any]
) -> None:
    assert skupper(f"listener create api 8080 {typed}").status == 0
    assert spec(data_home, "MultiKeyListener-api") == {"host": "0.0.0.0", "port": 8080, "strategy": strategy}


@pytest.mark.parametrize(
    "typed",
    [
        "--routing-keys a,a",
        "--routing-keys a,,b",
        "--routing-keys a=x --strategy weighted",
        "--routing-keys a=1,b=2 --strategy priority",
        "--routing-keys a,b --observer ftp",
        "--strategy weighted",
        "--routing-key a --routing-keys b,c",
    ],
)
def test_keys_that_say_nothing_clear_are_refused(skupper: Run, data_home: Path, typed: str) -> None:
    ran = skupper(f"listener create api 8080 {typed}")
    assert ran.status == 2
    assert "next:" in ran.err
    assert not (data_home / "namespaces").exists()


def test_both_kinds_of_listener_are_shown_and_deleted_by_name(skupper: Run) -> None:
    skupper("listener create one 8080")
    skupper("listener create api 8081 --routing-keys new=1,old=9")
    shown = skupper("listener status").out
    assert [line.split()[0] for line in shown.splitlines()] == ["NAME", "api", "one"]
    assert "new=1,old=9" in shown
    assert "Routing key: new=1,old=9" in skupper("listener status api").out
    assert "api" in skupper("service status old").out
    assert "MultiKeyListener api deleted" in skupper("listener delete api").out
    assert skupper("listener status api").status == 2


def test_one_name_is_one_listener(skupper: Run) -> None:
    skupper("listener create api 8080")
    ran = skupper("listener create api 8081 --routing-keys a,b --force")
    assert ran.status == 2
    assert "skupper-local listener delete api" in ran.err


def test_an_update_keeps_what_it_is_not_told_to_change(skupper: Run, data_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: web, labels: {team: red}}\n"
        "spec: {routingKey: web, host: 0.0.0.0, port: 80, observer: http1, color: blue, settings: {mine: x}}\n"
        "---\napiVersion: skupper.io/v2alpha1\nkind: Connector\nmetadata: {name: db}\n"
        "spec: {routingKey: db, host: far, port: 1, tlsCredentials: t, useClientCert: true, verifyHostname: true}\n"
    )
    skupper(f"system apply -f {file}")
    assert skupper("listener update web --host 127.0.0.1 --port 81").status == 0
    assert spec(data_home, "Listener-web") == {
        "routingKey": "web",
        "host": "127.0.0.1",
        "port": 81,
        "observer": "http1",
        "color": "blue",
        "settings": {"mine": "x"},
    }
    stored = (data_home / "namespaces/default/input/resources/Listener-web.yaml").read_text()
    assert "team: red" in stored
    assert skupper("connector update db --host localhost --any-hostname").status == 0
    assert spec(data_home, "Connector-db") == {
        "routingKey": "db",
        "host": "localhost",
        "port": 1,
        "tlsCredentials": "t",
        "useClientCert": True,
    }


def test_an_update_of_nothing_says_so(skupper: Run) -> None:
    skupper("connector create db 5432")
    ran = skupper("connector update db")
    assert ran.status == 0
    assert "declared already" in ran.out


@pytest.mark.parametrize(
    "typed",
    [
        "listener update web --port 70000",
        "listener update web --host -x-",
        "listener update web --routing-keys a,b",
        "listener update api --routing-key a",
        "connector update db --use-client-cert",
        "connector update nobody --port 1",
        "link update nobody --cost 2",
    ],
)
def test_an_update_that_cannot_be_is_refused_and_changes_nothing(
    skupper: Run, data_home: Path, typed: str
) -> None:
    for command in (
        "listener create web 80",
        "listener create api 81 --routing-keys a,b",
        "connector create db 1",
    ):
        assert skupper(command).status == 0
    files = data_home / "namespaces" / "default" / "input" / "resources"
    before = {file.name: file.read_text() for file in files.iterdir()}
    assert skupper(typed).status == 2
    assert {file.name: file.read_text() for file in files.iterdir()} == before


def test_the_keys_of_a_listener_and_its_strategy_can_change(skupper: Run, data_home: Path) -> None:
    skupper("listener create api 81 --routing-keys a,b")
    skupper("listener update api --routing-keys b,a")
    assert spec(data_home, "MultiKeyListener-api")["strategy"] == {"priority": {"routingKeys": ["b", "a"]}}
    skupper("listener update api --routing-keys a=2,b=3")
    assert spec(data_home, "MultiKeyListener-api")["strategy"] == {
        "weighted": {"routingKeys": {"a": 2, "b": 3}}
    }


def test_a_link_s_cost_changes_and_its_endpoints_stay(skupper: Run, data_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "link.yaml"
    file.write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: west}\n"
        "spec: {tlsCredentials: west, endpoints: [{name: inter-router, host: far, port: '55671'}]}\n"
    )
    skupper(f"system apply -f {file}")
    assert skupper("link update west --cost 7").status == 0
    assert spec(data_home, "Link-west") == {
        "cost": 7,
        "tlsCredentials": "west",
        "endpoints": [{"name": "inter-router", "host": "far", "port": "55671"}],
    }


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("site generate west --enable-link-access", "Site"),
        ("listener generate web 80 --observer http1", "Listener"),
        ("listener generate web 80 --routing-keys a,b", "MultiKeyListener"),
        ("connector generate db 5432 --tls-credentials t --use-client-cert", "Connector"),
    ],
)
def test_generate_prints_what_create_declares_and_writes_nothing(
    skupper: Run, data_home: Path, typed: str, kind: str
) -> None:
    ran = skupper(typed)
    assert ran.status == 0
    printed = yaml.safe_load(ran.out)
    assert printed["kind"] == kind
    assert yaml.safe_load(skupper(f"{typed} -o json").out) == printed
    assert not (data_home / "namespaces").exists()
    skupper(typed.replace("generate", "create"))
    assert spec(data_home, f"{kind}-{typed.split()[2]}") == printed["spec"]


def test_an_edge_site_takes_no_links(skupper: Run, data_home: Path) -> None:
    assert skupper("site create west --edge --enable-link-access").status == 2
    assert skupper("site create west --edge").status == 0
    assert spec(data_home, "Site-west") == {"edge": True}
    assert skupper("site update --enable-link-access").status == 2
    assert skupper("site update --no-edge --enable-link-access").status == 0
    assert spec(data_home, "Site-west") == {"linkAccess": "default"}


def test_a_listener_on_all_interfaces_says_who_can_reach_it(skupper: Run) -> None:
    assert "whoever reaches this machine" in skupper("listener create web 80").err
    assert "whoever reaches" not in skupper("listener create db 81 --host 127.0.0.1").err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lisener create web 80", "listener"), ("listener craete web 80", "create"), ("link updte w", "update")],
)
def test_a_typo_in_a_command_is_answered_with_the_command(skupper: Run, typed: str, meant: str) -> None:
    ran = skupper(typed)
    assert ran.status == 2
    assert f"Did you mean {meant}" in ran.err
