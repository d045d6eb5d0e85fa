"""The demonstration: the hello world of the reference (concepts 16.1) on one machine, with nothing but this program.

A client reaches site west; the server is known to site east only; a link over mutual TLS joins the two. The answer holds a text
made up for this run, so it can only have come from that server, and the client never learns the server's port. Everything is in
a directory of its own and goes away at the end, also after a failure or Ctrl-C.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from skupper_local.assets import module_command
from skupper_local.host import ports
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.apply import apply_text
from skupper_local.operations.create import create_connector, create_listener, create_site
from skupper_local.operations.errors import DemoFailedError
from skupper_local.operations.generate_link import generate_link
from skupper_local.operations.lifecycle import Outcome, start, teardown
from skupper_local.operations.planned_change import Wishes
from skupper_local.operations.status import view_site
from skupper_local.operations.target import Target
from skupper_local.resources import encode_documents

HOST = "127.0.0.1"
_LISTENER_PORT = 8080
_SERVER_PORT = 9090
_LINK_SECONDS = 30.0
_ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Line:
    """One thing to tell: a ``step``, a ``command`` as the reader would type it, or a ``result`` of it."""

    kind: str
    text: str


@dataclass(frozen=True)
class Demonstrated:
    """What came back, and where things are if they were kept."""

    answer: str
    directory: Path
    listener_port: int
    kept: bool


@dataclass
class _Stage:
    """What has to be cleaned up, as far as it has come into being."""

    directory: Path
    targets: list[Target] = field(default_factory=list)
    server: subprocess.Popen[bytes] | None = None

    def target(self, namespace: str) -> Target:
        paths = NamespacePaths.of(namespace, self.directory / "skupper")
        target = Target(paths, "linux", "skupper-local demo")
        self.targets.append(target)
        return target

    def clear(self) -> None:
        for target in self.targets:
            teardown(target)
        if self.server:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def run_demo(tell: Callable[[Line], None], *, keep: bool = False) -> Demonstrated:
    """Run it, telling every step. Raises DemoFailedError, the errors of the steps, and KeyboardInterrupt; nothing stays behind.

    ``keep`` leaves everything running when it went well.
    """
    stage = _Stage(Path(tempfile.mkdtemp(prefix="skupper-local-demo-")))
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    kept = False
    try:
        demonstrated = _play(stage, tell, keep=keep)
        kept = keep
        return demonstrated
    finally:
        ignored = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *previous)}
        if not kept:
            tell(Line("step", "Remove everything"))
            stage.clear()
            tell(Line("result", f"no process and no file is left ({stage.directory})"))
        for number, handler in {**ignored, **previous}.items():
            signal.signal(number, handler)


def _play(stage: _Stage, tell: Callable[[Line], None], *, keep: bool) -> Demonstrated:
    say = _Teller(tell)
    text = f"Hello from the server behind site east ({secrets.token_hex(8)})"

    server_port = ports.next_free(_SERVER_PORT, host=HOST)
    say.step("A web server, which only site east will know about")
    _start_server(stage, server_port, text)
    say.result(f"listening on {HOST}:{server_port}")

    west = stage.target("west")
    listener_port = ports.next_free(_LISTENER_PORT, host=HOST, taken={server_port})
    say.step("Site west: other sites may link to it, and clients find the service there")
    say.command("site create west --enable-link-access -n west")
    create_site(west, "west", enable_link_access=True)
    say.command(f"listener create backend {listener_port} --host {HOST} -n west")
    create_listener(west, "backend", listener_port, host=HOST)
    say.command("system start -n west")
    say.started(start(west, _wishes()))

    east = stage.target("east")
    say.step("Site east: it offers the server to the network")
    say.command("site create east -n east")
    create_site(east, "east")
    say.command(f"connector create backend {server_port} --host {HOST} -n east")
    create_connector(east, "backend", server_port, host=HOST)

    say.step("A link from east to west: west says how, east takes it")
    say.command(f"link generate --host {HOST} -n west > west.yaml")
    generated = generate_link(west, host=HOST)
    say.command("system apply -f west.yaml -n east")
    apply_text(east, encode_documents(generated.documents), "west.yaml")
    say.command("system start -n east")
    say.started(start(east, _wishes()))
    say.command("link status -n east")
    say.result(_wait_for_link(east))

    url = f"http://{HOST}:{listener_port}/"
    say.step("A client at site west asks; the answer comes from the server behind site east")
    say.shell(f"curl {url}")
    answer = _ask(url, west)
    if answer != text:
        raise DemoFailedError(
            "The answer did not come from the server behind site east",
            why=f"it was {answer[:200]!r} instead of {text!r}",
            next_step="see who listens on that port, and run the demo again",
        )
    say.result(answer)
    return Demonstrated(answer, stage.directory, listener_port, keep)


@dataclass(frozen=True)
class _Teller:
    tell: Callable[[Line], None]

    def step(self, text: str) -> None:
        self.tell(Line("step", text))

    def command(self, text: str) -> None:
        self.shell(f"skupper-local {text}")

    def shell(self, text: str) -> None:
        self.tell(Line("command", text))

    def result(self, text: str) -> None:
        self.tell(Line("result", text))

    def started(self, outcome: Outcome) -> None:
        self.result(
            f"the {outcome.program} router of site {outcome.site} was ready after {outcome.seconds:.1f} s"
        )


def _wishes() -> Wishes:
    """The demonstration leaves no unit behind, so it needs no systemd."""
    return Wishes(router=os.environ.get("SKUPPER_ROUTER", ""), systemd=False)


def _start_server(stage: _Stage, port: int, text: str) -> None:
    directory = str(stage.directory)
    command = (*module_command("skupper_local.operations.hello_server"), str(port), directory, text)
    stage.server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    assert stage.server.stdout is not None
    with stage.server.stdout as pipe:
        listening = pipe.readline()
    if not listening:
        raise DemoFailedError(
            "The web server of the demo did not start",
            why=f"port {port} was free a moment ago and may be taken now",
            next_step="run the demo again",
        )


def _wait_for_link(target: Target) -> str:
    deadline = time.monotonic() + _LINK_SECONDS
    message = ""
    while time.monotonic() < deadline:
        for row in view_site(target).links:
            if row.outgoing and row.status == "Ready":
                return f"{row.name}: {row.status}, to site {row.remote_site or '?'}"
            message = row.message
        time.sleep(0.1)
    raise DemoFailedError(
        "The link did not come up",
        why=message,
        next_step="run it again with: skupper-local demo --keep\n"
        "then, with the XDG_DATA_HOME that it names: skupper-local system logs -n east",
    )


def _ask(url: str, target: Target) -> str:
    """The answer to a request; the listener opens when the connector has become known across the link."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    why = ""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5) as response:
                return str(response.read(10_000).decode("utf-8", "replace").strip())
        except (OSError, urllib.error.URLError, ValueError) as error:
            why = str(error)
        time.sleep(0.1)
    listener = view_site(target).of_kind("Listener")[0]
    raise DemoFailedError(
        "The request was not answered",
        why=f"{why}; listener backend: {listener.status.get('message', '')}",
        next_step="run it again with: skupper-local demo --keep\n"
        "then, with the XDG_DATA_HOME that it names: skupper-local system logs -n west",
    )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
