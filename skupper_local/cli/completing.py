"""What the shell may offer for a word: names found in the namespace's directory, by their file names alone.

Completion runs at each press of a key, so nothing is parsed and nothing heavy loaded; whatever is unreadable offers nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import click


def namespaces(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Namespaces of this user."""
    return [name for name in _listed(_namespaces_directory()) if name.startswith(incomplete)]


def platforms(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Platforms that can be used."""
    return [name for name in ("podman", "docker", "linux") if name.startswith(incomplete)]


def declared(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Names of the declarations of some kinds."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        namespace = (
            context.find_root().meta.get("namespace") or os.environ.get("SKUPPER_NAMESPACE") or "default"
        )
        directory = os.path.join(_namespaces_directory(), os.path.basename(namespace), "input", "resources")
        suffix = ".yaml"
        names = [
            name[len(kind) + 1 : -len(suffix)]
            for kind in kinds
            for name in _listed(directory)
            if name.startswith(f"{kind}-") and name.endswith(suffix)
        ]
        return [name for name in names if name.startswith(incomplete)]

    return complete


def _namespaces_directory() -> str:
    """As :func:`skupper_local.namespace.paths.data_home`, without what that module loads."""
    configured = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(configured):
        home = os.path.join(configured, "skupper")
    elif os.getuid() == 0:
        home = "/var/lib/skupper"
    else:
        home = os.path.join(os.path.expanduser("~"), ".local", "share", "skupper")
    return os.path.join(home, "namespaces")


def _listed(directory: str) -> list[str]:
    try:
        return sorted(
            name for name in os.listdir(directory) if not name.startswith(".") and name != "controller.lock"
        )
    except OSError:
        return []
