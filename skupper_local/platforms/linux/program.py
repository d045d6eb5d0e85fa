"""Which program is the router: the embedded one, or ``skrouterd``.

Chosen at the first start, recorded as ``embedded`` or as an absolute path, and changed only by asking for it: a ``skrouterd``
that is installed later must not swap a site's router silently, and one that vanished is an error, not a reason to take
another.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import ClassVar

from skupper_local.assets import module_command
from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.host.programs import find_program, is_executable

EMBEDDED = "embedded"
SKROUTERD = "skrouterd"

_VERSION = re.compile(r"\d{1,4}\.\d{1,4}[-+.\w]{0,40}")
_VERSION_SECONDS = 5.0


class RouterChoiceInvalidError(InvalidRequestError):
    """The router asked for is none of ``embedded``, ``skrouterd`` or an absolute path of a program."""

    code: ClassVar[str] = "router-choice-invalid"


class RouterProgramMissingError(SkupperLocalError):
    """The recorded router program is not there any more."""

    code: ClassVar[str] = "router-program-missing"


def choose_program(asked: str) -> str:
    """The program to record: ``embedded`` or an absolute path. ``asked`` empty: ``skrouterd`` if in PATH, else embedded.

    Raises RouterChoiceInvalidError.
    """
    if asked == EMBEDDED:
        return EMBEDDED
    if asked in ("", SKROUTERD):
        found = find_program(SKROUTERD)
        if found or not asked:
            return found or EMBEDDED
        raise RouterChoiceInvalidError(
            "Router skrouterd is not installed",
            why="no program of that name is in PATH",
            next_step="install it, give its absolute path, or use the embedded router: --router embedded",
        )
    if os.path.isabs(asked) and is_executable(asked):
        return os.path.normpath(asked)
    raise RouterChoiceInvalidError(
        f"Router {asked!r} cannot be used",
        why="it is not a program" if os.path.isabs(asked) else "a router is named by an absolute path",
        next_step="use embedded, skrouterd, or the absolute path of a router program",
    )


def require_program(program: str) -> None:
    """Raise RouterProgramMissingError when the recorded program cannot be run."""
    if program != EMBEDDED and not is_executable(program):
        raise RouterProgramMissingError(
            f"The router of this site, {program}, cannot be run",
            why="it was chosen at the first start and is no longer there, or not executable",
            next_step="install it again, or choose another one: skupper-local system start --router embedded",
        )


def command(program: str, configuration: Path) -> tuple[str, ...]:
    """The command line of a recorded program for a configuration file."""
    if program == EMBEDDED:
        return (*module_command("skupper_local.router.main"), "-c", str(configuration))
    return (program, "-c", str(configuration))


def kind_of_program(program: str) -> str:
    """``embedded`` or ``skrouterd``: what the router can and cannot do."""
    return EMBEDDED if program == EMBEDDED else SKROUTERD


def version_of_program(program: str) -> str:
    """What a router program says of its version, such as ``3.5.1``; empty when it says nothing that looks like one."""
    import subprocess

    try:
        done = subprocess.run(
            (program, "--version"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.match(done.stdout.strip())
    return found[0] if found else ""
