"""Which registry an image comes from, and the login that this user has stored for it.

A reference begins with a registry when its first segment could be a host (a dot, a port, ``localhost``); otherwise it is Docker
Hub's. Logins are where ``podman login`` and ``docker login`` put them, or in the file that ``REGISTRY_AUTH_FILE`` names
(reference-engine 6.2), which is then the only one; the most specific entry wins, and a credential helper is asked if the file
names one. An engine whose service belongs to somebody else does not see this user's files, so the login goes with the request.

A password is never part of a message, an argument or the environment of another program.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skupper_local.platforms.engine import ImagePullError

DOCKER_HUB = "docker.io"

_LARGEST_FILE = 1 << 20
_HELPER_SECONDS = 5.0
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Login:
    """A stored login; ``password`` or ``token`` is empty. Neither shows when it is printed."""

    server: str
    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def header(self) -> str:
        """The value of ``X-Registry-Auth``."""
        values = {"serveraddress": self.server}
        if self.token:
            values["identitytoken"] = self.token
        else:
            values |= {"username": self.user, "password": self.password}
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def registry_of(reference: str) -> str:
    """The host of the registry that a reference names."""
    first, separator, _ = reference.partition("/")
    if separator and ("." in first or ":" in first or first == "localhost"):
        return first
    return DOCKER_HUB


def stored_login(reference: str, environment: Mapping[str, str]) -> Login | None:
    """The login for the registry of an image; None when there is none.

    Raises ImagePullError when the file that ``REGISTRY_AUTH_FILE`` names cannot be used.
    """
    for content in _auth_files(environment):
        login = _find(content, reference)
        if login:
            return login
    return None


def _auth_files(environment: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    named = environment.get("REGISTRY_AUTH_FILE", "")
    if named:
        try:
            yield _read(Path(named))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a JSON object of logins"
            raise ImagePullError(
                f"The logins of registries in {named} cannot be used",
                why=f"REGISTRY_AUTH_FILE names that file: {reason}",
                next_step="unset REGISTRY_AUTH_FILE, or write it: podman login --authfile FILE REGISTRY",
            ) from error
        return
    for path in _usual_files(environment):
        try:
            yield _read(path)
        except (OSError, ValueError):  # not there, or of no use: the pull itself says that a login is missing
            continue


def _usual_files(environment: Mapping[str, str]) -> Iterator[Path]:
    home, runtime = environment.get("HOME", ""), environment.get("XDG_RUNTIME_DIR", "")
    if runtime:
        yield Path(runtime) / "containers" / "auth.json"
    configuration = environment.get("XDG_CONFIG_HOME", "") or (f"{home}/.config" if home else "")
    if configuration:
        yield Path(configuration) / "containers" / "auth.json"
    docker = environment.get("DOCKER_CONFIG", "") or (f"{home}/.docker" if home else "")
    if docker:
        yield Path(docker) / "config.json"


def _read(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        content = json.loads(file.read(_LARGEST_FILE))
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content


def _find(content: Mapping[str, Any], reference: str) -> Login | None:
    registry = registry_of(reference)
    helper = _entry(content.get("credHelpers"), (registry,)) or content.get("credsStore")
    if isinstance(helper, str) and helper:
        login = _ask_helper(helper, registry)
        if login:
            return login
    entry = _entry(content.get("auths"), _scopes(reference, registry))
    return _decode(entry, registry) if isinstance(entry, dict) else None


def _scopes(reference: str, registry: str) -> tuple[str, ...]:
    """What an entry may be named after, most specific first: the repository, its parents, the registry."""
    path = re.sub(r"(@.*|:[^:/]*)$", "", reference.removeprefix(f"{registry}/"))
    parts = path.split("/")
    return (*("/".join((registry, *parts[:count])) for count in range(len(parts), 0, -1)), registry)


def _entry(table: object, scopes: tuple[str, ...]) -> Any:
    if not isinstance(table, dict):
        return None
    normal = {_normal(str(key)): value for key, value in table.items()}
    return next((normal[_normal(scope)] for scope in scopes if _normal(scope) in normal), None)


def _normal(name: str) -> str:
    """An entry's name without scheme and API version; Docker Hub under one name."""
    name = re.sub(r"^https?://", "", name).rstrip("/")
    name = re.sub(r"/v[12]$", "", name)
    host, separator, rest = name.partition("/")
    return f"{DOCKER_HUB if host in _DOCKER_HUB_NAMES else host}{separator}{rest}"


def _decode(entry: Mapping[str, Any], registry: str) -> Login | None:
    server = "https://index.docker.io/v1/" if registry == DOCKER_HUB else registry
    user, password = entry.get("username"), entry.get("password")
    encoded = entry.get("auth")
    if isinstance(encoded, str) and encoded:
        try:
            user, _, password = base64.b64decode(encoded).decode().rstrip("\x00").partition(":")
        except ValueError:  # not base64, not ASCII, or not UTF-8 inside
            return None
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Login(server, str(user or ""), token=token)
    if isinstance(user, str) and isinstance(password, str) and user:
        return Login(server, user, password)
    return None


def _ask_helper(helper: str, registry: str) -> Login | None:
    if not _HELPER.fullmatch(helper):
        return None
    server = "https://index.docker.io/v1/" if registry == DOCKER_HUB else registry
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=server.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=True,
        )
        answer = json.loads(done.stdout)
        user, secret = answer["Username"], answer["Secret"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None
    if user == "<token>":
        return Login(server, "", token=str(secret))
    return Login(server, str(user), str(secret))
