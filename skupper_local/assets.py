"""Where ``units/`` and ``templates/`` are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _directory(name: str) -> Path:
    installed = _PACKAGE / "_assets" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def units_directory() -> Path:
    """The directory of systemd unit templates."""
    return _directory("units")


def templates_directory() -> Path:
    """The directory of Jinja2 templates for every other text generated for other programs."""
    return _directory("templates")
