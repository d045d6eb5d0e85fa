"""A namespace that was not there before the command is most often one whose name was mistyped or left away.

A command on it is not refused for that: a first listener may be declared before its site. Those that are there are named after
whatever the command said.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from skupper_local.errors import SkupperLocalError

if TYPE_CHECKING:
    from skupper_local.operations.target import Target

_ABSENT = "skupper_local.absent"
_MOST_NAMED = 5

EXPLAINS = frozenset(("no-site", "not-declared", "site-not-started"))
"""The errors for which it may be the reason that the namespace is another one than meant."""


def remember(meta: MutableMapping[str, Any], target: Target) -> None:
    """Note, in the context of a command line, that nothing of a site was in the namespace when it began."""
    with contextlib.suppress(SkupperLocalError):  # whoever may not look will hear of that from the command
        if not target.paths.exists():
            meta.setdefault(_ABSENT, target)


def note(meta: Mapping[str, Any]) -> str:
    """Which namespaces may have been meant; empty if the command's own is there, has a site now, or is the only one."""
    target: Target | None = meta.get(_ABSENT)
    if target is None:
        return ""
    from difflib import get_close_matches

    from skupper_local.cli.declaring import has_site
    from skupper_local.namespace.paths import list_namespaces

    others: list[str] = []
    with contextlib.suppress(SkupperLocalError):
        others = [
            paths.name for paths in list_namespaces(target.paths.data_home) if paths.name != target.namespace
        ]
    if not others or has_site(target):
        return ""
    new = target.paths.input_resources.exists()
    called = f"namespace {target.namespace} {'is new, and has no site' if new else 'does not exist'}"
    near = get_close_matches(target.namespace, others, n=3, cutoff=0.6)
    if near:
        return f"{called}; did you mean -n {' or -n '.join(near)}?"
    more = ", ..." if len(others) > _MOST_NAMED else ""
    return f"{called}; choose one with -n: {', '.join(others[:_MOST_NAMED])}{more}"
