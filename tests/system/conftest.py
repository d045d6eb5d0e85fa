"""Fixtures of the system tests: they start real processes and leave none behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose sites are gone after the test."""
    machine = Machine(tmp_path)
    yield machine
    machine.remove()
    assert machine.processes() == {}
