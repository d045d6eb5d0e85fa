"""The container engine: its socket, whether it answers, its version, its networks, the router's image, rootless needs."""

from __future__ import annotations

import os
import platform as this_machine
from collections.abc import Iterator
from contextlib import closing

from skupper_local.checks.model import Group, Result, Subject, failed, ok, skipped, warning
from skupper_local.errors import SkupperLocalError
from skupper_local.host import machine
from skupper_local.host.programs import find_program

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_WANTED_IDS = 65_536
_CODES = (
    *("engine-socket", "engine-reachable", "engine-version", "engine-network", "engine-storage"),
    *("rootless-ids", "image-present", "container"),
)


def engine(subject: Subject) -> Iterator[Result]:
    """Everything about the engine, from the socket to the image; each needs what stands before it."""
    if subject.platform == "linux":
        yield skipped("engine-reachable", "container engine", "platform linux needs none")
        return
    found = _socket(subject)
    yield found
    if found.state.value == "failed":
        for code in ("engine-reachable", "image-present"):
            yield skipped(code, "not looked at", "there is no socket to ask")
        return
    yield from _asked(subject)


def _socket(subject: Subject) -> Result:
    from skupper_local.platforms.endpoints import socket_path

    name = subject.platform
    path = socket_path(subject.endpoint)
    if not os.path.exists(path):
        return failed(
            "engine-socket",
            f"{name} has no socket at {path}",
            _why_no_socket(subject),
            _how_to_start(subject),
        )
    if not os.access(path, os.R_OK | os.W_OK):
        fix = (
            "use rootless Podman (-p podman), or become a member of the group that may (usermod -aG docker USER; it is as good"
            " as root)"
            if name == "docker"
            else f"use the socket of your own user: unset CONTAINER_ENDPOINT, and {_how_to_start(subject)}"
        )
        return failed(
            "engine-socket",
            f"the socket {path} may not be opened",
            "its owner and mode forbid it to you",
            fix,
        )
    return ok("engine-socket", f"{name} has its socket at {path}")


def _why_no_socket(subject: Subject) -> str:
    program = subject.platform if subject.platform == "podman" else "dockerd"
    if not find_program(subject.platform) and not find_program(program):
        return f"{subject.platform} is not installed"
    return f"the service of {subject.platform} is not started"


def _how_to_start(subject: Subject) -> str:
    if not find_program(subject.platform):
        return f"apt install {'podman' if subject.platform == 'podman' else 'docker.io'}"
    if subject.platform == "docker":
        return "systemctl enable --now docker (as root)"
    whose = "" if subject.uid == 0 else " --user"
    from skupper_local.platforms.endpoints import socket_path

    return (
        f"systemctl{whose} enable --now podman.socket; without systemd: podman system service --time=0 "
        f"unix://{socket_path(subject.endpoint)} &"
    )


def _asked(subject: Subject) -> Iterator[Result]:
    from skupper_local.platforms.engine import engine_of

    name = subject.platform
    try:
        with closing(engine_of(name, subject.endpoint)) as found:
            facts = found.facts()
            yield ok("engine-reachable", f"{name} answers at {subject.endpoint}")
            yield ok(
                "engine-version",
                f"{facts.name} {facts.version}, {'rootless' if facts.rootless else 'rootful'}",
            )
            if facts.network_is_ours:
                yield ok("engine-network", "its host network is this machine's")
            else:
                yield ok(
                    "engine-network", "its host network is not this machine's: ports are published instead"
                )
            if facts.rootless and name == "podman":
                yield from _rootless(subject)
            if facts.storage:
                yield from _storage(facts.storage)
            image = found.image(subject.image)
            yield from _image(subject, image is not None)
            if image is not None and not subject.pre:
                yield from _container(subject, found.container(_container_name(subject)))
    except SkupperLocalError as error:
        yield failed("engine-reachable", error.what, error.why, error.next_step)


def _rootless(subject: Subject) -> Iterator[Result]:
    from skupper_local.systemd.lingering import user_name

    user = user_name(subject.uid)
    least = min(
        machine.subordinate_ids(user, subject.uid, table=table) for table in ("/etc/subuid", "/etc/subgid")
    )
    if least >= _WANTED_IDS:
        yield ok("rootless-ids", f"{user} has {least} subordinate ids for rootless containers")
    else:
        fix = f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user} (as root), then podman system migrate"
        yield failed(
            "rootless-ids",
            f"{user} has {least} subordinate ids",
            f"rootless containers need {_WANTED_IDS}",
            fix,
        )


def _storage(storage: str) -> Iterator[Result]:
    found = machine.room_at(storage) if storage.startswith("/") else None
    if found is None:
        return
    free = found.free_bytes >> 20
    if free < 200:
        cause = "an image or a container may not fit"
        yield warning(
            "engine-storage", f"{free} MiB free for images at {storage}", cause, f"make room at {found.path}"
        )
    else:
        yield ok("engine-storage", f"{free} MiB free for images at {storage}")


def _image(subject: Subject, present: bool) -> Iterator[Result]:
    if present:
        yield ok("image-present", f"the router's image {subject.image} is here")
        return
    architecture = _ARCHITECTURES.get(this_machine.machine(), this_machine.machine())
    fix = (
        f"start the site, which pulls it, or {subject.platform} pull {subject.image}; without a network: "
        f"skupper-local system load-image FILE -p {subject.platform}"
    )
    what = f"the router's image {subject.image} is not here"
    if subject.pre:
        yield warning("image-present", what, f"the first start pulls it (for {architecture})", fix)
    else:
        yield failed("image-present", what, "the router's container cannot be made without it", fix)


def _container_name(subject: Subject) -> str:
    from skupper_local.platforms.container import container_name

    return container_name(subject.paths.name)


def _container(subject: Subject, found: object) -> Iterator[Result]:
    from skupper_local.platforms.engine import ContainerFacts

    if not isinstance(found, ContainerFacts):
        return
    if found.out_of_memory:
        cause = "it used more memory than it may"
        fix = "allow it more: skupper-local site update --memory, then system reload"
        yield failed("container", f"{found.name} was ended by the kernel", cause, fix)
    elif found.running and found.health == "unhealthy":
        cause = "its router does not answer on its local listener"
        fix = f"skupper-local system logs -n {subject.paths.name}; skupper-local system start repairs"
        yield failed("container", f"{found.name} runs and is not healthy", cause, fix)
    else:
        yield ok("container", f"{found.name} is {'running' if found.running else 'stopped'}")


GROUP = Group("engine", _CODES, (engine,))
