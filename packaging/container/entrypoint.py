"""The first process of the router's container: the official image's contract, kept with the embedded router.

``QDROUTERD_CONF`` names the configuration, or is one; every ``${VARIABLE}`` in it is replaced by the environment's value, as
the official image's launcher does, because ``SSL_PROFILE_BASE_PATH`` stands in it. The result is a private file in ``/tmp``,
the only place that has to be writable. Signals are taken from the first instruction on: a first process that has not asked for
them gets none.
"""

from __future__ import annotations

import os
import re
import signal
import sys

EXIT_INVALID = 2
_USUAL_CONFIGURATION = "/etc/skupper-router/config/skrouterd.json"
_EXPANDED = "/tmp/skrouterd.json"  # noqa: S108 - a directory of this container alone
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))")


def expanded(text: str) -> str:
    """The text with the environment's values; a variable that is not set stays as it is."""

    def found(match: re.Match[str]) -> str:
        return os.environ.get(match["braced"] or match["bare"], match[0])

    return _VARIABLE.sub(found, text)


def configuration_text(source: str) -> str:
    """The configuration that ``QDROUTERD_CONF`` means: its own value where that has braces, else the file it names."""
    if "{" in source:
        return source
    with open(source, encoding="utf-8") as file:
        return file.read()


def name_this_host(text: str) -> None:
    """Set the variables that the official launcher adds to the environment; the address only where the configuration has it,
    because asking for it may take seconds where no name server answers."""
    name = os.environ.get("HOSTNAME", "") or os.uname().nodename
    os.environ.setdefault("POD_ID", name.rpartition("-")[2])
    if "HOSTNAME_IP_ADDRESS" in text:
        import socket

        os.environ.setdefault("HOSTNAME_IP_ADDRESS", socket.gethostbyname(name))


def _refuse(what: str, remedy: str) -> int:
    print(f"skupper-local-router: {what}", file=sys.stderr)
    print(f"skupper-local-router: {remedy}", file=sys.stderr)
    return EXIT_INVALID


def main() -> int:
    """Expand the configuration and run the router on it; the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nothing has been read that could be read again
    kind = os.environ.get("QDROUTERD_CONF_TYPE", "") or "json"
    if kind != "json":
        return _refuse(f"QDROUTERD_CONF_TYPE={kind} is not supported", "write the configuration as json")
    source = os.environ.get("QDROUTERD_CONF", "") or _USUAL_CONFIGURATION
    try:
        text = configuration_text(source)
        name_this_host(text)
        descriptor = os.open(_EXPANDED, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(expanded(text))
    except (OSError, UnicodeDecodeError) as error:
        return _refuse(str(error), "mount the configuration, and name its file in QDROUTERD_CONF")
    from skupper_local.router.main import main as run_router

    return run_router(["-c", _EXPANDED])


if __name__ == "__main__":
    sys.exit(main())
