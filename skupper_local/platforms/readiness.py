"""Waiting until a started router is ready: it answers a question on its local listener.

While it does not answer, its end is noticed at once: there is no sense in waiting for a process that is gone.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skupper_local.platforms.face import Platform, RouterReport

READY_SECONDS = 30.0
_KEEPERS_WORDS = re.compile(
    r" supervisor: |^skupper-\S+\.service: |^(Starting|Started|Stopping|Stopped|Failed to start) skupper-"
)
"""What a supervisor or systemd says in the log of a router; the last words are the router's own."""

_POLL_SECONDS = 0.05
_LOOK_SECONDS = 0.3
"""Looking costs more than asking: an engine or systemd has to be asked in its turn."""
_HOST = "127.0.0.1"
_LOCAL_LISTENER = "skupper-local-normal"
_TOOLS = "skupper-local-client"


@dataclass(frozen=True)
class Readiness:
    """Whether the router answered; if not, ``reason`` says why and ``lines`` are the last ones of its log."""

    ready: bool
    seconds: float = 0.0
    reason: str = ""
    lines: tuple[str, ...] = ()


def wait_until_ready(
    platform: Platform,
    home: Path,
    ask: Callable[[float], str],
    *,
    seconds: float = READY_SECONDS,
    restarts: int = 0,
) -> Readiness:
    """Ask again and again until the router answers, ends, or ``seconds`` are over.

    ``ask`` gets the seconds it may take and returns why there was no answer, or an empty text. ``restarts`` is how often the
    router had been started again before the wait began: 0 for one that was started a moment ago.
    """
    begin = time.monotonic()
    reason = ""
    next_look = 0.0  # the first look tells at once of a router that did not survive its start
    while (left := begin + seconds - time.monotonic()) > 0:
        reason = ask(min(left, 5.0))
        if not reason:
            return Readiness(ready=True, seconds=time.monotonic() - begin)
        if time.monotonic() < next_look:
            time.sleep(_POLL_SECONDS)
            continue
        next_look = time.monotonic() + _LOOK_SECONDS
        report = platform.inspect(home)
        if not report.present or report.restarts > restarts:
            return _not_ready(platform, home, begin, _how_it_ended(report))
        time.sleep(_POLL_SECONDS)
    return _not_ready(platform, home, begin, f"it did not answer within {seconds:g} s: {reason}")


def _how_it_ended(report: RouterReport) -> str:
    return f"it ended at once ({report.last_exit.how})" if report.last_exit else "it ended at once"


def _not_ready(platform: Platform, home: Path, begin: float, reason: str) -> Readiness:
    lines = [line for line in platform.log(home, 40) if line.strip() and not _KEEPERS_WORDS.search(line)]
    return Readiness(ready=False, seconds=time.monotonic() - begin, reason=reason, lines=tuple(lines[-5:]))


def ask_router(configuration: Path, certificates: Path, seconds: float) -> str:
    """Ask a router for itself on its local listener; why there was no answer, or an empty text.

    The listener stands in the router's own configuration file, under the name that the reference gives it too
    (reference-engine 4.4): whoever keeps a router needs nothing else of its site.
    """
    from skupper_local.management import RouterManagement
    from skupper_local.management.errors import ManagementError

    port = _management_port(configuration)
    if not port:
        return f"{configuration} holds no local listener"
    try:
        credentials = certificates / _TOOLS
        with RouterManagement.connect(_HOST, port, credentials=credentials, seconds=seconds) as router:
            router.query("router", ("id",))
    except ManagementError as error:
        return error.why or error.what
    return ""


def _management_port(configuration: Path) -> int:
    try:
        entities = json.loads(configuration.read_bytes())
        for kind, attributes in entities:
            if kind == "listener" and attributes.get("name") == _LOCAL_LISTENER:
                return int(attributes["port"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    return 0
