"""``up``, ``expose``, ``reach``, ``system rollback``, ``service status`` and ``debug dump`` with real routers."""

from __future__ import annotations

import json
import signal
import socket
import tarfile
import urllib.request
from pathlib import Path

import pytest

from tests.rig.machine import Machine, eventually, http_server
from tests.rig.output_fields import undocumented
from tests.rig.ports import HOST, free_port

ANSWER = b"hello from the other end"
SITE = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: %s}\nspec: {linkAccess: %s}\n"


def answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{HOST}:{port}/", timeout=5) as response:
        return bool(response.read() == ANSWER)


def test_two_sites_and_a_service_take_a_handful_of_commands(machine: Machine, tmp_path: Path) -> None:
    port = free_port()
    with http_server(ANSWER) as server_port:
        for name, access in (("west", "default"), ("east", "none")):
            directory = tmp_path / name
            directory.mkdir()
            (directory / "site.yaml").write_text(SITE % (name, access))
        assert "running since" in machine.ok(f"up -f {tmp_path}/west -n west")
        (tmp_path / "east" / "link.yaml").write_text(machine.ok(f"link generate --host {HOST} -n west"))
        machine.ok(f"up -f {tmp_path}/east -n east --wait ready")
        machine.ok(f"expose {server_port} --as backend --host {HOST} -n east")
        assert (
            machine.ok(f"reach backend {port} -n west --wait ready")
            == f"backend is reached at {HOST}:{port}\n"
        )
        eventually(lambda: answers(port))
        (service,) = json.loads(machine.ok("service status -n west -o json"))["services"]
        assert service["status"] == "Ready"
        assert [end["site"] for end in service["connectors"]] == ["east"]
        again = machine.run(f"up -f {tmp_path}/east -n east")
        assert again.returncode == 0
        assert "nothing has changed for its router" in again.stdout
        assert _undocumented(machine, free_port()) == {}


def _undocumented(machine: Machine, port: int) -> dict[str, set[str]]:
    """The fields that OUTPUT.md does not name, by the command that prints them, of two sites that run."""
    found = {}
    for words in (
        *(f"{kind} status -n {name}" for name in ("west", "east") for kind in ("site", "link", "service")),
        "listener status -n west",
        "connector status -n east",
        "certificate status -n west",
        "system status -n west",
        f"reach more {port} --host {HOST} -n west --wait configured",
        "system reload --dry-run -n west",
        "system rollback -n west",
        "system start -n west",
        "up -n west --wait configured",
        "system stop -n west",
        "namespace list",
    ):
        if missing := undocumented(" ".join(words.split()[:2]), machine.ok(f"{words} -o json")):
            found[words] = missing
    return found


def test_what_never_gets_ready_ends_with_one_and_the_reason(machine: Machine) -> None:
    machine.ok("site create west")
    machine.ok("up")
    ran = machine.run(f"reach nobody {free_port()} --wait ready --timeout 1")
    assert ran.returncode == 1
    assert "Listener nobody: No matching connectors" in ran.stderr


def test_a_rollback_takes_the_running_router_back(machine: Machine) -> None:
    first, second = free_port(), free_port()
    with http_server(ANSWER) as server_port:
        machine.ok("site create west")
        machine.ok(f"connector create backend {server_port} --host {HOST}")
        machine.ok(f"listener create backend {first} --host {HOST}")
        machine.ok("system start")
        eventually(lambda: answers(first))
        machine.ok(f"listener create backend {second} --host {HOST} --force")
        machine.ok("system reload")
        eventually(lambda: answers(second))
        rolled = machine.ok("system rollback")
        assert rolled.splitlines()[:2] == [
            "~ Listener backend",
            "The declarations are those of generation 1 again",
        ]
        eventually(lambda: answers(first))
        history = machine.ok("system history").splitlines()
        assert [line.split()[0] for line in history[1:]] == ["3", "2", "1"]


def test_a_rollback_that_cannot_work_leaves_declarations_and_router_as_they_were(machine: Machine) -> None:
    taken, free = free_port(), free_port()
    with http_server(ANSWER) as server_port:
        machine.ok("site create west")
        machine.ok(f"connector create backend {server_port} --host {HOST}")
        machine.ok(f"listener create backend {taken} --host {HOST}")
        machine.ok("system start")
        machine.ok(f"listener create backend {free} --host {HOST} --force")
        machine.ok("system reload")
        eventually(lambda: answers(free))
        before = machine.ok("listener status -o json")
        with socket.create_server((HOST, taken)):
            ran = machine.run("system rollback")
        assert ran.returncode == 1
        assert "port-in-use" in ran.stderr
        assert "the declarations are what they were" in ran.stderr
        assert machine.ok("listener status -o json") == before
        assert answers(free)


@pytest.mark.parametrize("moment", [0, 2, 4])
def test_a_rollback_killed_at_any_moment_is_whole_or_not_at_all(machine: Machine, moment: int) -> None:
    machine.ok("site create west")
    machine.ok(f"listener create a {free_port()} --host {HOST}")
    machine.ok("system start")
    declared = machine.home("default") / "input" / "resources"
    first = {path.name: path.read_text() for path in declared.iterdir()}
    machine.ok("listener delete a")
    for name in "bcd":
        machine.ok(f"listener create {name} {free_port()} --host {HOST}")
    machine.ok("system reload")
    second = {path.name: path.read_text() for path in declared.iterdir()}
    process = machine.launch("system", "rollback")
    try:
        process.wait(timeout=0.05 + 0.12 * moment)
    except Exception:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    machine.ok("system reload")
    assert {path.name: path.read_text() for path in declared.iterdir()} in (first, second)
    eventually(lambda: "running" in machine.ok("system status"))


def test_a_dump_has_the_router_while_it_runs_and_the_rest_when_it_does_not(
    machine: Machine, tmp_path: Path
) -> None:
    machine.ok("site create west --enable-link-access")
    machine.ok("system start")
    machine.ok(f"debug dump {tmp_path}/up")
    machine.ok("system stop")
    machine.ok(f"debug dump {tmp_path}/down")
    found = {}
    for name in ("up", "down"):
        with tarfile.open(tmp_path / f"{name}.tar.gz") as archive:
            found[name] = {member.name.partition("/")[2] for member in archive}
            texts = [archive.extractfile(member) for member in archive]
            assert not any(file and b"PRIVATE KEY" in file.read() for file in texts)
    assert "router/connection.json" in found["up"]
    assert {"runtime/router/skrouterd.json", "logs/router.txt", "check.json"} <= found["down"]
