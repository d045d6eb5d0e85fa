"""The declarations of a namespace as they lie in ``input/resources``: reading all, adding and removing one.

A resource that this program declares has a file of its own, ``<Kind>-<name>.yaml``. A user may keep several in one file under
any name; those are read like the others and never rewritten. Where a user wrote into a file of the usual name, a change is
carried over into the text, so that comments, order and other documents stay; what holds others as well is never removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.resource_files import (
    LARGEST_FILE,
    LARGEST_TOTAL,
    MOST_FILES,
    read_resource_files,
)
from skupper_local.operations.errors import AlreadyDeclaredError, DeclaredElsewhereError, SiteExistsError
from skupper_local.operations.supplied_secrets import problems_of_link_secrets
from skupper_local.resources import (
    Problem,
    Resource,
    Secret,
    Site,
    decode_documents,
    edited,
    encode_resource,
    file_name,
    in_namespace,
    kind_of,
)
from skupper_local.resources.problems import InvalidResourcesError, Origin
from skupper_local.site.state import contradictions, problem_at

if TYPE_CHECKING:  # status commands take no lock, and should not pay for loading it
    from skupper_local.namespace.lock import HeldLock


class Outcome(Enum):
    """What became of one declaration."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


@dataclass(frozen=True)
class Declared:
    """One resource and the file it stands in."""

    resource: Resource
    path: Path


@dataclass(frozen=True)
class Declarations:
    """All that could be read, what could not, and what will have no effect."""

    declared: tuple[Declared, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources alone."""
        return tuple(item.resource for item in self.declared)

    def require(self) -> tuple[Resource, ...]:
        """The resources; raises InvalidResourcesError when something could not be read."""
        if self.problems:
            raise InvalidResourcesError(self.problems, warnings=self.warnings)
        return self.resources

    def find(self, kind: str, name: str) -> Declared | None:
        """The declaration of that kind and name; the first, where several files hold it."""
        return self._by_title.get((kind, name))

    @cached_property
    def _by_title(self) -> dict[tuple[str, str], Declared]:
        """Each by kind and name: whoever applies many declarations looks for each of them among many."""
        return {(kind_of(item.resource), item.resource.name): item for item in reversed(self.declared)}

    def at(self, path: Path) -> Declared | None:
        """A declaration that stands in a file, if there is one."""
        return self._by_path.get(path)

    @cached_property
    def _by_path(self) -> dict[Path, Declared]:
        return {item.path: item for item in self.declared}

    def of_kind(self, kind: str) -> tuple[Declared, ...]:
        """Every declaration of a kind, by name."""
        found = (item for item in self.declared if kind_of(item.resource) == kind)
        return tuple(sorted(found, key=lambda item: item.resource.name))


@dataclass(frozen=True)
class Written:
    """What became of one declaration, and its file, with what that held before (None: it was not there), and holds now."""

    resource: Resource
    outcome: Outcome
    path: Path
    former: bytes | None = None
    content: bytes | None = None


def read_declarations(directory: Path) -> Declarations:
    """All declarations below ``directory`` (``input/resources``, ``internal/snapshot``, ``runtime/resources``)."""
    found = read_resource_files(directory)
    declared: list[Declared] = []
    problems: list[Problem] = []
    warnings = [f"{item.path}: not read: {item.reason}" for item in found.passed_over]
    for file in found.files:
        decoded = decode_documents(file.content, str(file.path))
        declared.extend(Declared(resource, file.path) for resource in decoded.resources)
        problems.extend(decoded.problems)
        warnings.extend(str(warning) for warning in decoded.warnings)
    return Declarations(tuple(declared), tuple(problems), tuple(warnings))


def versioned_files(paths: NamespacePaths) -> dict[str, str]:
    """The files of declarations that have a history, by their name below ``input/resources``: all that hold no Secret."""
    files = read_resource_files(paths.input_resources).files
    return {file.name: file.text for file in files if not holds_secret(file.text)}


def holds_secret(text: str) -> bool:
    """Whether a Secret is among the resources of a text. Decoding tells for sure; most texts are told without it."""
    return "Secret" in text and any(isinstance(item, Secret) for item in decode_documents(text, "").resources)


def declare(
    held: HeldLock,
    resources: Iterable[Resource],
    *,
    force: bool,
    overwrite: bool = False,
    instead_of: Iterable[tuple[str, str]] = (),
) -> tuple[Written, ...]:
    """Write declarations, all or none, each to the file named after it.

    ``overwrite`` lets a resource of the same kind and name be changed (``system apply``), but no second Site come; ``force``
    lets ``create`` do so too, and lets another Site take the place of the one that is there. ``instead_of`` are declarations,
    by kind and name, that go in the same step. Raises AlreadyDeclaredError, SiteExistsError, DeclaredElsewhereError, and
    InvalidResourcesError for what contradicts itself or what is declared; then nothing has changed.
    """
    existing = read_declarations(held.paths.input_resources)
    transaction = held.transaction()
    written: list[Written] = []
    texts: dict[Path, bytes] = {}
    new_site = ""
    for kind, name in instead_of:
        gone = existing.find(kind, name)
        if gone:
            _require_alone(gone)
            transaction.delete(gone.path)
            written.append(Written(gone.resource, Outcome.DELETED, gone.path, gone.path.read_bytes()))
    for resource in resources:
        resource = in_namespace(resource, held.paths.name)
        if isinstance(resource, Site) and not overwrite:  # else it is told with every other contradiction
            if new_site:
                raise _site_exists(held.paths, new_site, resource.name)
            new_site = resource.name
            for other in _other_sites(existing, resource):
                if not force:
                    raise _site_exists(held.paths, other.resource.name, resource.name)
                _require_alone(other)
                transaction.delete(other.path)
                written.append(Written(other.resource, Outcome.DELETED, other.path, other.path.read_bytes()))
        present = existing.find(kind_of(resource), resource.name)
        if present and same_declaration(present.resource, resource, held.paths.name):
            written.append(Written(present.resource, Outcome.UNCHANGED, present.path))
            continue
        if present:
            if not (force or overwrite):
                raise _already_declared(present, resource)
            resource = _keep_identity(resource, present.resource)
            path, former = present.path, present.path.read_bytes()
            texts[path] = _changed_text(present, texts.get(path, former), resource)
        else:
            path, former = held.paths.input_resources / file_name(resource), None
            _require_no_other(existing, path, resource)
            texts[path] = encode_resource(resource).encode()
        transaction.write(path, texts[path])
        outcome = Outcome.CHANGED if present else Outcome.ADDED
        written.append(Written(resource, outcome, path, former, texts[path]))
    _require_bounds(existing, written, texts)
    _require_no_contradiction(existing, written, held.paths.name)
    transaction.commit()
    return tuple(replace(item, content=texts.get(item.path, item.content)) for item in written)


def take_back(held: HeldLock, written: Iterable[Written]) -> None:
    """Undo a :func:`declare`, as far as nobody has changed the same declarations since."""
    transaction = held.transaction()
    for item in written:
        if item.outcome is Outcome.UNCHANGED:
            continue
        present = item.path.read_bytes() if item.path.exists() else None
        if present != item.content:
            continue
        if item.former is None:
            transaction.delete(item.path)
        else:
            transaction.write(item.path, item.former)
    transaction.commit()


def _require_no_contradiction(existing: Declarations, written: Iterable[Written], namespace: str) -> None:
    """Refuse declarations that could not stand together, whatever else is there. What was wrong before is a start's matter."""
    new = {_title(item.resource): item for item in written if item.outcome is not Outcome.UNCHANGED}
    kept = [item.resource for item in existing.declared if _title(item.resource) not in new]
    added = [_with_origin(item.resource) for item in new.values() if item.outcome is not Outcome.DELETED]
    if not added:
        return
    wrong = [
        *contradictions([*kept, *added], namespace=namespace),
        *problems_of_link_secrets([*kept, *added], datetime.now(UTC)),
    ]
    if not wrong:
        return
    before = [
        *contradictions(existing.resources, namespace=namespace),
        *problems_of_link_secrets(existing.resources, datetime.now(UTC)),
    ]
    known = {(problem.subject, problem.field) for problem in before}
    problems = [problem for problem in wrong if (problem.subject, problem.field) not in known]
    if problems:
        raise InvalidResourcesError(problems, what="The declarations do not hold together")


def _title(resource: Resource) -> tuple[str, str]:
    return kind_of(resource), resource.name


def _with_origin(resource: Resource) -> Resource:
    return resource if resource.origin else replace(resource, origin=Origin("command line", 0))


def _require_bounds(existing: Declarations, written: Iterable[Written], texts: Mapping[Path, bytes]) -> None:
    """Refuse what could not be read again. Raises InvalidResourcesError."""
    problems = [
        problem_at(
            item.resource, "", None, f"must have at most {LARGEST_FILE >> 20} MiB as a file of its own"
        )
        for item in written
        if len(texts.get(item.path, b"")) > LARGEST_FILE
    ]
    kept = {item.path for item in existing.declared} - texts.keys()
    size = sum(map(len, texts.values())) + sum(path.stat().st_size for path in kept if path.exists())
    if texts and (len(kept) + len(texts) > MOST_FILES or size > LARGEST_TOTAL):
        rule = f"a namespace holds at most {MOST_FILES} declarations and {LARGEST_TOTAL >> 20} MiB of them"
        problems.append(Problem(next(iter(texts)).parent.as_posix(), 0, "", "", "", rule))
    if problems:
        raise InvalidResourcesError(problems)


def remove_declarations(held: HeldLock, declared: Iterable[Declared]) -> tuple[Written, ...]:
    """Delete declarations, all or none. Raises DeclaredElsewhereError for one in a file of the user's."""
    transaction = held.transaction()
    by_path: dict[Path, list[Declared]] = {}
    for item in declared:
        by_path.setdefault(item.path, []).append(item)
    written = []
    for path, items in by_path.items():
        _require_alone(*items)
        transaction.delete(path)
        former = path.read_bytes()
        written += [Written(item.resource, Outcome.DELETED, path, former) for item in items]
    transaction.commit()
    return tuple(written)


def _changed_text(present: Declared, content: bytes, wanted: Resource) -> bytes:
    """What the file of a declaration holds after a change. Raises DeclaredElsewhereError where that would take more along."""
    _require_own_file(present)
    text = content.decode("utf-8-sig")
    anew = encode_resource(wanted)
    if text == encode_resource(present.resource):  # as this program writes it, which is nearly always
        return anew.encode()
    in_place = edited(text, present.resource, wanted)
    if in_place is None:
        _require_alone(present)
    return (in_place or anew).encode()


def _require_alone(*items: Declared) -> None:
    """Refuse to remove or replace a file of the user's, or one that holds more than these declarations, all from one file."""
    named = [item for item in items if item.path.name == file_name(item.resource)]
    _require_own_file((named or items)[0])
    path = items[0].path
    held = decode_documents(path.read_bytes(), str(path))
    gone = {_title(item.resource) for item in items}
    if held.problems or {_title(resource) for resource in held.resources} != gone:
        raise DeclaredElsewhereError(
            f"{items[0].resource.title} stands in a file with others",
            why=f"{path} holds more than this declaration",
            next_step="change or remove it there",
        )


def _require_no_other(existing: Declarations, path: Path, resource: Resource) -> None:
    """Refuse to write over a file that has the name of a declaration's and holds another one."""
    other = existing.at(path)
    if other or (path.exists() and decode_documents(path.read_bytes(), "").problems):
        holds = other.resource.title if other else "something that cannot be read"
        raise DeclaredElsewhereError(
            f"{resource.title} cannot be written",
            why=f"{path} holds {holds}",
            next_step="give that file another name",
        )


def same_declaration(one: Resource, other: Resource, namespace: str) -> bool:
    """Whether two declarations mean the same: a missing namespace is this one, a missing uid is any, statuses do not count."""

    def bare(resource: Resource) -> Resource:
        metadata = replace(resource.metadata, namespace=resource.metadata.namespace or namespace)
        if not (one.metadata.uid and other.metadata.uid):
            metadata = replace(metadata, uid="")
        return replace(resource, metadata=metadata, status={})

    return bare(one) == bare(other)


def _other_sites(existing: Declarations, site: Site) -> list[Declared]:
    return [item for item in existing.of_kind("Site") if item.resource.name != site.name]


def _keep_identity(resource: Resource, present: Resource) -> Resource:
    """A changed declaration keeps the uid it had (a Site's is the site id) unless it brings one."""
    if resource.metadata.uid or not present.metadata.uid:
        return resource
    return replace(resource, metadata=replace(resource.metadata, uid=present.metadata.uid))


def _require_own_file(item: Declared) -> None:
    if item.path.name != file_name(item.resource):
        raise DeclaredElsewhereError(
            f"{item.resource.title} stands in a file of your own",
            why=f"{item.path} is not rewritten by this program",
            next_step="change or remove it there",
        )


def _already_declared(present: Declared, resource: Resource) -> AlreadyDeclaredError:
    return AlreadyDeclaredError(
        f"{resource.title} is declared already, with other content",
        why=f"see {present.path}",
        next_step="choose another name, edit the file, or replace it with --force",
    )


def _site_exists(paths: NamespacePaths, present: str, wanted: str) -> SiteExistsError:
    return SiteExistsError(
        f"Namespace {paths.name} has a site already: {present}",
        why="a namespace holds one site",
        next_step=f"create it in another namespace: skupper-local site create {wanted} -n {wanted}\n"
        f"or replace {present}: repeat the command with --force",
    )
