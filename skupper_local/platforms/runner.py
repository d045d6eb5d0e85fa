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

from skupper_local.assets import module_command
from skupper_local.errors import SkupperLocalError
from skupper_local.host import processes
from skupper_local.host.processes import Process
from skupper_local.namespace.lock import recover_if_needed
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.platforms.linux.program import command, require_program
from skupper_local.platforms.linux.run_directory import (
    History,
    LastExit,
    RunDirectory,
    count_failure,
    forget,
    read_history,
    read_label,
    read_process,
    write_history,
    write_label,
    write_process,
)
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
_MAKE_SECONDS = 120.0
_STOP_MAKING_SECONDS = 12.0
_ENGINE_POLL_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_MAKE = "--make-container"
_ENGINE_STATUS = 75  # EX_TEMPFAIL of sysexits.h: worth another try
_DISPLACED_STATUS = 69  # EX_UNAVAILABLE: the router is somebody else's by now

_USAGE = "usage: skupper-local-run NAMESPACE (started by systemd; people type: skupper-local system start)"

_ENDED = "the router ended "
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


class _DisplacedError(Exception):
    """The router is run by another program now: nothing failed, and nothing is left to do here."""


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
        self._was_ready = False
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
            if self._stopping:
                self._stop(STOP_SECONDS)
            else:
                self._wait_until_ready()
                self._watch()
        except _DisplacedError as reason:
            _say(str(reason))
            self._notifier.tell("READY=1", f"STATUS={reason}")
            return 0
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
            self._router = self._running_container(spec.label) or self._make_container(spec.endpoint)
        if self._router is None:
            if self._stopping:
                return
            raise _RouterFailedError(self._how_it_ended())
        try:
            self._pidfd = os.pidfd_open(self._router.pid)
        except OSError as error:
            raise _RouterFailedError(
                f"the router's process {self._router.pid} cannot be watched: {error.strerror}"
            ) from error
        if not processes.is_running(self._router):
            raise _RouterFailedError(self._how_it_ended())
        write_process(self._directory.router, self._router)
        write_label(self._directory.label, spec.label)

    def _running_container(self, label: str) -> Process | None:
        """The router that was started for the same and still runs: by the command that started this unit, or under a former
        run of this program. No engine has to be asked, or to live, to adopt it."""
        router = read_process(self._directory.router)
        return router if label and read_label(self._directory.label) == label else None

    def _make_container(self, endpoint: str) -> Process | None:
        """Let a process of its own make, start or adopt the container; wait for an engine that is not up yet."""
        deadline = time.monotonic() + ENGINE_SECONDS
        while not self._stopping:
            status, words = _ENGINE_STATUS, f"no engine listens on {endpoint}"
            if _listens(endpoint):
                status, words = self._run_maker()
            if status == 0:
                return processes.find(int(json.loads(words)["pid"]))
            if status == _DISPLACED_STATUS:
                raise _DisplacedError(words)
            if not self._stopping and (status != _ENGINE_STATUS or time.monotonic() >= deadline):
                raise _RouterFailedError(words or f"the container was not started (status {status})")
            self._notifier.tell("STATUS=waiting for the container engine", "EXTEND_TIMEOUT_USEC=30000000")
            self._react(_ENGINE_POLL_SECONDS)
        return None

    def _run_maker(self) -> tuple[int, str]:
        """One attempt: its exit status and what it printed. Asked to stop meanwhile, it may finish what it is at, so that no
        container is left that nobody stops."""
        with subprocess.Popen(
            (*module_command("skupper_local.platforms.runner"), _MAKE, self._paths.name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=_with_usual_signals,
        ) as maker:
            assert maker.stdout is not None
            out, deadline, was_stopping = b"", time.monotonic() + _MAKE_SECONDS, False
            try:
                while (left := deadline - time.monotonic()) > 0:
                    if self._react(left, maker.stdout.fileno()):
                        part = os.read(maker.stdout.fileno(), 65_536)
                        out += part
                        if not part:
                            return maker.wait(), out.decode("utf-8", "replace").strip()
                    if self._stopping and not was_stopping:
                        was_stopping, deadline = True, time.monotonic() + _STOP_MAKING_SECONDS
            finally:
                maker.kill()
        return EXIT_FAILED, f"the engine did not make the container within {_MAKE_SECONDS:g} s"

    def _wait_until_ready(self) -> None:
        self._notifier.tell(f"EXTEND_TIMEOUT_USEC={int(1.5 * _READY_SECONDS * 1e6)}")
        deadline = time.monotonic() + _READY_SECONDS
        reason = "no answer"
        while time.monotonic() < deadline:
            reason = ask_router(self._paths.router_config, self._paths.runtime_certs, _ASK_SECONDS)
            if not reason:
                self._notifier.tell("READY=1", f"STATUS=router {self._router_pid()} runs", "WATCHDOG=1")
                forget(self._directory.failures)
                self._was_ready = True
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

    def _react(self, seconds: float, also: int = -1) -> bool:
        """Wait for a signal, the router's end or ``also`` having something to read, at most so long; whether that has.

        Raises _RouterFailedError when the router ended by itself.
        """
        readable = False
        poll = select.poll()
        for descriptor in (self._wake, self._pidfd, also):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(max(1, int(seconds * 1000))):
            if descriptor == self._wake:
                for number in os.read(self._wake, 64):
                    self._take(number)
            elif descriptor == also:
                readable = True
            elif not self._stopping:
                raise _RouterFailedError(self._how_it_ended())
        return readable

    def _take(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._signal_router(signal.SIGHUP)
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._notifier.tell("STOPPING=1", "STATUS=stopping the router")
            self._stop(STOP_SECONDS)
        elif number == signal.SIGABRT:
            self._stop(0.0)
            self._stopping = False  # nobody asked for an end: it is to be started again
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
        asked = self._stopping
        if not asked:
            self._remember(reason)
        if self._router is not None and self._child is not None:
            self._stop(STOP_SECONDS)
        self._stopping = asked
        _say(reason)
        self._notifier.tell(f"STATUS={reason.splitlines()[0]}")
        if not self._was_ready and not self._stopping:
            self._pause()
        return 0 if self._stopping else EXIT_FAILED

    def _remember(self, reason: str) -> None:
        """For those who ask how it ended last: the manager forgets it when it starts this program again."""
        ran = time.time() - processes.started_at(self._router) if self._router else 0.0
        how = reason.removeprefix(_ENDED).strip("()") if reason.startswith(_ENDED) else ""
        try:
            restarts = read_history(self._directory.history).restarts + 1
            write_history(self._directory.history, History(restarts, LastExit(time.time(), how, ran, reason)))
        except OSError:
            pass  # the journal has it too

    def _pause(self) -> None:
        """A start that fails again and again comes ever later, and does not wear out the machine: the end is put off, since
        the manager of some versions always waits equally long. The first failure is told at once."""
        failures = count_failure(self._directory.failures)
        seconds = min(2.0 ** min(failures, 10), _LONGEST_PAUSE_SECONDS) if failures > 1 else 0.0
        deadline = time.monotonic() + seconds
        self._router, self._pidfd = None, -1
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            self._react(left)

    def _router_pid(self) -> int:
        return self._router.pid if self._router else 0


def make_container(paths: NamespacePaths) -> int:
    """Make, start or adopt the container; print its process as JSON, or the reason and an exit status that says which kind."""
    from skupper_local.platforms.container_platform import ContainerPlatform
    from skupper_local.platforms.engine import EngineUnreachableError

    try:
        spec = read_router_record(paths.router_record)
        platform = ContainerPlatform(spec.platform, spec.endpoint)
        if platform.is_displaced(paths.home):
            print(
                "the reference's skupper reloads this site, or runs it; skupper-local system start takes it back"
            )
            return _DISPLACED_STATUS
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


def _listens(endpoint: str) -> bool:
    """Whether somebody listens on the engine's socket; asking costs nothing beside a program that knows the engine. True
    when only such a program could say why not."""
    path = endpoint.removeprefix("unix://")
    if not os.path.isabs(path):
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(_ASK_SECONDS)
        try:
            channel.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
    return True


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
