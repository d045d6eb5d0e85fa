"""``skupper-local-run NAMESPACE``: what a systemd unit starts; it runs one router and ends when the router ends.

The unit is ``Type=notify``: this program reports READY when the router answers on its local listener, and goes on asking, for
the watchdog. It never starts a router twice: when the router ends it ends too, with the reason in the journal, and systemd
starts it again. On SIGTERM the router is stopped in its time; SIGHUP is passed on to it; SIGABRT, which the watchdog sends to a
program whose router has fallen silent, ends the router at once.

It stays for as long as the router does, so it is small. What knows a container engine runs in a process of its own that makes
or adopts the container, says which process it is, and is gone. That process is then watched by a pidfd, like any other: no
engine has to live for the router to be watched or stopped.

On ``linux`` the router is a child in the unit's control group, so a killed runner takes it with it. A container outlives a
killed runner and is adopted by the next one, if it is the one that is wanted.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import NoReturn

from skupper_local.errors import SkupperLocalError
from skupper_local.host import processes
from skupper_local.host.processes import Process
from skupper_local.namespace.lock import recover_if_needed
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.platforms.linux.program import command, require_program
from skupper_local.platforms.linux.run_directory import RunDirectory, read_process, write_process
from skupper_local.platforms.readiness import ask_router
from skupper_local.platforms.record import read_router_record

STOP_SECONDS = 10.0
"""How long a router may take to close its connections before it is killed."""

ENGINE_SECONDS = 120.0
"""How long an engine may take to come up, at boot, before this program gives up and leaves it to systemd to try again."""

_READY_SECONDS = 60.0
_ASK_SECONDS = 5.0
_POLL_SECONDS = 0.1
_LOOK_SECONDS = 20.0
_MAKE = "--make-container"
_ENGINE_STATUS = 75  # EX_TEMPFAIL of sysexits.h: worth another try

_USAGE = "usage: skupper-local-run NAMESPACE (started by systemd; people type: skupper-local system start)"

ENDED = "the router ended "
"""How the words begin that say how it ended, in brackets."""

EXIT_FAILED = 1
EXIT_USAGE = 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT, signal.SIGCHLD)


class Notifier:
    """sd_notify(3): messages to the manager that started this program; nothing where there is none."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, *lines: str) -> None:
        """Send lines like ``READY=1``. A manager that cannot be reached is no reason to fail."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                channel.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                pass


class _RouterFailedError(Exception):
    """The router could not be started or has ended; the text is for the journal."""


class Runner:
    """One run of one namespace's router."""

    def __init__(self, paths: NamespacePaths, notifier: Notifier) -> None:
        self._paths = paths
        self._notifier = notifier
        self._directory = RunDirectory(str(paths.home))
        self._child: subprocess.Popen[bytes] | None = None
        self._router: Process | None = None
        self._pidfd = -1
        self._stopping = False
        self._wake, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> int:
        """Run the router to its end; the exit status."""
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            recover_if_needed(self._paths, command="skupper-local-run")
            if read_desired_state(self._paths) is DesiredState.STOPPED:
                _say("the site was stopped by its user; nothing is started")
                self._notifier.tell("READY=1", "STATUS=stopped by its user")
                return 0
            self._directory.make()
            self._take_lock()
            self._start()
            self._wait_until_ready()
            self._watch()
        except _RouterFailedError as failure:
            return self._give_up(str(failure))
        except SkupperLocalError as error:
            return self._give_up("; ".join(part for part in (error.what, error.why) if part))
        return 0

    # Starting.

    def _take_lock(self) -> None:
        """The lock of the supervisor that keeps routers without systemd: two keepers of one router are impossible."""
        descriptor = os.open(self._directory.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise _RouterFailedError(
                        f"another process keeps this router: it holds {self._directory.lock}"
                    ) from None
                time.sleep(_POLL_SECONDS)
        write_process(self._directory.supervisor, processes.find(os.getpid()))

    def _start(self) -> None:
        record = self._paths.router_record
        spec = read_router_record(record)
        self._notifier.tell("STATUS=starting the router")
        if spec.platform == "linux":
            require_program(spec.program)
            orphan = read_process(self._directory.router)
            if orphan:
                processes.end(orphan, STOP_SECONDS)
            environment = {**os.environ, "SKUPPER_SITE_ID": spec.site_id}
            for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
                environment.pop(name, None)
            self._child = subprocess.Popen(
                command(spec.program, spec.configuration),
                stdin=subprocess.DEVNULL,
                cwd="/",
                env=environment,
                preexec_fn=_with_usual_signals,
            )
            self._router = processes.find(self._child.pid)
        else:
            self._router = self._make_container()
        if self._router is None:
            raise _RouterFailedError("the router ended at once")
        try:
            self._pidfd = os.pidfd_open(self._router.pid)
        except OSError as error:
            raise _RouterFailedError(
                f"the router's process {self._router.pid} cannot be watched: {error.strerror}"
            ) from error
        if not processes.is_running(self._router):
            raise _RouterFailedError(self._how_it_ended())
        write_process(self._directory.router, self._router)
        self._write_label(spec.label)

    def _make_container(self) -> Process:
        """Let a process of its own make, start or adopt the container; wait for an engine that is not up yet."""
        deadline = time.monotonic() + ENGINE_SECONDS
        while True:
            made = subprocess.Popen(
                (sys.executable, "-m", "skupper_local.platforms.runner", _MAKE, self._paths.name),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                preexec_fn=_with_usual_signals,
            )
            assert made.stdout is not None
            out = made.stdout.read()
            status = made.wait()
            if status == 0:
                answer = json.loads(out)
                found = processes.find(int(answer["pid"]))
                if found is None:
                    raise _RouterFailedError("the router's container ended at once")
                return found
            if self._asked_to_stop():
                raise _RouterFailedError("stopped before the engine answered")
            if status != _ENGINE_STATUS or time.monotonic() >= deadline:
                raise _RouterFailedError(
                    out.decode("utf-8", "replace").strip()
                    or f"the container was not started (status {status})"
                )
            self._notifier.tell("STATUS=waiting for the container engine", "EXTEND_TIMEOUT_USEC=30000000")
            time.sleep(2.0)

    def _write_label(self, label: str) -> None:
        descriptor = os.open(
            self._directory.label, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(label)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        reason = "no answer"
        while time.monotonic() < deadline:
            reason = ask_router(self._paths.router_config, self._paths.runtime_certs, _ASK_SECONDS)
            if not reason:
                self._notifier.tell("READY=1", f"STATUS=router {self._router_pid()} runs", "WATCHDOG=1")
                return
            self._react(_POLL_SECONDS)
            if self._stopping:
                return
        raise _RouterFailedError(f"the router did not answer within {_READY_SECONDS:g} s: {reason}")

    # Watching.

    def _watch(self) -> None:
        """Until the router ends. Ends normally when that was asked for."""
        while not self._stopping:
            self._react(_LOOK_SECONDS)
            if self._stopping:
                return
            reason = ask_router(self._paths.router_config, self._paths.runtime_certs, _ASK_SECONDS)
            if reason:
                _say(f"the router does not answer: {reason}")
                self._notifier.tell(f"STATUS=router {self._router_pid()} does not answer")
            else:
                self._notifier.tell("WATCHDOG=1", f"STATUS=router {self._router_pid()} runs")

    def _react(self, seconds: float) -> None:
        """Wait for a signal or the router's end, at most so long. Raises _RouterFailedError when it ended by itself."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        for descriptor, _ in poll.poll(max(1, int(seconds * 1000))):
            if descriptor == self._wake:
                for number in os.read(self._wake, 64):
                    self._take(number)
            elif not self._stopping:
                raise _RouterFailedError(self._how_it_ended())

    def _take(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._signal_router(signal.SIGHUP)
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._notifier.tell("STOPPING=1", "STATUS=stopping the router")
            self._stop(STOP_SECONDS)
        elif number == signal.SIGABRT:
            self._stop(0.0)
            raise _RouterFailedError("the router fell silent and was killed")

    def _stop(self, seconds: float) -> None:
        self._stopping = True
        if self._router is None:
            return
        self._signal_router(signal.SIGTERM if seconds else signal.SIGKILL)
        if not self._wait_gone(seconds or 5.0):
            self._signal_router(signal.SIGKILL)
            self._wait_gone(5.0)
        self._collect()

    def _wait_gone(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))

    def _signal_router(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except OSError:
            pass  # it is gone, which is noticed elsewhere

    # Ends.

    def _asked_to_stop(self) -> bool:
        try:
            numbers = os.read(self._wake, 64)
        except BlockingIOError:
            return False
        return any(number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT) for number in numbers)

    def _how_it_ended(self) -> str:
        status = self._collect()
        if status is None:
            return "the router's container ended"
        return (
            f"the router ended (signal {-status})"
            if status < 0
            else f"the router ended (exit status {status})"
        )

    def _collect(self) -> int | None:
        if self._child is None:
            return None
        try:
            return self._child.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            return None

    def _give_up(self, reason: str) -> int:
        if self._router is not None and self._child is not None:
            self._stop(STOP_SECONDS)
        _say(reason)
        self._notifier.tell(f"STATUS={reason.splitlines()[0]}")
        return EXIT_FAILED

    def _router_pid(self) -> int:
        return self._router.pid if self._router else 0


def make_container(paths: NamespacePaths) -> int:
    """Make, start or adopt the container; print its process as JSON, or the reason and an exit status that says which kind."""
    from skupper_local.platforms.container_platform import ContainerPlatform
    from skupper_local.platforms.engine import EngineUnreachableError

    try:
        spec = read_router_record(paths.router_record)
        platform = ContainerPlatform(spec.platform, spec.endpoint)
        report = platform.inspect(paths.home)
        if not report.running or not spec.label or report.label != spec.label:
            platform.start(spec)
            report = platform.inspect(paths.home)
    except EngineUnreachableError as error:
        print(f"{error.what}: {error.why}")
        return _ENGINE_STATUS
    except SkupperLocalError as error:
        print("; ".join(part for part in (error.what, error.why) if part))
        return EXIT_FAILED
    if not report.running:
        words = report.last_exit.reason if report.last_exit else ""
        print(f"the router's container ended at once{f': {words}' if words else ''}")
        return EXIT_FAILED
    print(json.dumps({"pid": report.pid}))
    return 0


def _with_usual_signals() -> None:
    """A new program begins with the signals as everybody expects them."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _say(text: str) -> None:
    """One line for the journal, which is told by its first characters that it is a warning (sd-daemon(3))."""
    print(
        f"<4>skupper-local-run: {text}" if os.environ.get("JOURNAL_STREAM") else f"skupper-local-run: {text}",
        flush=True,
    )


def run(words: list[str]) -> int:
    """Run one command line; the exit status."""
    making = words[:1] == [_MAKE]
    names = words[1:] if making else words
    if len(names) != 1 or names[0].startswith("-"):
        print(_USAGE, file=sys.stderr)
        return EXIT_USAGE
    try:
        paths = NamespacePaths.of(names[0])
        return (
            make_container(paths)
            if making
            else Runner(paths, Notifier(os.environ.get("NOTIFY_SOCKET", ""))).run()
        )
    except SkupperLocalError as error:
        _say(f"{error.what}: {error.why}")
        return EXIT_FAILED


def main() -> NoReturn:
    """The entry point of the installed program."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
