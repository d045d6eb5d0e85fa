"""Router programs and router processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.rig.ports import HOST


@dataclass(frozen=True)
class Program:
    """A router program that takes ``-c FILE``."""

    name: str
    command: tuple[str, ...]


EMBEDDED = Program("embedded", (sys.executable, "-m", "skupper_local.router.main"))


def reference_program() -> Program | None:
    """``skrouterd``: the one SKROUTERD names, else the one in PATH, else None."""
    path = os.environ.get("SKROUTERD") or shutil.which("skrouterd")
    return Program("skrouterd", (path,)) if path else None


class RouterProcess:
    """One router, its configuration file and its log. Start it, ask it, stop it, kill it, start it again."""

    def __init__(self, program: Program, router_id: str, directory: Path, http_port: int) -> None:
        self.program = program
        self.router_id = router_id
        self.http_port = http_port
        self.configuration = directory / f"{router_id}.json"
        self.log = directory / f"{router_id}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> float:
        """Start the process; returns the seconds until it answered /healthz (0 without ``wait``)."""
        start = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.program.command, "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.configuration.parent,
            )
        return self.wait_until_ready(start) if wait else 0.0

    def wait_until_ready(self, since: float | None = None, seconds: float = 20.0) -> float:
        """Wait for /healthz; returns the seconds since then. ``RuntimeError`` with the log's end if it never answers."""
        start = time.monotonic() if since is None else since
        while time.monotonic() - start < seconds:
            if not self.running:
                break
            if self.healthy(timeout=1.0):
                return time.monotonic() - start
            time.sleep(0.005)
        raise RuntimeError(
            f"router {self.router_id} is not ready; the end of its log:\n{self.log_text()[-3000:]}"
        )

    def healthy(self, timeout: float = 2.0) -> bool:
        """Whether /healthz answers OK within the timeout."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.http_port}/healthz", timeout=timeout) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process; only after ``start``."""
        if not self._process:
            raise RuntimeError(f"router {self.router_id} was not started")
        return self._process

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM and wait; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL and wait."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def resident_bytes(self) -> int:
        """Resident memory of the process, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        return int(match.group(1)) * 1024 if match else 0

    def open_files(self) -> int:
        """Number of open file descriptors of the process."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log_text(self) -> str:
        """Everything it logged so far, over all its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def complaints(self) -> list[str]:
        """The lines of the log of level WARNING and above, and what is no log line but a crash."""
        marks = re.compile(
            r"\((warning|error|critical)\)|\b(WARNING|ERROR|CRITICAL)\b|Traceback|AddressSanitizer|panic"
        )
        return [line for line in self.log_text().splitlines() if marks.search(line)]
