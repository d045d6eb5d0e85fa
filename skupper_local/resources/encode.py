"""From typed resources to YAML, in the style of the command line (reference-engine, appendix B)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skupper_local.resources.model import Resource


def document_of(resource: Resource, *, with_status: bool = True) -> dict[str, Any]:
    """The resource as plain maps and lists, empty values dropped at every level: what ``-o json`` prints."""
    raise NotImplementedError


def encode_document(document: Mapping[str, Any]) -> str:
    """One plain document as YAML: keys sorted, block style, no leading ``---``, ending with a newline."""
    raise NotImplementedError


def encode_resource(resource: Resource, *, with_status: bool = True) -> str:
    """One resource as YAML, as in its file."""
    return encode_document(document_of(resource, with_status=with_status))


def encode_documents(resources: Iterable[Resource]) -> str:
    """Several resources as one stream, each preceded by ``---`` (static links, reference-engine 5.1)."""
    return "".join(f"---\n{encode_resource(resource)}" for resource in resources)
