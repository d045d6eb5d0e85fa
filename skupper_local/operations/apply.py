"""Declare whatever a YAML or JSON file holds: ``system apply``. All of it or nothing."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from skupper_local.namespace.lock import lock_namespace
from skupper_local.operations.declarations import Written, declare
from skupper_local.operations.errors import SourceUnreadableError
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import (
    InvalidResourcesError,
    OtherResource,
    Problem,
    Resource,
    decode_documents,
    kind_of,
)
from skupper_local.resources.nodes import MAX_BYTES

_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Applied:
    """What became of each resource, and what will have no effect; ``started`` means that a reload is the next step."""

    written: tuple[Written, ...]
    warnings: tuple[str, ...]
    started: bool


def read_source(filename: str) -> str:
    """The text of a file, or of standard input for ``-``. Raises SourceUnreadableError."""
    if filename != "-" and Path(filename).is_dir():
        raise SourceUnreadableError(
            f"{filename} cannot be applied",
            why="it is a directory",
            next_step="apply its files one by one, or all of them on standard input: -f -",
        )
    if filename != "-" and not filename.endswith(_ENDINGS):
        raise SourceUnreadableError(
            f"{filename} cannot be applied",
            why=f"its name ends in none of {', '.join(_ENDINGS)}",
            next_step="rename it, or pass its content on standard input: -f -",
        )
    try:
        if filename == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(filename).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SourceUnreadableError(
                f"{filename} cannot be applied",
                why=f"it is larger than {MAX_BYTES >> 20} MiB",
                next_step="split it",
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise SourceUnreadableError(
            f"{filename} cannot be read",
            why=error.strerror or str(error),
            next_step="give the path of a file, or -",
        ) from error
    except UnicodeDecodeError as error:
        raise SourceUnreadableError(
            f"{filename} cannot be applied",
            why=f"it is not UTF-8 text (byte {error.start})",
            next_step="save it as UTF-8",
        ) from error


def apply_text(target: Target, text: str, source: str) -> Applied:
    """Declare every resource in ``text``; its namespace becomes the target's.

    Raises InvalidResourcesError with every problem, and SiteExistsError; then nothing has changed.
    """
    platform_of(target)
    decoded = decode_documents(text, source)
    resources = decoded.require()
    if not resources:
        raise InvalidResourcesError((Problem(source, 0, "", "", "", "it holds no resource"),))
    _require_once(resources, source)
    warnings = [str(warning) for warning in decoded.warnings]
    warnings.extend(
        f"{resource.title}: kept, and not acted on by this version"
        for resource in resources
        if isinstance(resource, OtherResource) and str(resource.title) not in " ".join(warnings)
    )
    with lock_namespace(target.paths, command=target.command) as held:
        written = declare(held, resources, force=False, overwrite=True)
    return Applied(written, tuple(warnings), target.paths.router_config.exists())


def _require_once(resources: tuple[Resource, ...], source: str) -> None:
    counted = Counter((kind_of(resource), resource.name) for resource in resources)
    problems = [
        Problem(
            source,
            resource.origin.line if resource.origin else 0,
            resource.title,
            "",
            "",
            "stands in it twice",
        )
        for (kind, name), count in counted.items()
        if count > 1
        for resource in [next(item for item in resources if (kind_of(item), item.name) == (kind, name))]
    ]
    if problems:
        raise InvalidResourcesError(problems)
