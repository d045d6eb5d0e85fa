"""The program ``skupper-local-router``: reads a configuration, runs the router until it is told to stop.

Signals: SIGTERM and SIGINT drain and end it (at most about four seconds), SIGHUP reads the certificates again. Exit status: 0
after a signal, 1 when it failed, 2 when the configuration or the command line is not acceptable.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from skupper_local import __version__
from skupper_local.errors import SkupperLocalError

if TYPE_CHECKING:
    from skupper_local.router.configuration import RouterConfiguration

PROGRAM = "skupper-local-router"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _OneLine(logging.Formatter):
    """Log text may hold what peers sent: control characters are escaped, so that nobody writes lines of their own."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if text.isprintable():
            return text
        lines = text.split("\n") if record.exc_info else [text]
        return "\n".join(
            "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
            for line in lines
        )


def _logger(level: str) -> logging.Logger:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(LOG_FORMAT))
    logger = logging.getLogger(PROGRAM)
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
    return logger


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A router for service networks, wire-compatible with skrouterd (interior or edge mode).",
        epilog="Signals: SIGTERM drains and stops, SIGHUP reads the certificates again.",
    )
    parser.add_argument(
        "-c", "--conf", metavar="FILE", required=True, help="the JSON configuration that skrouterd takes"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="the least important lines that are logged to stderr (the log entity DEFAULT, else info)",
    )
    parser.add_argument("--check", action="store_true", help="read and check the configuration, then end")
    parser.add_argument("-v", "--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    arguments = _arguments(argv)
    log = _logger(arguments.log_level or "info")
    from skupper_local.router.configuration import load_configuration

    try:
        configuration = load_configuration(Path(arguments.conf))
        if arguments.log_level is None:
            log.setLevel(_configured_level(configuration))
        for warning in configuration.warnings:
            log.warning(warning)
        if arguments.check:
            return 0
        asyncio.run(_run(configuration, log))
    except SkupperLocalError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        if error.next_step:
            print(f"{PROGRAM}: {error.next_step}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 0
    return 0


def _configured_level(configuration: RouterConfiguration) -> int:
    """The level of the log module DEFAULT; the other modules are parts of skrouterd that this program does not have."""
    levels = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
    for entity in configuration.logs:
        if entity.module == "DEFAULT":
            return levels.get(entity.enable.split(",")[-1].strip().rstrip("+"), logging.ERROR)
    return logging.INFO


def _keep_freed_memory() -> None:
    """Let the C library keep what bulk flows free: it would give each buffer of 128 KiB back to the system and fault it in
    again at the next read, which costs as much as copying it. Other C libraries than glibc have no such setting."""
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 4 * 1_048_576)
    mallopt(_M_TRIM_THRESHOLD, 16 * 1_048_576)


async def _run(configuration: RouterConfiguration, log: logging.Logger) -> None:
    from skupper_local.router.router import Router, raise_descriptor_limit

    raise_descriptor_limit()
    _keep_freed_memory()
    # Flows make little garbage that counts references cannot free; full collections would only cost pauses.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    loop = asyncio.get_running_loop()
    router = Router(configuration, log)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, router.reload_certificates)
    router.start()
    log.info(f"router {router.router_id} is running, {PROGRAM} {__version__}")
    await stop.wait()
    log.info("stopping")
    await router.stop()
    log.info("stopped")


if __name__ == "__main__":
    sys.exit(main())
