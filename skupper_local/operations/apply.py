"""Declare whatever files hold: ``system apply``; take back whatever they name: ``system delete``. All of it or nothing.

A source is a file, standard input (``-``) or a directory, whose files are read below any number of directories.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skupper_local.namespace.filesystem import read_regular_file
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.resource_files import read_resource_files
from skupper_local.operations.declarations import (
    Outcome,
    Written,
    declare,
    read_declarations,
    remove_declarations,
)
from skupper_local.operations.errors import SourceUnreadableError
from skupper_local.operations.ports import port_warnings
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import (
    InvalidResourcesError,
    Problem,
    Resource,
    decode_documents,
    kept_because,
    kind_of,
    meant_otherwise,
    printable,
)
from skupper_local.resources.nodes import MAX_BYTES
from skupper_local.site.state import place_of

_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Source:
    """A text of declarations and where it came from: a path, or ``-``. ``unread`` says why a file was passed over."""

    name: str
    text: str | bytes
    unread: str = ""


@dataclass(frozen=True)
class Applied:
    """What became of each resource, and what will have no effect; ``started`` means that a reload is the next step.

    ``removed`` are the titles of those that went in the same step.
    """

    written: tuple[Written, ...]
    warnings: tuple[str, ...]
    started: bool
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakenBack:
    """What was taken back, and what was named and is not declared."""

    removed: tuple[Resource, ...]
    absent: tuple[Resource, ...]
    warnings: tuple[str, ...]
    started: bool
    written: tuple[Written, ...] = ()


def read_sources(filename: str) -> tuple[Source, ...]:
    """The texts of a file, of standard input (``-``) or of a directory. Raises SourceUnreadableError and the errors of the
    file system's. What they hold is not looked at: that is told together with every other mistake.
    """
    if not filename:
        raise SourceUnreadableError(
            "No file is named",
            why="an empty name stands after -f",
            next_step="give the path of a file or a directory, or -",
        )
    if filename != "-" and os.path.isdir(filename):
        found = read_resource_files(Path(filename))
        if not found.files:
            raise SourceUnreadableError(
                f"{filename} cannot be used",
                why=f"{found.passed_over[0].path} is {found.passed_over[0].reason}"
                if found.passed_over
                else f"no file below it ends in {', '.join(_ENDINGS)}",
                next_step="name the directory that holds the declarations",
            )
        return (
            *(Source(str(file.path), file.content) for file in found.files),
            *(Source(str(item.path), "", item.reason) for item in found.passed_over),
        )
    if filename != "-" and not filename.endswith(_ENDINGS) and os.path.lexists(filename):
        raise SourceUnreadableError(
            f"{filename} cannot be used",
            why=f"its name ends in none of {', '.join(_ENDINGS)}",
            next_step="rename it, or pass its content on standard input: -f -",
        )
    return (Source(filename, _read(filename)),)


def _read(filename: str) -> bytes:
    """At most one byte more than a source may have."""
    try:
        if filename == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        content = read_regular_file(Path(filename), MAX_BYTES)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        raise SourceUnreadableError(
            f"{printable(filename, limit=200)} cannot be read",
            why=(error.strerror if isinstance(error, OSError) else "") or str(error),
            next_step="give the path of a file or a directory, or -",
        ) from error
    if content is None:
        raise SourceUnreadableError(
            f"{filename} cannot be used",
            why="it is not a regular file",
            next_step="pass its content on standard input: -f -",
        )
    return content


def apply_text(target: Target, text: str, source: str) -> Applied:
    """Declare every resource in ``text``: see :func:`apply_sources`."""
    return apply_sources(target, (Source(source, text),))


def apply_sources(
    target: Target, sources: Iterable[Source], *, instead_of: Iterable[tuple[str, str]] = ()
) -> Applied:
    """Declare every resource in the sources; its namespace becomes the target's. Those ``instead_of``, by kind and name, go in
    the same step.

    Raises InvalidResourcesError with every problem of all sources, a second Site among them; then nothing has changed.
    """
    platform_of(target)
    resources, warnings = decoded_sources(sources)
    warnings.extend(
        f"{resource.title}: {kept_because(resource)}"
        for resource in resources
        if kept_because(resource) and not meant_otherwise(resource)
    )
    with lock_namespace(target.paths, command=target.command) as held:
        written = declare(held, resources, force=False, overwrite=True, instead_of=instead_of)
    warnings.extend(port_warnings(target.paths, written))
    return Applied(
        tuple(item for item in written if item.outcome is not Outcome.DELETED),
        tuple(warnings),
        target.paths.router_config.exists(),
        tuple(item.resource.title for item in written if item.outcome is Outcome.DELETED),
    )


def delete_sources(target: Target, sources: Iterable[Source]) -> TakenBack:
    """Take back every resource that the sources name by kind and name, whatever else they say of it.

    What is not declared is passed over and reported, so that the same files can be deleted twice. Raises
    InvalidResourcesError and DeclaredElsewhereError; then nothing has changed.
    """
    platform_of(target)
    resources, warnings = decoded_sources(sources)
    with lock_namespace(target.paths, command=target.command) as held:
        declarations = read_declarations(held.paths.input_resources)
        found = [(item, declarations.find(kind_of(item), item.name)) for item in resources]
        written = remove_declarations(held, [present for _, present in found if present])
    return TakenBack(
        removed=tuple(present.resource for _, present in found if present),
        absent=tuple(item for item, present in found if not present),
        warnings=tuple(warnings),
        started=target.paths.router_config.exists(),
        written=written,
    )


def decoded_sources(sources: Iterable[Source]) -> tuple[tuple[Resource, ...], list[str]]:
    """All resources, and what should be read about them; raises InvalidResourcesError with the problems of all sources."""
    resources: list[Resource] = []
    problems: list[Problem] = []
    warnings: list[str] = []
    names: list[str] = []
    for source in sources:
        if source.unread:
            warnings.append(f"{printable(source.name, limit=200)}: not read: {source.unread}")
            continue
        decoded = decode_documents(source.text, source.name)
        resources.extend(decoded.resources)
        problems.extend(decoded.problems)
        warnings.extend(str(warning) for warning in decoded.warnings)
        names.append(source.name)
    problems.extend(_repeated(resources))
    if problems:
        raise InvalidResourcesError(problems, warnings=warnings)
    if not resources:
        raise InvalidResourcesError(
            [Problem(_called(name), 0, "", "", "", "it holds no resource") for name in names],
            what="There is nothing to take",
            next_step="give files of resources; one is printed by: skupper-local site generate my-site",
            warnings=warnings,
        )
    return tuple(resources), warnings


def _called(source: str) -> str:
    return "standard input" if source == "-" else source


def _repeated(resources: Iterable[Resource]) -> list[Problem]:
    """A problem for each resource that stands twice in the sources, at its second place, which names the first."""
    counted = Counter((kind_of(resource), resource.name) for resource in resources)
    first: dict[tuple[str, str], Resource] = {}
    problems = []
    for resource in resources:
        title = (kind_of(resource), resource.name)
        if counted[title] > 1 and first.setdefault(title, resource) is not resource:
            source = resource.origin.source if resource.origin else ""
            line = resource.origin.line if resource.origin else 0
            rule = f"is declared twice in what was given: also in {place_of(first[title])}"
            problems.append(Problem(source, line, resource.title, "", "", rule))
    return problems
