"""What a library raised, in words that help to go on: no socket, no permission, nobody there, no answer, no space.

The libraries wrap the operating system's error in several layers, each with its own text. Here the innermost one decides, so
that a missing socket reads the same for both engines. Every message names the command that looks closer, ``system check``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from skupper_local.errors import SkupperLocalError
from skupper_local.host.programs import systemd_is_running
from skupper_local.platforms.endpoints import socket_path
from skupper_local.platforms.engine import (
    ANSWER_SECONDS,
    EngineFailedError,
    EngineRefusedError,
    EngineUnreachableError,
    ImageMissingError,
    NetworkMissingError,
)

CHECK = "skupper-local system check explains it"

_TITLES = {"podman": "Podman", "docker": "Docker"}
_LONGEST_WORDS = 600


def title(platform: str) -> str:
    """How people write it."""
    return _TITLES.get(platform, platform)


def connection_failure(
    platform: str, endpoint: str, error: BaseException, seconds: float = ANSWER_SECONDS
) -> SkupperLocalError:
    """The error for a conversation with an engine that did not take place, or broke."""
    causes = list(_causes(error))
    what = f"{title(platform)} cannot be reached at {endpoint}"
    if any(isinstance(cause, FileNotFoundError | NotADirectoryError) for cause in causes):
        return EngineUnreachableError(
            what, why="there is no such socket", next_step=_how_to_start(platform, endpoint)
        )
    if any(isinstance(cause, PermissionError) for cause in causes):
        return EngineUnreachableError(
            what,
            why=f"{_user()} may not open that socket",
            next_step=_how_to_be_allowed(platform, endpoint),
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return EngineUnreachableError(
            what,
            why="the socket is there and nobody listens on it: the engine's service has ended",
            next_step=_how_to_start(platform, endpoint),
        )
    if any(_is_timeout(cause) for cause in causes):
        return EngineUnreachableError(
            f"{title(platform)} at {endpoint} does not answer",
            why=f"it accepted the connection and said nothing for {seconds:g} s",
            next_step=f"{_restart(platform, endpoint)}; {CHECK}",
        )
    if any(_is_disconnection(cause) for cause in causes):
        return EngineUnreachableError(
            f"{title(platform)} at {endpoint} broke off the conversation",
            why="its service ended or was restarted in the middle of a request",
            next_step=f"repeat the command; {CHECK}",
        )
    greeting = next((f": {cause}" for cause in causes if type(cause).__name__ == "BadStatusLine"), "")
    return EngineRefusedError(
        f"What listens at {endpoint} is not {title(platform)}",
        why=f"its answer is not one of a container engine{shortened(greeting)}",
        next_step=f"name the engine's socket in CONTAINER_ENDPOINT; {CHECK}",
    )


def not_this_engine(platform: str, endpoint: str, *, other: str) -> EngineRefusedError:
    """The error for an endpoint behind which there is the ``other`` engine, or, if that is empty, none at all."""
    return EngineRefusedError(
        f"What listens at {endpoint} is not {title(platform)}",
        why=f"it is {title(other)}" if other else "its answer is not one of a container engine",
        next_step=(f"use -p {other}, or name" if other else "name")
        + f" the socket of {title(platform)} in CONTAINER_ENDPOINT; {CHECK}",
    )


def too_old(platform: str, endpoint: str, version: str, *, oldest: str, release: str) -> EngineRefusedError:
    """The error for an engine whose interface has a ``version`` below ``oldest``, which came with ``release``."""
    return EngineRefusedError(
        f"{title(platform)} at {endpoint} is too old",
        why=f"its interface has version {shortened(version)}, and {oldest} is the oldest that this program speaks",
        next_step=f"install {title(platform)} {release} or newer; {CHECK}",
    )


def refusal(platform: str, what: str, status: int, words: str) -> SkupperLocalError:
    """The error for a request that the engine answered with an error of its own."""
    words = shortened(words) or f"HTTP status {status} without a word"
    lower = words.lower()
    if "network" in lower and (
        "not found" in lower or "no such network" in lower or "unable to find network" in lower
    ):
        return NetworkMissingError(
            what, why=words, next_step=f"see what networks there are: {platform} network ls; {CHECK}"
        )
    if "no such image" in lower or "image not known" in lower:
        return ImageMissingError(
            what,
            why=words,
            next_step=f"pull the image, or load it from an archive: skupper-local system load-image FILE; {CHECK}",
        )
    return EngineFailedError(what, why=words, next_step=_advice(platform, lower))


def shortened(words: str) -> str:
    """An engine's words on one line, cut to a bearable length."""
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 4] + " ..."


def no_space(words: str) -> bool:
    """Whether an engine's words are about a full disk."""
    lower = words.lower()
    return "no space left" in lower or "disk quota exceeded" in lower or "enospc" in lower


def _advice(platform: str, lower: str) -> str:
    if "address already in use" in lower or "port is already allocated" in lower or "bind: address" in lower:
        return f"end what holds the port (ss -ltnp), or declare another one; {CHECK}"
    if no_space(lower):
        return f"free some space ({platform} system df, df -h), then repeat; {CHECK}"
    if "permission denied" in lower and "relabel" in lower:
        return f"the directory cannot be relabelled for SELinux: check its owner (ls -Zd); {CHECK}"
    if "subuid" in lower or "subgid" in lower or "user namespace" in lower:
        return (
            f"give the user ranges in /etc/subuid and /etc/subgid, then: {platform} system migrate; {CHECK}"
        )
    return f"look at the engine's own log; {CHECK}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it was made from, outermost first: causes, contexts, and errors handed on as arguments."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        item = waiting.pop(0)
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        reason = getattr(item, "reason", None)
        waiting += [reason if isinstance(reason, BaseException) else None, item.__cause__, item.__context__]
        waiting += [argument for argument in item.args if isinstance(argument, BaseException)]


def _is_timeout(error: BaseException) -> bool:
    # a full queue of connections shows as EAGAIN on a unix socket; urllib3's and requests' own classes are told by their names,
    # so that this module needs neither
    return isinstance(error, TimeoutError | BlockingIOError) or type(error).__name__ in {
        "ReadTimeout",
        "ReadTimeoutError",
        "ConnectTimeout",
        "ConnectTimeoutError",
    }


def _is_disconnection(error: BaseException) -> bool:
    return isinstance(error, ConnectionResetError | BrokenPipeError | EOFError) or type(error).__name__ in {
        "RemoteDisconnected",
        "IncompleteRead",
        "ChunkedEncodingError",
    }


def _user() -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"the user with number {os.geteuid()}"


def _belongs_to_system(endpoint: str) -> bool:
    """Whether it is a socket of the machine's own service, as opposed to one of a user's."""
    path = socket_path(endpoint)
    return path.startswith(("/run/", "/var/run/")) and not path.startswith(("/run/user/", "/var/run/user/"))


def _control(endpoint: str) -> str:
    if not _belongs_to_system(endpoint):
        return "systemctl --user"
    return "systemctl" if os.geteuid() == 0 else "sudo systemctl"


def _how_to_start(platform: str, endpoint: str) -> str:
    unit = "podman.socket" if platform == "podman" else "docker"
    if systemd_is_running():
        start = f"{_control(endpoint)} enable --now {unit}"
    elif platform == "podman":
        start = f"podman system service --time=0 {endpoint} &"
    else:
        start = "dockerd &" if os.geteuid() == 0 else "sudo dockerd &"
    return (
        f"start it: {start} (or install {title(platform)}, or name its socket in CONTAINER_ENDPOINT); {CHECK}"
    )


def _restart(platform: str, endpoint: str) -> str:
    unit = "podman.service" if platform == "podman" else "docker"
    if systemd_is_running():
        return f"restart it: {_control(endpoint)} restart {unit}"
    return "end its service and start it again"


def _how_to_be_allowed(platform: str, endpoint: str) -> str:
    if platform == "docker":
        return (
            "become a member of its group (sudo usermod -aG docker $USER, then log in again), "
            f"or use rootless Docker (dockerd-rootless-setuptool.sh install); {CHECK}"
        )
    if _belongs_to_system(endpoint):
        return (
            "use the Podman of this user: unset CONTAINER_ENDPOINT and systemctl --user enable --now podman.socket, "
            f"or run the command as root; {CHECK}"
        )
    return f"look at its owner: ls -l {socket_path(endpoint)}; {CHECK}"
