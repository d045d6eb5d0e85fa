"""Take declarations back: ``site delete``, ``listener delete``, ``connector delete``, ``link delete``.

The running router does not notice before the next reload. A deleted Link takes the Secret with its key along, unless another
Link uses it; the reference leaves the key behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skupper_local.namespace.lock import HeldLock, lock_namespace
from skupper_local.operations.declarations import (
    Declarations,
    Declared,
    Outcome,
    Written,
    read_declarations,
    remove_declarations,
)
from skupper_local.operations.spelling import COMMANDS, not_declared
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import Link, Resource


@dataclass(frozen=True)
class Deleted:
    """What was taken back; ``started`` says that the router still runs with it until a reload."""

    resources: tuple[Resource, ...]
    started: bool
    written: tuple[Written, ...] = ()


def delete_declaration(target: Target, kind: str, name: str) -> Deleted:
    """Take back the declaration of that kind and name; a listener may have several keys. Raises NotDeclaredError."""
    platform_of(target)
    kinds = (kind, "MultiKeyListener") if kind == "Listener" else (kind,)
    with lock_namespace(target.paths, command=target.command) as held:
        declarations = read_declarations(held.paths.input_resources)
        item = find_declaration(declarations, target, kinds, name)
        gone = [item, *_secret_of(declarations, item)]
        written = remove_declarations(held, gone)
    return _deleted(held, written)


def delete_all(target: Target) -> Deleted:
    """Take back every declaration of the namespace; none is a success."""
    platform_of(target)
    with lock_namespace(target.paths, command=target.command) as held:
        gone = read_declarations(held.paths.input_resources).declared
        written = [
            Written(item.resource, Outcome.DELETED, item.path, item.path.read_bytes()) for item in gone
        ]
        transaction = held.transaction()
        transaction.delete_directory(held.paths.input_resources)
        transaction.commit()
    return _deleted(held, written)


def _deleted(held: HeldLock, written: Sequence[Written]) -> Deleted:
    resources = tuple(item.resource for item in written)
    return Deleted(resources, held.paths.router_config.exists(), tuple(written))


def _secret_of(declarations: Declarations, item: Declared) -> list[Declared]:
    if not isinstance(item.resource, Link) or not item.resource.tls_credentials:
        return []
    credentials = item.resource.tls_credentials
    for other in declarations.of_kind("Link"):
        used = isinstance(other.resource, Link) and other.resource.tls_credentials == credentials
        if used and other is not item:
            return []
    secret = declarations.find("Secret", credentials)
    return [secret] if secret else []


def find_declaration(declarations: Declarations, target: Target, kinds: Sequence[str], name: str) -> Declared:
    """The declaration of that name, of the first of the kinds that has it. Raises NotDeclaredError in the name of that kind."""
    for kind in kinds:
        item = declarations.find(kind, name)
        if item:
            return item
    names = [item.resource.name for kind in kinds for item in declarations.of_kind(kind)]
    others = [
        (command, item.resource.name)
        for kind, command in COMMANDS.items()
        for item in declarations.of_kind(kind)
    ]
    raise not_declared(COMMANDS.get(kinds[0], kinds[0].lower()), name, target.namespace, names, others=others)
