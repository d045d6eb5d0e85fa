"""Platform ``linux`` without systemd: starts, stops and inspects the supervisor of a namespace and its router.

The supervisor is a process of its own that outlives the command (see ``supervisor``); everything here goes through its lock and
its records in ``internal/run``. A supervisor that was killed leaves a router that still works but that nobody would start
again: ``inspect`` says so, ``start`` puts a new supervisor in place, which ends that router first, and ``stop`` ends it too.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from skupper_local.assets import module_command
from skupper_local.host import processes
from skupper_local.host.processes import Process
from skupper_local.platforms.face import (
    RouterExit,
    RouterNotStartedError,
    RouterNotStoppedError,
    RouterReport,
    RouterSpec,
)
from skupper_local.platforms.linux import log_reader
from skupper_local.platforms.linux.program import command, require_program
from skupper_local.platforms.linux.run_directory import RunDirectory, read_history, read_process

STOP_SECONDS = 10.0
"""How long a router may take to close its connections after SIGTERM before it is killed."""

_START_SECONDS = 30.0
_GRACE_SECONDS = 3.0


class LinuxPlatform:
    """See :class:`skupper_local.platforms.face.Platform`."""

    name = "linux"

    def start(self, spec: RouterSpec) -> None:
        require_program(spec.program)
        arguments = (
            *module_command("skupper_local.platforms.linux.supervisor"),
            str(spec.home),
            "--site-id",
            spec.site_id,
            "--label",
            spec.label,
            "--stop-seconds",
            f"{STOP_SECONDS:g}",
            "--",
            *command(spec.program, spec.configuration),
        )
        answer = _start_supervisor(arguments)
        if answer == "busy":  # left by a command that was killed: what it was told to run may be out of date
            self.stop(spec.home)
            answer = _start_supervisor(arguments)
        if answer == "ok":
            return
        if answer == "busy":
            raise RouterNotStartedError(
                f"The router of namespace {spec.namespace} is already kept by a supervisor",
                why=f"another process holds {RunDirectory(str(spec.home)).lock}",
                next_step=f"repeat the command; if that does not help: skupper-local system stop -n {spec.namespace}",
            )
        raise RouterNotStartedError(
            f"The supervisor of namespace {spec.namespace} did not start",
            why=answer or "it ended, or did not answer in time, without giving a reason",
            next_step=f"look at its log: skupper-local system logs -n {spec.namespace}",
        )

    def stop(self, home: Path) -> bool:
        directory = RunDirectory(str(home))
        supervisor = _stop_supervisor(directory)
        ending = read_process(directory.supervisor)  # a process gives up its locks a moment before it is gone
        if ending:
            processes.wait_gone(ending, _GRACE_SECONDS)
        router = read_process(directory.router)
        if router:
            processes.end(router, STOP_SECONDS)
        still = read_process(directory.router) or read_process(directory.supervisor)
        if still:
            raise RouterNotStoppedError(
                f"Process {still.pid} still runs",
                why="it did not end after SIGTERM nor after SIGKILL; it is probably stuck in the kernel or not ours",
                next_step=f"look at it: ps -fp {still.pid}",
            )
        return bool(supervisor or router)

    def remove(self, home: Path) -> bool:
        return self.stop(home)

    def inspect(self, home: Path) -> RouterReport:
        directory = RunDirectory(str(home))
        supervisor = read_process(directory.supervisor)
        router = read_process(directory.router)
        history = read_history(directory.history)
        last = history.last_exit
        return RouterReport(
            running=router is not None,
            kept=supervisor is not None,
            pid=router.pid if router else 0,
            keeper_pid=supervisor.pid if supervisor else 0,
            label=_read_label(directory) if supervisor else "",
            since=processes.started_at(router) if router else 0.0,
            restarts=history.restarts,
            next_start=history.next_start if supervisor else 0.0,
            last_exit=RouterExit(last.at, last.how, last.ran, last.reason) if last else None,
        )

    def refresh(self, home: Path) -> bool:
        router = read_process(RunDirectory(str(home)).router)
        return router is not None and processes.send(router, signal.SIGHUP)

    def log_place(self, home: Path) -> str:
        path = RunDirectory(str(home)).log
        return path if os.path.exists(path) else ""

    def log(self, home: Path, count: int) -> list[str]:
        return log_reader.last_lines(RunDirectory(str(home)).log, count)

    def follow(self, home: Path) -> Iterator[str]:
        return log_reader.follow(RunDirectory(str(home)).log)


def _stop_supervisor(directory: RunDirectory) -> Process | None:
    """Ask the supervisor to end, make it end after its time, and return it; None when there was none.

    Its lock tells that one is there, a moment before its record tells which process it is.
    """
    deadline = time.monotonic() + STOP_SECONDS + _GRACE_SECONDS
    asked: Process | None = None
    while _is_locked(directory.lock):
        supervisor = read_process(directory.supervisor)
        if supervisor and supervisor != asked:
            processes.send(supervisor, signal.SIGTERM)
            asked = supervisor
        if time.monotonic() >= deadline:
            if supervisor:
                processes.end(supervisor, 0.0)
            break
        time.sleep(0.02)
    return asked


def _read_label(directory: RunDirectory) -> str:
    try:
        with open(directory.label, encoding="utf-8", errors="replace") as file:
            return file.read(1_000)
    except OSError:
        return ""


def _is_locked(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _start_supervisor(arguments: tuple[str, ...]) -> str:
    """Run the supervisor and wait for its answer; empty when none came in time.

    Its standard output is the pipe for that one answer; it closes it then. Its standard input is open for as long as this
    function runs: a supervisor that sees it closed before it has started anything was started by a command that was killed. The
    process that is waited for here is only the first of its two forks.
    """
    deadline = time.monotonic() + _START_SECONDS
    try:
        starter = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        return f"{arguments[0]}: {error.strerror}"
    assert starter.stdout is not None
    assert starter.stdin is not None
    answer = b""
    with starter.stdin, starter.stdout as pipe:
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([pipe], [], [], left)[0]:
                break
            part = os.read(pipe.fileno(), 65_536)
            if not part:
                break
            answer += part
    starter.wait(timeout=_GRACE_SECONDS)
    lines = answer.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
