"""Fixtures of the system tests: they start real processes, engines and hosts, and leave none behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.images import build_our_image, official_image
from tests.rig.installed import debian_tree, install_program, python_version
from tests.rig.machine import Machine
from tests.rig.requirements import why_no_system_tests

PREPARATION_SECONDS = 600
"""Within which a test that needs engines or hosts has to end: it may be the one for which things are fetched and built."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what needs engines and hosts the time that their preparation may take."""
    for item in items:
        needs = getattr(item, "fixturenames", ())
        if {"this_system", "trixie_system"}.intersection(needs) and item.get_closest_marker(
            "timeout"
        ) is None:
            item.add_marker(pytest.mark.timeout(PREPARATION_SECONDS))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose sites are gone after the test."""
    machine = Machine(tmp_path)
    yield machine
    machine.remove()
    assert machine.processes() == {}


@pytest.fixture(scope="session")
def real_system() -> None:
    """Root on a machine with engines and systemd; what asks for it is skipped elsewhere, with the reason."""
    if reason := why_no_system_tests():
        pytest.skip(reason)


@dataclass(frozen=True)
class System:
    """What a test host is made of: a tree of files, and the program installed for the Python in it."""

    tree: Path
    program: Path


@pytest.fixture(scope="session")
def this_system(real_system: None, tmp_path_factory: pytest.TempPathFactory) -> System:
    """The files of this machine."""
    tree = Path("/")
    return System(tree, install_program(tmp_path_factory.mktemp("program"), python_version(tree)))


@pytest.fixture(scope="session")
def trixie_system(real_system: None, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A Debian 13: Podman 5 with Quadlet, a newer systemd and Python."""
    tree = debian_tree("trixie")
    return System(tree, install_program(tmp_path_factory.mktemp("program-trixie"), python_version(tree)))


@pytest.fixture(scope="session")
def router_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own router image, ``images.OUR_IMAGE``, built from this checkout; readable by every user."""
    directory = tmp_path_factory.mktemp("image")
    directory.chmod(0o755)
    return build_our_image(directory / "router.tar")


@pytest.fixture(scope="session")
def official_archive() -> Path:
    """The official router image as a docker-archive, where SKROUTERD_ARCHIVE names one."""
    archive = official_image()
    if archive is None:
        pytest.skip("SKROUTERD_ARCHIVE=/path names no archive of the official router image")
    return archive
