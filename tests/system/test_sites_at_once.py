"""Two commands on one namespace at the same moment: each does all it says, or nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.rig.machine import Machine, eventually
from tests.rig.ports import HOST, free_port

PAIRS = int(os.environ.get("SKUPPER_LOCAL_PAIRS", "4"))
"""How often two commands meet; a thousand by hand."""

LISTENER = (
    "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: %s}\n"
    "spec: {routingKey: %s, host: 127.0.0.1, port: %d}\n"
)


def both(machine: Machine, *commands: str) -> list[tuple[int, str]]:
    """Start the commands together; the exit status and the errors of each."""
    running: list[subprocess.Popen[str]] = [machine.launch(*command.split()) for command in commands]
    found = []
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert "Traceback" not in errors
        found.append((process.returncode, errors))
    return found


def declared(machine: Machine, kind: str = "Listener") -> set[str]:
    resources = machine.home("west") / "input" / "resources"
    return {path.stem.removeprefix(f"{kind}-") for path in resources.glob(f"{kind}-*.yaml")}


def test_two_that_declare_do_not_lose_each_others_work(machine: Machine, tmp_path: Path) -> None:
    machine.ok("site create west -n west")
    expected: set[str] = set()
    for turn in range(PAIRS):
        names = {f"a{turn}", f"b{turn}", f"c{turn}"}
        file = tmp_path / f"{turn}.yaml"
        file.write_text(
            "---\n".join(
                LISTENER % (f"{one}{turn}", one, 20_000 + 2 * turn + at) for at, one in enumerate("bc")
            )
        )
        ran = both(
            machine,
            f"listener create a{turn} {25_000 + turn} --host {HOST} -n west",
            f"system apply -f {file} -n west",
        )
        assert [status for status, _ in ran] == [0, 0], ran
        expected |= names
        assert declared(machine) == expected


def test_of_two_that_want_one_name_or_port_one_is_refused(machine: Machine) -> None:
    machine.ok("site create west -n west")
    for turn in range(PAIRS):
        ran = both(
            machine,
            f"listener create one{turn} {22_000 + turn} --host {HOST} -n west",
            f"listener create two{turn} {22_000 + turn} --host {HOST} -n west",
        )
        assert sorted(status for status, _ in ran) == [0, 2], ran
        assert len(declared(machine) & {f"one{turn}", f"two{turn}"}) == 1
        ran = both(
            machine,
            f"connector create same{turn} 1 -n west",
            f"connector create same{turn} 2 -n west",
        )
        assert sorted(status for status, _ in ran) == [0, 2], ran


def test_two_that_move_the_router_leave_one_that_has_what_is_declared(machine: Machine) -> None:
    machine.ok("site create west -n west")
    machine.ok("system start -n west")
    for turn in range(max(2, PAIRS // 4)):
        machine.ok(f"listener create l{turn} {free_port()} --host {HOST} -n west")
        for words in (
            ("system reload -n west", "system reload -n west"),
            ("system reload -n west", f"connector create c{turn} 1 -n west"),
            ("system stop -n west", "system start -n west"),
        ):
            ran = both(machine, *words)
            assert [status for status, _ in ran] == [0, 0], (words, ran)
            assert len(machine.routers("west")) <= 1
        machine.ok("system start -n west")
        machine.ok("system reload -n west")
        configuration = (machine.home("west") / "runtime/router/skrouterd.json").read_text()
        assert f"listener/l{turn}" in configuration
        assert f"connector/c{turn}" in configuration
        assert len(machine.routers("west")) == 1
    eventually(lambda: "running" in machine.ok("system status -n west"))
