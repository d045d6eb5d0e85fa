"""Processes are named so that a reused number is never mistaken."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from skupper_local.host import processes


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield child
    child.kill()
    child.wait()


def test_this_process_runs_and_is_found_again_from_its_text() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    assert processes.decode(me.encode()) == me
    assert processes.is_running(me)
    assert abs(processes.started_at(me) - time.time()) < 3600
    assert processes.resident_bytes(me) > 1_000_000


def test_the_same_number_with_another_start_is_another_process() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    assert not processes.is_running(me._replace(started=me.started - 1))
    assert not processes.is_running(me._replace(boot="another"))
    assert not processes.send(me._replace(started=me.started - 1), 0)


def test_a_process_that_ended_and_was_not_collected_does_not_run(sleeper: subprocess.Popen[bytes]) -> None:
    process = processes.find(sleeper.pid)
    assert process is not None
    assert "time.sleep(60)" in processes.command_line(process)[-1]
    sleeper.kill()
    assert processes.wait_gone(process, 5)
    assert processes.find(sleeper.pid) is None
    assert processes.command_line(process) == ()


def test_a_process_that_ignores_the_request_to_end_is_made_to() -> None:
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = processes.find(child.pid)
        assert process is not None
        assert processes.end(process, 0.2)
        assert child.wait() == -9


@pytest.mark.parametrize("text", ["", "12", "a b c", "12 13", "0 1 x", "-4 1 x", "1 2 3 4"])
def test_text_that_is_no_process_is_refused(text: str) -> None:
    assert processes.decode(text) is None
