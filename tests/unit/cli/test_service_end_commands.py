"""``expose`` and ``reach`` before the site runs; with a running one they are tested with real routers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rig.ports import HOST
from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def site(skupper: Run) -> None:
    skupper("site create west")


def only(skupper: Run, kind: str) -> Any:
    return json.loads(skupper(f"{kind} status -o json").out)


def test_expose_declares_a_connector_and_says_what_comes_next(skupper: Run) -> None:
    ran = skupper("expose 8080 --as backend")
    assert (ran.status, ran.out) == (0, "localhost:8080 is offered as backend\n")
    assert "skupper-local system start" in ran.err
    declared = only(skupper, "connector")
    assert declared["metadata"]["name"] == "backend"
    assert declared["spec"]["port"] == 8080
    assert declared["spec"]["routingKey"] == "backend"


def test_the_same_again_is_no_mistake_and_another_server_is(skupper: Run) -> None:
    assert skupper("expose 8080 --as backend").status == 0
    assert skupper("expose 8080 --as backend").status == 0
    ran = skupper("expose 9090 --as backend")
    assert ran.status == 2
    assert "already-declared" in ran.err


def test_the_way_out_of_a_name_that_is_taken_can_be_typed(skupper: Run) -> None:
    assert skupper("expose 8080 --as backend").status == 0
    for words in ("expose 9090 --as backend", "expose 8080 --as other --name backend"):
        ran = skupper(words)
        assert "--force" not in ran.err  # which expose does not have
        (line,) = [line for line in ran.err.splitlines() if "skupper-local connector update" in line]
        assert skupper(line.partition("skupper-local ")[2]).status == 0
        assert skupper(words).status == 0
    skupper("listener create shop 8081 --routing-key another")
    ran = skupper("reach shop 8082")
    assert (ran.status, "--force" in ran.err) == (2, False)
    (line,) = [line for line in ran.err.splitlines() if "skupper-local listener create" in line]
    assert skupper(line.partition("skupper-local ")[2]).status == 0
    assert skupper("reach shop 8082").out == f"shop is reached at {HOST}:8082\n"


def test_an_end_with_more_to_it_is_the_same_end(skupper: Run, data_home: Path) -> None:
    skupper("connector create backend 8080 --host localhost --type tcp")
    skupper("listener create web 8081 --routing-key backend --host 127.0.0.5 --observer none")
    files = sorted((data_home / "namespaces/default/input/resources").iterdir())
    before = [file.read_bytes() for file in files]
    assert skupper("expose 8080 --as backend").status == 0
    assert skupper("reach backend").out == "backend is reached at 127.0.0.5:8081\n"
    assert skupper("reach backend 8081 -o json").status == 0
    assert [file.read_bytes() for file in files] == before


def test_without_a_key_the_port_names_the_service(skupper: Run) -> None:
    assert skupper("expose 8080").out == "localhost:8080 is offered as port-8080\n"
    assert skupper("expose 8081 --name web").out == "localhost:8081 is offered as web\n"


def test_reach_listens_on_this_machine_only_and_keeps_the_port_it_chose(skupper: Run) -> None:
    first = skupper("reach backend")
    assert first.status == 0
    declared = only(skupper, "listener")
    assert declared["spec"]["host"] == HOST
    assert first.out == f"backend is reached at {HOST}:{declared['spec']['port']}\n"
    assert skupper("reach backend").out == first.out


def test_reach_at_another_port_names_the_one_that_is_open(skupper: Run) -> None:
    skupper("reach backend 18080")
    ran = skupper("reach backend 18081")
    assert ran.status == 2
    assert "port 18080" in ran.err
    assert "skupper-local listener delete backend" in ran.err


def test_two_services_never_get_one_port(skupper: Run) -> None:
    skupper("reach one")
    skupper("reach two")
    listeners = skupper("listener status -o yaml").out
    ports = [line.split()[-1] for line in listeners.splitlines() if line.strip().startswith("port:")]
    assert len(set(ports)) == 2


@pytest.mark.parametrize("words", ["expose", "expose 0", "expose 70000", "expose http", "reach", "reach a 0"])
def test_a_missing_or_impossible_port_is_refused(skupper: Run, words: str) -> None:
    assert skupper(words).status == 2


def test_without_a_site_both_say_how_to_declare_one(skupper: Run) -> None:
    for words in ("expose 8080 -n other", "reach backend -n other"):
        ran = skupper(words)
        assert ran.status == 2
        assert "skupper-local site create other -n other\n" in ran.err
