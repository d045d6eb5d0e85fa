"""A machine of one's own for a test: a data directory, the command line as a process, and what runs because of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.rig.ports import HOST, free_port

COMMAND = (sys.executable, "-m", "skupper_local")


@dataclass(frozen=True)
class Machine:
    """Runs ``skupper-local`` with a data directory of its own and the embedded router unless told otherwise.

    ``enter`` is the beginning of every command, for instance one that enters a network namespace; ``further`` are more
    variables.
    """

    directory: Path
    router: str = "embedded"
    platform: str = "linux"
    enter: tuple[str, ...] = ()
    further: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_home(self) -> Path:
        return self.directory / "skupper"

    def home(self, namespace: str) -> Path:
        return self.data_home / "namespaces" / namespace

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SKUPPER_", "XDG_"))
        }
        return {
            **kept,
            "XDG_DATA_HOME": str(self.directory),
            "SKUPPER_PLATFORM": self.platform,
            "SKUPPER_ROUTER": self.router,
            "NO_COLOR": "1",
            **self.further,
        }

    def launch(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a command line and do not wait."""
        return subprocess.Popen(
            [*self.enter, *COMMAND, *words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )

    def run(self, words: str, *, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command line to its end."""
        return subprocess.run(
            [*self.enter, *COMMAND, *words.split()],
            input=text,
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=90,
            check=False,
        )

    def ok(self, words: str, *, text: str = "") -> str:
        """As :meth:`run`, and it must succeed; returns what it printed."""
        ran = self.run(words, text=text)
        assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def processes(self) -> dict[int, str]:
        """Every process whose command line names this machine's directory."""
        found: dict[int, str] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            except (OSError, IndexError):
                continue
            if str(self.data_home) in line and state not in (b"Z", b"X"):
                found[int(entry.name)] = line
        return found

    def routers(self, namespace: str) -> list[int]:
        """The processes that run as router of a namespace."""
        configuration = f"-c {self.home(namespace)}/runtime/router/skrouterd.json"
        return [
            pid
            for pid, line in self.processes().items()
            if configuration in line and "linux.supervisor" not in line
        ]

    def remove(self) -> None:
        """Take every namespace down."""
        namespaces = self.data_home / "namespaces"
        for directory in sorted(namespaces.iterdir()) if namespaces.is_dir() else []:
            self.run(f"system teardown --force -n {directory.name}")


@dataclass(frozen=True)
class Linked:
    """Two linked sites: a server at east, and the port at west where clients find it."""

    machine: Machine
    server_port: int
    listener_port: int


def link_two_sites(machine: Machine, server_port: int) -> Linked:
    """Declare, start and link ``west`` (accepts links, listener) and ``east`` (connector)."""
    listener_port = free_port()
    machine.ok("site create west --enable-link-access -n west")
    machine.ok(f"listener create backend {listener_port} --host {HOST} -n west")
    machine.ok("system start -n west")
    machine.ok("site create east -n east")
    machine.ok(f"connector create backend {server_port} --host {HOST} -n east")
    machine.ok("system apply -f - -n east", text=machine.ok(f"link generate --host {HOST} -n west"))
    machine.ok("system start -n east")
    return Linked(machine, server_port, listener_port)


@contextmanager
def http_server(answer: bytes) -> Iterator[int]:
    """A web server on loopback that answers every GET; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until ``condition`` is true; an assertion in it counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (AssertionError, OSError):
            if time.monotonic() >= deadline:
                raise
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.25)  # most conditions are commands, which keep a small machine busy
