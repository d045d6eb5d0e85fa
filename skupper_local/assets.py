"""Where ``units/`` and ``templates/`` are (beside the package in a checkout, inside it in an installed wheel), and where the
programs are that came with the package in a bundle.

A bundle installs a tree of its own: ``lib/`` with this package and what it needs, ``bin/`` with one program for each entry
point, and a record beside them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

BUNDLE_RECORD = "bundle.json"

# Not resolved: a tree that a bundle installed is reached through a link that outlives an upgrade.
_PACKAGE = Path(__file__).absolute().parent


def _directory(name: str) -> Path:
    installed = _PACKAGE / "_assets" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def package_directory() -> Path:
    """The directory of the package itself."""
    return _PACKAGE


def units_directory() -> Path:
    """The directory of systemd unit templates."""
    return _directory("units")


def templates_directory() -> Path:
    """The directory of Jinja2 templates for every other text generated for other programs."""
    return _directory("templates")


def carried_program(name: str) -> str:
    """The absolute path of a program of ours that a bundle installed beside this package; empty elsewhere."""
    path = _PACKAGE.parent.parent / "bin" / name
    return str(path) if _is_carried() and os.access(path, os.X_OK) else ""


def module_command(module: str, library: Path | None = None) -> tuple[str, ...]:
    """The command line that runs a module of this program, or of the one that a bundle put into ``library``."""
    if library is None and not _is_carried():
        return (sys.executable, "-m", module)
    package = library / _PACKAGE.name if library else _PACKAGE
    return (sys.executable, "-I", str(package / "start.py"), module)


def _is_carried() -> bool:
    return _PACKAGE.parent.name == "lib" and (_PACKAGE.parent.parent / BUNDLE_RECORD).is_file()
