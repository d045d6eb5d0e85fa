"""What is measured: direct TCP, and pairs of linked routers with and without mutual TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.rig.network import Network
from tests.rig.routers import EMBEDDED, Program, reference_program


@dataclass(frozen=True)
class Contestant:
    """Something that carries TCP: the ports clients connect to, and the routers in between (none for direct TCP)."""

    name: str
    stream_port: int
    echo_port: int
    network: Network | None = None
    program: Program | None = None
    mutual_tls: bool = False


def direct(stream_port: int, echo_port: int) -> Contestant:
    """The services themselves."""
    return Contestant("direct", stream_port, echo_port)


def linked_pair(
    directory: Path, program: Program, stream_port: int, echo_port: int, *, mutual_tls: bool
) -> Contestant:
    """Two routers of this program, linked and running: clients on ``west``, services behind ``east``."""
    name = program.name + (" mTLS" if mutual_tls else "")
    network = Network(directory / name.replace(" ", "-"), mutual_tls=mutual_tls)
    network.add("east", program)
    network.add("west", program)
    network.link("west", "east")
    network.expose("east", "streams", stream_port)
    network.expose("east", "echo", echo_port)
    streams, echo = network.consume("west", "streams"), network.consume("west", "echo")
    try:
        network.start()
    except BaseException:
        network.kill()
        raise
    return Contestant(name, streams, echo, network, program, mutual_tls)


def programs() -> list[Program]:
    """The embedded router, and the reference when there is one."""
    reference = reference_program()
    return [EMBEDDED, reference] if reference else [EMBEDDED]
