"""``kill -9`` at random moments of start, reload and stop; then the same command again, and everything is right."""

from __future__ import annotations

import os
import random
import signal
import stat
import time

import pytest

from tests.rig.machine import Machine, eventually
from tests.rig.ports import HOST, free_port

ROUNDS = 4
SEED = int(os.environ.get("SEED", "1"))


def kill_somewhere(machine: Machine, chance: random.Random, words: str, longest: float) -> None:
    command = machine.launch(*words.split())
    time.sleep(chance.uniform(0.05, longest))
    if command.poll() is None:
        command.send_signal(signal.SIGKILL)
    command.communicate()


def check(machine: Machine, issuers: dict[str, bytes]) -> None:
    """No CA was replaced, nothing is readable by others, and never is there more than one router."""
    home = machine.home("west")
    for path in home.rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
    assert not (home / "internal/transaction/commit.json").exists()
    for path in sorted((home / "runtime/issuers").rglob("tls.key")):
        assert issuers.setdefault(str(path), path.read_bytes()) == path.read_bytes()
    assert len(machine.routers("west")) <= 1
    names = {path.name for path in (home / "input/resources").iterdir()}
    assert "Site-west.yaml" in names


@pytest.mark.parametrize("seed", range(SEED, SEED + 1))
def test_a_killed_command_can_simply_be_repeated(machine: Machine, seed: int) -> None:
    chance = random.Random(seed)
    machine.ok("site create west --enable-link-access -n west")
    issuers: dict[str, bytes] = {}
    for number in range(ROUNDS):
        kill_somewhere(machine, chance, "system start -n west", 1.2)
        machine.ok("system start -n west")
        check(machine, issuers)
        assert len(machine.routers("west")) == 1
        port = free_port()
        machine.ok(f"listener create l{number} {port} --host {HOST} -n west")
        kill_somewhere(machine, chance, "system reload -n west", 1.5)
        machine.ok("system reload -n west")
        check(machine, issuers)
        assert len(machine.routers("west")) == 1
        configuration = (machine.home("west") / "runtime/router/skrouterd.json").read_text()
        assert f"listener/l{number}" in configuration
        eventually(lambda: "in the running router" not in machine.ok("listener status -n west"))
        kill_somewhere(machine, chance, "system stop -n west", 0.8)
        machine.ok("system stop -n west")
        check(machine, issuers)
        assert machine.processes() == {}
    assert len(list((machine.home("west") / "input/resources").glob("Listener-*.yaml"))) == ROUNDS
