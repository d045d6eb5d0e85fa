"""What the interop tests share: the reference router, and networks in a directory of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.network import Network
from tests.rig.programs import echo_service, stream_service
from tests.rig.routers import Program, reference_program


@pytest.fixture(scope="session")
def reference() -> Program:
    """``skrouterd`` from SKROUTERD or PATH; skips the test if there is none."""
    program = reference_program()
    if not program:
        pytest.skip("no reference router: set SKROUTERD=/path/to/skrouterd or put skrouterd in PATH")
    return program


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """An empty network with mutual TLS."""
    with Network(tmp_path) as network:
        yield network


@pytest.fixture(scope="session")
def stream_port() -> Iterator[int]:
    """The port of a stream service."""
    with stream_service() as port:
        yield port


@pytest.fixture(scope="session")
def echo_port() -> Iterator[int]:
    """The port of an echo service."""
    with echo_service() as port:
        yield port
