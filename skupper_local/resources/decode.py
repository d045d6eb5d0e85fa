"""From YAML or JSON text to typed resources, with every problem named."""

from __future__ import annotations

from dataclasses import dataclass

from skupper_local.resources.model import Resource
from skupper_local.resources.problems import InvalidResourcesError, Problem

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_DOCUMENTS = 10_000


@dataclass(frozen=True)
class Decoded:
    """What a source held: the resources that could be read, the problems, and what will have no effect."""

    resources: tuple[Resource, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def require(self) -> tuple[Resource, ...]:
        """The resources; raises :class:`InvalidResourcesError` with all problems when there is one."""
        if self.problems:
            raise InvalidResourcesError(self.problems)
        return self.resources


def decode_documents(text: str | bytes, source: str) -> Decoded:
    """Read all resources in ``text``: YAML or JSON, several documents, ``kind: List`` expanded.

    ``source`` is the name shown in problems (a path, or ``-``). Never raises for bad input: what is wrong stands in
    ``problems``, and the resources that are right are returned beside them.
    """
    raise NotImplementedError
