"""Which credentials the running router has read: what tells a repeated command whether it has to be told again.

The files of a site change first, in one transaction; then the router is told. A command that is killed in between leaves a
router with something older than the files hold. This record is removed before the router is told and written after it, so that
"nothing has changed on disk" never passes for "nothing to do". (The same for the configuration is the platform's label.)
"""

from __future__ import annotations

import contextlib
import json

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.filesystem import remove_file, write_atomically
from skupper_local.namespace.paths import NamespacePaths

_NAME = "applied.json"


def read_applied(paths: NamespacePaths) -> str:
    """The digest of the credentials that the router has read; empty when it is not known."""
    try:
        return str(json.loads((paths.internal / _NAME).read_bytes())["credentials"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def forget_applied(paths: NamespacePaths) -> None:
    """The router is about to be told something else."""
    with contextlib.suppress(OSError):
        remove_file(paths.internal / _NAME)


def write_applied(paths: NamespacePaths, credentials: str) -> None:
    """The router has read this. On a full disk nothing is recorded, and the next reload tells the router once more."""
    text = json.dumps({"credentials": credentials})
    with contextlib.suppress(OSError, SkupperLocalError):
        write_atomically(paths.internal / _NAME, f"{text}\n".encode())
