"""What engines answer, read into plain values: Podman and Docker describe containers and images almost alike.

Nothing here trusts an answer to be complete: what is missing or of another type becomes empty, because versions differ, and a
status that shows less is better than one that fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from skupper_local.platforms.container import HOST_NETWORK
from skupper_local.platforms.engine import ContainerFacts, ImageFacts

_FRAME_HEADER = 8
_LONGEST_LINE = 65_536
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


def container_facts(answer: Mapping[str, Any]) -> ContainerFacts:
    """A container from what an engine tells when asked to inspect it."""
    state = _mapping(answer.get("State"))
    host = _mapping(answer.get("HostConfig"))
    network = _mapping(answer.get("NetworkSettings"))
    configuration = _mapping(answer.get("Config"))
    restarting = bool(state.get("Restarting"))
    running = bool(state.get("Running")) and not restarting and not state.get("Dead")
    health = _mapping(state.get("Health") or state.get("Healthcheck"))
    return ContainerFacts(
        id=_text(answer.get("Id")),
        name=_text(answer.get("Name")).lstrip("/"),
        image=_text(configuration.get("Image")) or _text(answer.get("ImageName")),
        image_id=_text(answer.get("Image")).removeprefix("sha256:"),
        running=running,
        restarting=restarting,
        pid=_number(state.get("Pid")) if running else 0,
        monitor_pid=_number(state.get("ConmonPid")) if running or state.get("Status") == "stopping" else 0,
        since=seconds_of(state.get("StartedAt")),
        ended=seconds_of(state.get("FinishedAt")),
        exit_code=_number(state.get("ExitCode")),
        out_of_memory=bool(state.get("OOMKilled")),
        error=_text(state.get("Error")),
        restarts=_number(answer.get("RestartCount")),
        health=_text(health.get("Status")),
        restart_policy=_text(_mapping(host.get("RestartPolicy")).get("Name")) or "no",
        labels={str(key): _text(value) for key, value in _mapping(configuration.get("Labels")).items()},
        addresses=_addresses(_mapping(network.get("Networks")), _text(host.get("NetworkMode"))),
        published=_published(_mapping(network.get("Ports"))),
        mounted={
            _text(_mapping(item).get("Destination")): _text(_mapping(item).get("Source"))
            for item in _sequence(answer.get("Mounts"))
        },
    )


def image_facts(reference: str, answer: Mapping[str, Any]) -> ImageFacts:
    """An image from what an engine tells when asked to inspect it."""
    repository = reference.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    digests = [_text(item) for item in _sequence(answer.get("RepoDigests"))]
    own = [item for item in digests if item.partition("@")[0].endswith(repository)]
    labels = _mapping(answer.get("Labels")) or _mapping(_mapping(answer.get("Config")).get("Labels"))
    return ImageFacts(
        id=_text(answer.get("Id")).removeprefix("sha256:"),
        reference=reference,
        digest=own[0].partition("@")[2] if own else "",
        size=_number(answer.get("Size")),
        created=_text(answer.get("Created")) if seconds_of(answer.get("Created")) else "",
        labels={str(key): _text(value) for key, value in labels.items()},
    )


def seconds_of(text: object) -> float:
    """An engine's time in seconds since the epoch; 0 for its "never" (year 1) and for what is no time."""
    match = _TIME.match(text) if isinstance(text, str) else None
    if match is None or text == "" or match[1].startswith("0001-"):
        return 0.0
    moment = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00")).astimezone(UTC)
    return moment.timestamp() + float(match[2] or 0.0)


def log_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines in a stream of frames (a byte of stream number, three of nothing, four of length, then the bytes).

    A container's log is a router's text or anything else that ran in it: undecodable bytes are replaced and endless lines cut.
    """
    pending = {1: b"", 2: b""}
    for stream, part in _frames(chunks):
        lines = (pending.get(stream, b"") + part).split(b"\n")
        pending[stream] = lines.pop()
        while len(pending[stream]) > _LONGEST_LINE:
            lines.append(pending[stream][:_LONGEST_LINE])
            pending[stream] = pending[stream][_LONGEST_LINE:]
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
    yield from (rest.decode("utf-8", "replace").rstrip("\r") for rest in pending.values() if rest)


def _frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _FRAME_HEADER:
            length = int.from_bytes(buffer[4:_FRAME_HEADER], "big")
            if len(buffer) < _FRAME_HEADER + length:
                break
            yield buffer[0], buffer[_FRAME_HEADER : _FRAME_HEADER + length]
            buffer = buffer[_FRAME_HEADER + length :]


def _addresses(networks: Mapping[str, Any], mode: str) -> dict[str, str]:
    if mode == HOST_NETWORK:
        return {HOST_NETWORK: "127.0.0.1"}
    found = {str(name): _text(_mapping(item).get("IPAddress")) for name, item in networks.items()}
    return {name: address for name, address in found.items() if address}


def _published(ports: Mapping[str, Any]) -> dict[int, tuple[tuple[str, int], ...]]:
    found: dict[int, tuple[tuple[str, int], ...]] = {}
    for name, bindings in ports.items():
        number, _, protocol = str(name).partition("/")
        places = tuple(
            (_text(_mapping(item).get("HostIp")), int(_mapping(item)["HostPort"]))
            for item in _sequence(bindings)
            if re.fullmatch(r"[0-9]{1,5}", _text(_mapping(item).get("HostPort")))
        )
        if re.fullmatch(r"[0-9]{1,5}", number) and protocol in ("", "tcp") and places:
            found[int(number)] = places
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
