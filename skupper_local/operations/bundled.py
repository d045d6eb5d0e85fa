"""What the installer of a bundle does on its target: install, upgrade in place, remove, hand out links.

An installation is repeated freely. What it owns is recorded before it is made: resources that the former bundle declared and
this one does not are taken back, everything that people added on the target stays. Identity, ports, CAs and keys belong to the
namespace and outlive every upgrade.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from skupper_local.assets import BUNDLE_RECORD, module_command
from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.namespace.carried import (
    CarriedTree,
    InstalledBundle,
    install_version,
    lock_installation,
    read_installed,
    remove_installed,
    write_installed,
)
from skupper_local.namespace.filesystem import write_atomically
from skupper_local.namespace.installation import missing_directories, remove_emptied
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.records import (
    DesiredState,
    read_desired_state,
    read_platform,
    write_desired_state,
)
from skupper_local.namespace.resource_files import CredentialFiles, read_credential_directories
from skupper_local.operations.apply import Applied, Source, apply_sources, decoded_sources, read_sources
from skupper_local.operations.bundle import MANIFEST_VERSION, render_script
from skupper_local.operations.lifecycle import Outcome, reload, stop, teardown
from skupper_local.operations.planned_change import NO_WISHES, Wishes
from skupper_local.operations.target import Target, find_target
from skupper_local.operations.up import up
from skupper_local.resources import kind_of
from skupper_local.systemd.manager import Manager

PROGRAMS = {
    "skupper-local": "skupper_local",
    "skupper-local-router": "skupper_local.router.main",
    "skupper-local-run": "skupper_local.platforms.runner",
}
"""The programs that come with a bundle, and the modules they run."""

_LOCK_PATIENCE = 60.0

Item = TypeVar("Item")


class BundleDamagedError(SkupperLocalError):
    """A file of the bundle is missing or is not what a bundle holds."""

    code: ClassVar[str] = "bundle-damaged"


class NamespaceTakenError(InvalidRequestError):
    """The namespace has a site that another bundle or a person made."""

    code: ClassVar[str] = "namespace-taken"


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself; ``platform`` is empty when the target decides."""

    name: str
    site: str
    namespace: str
    platform: str
    program: str
    digest: str


@dataclass(frozen=True)
class Installed:
    """What was done; ``programs`` is the directory of the programs that came with the bundle."""

    applied: Applied
    removed: tuple[str, ...]
    outcome: Outcome
    programs: Path
    warnings: tuple[str, ...]


def read_manifest(bundle: Path) -> Manifest:
    """What the unpacked bundle is. Raises BundleDamagedError."""
    try:
        found = json.loads((bundle / BUNDLE_RECORD).read_bytes())
        if found["version"] != MANIFEST_VERSION:
            raise ValueError(f"version {found['version']}")
        keys = ("name", "site", "namespace", "platform", "program", "digest")
        return Manifest(**{key: str(found[key]) for key in keys})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleDamagedError(
            f"{bundle} is no complete bundle",
            why=f"{BUNDLE_RECORD}: {error}",
            next_step="unpack the archive again, all of it, into an empty directory",
        ) from error


def target_of_bundle(manifest: Manifest, namespace: str = "", platform: str = "") -> Target:
    """Where the bundle goes: what was said, else what it was made for; a site that is installed stays on its platform.

    Raises NamespaceNameInvalidError and PlatformNotSupportedError.
    """
    target = find_target(namespace or manifest.namespace, platform, command="install.sh")
    usual = platform or ("" if read_platform(target.paths) else manifest.platform)
    return replace(target, platform=usual)


def place_program(bundle: Path, target: Target) -> Path:
    """Install the program of the bundle, and use it from now on; the directory through which it is reached.

    Everything else is to be done by the program in its place: units are told where that is. Raises NamespaceTakenError,
    BundleDamagedError and the errors of the file system's.
    """
    manifest = read_manifest(bundle)
    tree = _tree(target)
    made = _directories_to_make(tree.data_home)
    with lock_installation(tree):
        former = read_installed(tree)
        _require_own(target, former, manifest.site)
        if former is None:
            write_installed(tree, InstalledBundle(manifest.name, manifest.site, directories=made))
        return install_version(tree, manifest.digest, bundle, _programs(tree))


def install_bundle(bundle: Path, target: Target, wishes: Wishes = NO_WISHES) -> Installed:
    """Install the site of an unpacked bundle, or bring an installation to this bundle's content, and run it.

    The program is in place (:func:`place_program`). Raises NamespaceTakenError, BundleDamagedError and the errors of
    ``apply``, ``start`` and ``reload``. Repeating it finishes what was begun.
    """
    tree = _tree(target)
    with lock_installation(tree):
        placed = _put_in_place(bundle, target)
        if placed.restarts:
            stop(target)
        raised = up(target, wishes=wishes)
        _complete(bundle, target)
        return Installed(
            placed.applied, placed.removed, raised.outcome, tree.current / "bin", placed.warnings
        )


def dump_links(bundle: Path, target: Target, directory: Path) -> tuple[Path, ...]:
    """Write the links to the site into ``directory/<site>/``, whether it is installed or not.

    A site that is not is put in place with its certificates, and not started: links that are handed out now lead to it later.
    Returns the files; none when the site accepts no links.
    """
    manifest = read_manifest(bundle)
    tree = _tree(target)
    with lock_installation(tree):
        former = read_installed(tree)
        if former is None or not former.digest:
            _put_in_place(bundle, target)
            with lock_namespace(target.paths, command=target.command, patience=_LOCK_PATIENCE) as held:
                write_desired_state(held.paths, DesiredState.STOPPED)
            reload(target)
            _complete(bundle, target)
    written = []
    links = target.paths.runtime_links
    for path in sorted(links.glob("*.yaml")) if links.is_dir() else ():
        copy = directory / manifest.site / path.name
        write_atomically(copy, path.read_bytes())
        written.append(copy)
    return tuple(written)


def remove_bundle(target: Target) -> str:
    """Stop the site and remove it with the program that came with it; the site's name, empty when nothing was installed.

    Raises NamespaceTakenError for a namespace that no bundle installed.
    """
    tree = _tree(target)
    if not tree.home.exists():
        _require_own(target, None, "")
        return ""
    with lock_installation(tree):
        installed = read_installed(tree)
        teardown(target)
        remove_installed(tree)
    remove_emptied(tree.data_home, installed.directories if installed else ())
    return installed.site if installed else target.namespace


@dataclass(frozen=True)
class _Placed:
    applied: Applied
    removed: tuple[str, ...]
    restarts: bool
    warnings: tuple[str, ...]


def _put_in_place(bundle: Path, target: Target) -> _Placed:
    """The declarations and the supplied credentials. ``restarts`` tells that a router of another version's runs."""
    manifest = read_manifest(bundle)
    tree = _tree(target)
    former = read_installed(tree)
    _require_own(target, former, manifest.site)
    before = former or InstalledBundle(manifest.name, manifest.site)
    sources, wanted = _resources(bundle)
    supplied = {part: read_credential_directories(bundle / "input" / part) for part in ("issuers", "certs")}
    write_installed(
        tree,
        replace(
            before,
            bundle=manifest.name,
            resources=_joined(before.resources, wanted),
            issuers=_joined(before.issuers, supplied["issuers"]),
            certificates=_joined(before.certificates, supplied["certs"]),
        ),
    )
    warnings = _supply(target, before, supplied)
    applied = apply_sources(target, sources, instead_of=sorted(set(before.resources) - set(wanted)))
    other = bool(before.digest) and before.digest != manifest.digest
    restarts = other and read_desired_state(target.paths) is DesiredState.RUNNING
    return _Placed(applied, applied.removed, restarts, warnings)


def _complete(bundle: Path, target: Target) -> None:
    """Record that the installation has this bundle's content and no other."""
    manifest = read_manifest(bundle)
    tree = _tree(target)
    former = read_installed(tree)
    assert former is not None, "it was recorded before anything was made"
    _, wanted = _resources(bundle)
    write_installed(
        tree,
        replace(
            former,
            program=manifest.program,
            digest=manifest.digest,
            resources=tuple(wanted),
            issuers=tuple(read_credential_directories(bundle / "input" / "issuers")),
            certificates=tuple(read_credential_directories(bundle / "input" / "certs")),
        ),
    )


def _tree(target: Target) -> CarriedTree:
    return CarriedTree(target.paths.data_home, target.namespace)


def _require_own(target: Target, former: InstalledBundle | None, site: str) -> None:
    if former is not None and (not site or former.site == site):
        return
    if former is not None:
        raise NamespaceTakenError(
            f"Namespace {target.namespace} has the site {former.site}, and this bundle is of {site}",
            why=f"the bundle {former.bundle} installed it, and an upgrade keeps the site",
            next_step="choose another namespace: -n NAME; or remove that site first, with its own bundle and -x",
        )
    paths = target.paths
    declared = paths.input_resources.is_dir() and any(paths.input_resources.iterdir())
    if declared or paths.runtime.exists() or read_platform(paths):
        raise NamespaceTakenError(
            f"Namespace {target.namespace} has a site that no bundle installed",
            why=f"there are declarations or files of a router in {paths.home}",
            next_step="choose another namespace: -n NAME",
        )


def _resources(bundle: Path) -> tuple[tuple[Source, ...], list[tuple[str, str]]]:
    sources = read_sources(str(bundle / "input" / "resources"))
    resources, _ = decoded_sources(sources)
    return sources, [(kind_of(item), item.name) for item in resources]


def _directories_to_make(data_home: Path) -> tuple[str, ...]:
    """What will be made on the way to our files, so that a removal can undo it as far as it is empty then."""
    made = missing_directories(data_home)
    manager = Manager()
    return made if manager.obstacle() else (*made, *missing_directories(manager.unit_directory()))


def _joined(first: Iterable[Item], second: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _programs(tree: CarriedTree) -> dict[str, str]:
    return {
        name: render_script("program.sh.j2", command=module_command(module, tree.current / "lib"))
        for name, module in PROGRAMS.items()
    }


def _supply(
    target: Target, before: InstalledBundle, supplied: Mapping[str, Mapping[str, CredentialFiles]]
) -> tuple[str, ...]:
    """Put the bundle's CAs and certificates into ``input/``; those that a person put there have precedence."""
    paths = target.paths
    warnings: list[str] = []
    with lock_namespace(paths, command=target.command, patience=_LOCK_PATIENCE) as held:
        transaction = held.transaction()
        for directory, owned, found in (
            (paths.input_issuers, before.issuers, supplied["issuers"]),
            (paths.input_certs, before.certificates, supplied["certs"]),
        ):
            for name, credentials in found.items():
                if name not in owned and (directory / name).exists():
                    warnings.append(f"{directory / name} is kept, and that of the bundle is not used")
                    continue
                transaction.replace_directory(directory / name, credentials.files)
            for name in set(owned) - set(found):
                transaction.delete_directory(directory / name)
        transaction.commit()
    return tuple(warnings)
