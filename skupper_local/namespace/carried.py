"""What the installer of a bundle keeps beside the namespaces: the program it brought, and the record of what is its own.

::

    <data home>/bundled/<namespace>/
        record.json          which bundle, what it declared and supplied, which directories it made
        current              a link to the version in use: units and people reach the programs through it
        versions/<digest>/   lib/, bin/, bundle.json: one tree for each content

A version is copied under another name and appears by ``rename``; the link is replaced the same way. So a kill leaves the
former version in use, or the new one. The former version stays until the next upgrade, because a router may still run from it.
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import json
import os
import py_compile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.errors import RecordDamagedError, RecordTooNewError
from skupper_local.namespace.filesystem import (
    PRIVATE_FILE,
    PRIVATE_PROGRAM,
    explained,
    make_private_directories,
    read_regular_file,
    remove_directory_if_empty,
    remove_file,
    remove_tree,
    sync_directory,
    write_atomically,
    write_new_file,
)

_DIRECTORY = "bundled"
_RECORD = "record.json"
_VERSION = 1
_LIMIT = 1 << 22


class InstallationBusyError(SkupperLocalError):
    """Another installer works on the same namespace."""

    code: ClassVar[str] = "installation-busy"


@dataclass(frozen=True)
class InstalledBundle:
    """What an installation owns: resources as ``(kind, name)``, names of supplied issuers and certificates, directories.

    ``program`` and ``digest`` are those of the version that last put the declarations in place; empty before the first time.
    """

    bundle: str
    site: str
    program: str = ""
    digest: str = ""
    resources: tuple[tuple[str, str], ...] = ()
    issuers: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class CarriedTree:
    """The place of one namespace's installation."""

    data_home: Path
    namespace: str

    @property
    def home(self) -> Path:
        return self.data_home / _DIRECTORY / self.namespace

    @property
    def current(self) -> Path:
        """The link through which the version in use is reached."""
        return self.home / "current"

    @property
    def record(self) -> Path:
        return self.home / _RECORD

    def version(self, digest: str) -> Path:
        """The directory of a version."""
        return self.home / "versions" / digest

    def digest_in_use(self) -> str:
        """Which version ``current`` leads to; empty when there is none."""
        try:
            return os.path.basename(os.readlink(self.current))
        except OSError:
            return ""


@contextlib.contextmanager
def lock_installation(tree: CarriedTree) -> Iterator[None]:
    """Keep other installers away from the namespace during the block. Raises InstallationBusyError."""
    path = tree.home.with_name(f"{tree.namespace}.lock")
    with explained(f"cannot prepare {path.parent}", path.parent):
        make_private_directories(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InstallationBusyError(
                f"Another installer works on namespace {tree.namespace}",
                why=f"it holds {path}",
                next_step="wait until it has ended, then repeat the command",
            ) from error
        yield
        if not tree.home.exists():
            with contextlib.suppress(OSError):
                remove_file(path)
    finally:
        os.close(descriptor)
        remove_directory_if_empty(path.parent)


def read_installed(tree: CarriedTree) -> InstalledBundle | None:
    """What is installed; None when nothing is. Raises RecordDamagedError, RecordTooNewError and NotReadableError."""
    path = tree.record
    try:
        with explained(f"cannot read {path}", path, reading=True):
            try:
                content = read_regular_file(path, _LIMIT)
            except (FileNotFoundError, NotADirectoryError):
                return None
        found: dict[str, Any] = json.loads(content or b"")
        version = found["version"]
        if version == _VERSION:
            return InstalledBundle(
                bundle=str(found["bundle"]),
                site=str(found["site"]),
                program=str(found["program"]),
                digest=str(found["digest"]),
                resources=tuple((str(kind), str(name)) for kind, name in found["resources"]),
                issuers=tuple(map(str, found["issuers"])),
                certificates=tuple(map(str, found["certificates"])),
                directories=tuple(map(str, found["directories"])),
            )
    except (ValueError, KeyError, TypeError) as error:
        raise RecordDamagedError(
            f"cannot use {path}",
            why=f"it is not what a bundle's installer writes ({error})",
            next_step=f"restore it from a backup, or remove {tree.home} and install into another namespace",
        ) from error
    raise RecordTooNewError(
        f"cannot use {path}",
        why=f"it has version {version}, this program knows {_VERSION}",
        next_step="use the newer bundle that wrote it",
    )


def write_installed(tree: CarriedTree, installed: InstalledBundle) -> None:
    """Record what is owned. Raises the errors of the file system's."""
    with explained(f"cannot write {tree.record}", tree.record):
        make_private_directories(tree.home)
    document = {"version": _VERSION, **asdict(installed)}
    write_atomically(tree.record, (json.dumps(document, indent=2) + "\n").encode())


def install_version(tree: CarriedTree, digest: str, source: Path, programs: Mapping[str, str]) -> Path:
    """Copy the program in ``source/lib`` into place and use it; ``programs`` are the texts of ``bin/``. Returns ``current``.

    The versions that are neither this one nor the one in use until now are removed. Raises the errors of the file system's.
    """
    former = tree.digest_in_use()
    version = tree.version(digest)
    with explained(f"cannot install the program in {version}", version):
        make_private_directories(version.parent)
        for entry in list(os.scandir(version.parent)):
            if entry.name not in (digest, former):
                remove_tree(version.parent / entry.name)
        if not version.is_dir():
            new = version.with_name(f".{digest}")
            remove_tree(new)
            make_private_directories(new / "bin")
            _copy(source / "lib", new / "lib")
            _copy_file(source / "bundle.json", new / "bundle.json")
            # Units may not write here, and compiling at each start would cost them a second.
            compileall.compile_dir(
                new / "lib",
                quiet=2,
                stripdir=str(new),
                prependdir=str(tree.current),
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
            os.rename(new, version)
            sync_directory(version.parent)
        for name, text in programs.items():
            write_atomically(version / "bin" / name, text.encode(), PRIVATE_PROGRAM)
        if former != digest:
            fresh = tree.current.with_name(".current")
            remove_file(fresh)
            os.symlink(os.path.join("versions", digest), fresh)
            os.rename(fresh, tree.current)
            sync_directory(tree.home)
    return tree.current


def remove_installed(tree: CarriedTree) -> None:
    """Remove the program and the record, the record last. Raises the errors of the file system's."""
    with explained(f"cannot remove {tree.home}", tree.home):
        remove_file(tree.current)
        remove_tree(tree.home / "versions")
        remove_tree(tree.home)


def _copy(source: Path, target: Path) -> None:
    make_private_directories(target)
    for entry in sorted(os.scandir(source), key=lambda item: item.name):
        if entry.is_dir(follow_symlinks=False):
            _copy(source / entry.name, target / entry.name)
        elif entry.is_file(follow_symlinks=False):
            _copy_file(source / entry.name, target / entry.name)


def _copy_file(source: Path, target: Path) -> None:
    write_new_file(target, source.read_bytes())
