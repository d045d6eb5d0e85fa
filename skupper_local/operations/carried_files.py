"""The files of this program that a bundle carries, so that its target needs Python and nothing else.

Everything is Python alone: modules compiled for one machine are left out, which their packages get along without, and
``cryptography``, which does not, is replaced by :mod:`skupper_local.plain_cryptography` under its name. Each package comes with
its metadata, the terms of its licence among it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from skupper_local.assets import package_directory, templates_directory, units_directory
from skupper_local.errors import SkupperLocalError

LIBRARY = "lib"
CARRIED = (
    *("certifi", "charset-normalizer", "click", "docker", "h11", "idna", "Jinja2", "MarkupSafe"),
    *("podman", "PyYAML", "requests", "rich", "urllib3"),
)
"""Distributions that are carried. What else they name is wanted by parts of them that this program does not use."""

_PLAIN = "plain_cryptography"
_LEFT_OUT = (".so", ".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".exe")


class ProgramIncompleteError(SkupperLocalError):
    """A package that a bundle has to carry is not here as files."""

    code: ClassVar[str] = "program-incomplete"


def carried_files() -> dict[str, bytes]:
    """The content of ``lib/`` by name. Raises ProgramIncompleteError."""
    package = package_directory()
    files = dict(_tree(package, "skupper_local", ("_assets",)))
    files.update(_tree(units_directory(), "skupper_local/_assets/units"))
    files.update(_tree(templates_directory(), "skupper_local/_assets/templates"))
    plain = dict(_tree(package / _PLAIN, "cryptography"))
    if not plain:
        raise _incomplete(_PLAIN, f"there is no {package / _PLAIN}")
    files.update(plain)
    for name in CARRIED:
        files.update(_distribution(name))
    return {f"{LIBRARY}/{name}": content for name, content in sorted(files.items())}


def _tree(directory: Path, name: str, without: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        if path.is_file() and _is_carried(relative.as_posix()) and relative.parts[0] not in without:
            yield f"{name}/{relative.as_posix()}", path.read_bytes()


def _distribution(name: str) -> Iterator[tuple[str, bytes]]:
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise _incomplete(name, "it is not installed") from error
    found = False
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or not _is_carried(file.as_posix()):
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _incomplete(name, f"{path}: {error.strerror}") from error
        found = True
        yield file.as_posix(), content
    if not found:
        raise _incomplete(name, "its installation does not list its files")


def _is_carried(name: str) -> bool:
    return not name.endswith(_LEFT_OUT) and "__pycache__" not in name


def _incomplete(name: str, why: str) -> ProgramIncompleteError:
    return ProgramIncompleteError(
        f"The package {name} cannot be put into a bundle",
        why=why,
        next_step="install this program with pipx or pip into an environment of its own, and make the bundle there",
    )
