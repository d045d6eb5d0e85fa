"""What ``service status`` and ``certificate status`` print for a site that does not run."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def declared(skupper: Run) -> None:
    skupper("site create west")
    skupper("listener create backend 8080 --routing-key b --host 127.0.0.1")
    skupper("listener create second 8081 --routing-key b --host 127.0.0.1")
    skupper("connector create db 5432 --host db.example")


def test_services_of_a_site_never_started_are_pending_with_that_reason(skupper: Run) -> None:
    ran = skupper("service status")
    assert ran.status == 0
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines == [
        "ROUTING-KEY STATUS LISTENERS CONNECTORS MESSAGE",
        "b Pending west (2) none Site not initialized yet",
        "db Pending none west Site not initialized yet",
    ]
    assert "Only what this site declares is shown" in ran.err


def test_one_service_is_shown_with_its_ends(skupper: Run) -> None:
    lines = skupper("service status db").out.splitlines()
    assert lines[:2] == ["Routing key: db", "Status: Pending"]
    assert lines[-1].split()[:4] == ["connector", "west", "db", "db.example:5432"]


def test_a_key_that_nobody_has_is_refused(skupper: Run) -> None:
    ran = skupper("service status nothing")
    assert ran.status == 2
    assert "skupper-local service status" in ran.err


def test_services_are_printed_as_one_document(skupper: Run) -> None:
    found = json.loads(skupper("service status -o json").out)["services"]
    assert [item["routingKey"] for item in found] == ["b", "db"]
    assert found[0]["listeners"][0]["site"] == "west"
    assert yaml.safe_load(skupper("service status -o yaml").out)["services"] == found


def test_before_the_first_start_there_are_no_certificates_and_it_says_when_there_will_be(
    skupper: Run,
) -> None:
    ran = skupper("certificate status")
    assert (ran.status, ran.out) == (0, "")
    assert "skupper-local system start" in ran.err
    assert json.loads(skupper("certificate status -o json").out) == {"certificates": []}
    assert skupper("certificate status west").status == 2
