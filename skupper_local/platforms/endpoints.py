"""Where a container engine listens on this machine (reference-engine 6.2).

An endpoint is ``unix://`` and an absolute path. What the environment names comes first (``CONTAINER_ENDPOINT``, and for Docker
``DOCKER_HOST``), then the place where the engine's own packages put its socket. Everything else an engine may be reached by
(TCP, HTTP, SSH, a virtual machine of ``podman machine`` or Docker Desktop) is refused: the directories that a router needs are
mounted from the machine where the engine runs, and have to be this one's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from skupper_local.platforms.engine import EngineRefusedError

DOCKER_SOCKET = "/run/docker.sock"
PODMAN_ROOT_SOCKET = "/run/podman/podman.sock"

_VIRTUAL_MACHINES = ("podman-machine", "podman/machine/", ".docker/desktop/")


def engine_endpoint(platform: str, environment: Mapping[str, str], uid: int) -> str:
    """The endpoint of ``podman`` or ``docker`` for the user ``uid``. Raises EngineRefusedError for one that is not local.

    Without any variable a user who may not open the machine's Docker socket gets the one of rootless Docker if that is there.
    """
    for variable in ("CONTAINER_ENDPOINT", *(("DOCKER_HOST",) if platform == "docker" else ())):
        value = environment.get(variable, "").strip()
        if value:
            return local_endpoint(value, said_by=variable)
    runtime = environment.get("XDG_RUNTIME_DIR", "") or f"/run/user/{uid}"
    if platform == "docker":
        rootless = f"{runtime}/docker.sock"
        if uid != 0 and not os.access(DOCKER_SOCKET, os.R_OK | os.W_OK) and _is_socket(rootless):
            return f"unix://{rootless}"
        return f"unix://{DOCKER_SOCKET}"
    return f"unix://{PODMAN_ROOT_SOCKET if uid == 0 else f'{runtime}/podman/podman.sock'}"


def local_endpoint(value: str, *, said_by: str = "") -> str:
    """``value`` as ``unix:///path``. Raises EngineRefusedError for what is not a socket of this machine."""
    path = value[len("unix://") :] if value.startswith("unix://") else value
    origin = f"{said_by} says so; " if said_by else ""
    if "://" in path or not path.startswith("/"):
        raise EngineRefusedError(
            f"The engine at {_without_password(value)} cannot be used",
            why=f"{origin}it is not a socket of this machine, and a router's files are mounted from the machine of the engine",
            next_step=_remedy(said_by)
            + ", or run skupper-local on that machine; skupper-local system check shows what is here",
        )
    if any(part in path for part in _VIRTUAL_MACHINES):
        raise EngineRefusedError(
            f"The engine at {value} cannot be used",
            why=f"{origin}it runs in a virtual machine, whose files, ports and addresses are not this machine's",
            next_step=_remedy(said_by)
            + ", or run skupper-local inside it; skupper-local system check shows what is here",
        )
    return f"unix://{os.path.normpath(path)}"


def socket_path(endpoint: str) -> str:
    """The path of a local endpoint."""
    return endpoint.removeprefix("unix://")


def refuse_other_than_socket(platform: str, endpoint: str) -> None:
    """Raises EngineRefusedError when something else than a socket is at the endpoint; a missing one is not refused here."""
    try:
        mode = os.stat(socket_path(endpoint)).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a file"
        raise EngineRefusedError(
            f"There is no {platform} engine at {endpoint}",
            why=f"it is {kind}, not a socket",
            next_step="name the engine's socket in CONTAINER_ENDPOINT; skupper-local system check shows what is here",
        )


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _remedy(variable: str) -> str:
    return f"unset {variable}" if variable else "name a local socket, such as unix:///run/podman/podman.sock"


def _without_password(value: str) -> str:
    """An address as it may be shown: what stands before an ``@`` can be a password."""
    scheme, separator, rest = value.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else value.rpartition("@")[2]
