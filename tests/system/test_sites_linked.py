"""Two linked sites on one machine, end to end, as a person would do it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.rig.machine import COMMAND, Linked, Machine, eventually, http_server, link_two_sites
from tests.rig.ports import HOST, free_port

ANSWER = b"hello from behind east"


@pytest.fixture
def linked(machine: Machine) -> Iterator[Linked]:
    with http_server(ANSWER) as port:
        yield link_two_sites(machine, port)


def ask(linked: Linked) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{HOST}:{linked.listener_port}/", timeout=5) as response:
        answer: bytes = response.read()
        return answer


def answered(linked: Linked) -> bool:
    return ask(linked) == ANSWER


def documents(text: str) -> list[dict[str, object]]:
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        position += len(text[position:]) - len(text[position:].lstrip())
    return found


def test_a_request_travels_through_both_routers_and_the_status_of_everything_is_ready(linked: Linked) -> None:
    machine = linked.machine
    eventually(lambda: answered(linked))
    eventually(lambda: "Ready" in machine.ok("link status -n east"))
    assert " Ready " in machine.ok("listener status -n west")
    assert machine.ok("listener status -n west").splitlines()[0].split() == [
        "NAME",
        "STATUS",
        "ROUTING-KEY",
        "HOST",
        "PORT",
        "MATCHING-CONNECTOR",
        "MESSAGE",
    ]
    eventually(lambda: " Ready " in machine.ok("connector status -n east"))
    assert " Ready " in machine.ok("site status -n west")
    incoming = machine.ok("link status -n west")
    assert "Links from remote sites" in incoming
    assert "east" in incoming
    (link,) = documents(machine.ok("link status -n east -o json"))
    assert isinstance(link["status"], dict)
    assert link["status"]["remoteSiteName"] == "west"
    assert "Has Matching Connector: true" in machine.ok("listener status backend -n west")
    (system,) = documents(machine.ok("system status -n west -o json"))
    assert system["status"] == "running"
    assert machine.ok("namespace list").count("running") == 2


def test_a_stopped_site_is_down_without_hanging_anybody_and_comes_back_with_everything(
    linked: Linked,
) -> None:
    machine = linked.machine
    eventually(lambda: answered(linked))
    keys = {path: path.read_bytes() for path in machine.home("east").rglob("*.key")}
    machine.ok("system stop -n east")
    assert machine.routers("east") == []
    with pytest.raises(OSError, match=r".+"):
        ask(linked)
    assert "stopped" in machine.ok("system status -n east")
    assert "Ready" not in machine.ok("link status -n east")
    machine.ok("system stop -n east")
    machine.ok("system start -n east")
    eventually(lambda: answered(linked))
    assert {path: path.read_bytes() for path in machine.home("east").rglob("*.key")} == keys


def test_a_killed_router_is_started_again_and_carries_traffic(linked: Linked) -> None:
    machine = linked.machine
    eventually(lambda: answered(linked))
    (before,) = machine.routers("east")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: machine.routers("east") not in ([], [before]))
    eventually(lambda: answered(linked))
    assert "Restarts:    1" in machine.ok("system status -n east")


def test_a_killed_supervisor_is_noticed_and_repaired_by_the_next_start(linked: Linked) -> None:
    machine = linked.machine
    eventually(lambda: answered(linked))
    (router,) = machine.routers("east")
    for pid, line in machine.processes().items():
        if "linux.supervisor" in line and str(machine.home("east")) in line:
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: "supervisor is gone" in machine.ok("namespace list"))
    assert answered(linked)
    assert "put right" in machine.ok("system start -n east")
    assert len(machine.routers("east")) == 1
    assert machine.routers("east") != [router]
    eventually(lambda: answered(linked))


def test_a_reload_restarts_the_router_only_when_its_configuration_changed(linked: Linked) -> None:
    machine = linked.machine
    eventually(lambda: answered(linked))
    before = machine.routers("east")
    certificates = {path: path.read_bytes() for path in machine.home("east").rglob("*.crt")}
    assert "nothing has changed" in machine.ok("system reload -n east")
    assert machine.routers("east") == before
    machine.ok(f"connector create other {linked.server_port} --host {HOST} -n east")
    assert "reload" in machine.ok("connector status other -n east")
    assert "+ tcpConnector connector/other@127.0.0.1" in machine.ok("system reload -n east")
    assert machine.routers("east") != before
    assert {path: path.read_bytes() for path in machine.home("east").rglob("*.crt")} == certificates
    eventually(lambda: answered(linked))


def test_no_file_of_a_site_is_readable_by_others_nor_one_that_receives_a_link(
    linked: Linked, tmp_path: Path
) -> None:
    """The shell makes the latter readable by all; before the key is written it is its owner's only."""
    for path in linked.machine.data_home.rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
    file = tmp_path / "west.yaml"
    with file.open("w") as output:
        os.fchmod(output.fileno(), 0o644)
        words = [*COMMAND, "link", "generate", "-n", "west"]
        subprocess.run(words, stdout=output, env=linked.machine.environment(), timeout=90, check=True)
    assert "kind: Link" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_for_another_host_is_covered_by_the_certificate_before_it_is_printed(linked: Linked) -> None:
    machine = linked.machine
    eventually(lambda: answered(linked))
    router = machine.routers("west")
    text = machine.ok("link generate --host localhost --name second --cost 5 -n west")
    assert "cost: 5" in text
    other = machine.ok("link generate --host west.example.com -n west")
    assert "host: west.example.com" in other
    assert machine.routers("west") == router
    assert answered(linked)
    # A third site that uses the second link: the running router must trust its new CA without a restart.
    machine.ok("site create north -n north")
    machine.ok(f"listener create backend {free_port()} --host {HOST} -n north")
    machine.ok("system apply -f - -n north", text=text)
    machine.ok("system start -n north")
    eventually(lambda: " Ready " in machine.ok("link status -n north"))


def test_a_link_that_cannot_connect_says_why(machine: Machine) -> None:
    machine.ok("site create west --enable-link-access -n west")
    machine.ok("system start -n west")
    text = machine.ok(f"link generate --host {HOST} -n west")
    machine.ok("system stop -n west")
    machine.ok("site create east -n east")
    machine.ok("system apply -f - -n east", text=text)
    machine.ok("system start -n east")
    eventually(lambda: "refused" in machine.ok("link status -n east").lower())


def _with_credentials_of(link: str, other: str) -> str:
    """A generated link, with the keys and the CA of another one in its Secret."""
    ours, theirs = ([*yaml.safe_load_all(text)] for text in (link, other))
    [secret] = [item for item in ours if item["kind"] == "Secret"]
    [secret["data"]] = [item["data"] for item in theirs if item["kind"] == "Secret"]
    return str(yaml.safe_dump_all(ours))


def test_wrong_credentials_for_a_link_are_told_once_they_are_in_effect(linked: Linked) -> None:
    machine = linked.machine
    eventually(lambda: " Ready " in machine.ok("link status -n east"))
    good = machine.ok(f"link generate --host {HOST} -n west")
    machine.ok("site create stranger --enable-link-access -n stranger")
    machine.ok("system start -n stranger")
    wrong = _with_credentials_of(good, machine.ok(f"link generate --host {HOST} -n stranger"))
    before = machine.routers("east")
    machine.ok("system apply -f - -n east", text=wrong)
    machine.ok("system reload -n east")
    eventually(lambda: "certificate verification failed" in machine.ok("link status -n east"))
    assert " Pending " in machine.ok("link status -n east")
    machine.ok("system apply -f - -n east", text=good)
    machine.ok("system reload -n east")
    eventually(lambda: answered(linked))
    eventually(lambda: " Ready " in machine.ok("link status -n east"))
    assert machine.routers("east") == before


def test_teardown_leaves_nothing_of_a_site(machine: Machine) -> None:
    machine.ok("site create west --enable-link-access -n west")
    machine.ok("system start -n west")
    machine.ok("system teardown --force -n west")
    assert machine.processes() == {}
    assert [path for path in machine.data_home.rglob("*") if path.is_file()] == []


def test_ports_and_identity_stay_across_stop_reload_and_start(machine: Machine) -> None:
    machine.ok("site create west --enable-link-access -n west")
    machine.ok("system start -n west")
    configuration = machine.home("west") / "runtime/router/skrouterd.json"
    before = configuration.read_bytes()
    machine.ok("system stop -n west")
    with socket.create_server((HOST, 0)):
        machine.ok("system start -n west")
    machine.ok("system reload -n west")
    assert configuration.read_bytes() == before
