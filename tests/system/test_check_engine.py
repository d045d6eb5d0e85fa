"""``system check`` as a command: bounded in time, whatever does not answer, and readable by people and programs."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.machine import Machine


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """A socket at which somebody accepts and never answers."""
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(16)
        yield path


@pytest.mark.parametrize("platform", ["podman", "docker", ""])
def test_an_engine_that_accepts_and_never_answers_is_reported_within_ten_seconds(
    tmp_path: Path, silent: Path, platform: str
) -> None:
    further = {"CONTAINER_ENDPOINT": f"unix://{silent}"}
    machine = Machine(tmp_path, platform=platform, further=further)
    for words in ("system check --pre -o json", "system check -o json"):
        if not platform and "--pre" in words:
            continue
        began = time.monotonic()
        told = machine.run(words)
        assert time.monotonic() - began < 12  # with what a busy machine takes to start a program
        assert told.returncode == 1
        found = {item["code"]: item for item in json.loads(told.stdout)["checks"]}
        assert found["engine-reachable"]["status"] == "failed"
        assert "said nothing for" in found["engine-reachable"]["cause"]
        assert found["engine-reachable"]["fix"]


def test_a_site_that_runs_passes_and_a_page_fits_eighty_columns(machine: Machine) -> None:
    machine.ok("site create west --enable-link-access -n west")
    machine.ok("system start -n west")
    page = machine.ok("system check -n west")
    # a path without a blank is left whole, so that it can be copied
    assert [line for line in page.splitlines() if len(line) > 80 and str(machine.directory) not in line] == []
    assert "FAIL" not in page
    document = json.loads(machine.ok("system check -n west -o json"))
    assert document["passed"] is True
    assert {item["status"] for item in document["checks"]} <= {"ok", "warning", "skipped"}

    key = machine.home("west") / "runtime/certs/skupper-local-client/tls.crt"
    key.write_text("damaged")
    told = machine.run("system check -n west")
    assert told.returncode == 1
    assert "[certificate-days]" in told.stdout
    assert "FAIL skupper-local-client cannot be read" in told.stdout


def test_a_link_to_a_host_that_nobody_knows_is_found_at_once(machine: Machine) -> None:
    machine.ok("site create east -n east")
    machine.ok("system start -n east")
    configuration = machine.home("east") / "runtime/router/skrouterd.json"
    entities = json.loads(configuration.read_text())
    entities.append(["connector", {"name": "x", "host": "no-such-host.invalid", "port": "55671"}])
    configuration.write_text(json.dumps(entities))
    began = time.monotonic()
    told = machine.run("system check -n east -o json")
    assert time.monotonic() - began < 10
    failures = [item["code"] for item in json.loads(told.stdout)["checks"] if item["status"] == "failed"]
    assert failures == ["link-host-resolves"]


@pytest.mark.skipif(os.geteuid() != 0, reason="the platform of an ordinary user has another socket")
def test_a_missing_engine_is_explained_by_the_error_and_by_the_check(tmp_path: Path) -> None:
    endpoint = {"CONTAINER_ENDPOINT": f"unix://{tmp_path}/none.sock"}
    machine = Machine(tmp_path, platform="podman", further=endpoint)
    machine.ok("site create west")
    refused = machine.run("system start")
    assert refused.returncode == 1
    assert "engine-unreachable" in refused.stderr
    assert "check: skupper-local system check (engine-socket" in refused.stderr
    assert "FAIL podman has no socket" in machine.run("system check").stdout
