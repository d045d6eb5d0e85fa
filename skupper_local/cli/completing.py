"""What the shell may offer for a word: names found in the namespace's directory, by their file names alone.

Completion runs at each press of a key, so nothing is parsed and nothing heavy loaded; whatever is unreadable offers nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    import click
    from click.shell_completion import CompletionItem


def namespaces(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Namespaces of this user."""
    return [name for name in _listed(_namespaces_directory()) if name.startswith(incomplete)]


def platforms(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Platforms that can be used."""
    return [name for name in ("podman", "docker", "linux") if name.startswith(incomplete)]


def declared(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Names of the declarations of some kinds."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        directory = _below(context, "input", "resources")
        suffix = ".yaml"
        names = [
            name[len(kind) + 1 : -len(suffix)]
            for kind in kinds
            for name in _listed(directory)
            if name.startswith(f"{kind}-") and name.endswith(suffix)
        ]
        return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]

    return complete


def certificates(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the certificates and issuers of the namespace: those of their directories."""
    places = (("runtime", "certs"), ("runtime", "issuers"), ("input", "certs"), ("input", "issuers"))
    names = sorted({name for place in places for name in _listed(_below(context, *place))})
    return [name for name in names if name.startswith(incomplete)]


def generations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Numbers of earlier declarations, newest first."""
    stems = (name.partition(".")[0] for name in _listed(_below(context, "internal", "history")))
    numbers = sorted((int(stem) for stem in stems if stem.isdecimal()), reverse=True)
    return [str(number) for number in numbers if str(number).startswith(incomplete)]


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and directories, which the shell knows itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def directories(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Directories, which the shell knows itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def routers(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem] | list[str]:
    """Router programs: by name, or by path."""
    if "/" in incomplete:
        return files(context, parameter, incomplete)
    return [name for name in ("embedded", "skrouterd") if name.startswith(incomplete)]


def rejoin_words(environ: MutableMapping[str, str]) -> None:
    """Bash hands ``--wait=ready`` over as three words, and the sign alone where its value has not begun: leave the sign out."""
    words, place = environ.get("COMP_WORDS", "").split("\n"), environ.get("COMP_CWORD", "")
    if not place.isdecimal() or "=" not in words:
        return
    current = int(place)
    kept: list[str] = []
    for index, word in enumerate(words):
        if word == "=" and kept and kept[-1].startswith("--"):
            if index == current:
                kept.append("''")
            elif index < int(place):
                current -= 1
        else:
            kept.append(word)
    environ.update(COMP_WORDS="\n".join(kept), COMP_CWORD=str(current))


def _below(context: click.Context, *parts: str) -> str:
    """A directory of the namespace that the words on the line, or the environment, name."""
    namespace = context.find_root().meta.get("namespace") or os.environ.get("SKUPPER_NAMESPACE") or "default"
    return os.path.join(_namespaces_directory(), os.path.basename(namespace), *parts)


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
