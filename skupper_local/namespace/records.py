"""The small files in ``internal/``: what was chosen once, what the user wants running, which platform a site is on.

``platform.yaml`` is the reference's, one line of text (reference-engine 1.3). The others are this program's own JSON with a
version. A key that this version does not know is kept and written back; a newer version number is refused, because to guess
would be to destroy. Every status command reads these files, so nothing here loads a YAML library.

Writing is by ``encode`` and a transaction (:meth:`Transaction.write`), together with what the record must agree with; what
stands alone may use :func:`write_desired_state`.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skupper_local.namespace.errors import RecordDamagedError, RecordTooNewError, explain
from skupper_local.namespace.filesystem import read_regular_file, write_atomically
from skupper_local.namespace.paths import NamespacePaths

_VERSION = 1
_LIMIT = 1 << 20
_PLATFORM_LINE = re.compile(r"platform:[ \t]*(?:\"([a-z0-9-]+)\"|'([a-z0-9-]+)'|([a-z0-9-]+))[ \t]*(?:#.*)?")


class DesiredState(enum.Enum):
    """What the user asked for last. Nobody starts what the user stopped."""

    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Choices:
    """What is decided at first start and kept: the router, who keeps it, where, the ports, the site's identity.

    An empty text or a missing port means "not chosen yet". The platform stands in ``platform.yaml``.
    """

    #: Who starts the router again: ``systemd`` or ``own`` (see ``platforms.face``).
    keeper: str = ""
    #: Whether the keeper was asked for by a flag. One that was not may be chosen anew when nothing runs.
    keeper_asked: bool = False
    #: The socket of the engine; empty on ``linux``.
    endpoint: str = ""
    #: The image of the router; empty on ``linux``.
    image: str = ""
    #: The id of the image that runs in place of what its name stands for by now, because that did not get ready.
    held_image: str = ""
    #: ``embedded`` or ``skrouterd``.
    router_kind: str = ""
    #: The absolute path of the program; empty for the embedded router, which is found with this program.
    router_program: str = ""
    #: The site's unique id (reference-engine 2.6).
    site_id: str = ""
    #: The router's id, stable across reloads.
    router_id: str = ""
    #: Port by the name of what listens there, for instance ``skupper-local/normal`` or ``west/inter-router``.
    ports: Mapping[str, int] = field(default_factory=dict)
    #: Hosts that were asked for in links, by the name of the access whose server certificate has to name them.
    added_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Keys written by another version of this program, kept as they are.
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The content of ``internal/choices.json``."""
        return _encode(
            {
                **self.unknown,
                "keeper": self.keeper,
                "keeperAsked": self.keeper_asked,
                "endpoint": self.endpoint,
                "image": self.image,
                "heldImage": self.held_image,
                "routerKind": self.router_kind,
                "routerProgram": self.router_program,
                "siteId": self.site_id,
                "routerId": self.router_id,
                "ports": dict(sorted(self.ports.items())),
                "addedHosts": {name: list(hosts) for name, hosts in sorted(self.added_hosts.items())},
            }
        )


def read_choices(paths: NamespacePaths) -> Choices:
    """What has been chosen; nothing when there is no record yet. Raises :class:`RecordDamagedError` and the like."""
    record = _read(paths.choices)
    if record is None:
        return Choices()
    ports = record.pop("ports", {})
    if not isinstance(ports, dict) or not all(_is_port(port) for port in ports.values()):
        raise _damaged(paths.choices, "'ports' does not map names to port numbers")
    added_hosts = record.pop("addedHosts", {})
    if not isinstance(added_hosts, dict) or not all(_is_texts(hosts) for hosts in added_hosts.values()):
        raise _damaged(paths.choices, "'addedHosts' does not map names to lists of hosts")
    keeper_asked = record.pop("keeperAsked", False)
    if not isinstance(keeper_asked, bool):
        raise _damaged(paths.choices, "'keeperAsked' is neither true nor false")
    return Choices(
        keeper=_text(record, "keeper", paths.choices),
        keeper_asked=keeper_asked,
        endpoint=_text(record, "endpoint", paths.choices),
        image=_text(record, "image", paths.choices),
        held_image=_text(record, "heldImage", paths.choices),
        router_kind=_text(record, "routerKind", paths.choices),
        router_program=_text(record, "routerProgram", paths.choices),
        site_id=_text(record, "siteId", paths.choices),
        router_id=_text(record, "routerId", paths.choices),
        ports=ports,
        added_hosts={name: tuple(hosts) for name, hosts in added_hosts.items()},
        unknown=record,
    )


def encode_desired_state(state: DesiredState) -> bytes:
    """The content of ``internal/desired-state.json``."""
    return _encode({"desiredState": state.value})


def write_desired_state(paths: NamespacePaths, state: DesiredState) -> None:
    """Record what the user wants, at once. The caller holds the lock."""
    write_atomically(paths.desired_state, encode_desired_state(state))


def read_desired_state(paths: NamespacePaths) -> DesiredState | None:
    """What the user wants, or ``None`` when that was never recorded (a namespace of the reference, or a fresh one)."""
    record = _read(paths.desired_state)
    if record is None:
        return None
    try:
        return DesiredState(_text(record, "desiredState", paths.desired_state))
    except ValueError as error:
        raise _damaged(paths.desired_state, "'desiredState' is neither 'running' nor 'stopped'") from error


def encode_platform(platform: str) -> bytes:
    """The content of ``internal/platform.yaml``, as the reference writes it."""
    return f"platform: {platform}\n".encode()


def read_platform(paths: NamespacePaths) -> str | None:
    """The recorded platform, or ``None`` when none is. Which platforms exist is not decided here."""
    content = _read_bytes(paths.platform)
    if content is None:
        return None
    lines = (line.rstrip() for line in content.decode("utf-8", "replace").splitlines())
    for line in lines:
        if line and not line.startswith(("#", "---")):
            found = _PLATFORM_LINE.fullmatch(line)
            if found:
                return next(group for group in found.groups() if group)
    raise _damaged(paths.platform, "no line 'platform: <name>'")


def _encode(record: Mapping[str, Any]) -> bytes:
    return (json.dumps({"version": _VERSION, **record}, indent=2) + "\n").encode()


def _read_bytes(path: Path) -> bytes | None:
    try:
        content = read_regular_file(path, _LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise explain(error, f"cannot read {path}", path, reading=True) from error
    if content is None:
        raise _damaged(path, "not a regular file")
    if len(content) > _LIMIT:
        raise _damaged(path, f"larger than {_LIMIT} bytes")
    return content


def _read(path: Path) -> dict[str, Any] | None:
    content = _read_bytes(path)
    if content is None:
        return None
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"not JSON: {error}") from error
    version = record.pop("version", None) if isinstance(record, dict) else None
    if type(version) is not int or version < 1:
        raise _damaged(path, "not an object with a 'version'")
    if version > _VERSION:
        raise RecordTooNewError(
            f"cannot use {path}",
            why=f"it has version {version}, this program knows up to {_VERSION}",
            next_step="use the newer skupper-local that wrote it",
        )
    assert isinstance(record, dict)
    return record


def _text(record: dict[str, Any], key: str, path: Path) -> str:
    value = record.pop(key, "")
    if not isinstance(value, str):
        raise _damaged(path, f"'{key}' is not a text")
    return value


def _is_port(value: object) -> bool:
    return type(value) is int and 0 < value < 65536


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _damaged(path: Path, why: str) -> RecordDamagedError:
    return RecordDamagedError(
        f"cannot use {path}",
        why=why,
        next_step="restore it from a backup, or remove it and choose again with: skupper-local system start",
    )
