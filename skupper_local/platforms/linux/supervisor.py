"""Keep one router running: ``python -m skupper_local.platforms.linux.supervisor HOME --site-id ID -- PROGRAM ARGUMENT...``.

For machines without systemd. The program detaches itself (double fork, own session, working directory ``/``), takes the lock in
``internal/run`` (two supervisors for one namespace are impossible), ends a router that an earlier supervisor left behind, and
tells whoever started it, over standard output, ``ok`` or the reason why not. From then on it waits for three things only:

* output of the router, which comes through a pipe and goes to a log of bounded size; a full disk costs log lines, never the
  router's progress;
* the router's end, after which it is started again: at once-ish first, then with a delay that doubles up to half a minute, plus
  jitter, so that many sites of one machine do not beat together. A router that ran for a minute has earned a fresh start;
* signals: TERM and INT stop the router (TERM, and after ``--stop-seconds`` KILL) and then this program; HUP is passed on.

Somebody may remove the namespace's directory by hand. A router without its files is nobody's, so it is stopped then.

Before each start of the router an interrupted transaction of the namespace is brought to its end, in a process of its own, so
that a router never reads half of a change and this program stays small: it loads nothing but light standard modules.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
import time
from typing import NamedTuple, NoReturn

from skupper_local.host import processes
from skupper_local.platforms.linux.rotated_log import RotatedLog
from skupper_local.platforms.linux.run_directory import (
    History,
    LastExit,
    RunDirectory,
    read_history,
    read_process,
    write_history,
    write_process,
)

EXIT_BUSY = 3
EXIT_FAILED = 4

_FIRST_DELAY = 0.2
_LAST_DELAY = 30.0
_PROVEN_SECONDS = 60.0
_CHUNK = 65_536
_TAIL = 2_000
_LOOK_SECONDS = 5.0
_RECOVERY_SECONDS = 60.0
_RECOVERY_PATIENCE = 0.3
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Arguments(NamedTuple):
    """The command line."""

    home: str
    site_id: str
    label: str
    stop_seconds: float
    command: tuple[str, ...]


def parse(words: list[str]) -> Arguments:
    """Read the command line; argparse would double the size of this program. Raises ValueError."""
    site_id, label, stop_seconds = "", "", 10.0
    if "--" not in words:
        raise ValueError("no router program given")
    split = words.index("--")
    options, command = words[:split], tuple(words[split + 1 :])
    home = options.pop(0) if options else ""
    while options:
        option = options.pop(0)
        value = options.pop(0) if options else ""
        if option == "--site-id":
            site_id = value
        elif option == "--label":
            label = value
        elif option == "--stop-seconds":
            stop_seconds = float(value)
        else:
            raise ValueError(f"unknown option {option}")
    if not os.path.isabs(home) or not command:
        raise ValueError("an absolute directory and a program are needed")
    return Arguments(home, site_id, label, stop_seconds, command)


def delay(attempt: int, random_byte: int) -> float:
    """Seconds to wait before start number ``attempt`` (1: the first one after an exit); the byte gives up to 25 % of jitter."""
    base = min(_LAST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt - 1, 16))
    return base * (1.0 + random_byte / 1020.0)


class Supervisor:
    """One router's keeper. ``run`` returns when it was told to stop and the router is gone."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._directory = RunDirectory(arguments.home)
        self._log = RotatedLog(self._directory.log)
        self._history = History(last_exit=read_history(self._directory.history).last_exit)
        self._router = 0
        self._started = 0.0
        self._attempt = 0
        self._next_start = 0.0
        self._stop_deadline: float | None = None
        self._killed = False
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._missing = False
        self._tail = b""
        self._wake, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._output, self._output_write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._output, False)

    def run(self) -> None:
        """Start the router, and keep it running until told to stop."""
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._record_myself()
        if _starter_is_gone():
            return
        self._end_orphan()
        self._remember()
        self._start()
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        _tell_starter("ok")
        while self._router or self._stop_deadline is None:
            for descriptor, _ in poll.poll(self._patience()):
                if descriptor == self._output:
                    self._copy_output()
                else:
                    self._take_signals()
            self._act_on_time()
        self._say("stopped")
        self._log.close()
        if os.path.isdir(self._directory.path):
            write_process(self._directory.router, None)
            write_process(self._directory.supervisor, None)

    # -- the router's life ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._next_start = 0.0
        self._recover()
        if self._stop_deadline is not None:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._router = os.fork()
            if self._router == 0:
                self._become_router()
        except OSError as error:
            self._router = 0
            self._say(f"the router cannot be started: {error.strerror}")
            self._plan_next_start()
            return
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._record_router(
            self._router
        )  # the same that it writes itself, so that it is there when the starter is answered
        self._started = time.monotonic()
        self._tail = b""
        self._say(f"started the router, process {self._router}: {' '.join(self._arguments.command)}")

    def _become_router(self) -> NoReturn:
        """In the new process: leave the record, take the pipe, become the router."""
        try:
            self._record_router(os.getpid())
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            os.dup2(self._output_write, 1)
            os.dup2(self._output_write, 2)
            _allow_all_files()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            environment = dict(os.environ, PYTHONUNBUFFERED="1")
            if self._arguments.site_id:
                environment["SKUPPER_SITE_ID"] = self._arguments.site_id
            os.execve(self._arguments.command[0], self._arguments.command, environment)  # noqa: S606
        except OSError as error:
            os.write(2, f"{self._arguments.command[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def _record_myself(self) -> None:
        """The label first: whoever finds this supervisor running must find what it was started for."""
        descriptor = os.open(
            self._directory.label, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(descriptor, self._arguments.label.encode())
        finally:
            os.close(descriptor)
        write_process(self._directory.supervisor, processes.find(os.getpid()))

    def _record_router(self, pid: int) -> None:
        try:
            write_process(self._directory.router, processes.find(pid))
        except OSError:
            pass  # a router without a record is better than none; this supervisor knows it

    def _collect(self) -> None:
        """Take note of the router's end, if it has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._router:
                self._ended(os.waitstatus_to_exitcode(status))

    def _ended(self, code: int) -> None:
        self._router = 0
        self._copy_output()
        ran = time.monotonic() - self._started
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        self._say(f"the router ended: {how}, after {ran:.1f} s")
        reason = self._tail.decode("utf-8", "replace").strip()
        restarts = self._history.restarts
        self._history = History(restarts=restarts, last_exit=LastExit(time.time(), how, ran, reason))
        if self._stop_deadline is not None:
            self._remember()
            return
        self._attempt = 0 if ran >= _PROVEN_SECONDS else self._attempt
        self._plan_next_start()

    def _plan_next_start(self) -> None:
        self._attempt += 1
        seconds = delay(self._attempt, os.urandom(1)[0])
        self._next_start = time.monotonic() + seconds
        self._history = self._history._replace(
            restarts=self._history.restarts + 1, next_start=time.time() + seconds
        )
        self._remember()
        self._say(f"starting it again in {seconds:.1f} s")

    def _stop(self) -> None:
        if self._stop_deadline is None:
            self._stop_deadline = time.monotonic() + self._arguments.stop_seconds
            self._say("asked to stop")
            if self._router:
                os.kill(self._router, signal.SIGTERM)

    def _end_orphan(self) -> None:
        """End the router of a supervisor that was killed: nobody collects its output, nobody would start it again."""
        orphan = read_process(self._directory.router)
        if orphan:
            self._say(f"ending router process {orphan.pid}, left behind by an earlier supervisor")
            processes.end(orphan, self._arguments.stop_seconds)

    def _recover(self) -> None:
        """Bring an interrupted change to its end. A command at work holds the lock and ends it itself: wait, up to a limit."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        transaction = f"{self._arguments.home}/internal/transaction"
        while self._stop_deadline is None and time.monotonic() < deadline:
            if not any(os.path.lexists(f"{transaction}/{name}") for name in ("commit.json", "rollback.json")):
                return
            child = os.fork()
            if child == 0:
                _recover_and_exit(self._arguments.home, self._output_write)
            os.waitpid(child, 0)
            self._copy_output()
            self._take_signals()

    # -- the loop's parts ----------------------------------------------------------------------------------------------

    def _patience(self) -> int:
        """Milliseconds until something is due."""
        due = self._next_look
        if self._stop_deadline is not None:
            due = self._stop_deadline + (1.0 if self._killed else 0.0)
        elif self._next_start:
            due = min(due, self._next_start)
        return max(0, int((due - time.monotonic()) * 1000) + 1)

    def _act_on_time(self) -> None:
        now = time.monotonic()
        if self._stop_deadline is not None:
            if self._router and now >= self._stop_deadline and not self._killed:
                self._killed = True
                self._say(f"the router did not end within {self._arguments.stop_seconds:g} s; killing it")
                os.kill(self._router, signal.SIGKILL)
            return
        if self._next_start and now >= self._next_start:
            self._history = self._history._replace(next_start=0.0)
            self._start()
            self._remember()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._look_for_home()

    def _look_for_home(self) -> None:
        """Stop when the directory is gone, and not only for a moment."""
        gone = not os.path.isdir(self._arguments.home)
        if gone and self._missing:
            self._stop()
        self._missing = gone

    def _take_signals(self) -> None:
        try:
            numbers = os.read(self._wake, 256)
        except BlockingIOError:
            return
        if signal.SIGCHLD in numbers:
            self._collect()
        if signal.SIGHUP in numbers and self._router and self._stop_deadline is None:
            os.kill(self._router, signal.SIGHUP)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop()

    def _copy_output(self) -> None:
        try:
            while data := os.read(self._output, _CHUNK):
                self._tail = (self._tail + data)[-_TAIL:]
                self._log.write(data)
                if len(data) < _CHUNK:
                    return
        except BlockingIOError:
            return

    def _say(self, text: str) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log.write(f"{moment} supervisor: {text}\n".encode("utf-8", "replace"))

    def _remember(self) -> None:
        try:
            write_history(self._directory.history, self._history)
        except OSError:
            pass  # a full disk: the history is for readers, and the log has counted what it lost


def _recover_and_exit(home: str, output: int) -> NoReturn:
    try:
        from pathlib import Path

        from skupper_local.namespace.lock import recover_if_needed
        from skupper_local.namespace.paths import NamespacePaths

        path = Path(home)
        paths = NamespacePaths(data_home=path.parent.parent, name=path.name)
        recover_if_needed(paths, command="supervisor", patience=_RECOVERY_PATIENCE)
    except (
        BaseException
    ) as error:  # this process does nothing else, and must never run on in the parent's code
        os.write(
            output,
            f"supervisor: an interrupted change is not finished yet: {error}\n".encode("utf-8", "replace"),
        )
        time.sleep(_RECOVERY_PATIENCE)
    finally:
        os._exit(0)


def _allow_all_files() -> None:
    """Let this process have as many files open as the system allows: each listener needs a socket, and a shell's limit of
    1024 is meant for programs that know no more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _locked(descriptor: int) -> bool:
    """Take the lock. Somebody who only looks whether it is held holds it for an instant, hence the second look."""
    for _ in range(20):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _starter_is_gone() -> bool:
    """Whether the command that started this program was killed meanwhile: it keeps the other end of standard input open."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def _tell_starter(text: str) -> None:
    """Answer whoever started this program, then let go of its pipe."""
    try:
        os.write(1, f"{text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # the starter was killed; its work is done all the same
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _detach() -> None:
    """Leave the starter's session and process group for good: its first child ends at once, the second carries on."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)


def main(words: list[str]) -> int:
    """Run. The exit status matters only until the program has detached."""
    try:
        arguments = parse(words)
        directory = RunDirectory(arguments.home)
        directory.make()
        lock = os.open(directory.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:
        _tell_starter(f"{error}")
        return EXIT_FAILED
    if not _locked(lock):
        _tell_starter("busy")
        return EXIT_BUSY
    _detach()
    try:
        Supervisor(arguments).run()
    except OSError as error:
        _tell_starter(f"{error}")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
