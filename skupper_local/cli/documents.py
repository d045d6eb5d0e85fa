"""``-o json|yaml``: one document per resource, keys sorted, empty values left out (reference-cli, section 1).

JSON documents follow each other as the reference prints them; YAML documents are divided by ``---``, without which a reader
would take several for one. Nothing to show is an empty list in both, so that a reader gets something it can parse.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any


def print_documents(documents: Iterable[Mapping[str, Any]], output: str) -> None:
    """Print plain documents in the format asked for."""
    documents = tuple(documents)
    if not documents:
        print("[]")
        return
    if output == "json":
        import json

        for document in documents:
            print(json.dumps(document, indent=2, sort_keys=True))
        return
    from skupper_local.resources import encode_document

    sys.stdout.write("---\n".join(encode_document(document) for document in documents))
