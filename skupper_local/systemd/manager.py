"""Asking and telling systemd, through ``systemctl`` and ``journalctl``, with a limit on every wait.

Root talks to the manager of the system, everybody else to his own. A shell opened by ``su`` or a service without a session
lacks the variables that lead to the latter; the usual place is then tried, because the manager may well be there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from skupper_local.systemd.errors import ManagerFailedError

ANSWER_SECONDS = 8.0
STOP_SECONDS = 45.0
"""A unit may take its TimeoutStopSec to stop; a wait for that is longer than any other."""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended: ``status`` is its exit status."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class UnitState:
    """A unit as the manager has it. Times are seconds since the epoch, 0 for never; ``result`` is ``success`` or a reason."""

    loaded: bool
    active: str
    sub: str
    enabled: str
    main_pid: int
    restarts: int
    result: str
    since: float
    ended: float
    exit_status: int
    exit_code: str
    text: str
    path: str

    @property
    def kept(self) -> bool:
        """Whether it runs, or is on its way to: the manager starts it again by itself."""
        return self.active in ("active", "activating", "reloading")


_PROPERTIES = (
    *("LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "NRestarts", "Result"),
    *(
        "ActiveEnterTimestamp",
        "ExecMainExitTimestamp",
        "ExecMainStatus",
        "ExecMainCode",
        "StatusText",
        "FragmentPath",
    ),
)
_NEXT_STEP = "skupper-local system check explains it; to start without systemd: skupper-local system start --without-systemd"
_CODES = {"1": "exited", "2": "killed", "3": "dumped"}


class Manager:
    """The manager that keeps this user's services."""

    def __init__(self, *, uid: int | None = None, environ: Mapping[str, str] | None = None) -> None:
        self.uid = os.getuid() if uid is None else uid
        self._environ = dict(os.environ if environ is None else environ)
        if not self.of_system:
            runtime = self._environ.setdefault("XDG_RUNTIME_DIR", f"/run/user/{self.uid}")
            self._environ.setdefault("DBUS_SESSION_BUS_ADDRESS", f"unix:path={runtime}/bus")
        # Dates are read by a program, and so is what is matched below.
        self._environ.update(LC_ALL="C", TZ="UTC", SYSTEMD_COLORS="0", SYSTEMD_PAGER="")

    @property
    def of_system(self) -> bool:
        """Whether this is the manager of the whole system."""
        return self.uid == 0

    @property
    def words(self) -> str:
        """How a person begins a command for it: ``systemctl`` or ``systemctl --user``."""
        return "systemctl" if self.of_system else "systemctl --user"

    @property
    def journal_words(self) -> str:
        """The same for the journal."""
        return "journalctl" if self.of_system else "journalctl --user"

    def unit_directory(self) -> Path:
        """Where units of this user or of the administrator go (reference-engine 1.1)."""
        if self.of_system:
            return Path("/etc/systemd/system")
        configured = self._environ.get("XDG_CONFIG_HOME", "")
        home = self._environ.get("HOME", "") or os.path.expanduser("~")
        return Path(configured if os.path.isabs(configured) else f"{home}/.config") / "systemd" / "user"

    def obstacle(self) -> str:
        """Why this manager cannot keep services that we install; empty when it can."""
        try:
            answer = self._run("show", "--property=Version", "--property=UnitPath")
        except ManagerFailedError as error:
            return error.why
        if answer.status:
            whose = "of the system" if self.of_system else "of this user"
            return (
                f"no systemd manager {whose} answers ({_last(answer.err) or f'exit status {answer.status}'})"
            )
        read = _properties(answer.out).get("UnitPath", "").split()
        directory = str(self.unit_directory())
        if read and directory not in read:
            return (
                f"its manager does not read {directory} (XDG_CONFIG_HOME is not the one it was started with)"
            )
        return ""

    def version(self) -> str:
        """systemd's version, for instance ``252.39-1~deb12u1``; empty when it does not answer."""
        answer = self._try("show", "--property=Version")
        return _properties(answer.out).get("Version", "") if answer and not answer.status else ""

    def state(self, unit: str) -> UnitState:
        """How a unit is; one that does not exist is not loaded. Raises ManagerFailedError."""
        answer = self._do("show", *(f"--property={name}" for name in _PROPERTIES), "--", unit)
        found = _properties(answer.out)
        return UnitState(
            loaded=found.get("LoadState") == "loaded",
            active=found.get("ActiveState", "inactive"),
            sub=found.get("SubState", ""),
            enabled=found.get("UnitFileState", ""),
            main_pid=_number(found.get("MainPID", "")),
            restarts=_number(found.get("NRestarts", "")),
            result=found.get("Result", ""),
            since=_seconds(found.get("ActiveEnterTimestamp", "")),
            ended=_seconds(found.get("ExecMainExitTimestamp", "")),
            exit_status=_number(found.get("ExecMainStatus", "")),
            exit_code=_CODES.get(found.get("ExecMainCode", ""), ""),
            text=found.get("StatusText", ""),
            path=found.get("FragmentPath", ""),
        )

    def reload(self) -> None:
        """Let it read unit files again."""
        self._do("daemon-reload")

    def enable(self, unit: str) -> None:
        """Start the unit at boot (with lingering, for a user's)."""
        self._do("enable", "--quiet", "--", unit)

    def disable(self, unit: str) -> None:
        """Do not start it at boot."""
        self._do("disable", "--quiet", "--", unit)

    def start(self, unit: str) -> None:
        """Start it and wait until it has started."""
        self._do("start", "--", unit)

    def start_again(self, unit: str, *, failed: bool = True) -> None:
        """Start or restart it, and do not wait for it to be ready. A unit that ``failed`` before is let off first."""
        if failed:
            self._try("reset-failed", "--", unit)
        self._do("restart", "--no-block", "--", unit)

    def stop(self, unit: str) -> None:
        """Stop it and wait until it is."""
        self._do("stop", "--", unit, seconds=STOP_SECONDS)

    def forget_failure(self, unit: str) -> None:
        """A unit whose file is gone lingers as failed until this."""
        self._try("reset-failed", "--", unit)

    def journal(self, unit: str, count: int) -> list[str]:
        """The last ``count`` lines the unit wrote, all when negative; none when the journal cannot be read."""
        lines = "all" if count < 0 else str(count)
        try:
            answer = self._call(
                ("journalctl", *self._journal_match(unit), f"--lines={lines}"), ANSWER_SECONDS
            )
        except ManagerFailedError:
            return []
        return answer.out.splitlines() if answer.status == 0 else []

    def follow(self, unit: str) -> Iterator[str]:
        """Every line the unit writes from now on."""
        command = ("journalctl", *self._journal_match(unit), "--lines=0", "--follow")
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environ,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    yield line.rstrip("\n")
            finally:
                process.terminate()

    def probe(self, options: tuple[str, ...]) -> bool:
        """Whether a service with these settings can be started here."""
        settings = tuple(word for option in options for word in ("--property", option))
        whose = () if self.of_system else ("--user",)
        command = ("systemd-run", *whose, "--wait", "--quiet", "--collect", *settings, "--", "true")
        try:
            return self._call(command, ANSWER_SECONDS).status == 0
        except ManagerFailedError:
            return False

    def _journal_match(self, unit: str) -> tuple[str, ...]:
        whose = ("--unit",) if self.of_system else ("--user-unit",)
        return ("--quiet", "--no-pager", "--output=cat", *whose, unit)

    def _do(self, *words: str, seconds: float = ANSWER_SECONDS) -> Answer:
        answer = self._run(*words, seconds=seconds)
        if answer.status:
            raise ManagerFailedError(
                f"{self.words} {words[0]} failed",
                why=_last(answer.err) or f"exit status {answer.status}",
                next_step=_NEXT_STEP,
            )
        return answer

    def _try(self, *words: str) -> Answer | None:
        try:
            return self._run(*words)
        except ManagerFailedError:
            return None

    def _run(self, *words: str, seconds: float = ANSWER_SECONDS) -> Answer:
        whose = () if self.of_system else ("--user",)
        return self._call(("systemctl", *whose, "--no-pager", "--no-ask-password", *words), seconds)

    def _call(self, command: tuple[str, ...], seconds: float) -> Answer:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=self._environ,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError as error:
            raise ManagerFailedError(
                "systemd cannot be asked",
                why=f"there is no {command[0]} on this machine",
                next_step=_NEXT_STEP,
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ManagerFailedError(
                "systemd does not answer",
                why=f"{' '.join(command[:4])} took more than {seconds:g} s",
                next_step="look at it (systemctl status); skupper-local system check says more",
            ) from error
        return Answer(done.returncode, done.stdout, done.stderr)


def _properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _seconds(text: str) -> float:
    """A time as systemd prints it in UTC (``Mon 2026-11-23 05:47:01 UTC``)."""
    from datetime import UTC, datetime

    try:
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
