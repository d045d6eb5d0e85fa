"""The demonstration works, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.rig.machine import COMMAND, Machine, eventually


def demo(machine: Machine, *words: str) -> subprocess.Popen[str]:
    environment = {**machine.environment(), "TMPDIR": str(machine.directory)}
    return subprocess.Popen(
        [*COMMAND, "demo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def left_behind(machine: Machine) -> list[str]:
    running = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if str(machine.directory) in line:
                running.append(line)
    return running + [str(path) for path in machine.directory.iterdir()]


def test_the_demo_shows_a_request_and_leaves_nothing(machine: Machine) -> None:
    process = demo(machine)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "$ skupper-local site create west --enable-link-access -n west" in out
    assert "Hello from the server behind site east" in out
    assert err == ""
    assert left_behind(machine) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.5])
def test_an_interrupted_demo_leaves_nothing(machine: Machine, number: int, seconds: float) -> None:
    process = demo(machine)
    time.sleep(seconds)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    # Killed by the signal: very early, before anything began; or the interpreter says so itself, when it was making a class.
    assert process.returncode in (0, 130, -number), out + err
    # Interrupted in the very moment it was started, the server sees for itself that its directory is gone.
    eventually(lambda: left_behind(machine) == [], 3)


def test_a_kept_demo_goes_on_and_is_removed_as_it_says(machine: Machine) -> None:
    process = demo(machine, "--keep")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    (directory,) = [
        path for path in machine.directory.iterdir() if path.name.startswith("skupper-local-demo-")
    ]
    kept = Machine(directory)
    assert kept.ok("namespace list").count("running") == 2
    for name in ("west", "east"):
        assert f"skupper-local system teardown --force -n {name}" in out
        kept.ok(f"system teardown --force -n {name}")
    subprocess.run(["rm", "-r", str(directory)], check=True)
    eventually(lambda: left_behind(machine) == [])
