"""What a namespace's router is run with, as it is recorded for whoever keeps it (``internal/router.json``).

Written in the same transaction as the files it speaks of. A keeper that starts at boot reads nothing else: it neither derives
a site nor asks which engine or program was meant.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from skupper_local.errors import SkupperLocalError
from skupper_local.platforms.container import container_from_json
from skupper_local.platforms.face import RouterSpec

_VERSION = 1
_LIMIT = 1 << 20


class RouterRecordError(SkupperLocalError):
    """The record of what to run is missing or cannot be used."""

    code: ClassVar[str] = "router-record-unusable"


def encode_router_record(spec: RouterSpec) -> bytes:
    """The content of ``internal/router.json``."""
    document = {
        "version": _VERSION,
        "namespace": spec.namespace,
        "home": str(spec.home),
        "configuration": str(spec.configuration),
        "siteId": spec.site_id,
        "program": spec.program,
        "label": spec.label,
        "platform": spec.platform,
        "endpoint": spec.endpoint,
        "container": spec.container.to_json() if spec.container else None,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def read_router_record(path: Path) -> RouterSpec:
    """What :func:`encode_router_record` wrote. Raises RouterRecordError."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(_LIMIT))
        if found["version"] != _VERSION:
            raise _unusable(path, f"it has version {found['version']}, this program knows {_VERSION}")
        container = found["container"]
        return RouterSpec(
            namespace=str(found["namespace"]),
            home=Path(found["home"]),
            configuration=Path(found["configuration"]),
            site_id=str(found["siteId"]),
            program=str(found["program"]),
            label=str(found["label"]),
            platform=str(found["platform"]),
            endpoint=str(found["endpoint"]),
            container=container_from_json(container) if container else None,
        )
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(path, f"not a record of this program ({error})") from error


def _unusable(path: Path, why: str) -> RouterRecordError:
    namespace = path.parent.parent.name
    return RouterRecordError(
        f"Nothing says how the router of namespace {namespace} is run",
        why=f"{path}: {why}",
        next_step=f"make it anew: skupper-local system start -n {namespace}; skupper-local system check says more",
    )
