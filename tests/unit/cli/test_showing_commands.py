"""What the status commands print for sites that were never started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def declared(skupper: Run) -> None:
    skupper("site create west")
    skupper("listener create backend 8080 --routing-key b")
    skupper("listener create another 8081")
    skupper("connector create db 5432")


def test_a_site_never_started_has_no_status(skupper: Run) -> None:
    ran = skupper("site status")
    assert ran.status == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["NAME", "STATUS", "MESSAGE"],
        ["west", "Site", "not", "initialized", "yet"],
    ]
    assert ran.err == "Site not initialized yet\nnext: skupper-local system start\n"


def test_listeners_and_connectors_have_the_headings_of_the_reference(skupper: Run) -> None:
    listeners = skupper("listener status").out.splitlines()
    assert listeners[0].split("  ")[0] == "NAME"
    assert " ".join(listeners[0].split()) == "NAME STATUS ROUTING-KEY HOST PORT MATCHING-CONNECTOR MESSAGE"
    assert [line.split()[0] for line in listeners[1:]] == ["another", "backend"]
    heading = "NAME STATUS ROUTING-KEY SELECTOR HOST PORT HAS MATCHING LISTENER MESSAGE"
    assert " ".join(skupper("connector status").out.splitlines()[0].split()) == heading


def test_one_listener_is_shown_by_labels(skupper: Run) -> None:
    lines = skupper("listener status backend").out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "Name",
        "Status",
        "Routing key",
        "Host",
        "Port",
        "Has Matching Connector",
        "Message",
    ]
    assert lines[2:5] == ["Routing key: b", "Host: 0.0.0.0", "Port: 8080"]
    assert skupper("connector status db").out.splitlines()[3:6] == [
        "Selector: ",
        "Host: localhost",
        "Port: 5432",
    ]


def test_resources_are_printed_as_documents(skupper: Run) -> None:
    document = json.loads(skupper("listener status backend -o json").out)
    assert document["kind"] == "Listener"
    assert document["spec"]["port"] == 8080
    documents = list(yaml.safe_load_all(skupper("listener status -o yaml").out))
    assert [item["metadata"]["name"] for item in documents] == ["another", "backend"]


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("kind", ["site", "listener", "connector", "link"])
def test_documents_are_the_same_each_time(skupper: Run, kind: str, output: str) -> None:
    words = f"{kind} status -o {output}"
    assert skupper(words).out == skupper(words).out


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("site", "There is no existing Skupper site resource"),
        ("listener", "No listeners found"),
        ("connector", "No connectors found"),
        ("link", "There are no links in this namespace"),
    ],
)
def test_nothing_found_is_said_and_is_no_failure(skupper: Run, kind: str, said: str) -> None:
    ran = skupper(f"{kind} status -n elsewhere")
    assert ran.status == 0
    assert ran.out == ""
    assert said in ran.err


@pytest.mark.parametrize("kind", ["site", "listener", "connector", "link"])
def test_a_name_that_is_not_there_is_a_failure(skupper: Run, kind: str) -> None:
    ran = skupper(f"{kind} status nobody")
    assert ran.status == 2
    assert "error [not-declared]" in ran.err


def test_namespaces_are_listed_with_their_state(skupper: Run) -> None:
    skupper("listener create lonely 1 -n empty")
    rows = [line.split() for line in skupper("namespace list").out.splitlines()]
    assert rows[0] == ["NAME", "SITE", "PLATFORM", "STATUS", "MESSAGE"]
    assert rows[1][:3] == ["default", "west", "not"]
    assert rows[2][:3] == ["empty", "not", "started"]
    found = json.loads(skupper("namespace list -o json").out)["namespaces"]
    assert found[0] == {"name": "default", "site": "west", "status": "not started"}


def test_the_system_is_shown_on_one_screen_with_the_next_step(skupper: Run) -> None:
    ran = skupper("system status")
    assert "Status:      not started" in ran.out
    assert "Listeners:   0 of 2 ready" in ran.out
    assert "next: skupper-local system start" in ran.err
    document = json.loads(skupper("system status -o json").out)
    assert document["status"] == "not started"
    assert document["listeners"] == {"declared": 2, "ready": 0}


def test_a_file_that_cannot_be_read_as_declaration_is_named(skupper: Run, data_home: Path) -> None:
    broken = data_home / "namespaces/default/input/resources/broken.yaml"
    broken.write_text("kind: Listener\n")
    ran = skupper("listener status")
    assert ran.status == 0
    assert str(broken) in ran.err
    assert skupper("system start").status == 2


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("kind", ["site", "listener", "connector", "link"])
def test_nothing_to_show_is_an_empty_list_for_programs(skupper: Run, kind: str, output: str) -> None:
    ran = skupper(f"{kind} status -n elsewhere -o {output}")
    assert ran.status == 0
    assert "namespace elsewhere does not exist" in ran.err
    assert yaml.safe_load(ran.out) == []


def test_a_mistyped_name_is_answered_with_those_there_are(skupper: Run) -> None:
    ran = skupper("listener status bakcend")
    assert ran.status == 2
    assert "there are: another, backend" in ran.err
