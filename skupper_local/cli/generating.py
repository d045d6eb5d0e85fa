"""What ``generate`` prints: the resource that ``create`` would declare. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skupper_local.cli.documents import print_documents

if TYPE_CHECKING:
    from skupper_local.resources import Resource


def print_resource(resource: Resource, output: str) -> None:
    """The document of one resource, for a file or for ``system apply``."""
    from skupper_local.resources import document_of

    print_documents([document_of(resource)], output)
