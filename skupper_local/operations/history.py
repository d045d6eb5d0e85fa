"""What the declarations were, and going back to it: ``system history`` and ``system rollback``.

A rollback changes declarations only: ports, CAs, certificates and keys stay what they are, and what comes of it is a new
generation, so that a rollback can be taken back too. Files that hold a Secret are left as they are; a link that has lost its
Secret cannot come back that way and is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.namespace.history import Generation, list_generations, read_generation
from skupper_local.namespace.lock import HeldLock, lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.namespace.resource_files import read_credential_directories, read_resource_files
from skupper_local.operations.declarations import holds_secret, same_declaration, versioned_files
from skupper_local.operations.lifecycle import Outcome, reload
from skupper_local.operations.spelling import no_site
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import Resource, decode_documents, kind_of
from skupper_local.site.state import assemble


class GenerationUnknownError(InvalidRequestError):
    """There is no generation of that number to go back to."""

    code: ClassVar[str] = "generation-unknown"


@dataclass(frozen=True)
class HistoryRow:
    """A generation and how it differs from the one before it; ``current`` says that it is what is declared now."""

    number: int
    at: float
    current: bool
    changes: tuple[str, ...]


@dataclass(frozen=True)
class RolledBack:
    """Which generation was gone back to, what changed, and what became of the router (None: it does not run)."""

    number: int
    changes: tuple[str, ...]
    outcome: Outcome | None


def view_history(target: Target) -> tuple[HistoryRow, ...]:
    """Every generation, newest first. Raises NoSiteError for a namespace that holds nothing."""
    paths = target.paths
    if not paths.exists():
        raise no_site(paths)
    now = versioned_files(paths)
    rows: list[HistoryRow] = []
    before: Mapping[str, str] = {}
    for generation in _generations(paths):
        changes = difference(before, generation.files)
        rows.append(HistoryRow(generation.number, generation.at, dict(generation.files) == now, changes))
        before = generation.files
    return tuple(reversed(rows))


def rollback(target: Target, number: int = 0) -> RolledBack:
    """Go back to a generation; without a number to the last one that differs from what is declared now.

    Raises GenerationUnknownError, InvalidResourcesError and the errors of a reload; then the declarations are what they were.
    """
    paths = target.paths
    if not paths.exists():
        raise no_site(paths)
    platform_of(target)
    with lock_namespace(paths, command=target.command) as held:
        before = versioned_files(paths)
        generation = _chosen(paths, before, number)
        changes = difference(before, generation.files)
        _require_sound(paths, generation)
        _replace(held, before, generation.files)
        runs = paths.router_config.exists() and read_desired_state(paths) is not DesiredState.STOPPED
    if not runs or not changes:
        return RolledBack(generation.number, changes, None)
    try:
        return RolledBack(generation.number, changes, reload(target))
    except SkupperLocalError as error:
        with lock_namespace(paths, command=target.command) as held:
            if versioned_files(paths) == dict(generation.files):  # nobody has changed them since
                _replace(held, generation.files, before)
        error.what = f"{error.what}; the declarations are what they were"
        raise


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """What was added (+), removed (-) and changed (~), by resource. Files that are the same are not even read."""
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    old = _resources({name: before[name] for name in names if name in before})
    new = _resources({name: after[name] for name in names if name in after})
    changed = (title for title in old.keys() & new.keys() if not same_declaration(old[title], new[title], ""))
    lines = [
        *((title, "+") for title in new.keys() - old.keys()),
        *((title, "-") for title in old.keys() - new.keys()),
        *((title, "~") for title in changed),
    ]
    return tuple(f"{sign} {kind} {name}" for (kind, name), sign in sorted(lines))


def _generations(paths: NamespacePaths) -> tuple[Generation, ...]:
    found = (read_generation(paths, number) for number in list_generations(paths))
    return tuple(generation for generation in found if generation is not None)


def _chosen(paths: NamespacePaths, now: Mapping[str, str], number: int) -> Generation:
    kept = _generations(paths)
    fitting = [
        generation
        for generation in kept
        if (generation.number == number if number else dict(generation.files) != dict(now))
    ]
    if fitting:
        return fitting[-1]
    numbers = ", ".join(str(generation.number) for generation in kept)
    raise GenerationUnknownError(
        f"There is no generation {number} of namespace {paths.name}"
        if number
        else f"There is nothing to go back to in namespace {paths.name}",
        why=f"there are: {numbers}" if numbers else "generations are made by system start and system reload",
        next_step=f"see them: skupper-local system history -n {paths.name}",
    )


def _require_sound(paths: NamespacePaths, generation: Generation) -> None:
    """Refuse what would not make a site, before anything is changed."""
    decoded = [decode_documents(text, name) for name, text in generation.files.items()]
    secrets = [
        item
        for file in read_resource_files(paths.input_resources).files
        if holds_secret(file.text)
        for item in decode_documents(file.text, str(file.path)).resources
    ]
    resources = [item for documents in decoded for item in documents.resources]
    directories = read_credential_directories(paths.input_certs)
    supplied = {name: item.filled for name, item in directories.items()}
    noticed = [warning for documents in decoded for warning in documents.warnings]
    broken = [problem for documents in decoded for problem in documents.problems]
    assemble([*resources, *secrets], namespace=paths.name, broken=broken, supplied=supplied).require(
        noticed=noticed
    )


def _replace(held: HeldLock, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    directory = held.paths.input_resources
    transaction = held.transaction()
    for name, text in after.items():
        if before.get(name) != text:
            transaction.write(directory / name, text.encode())
    for name in before.keys() - after.keys():
        transaction.delete(directory / name)
    transaction.commit()


def _resources(files: Mapping[str, str]) -> dict[tuple[str, str], Resource]:
    return {
        (kind_of(item), item.name): item
        for name, text in files.items()
        for item in decode_documents(text, name).resources
    }
