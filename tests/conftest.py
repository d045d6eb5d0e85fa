"""What every test may rely on: the real home is out of reach, and a busy machine is no failure."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    # How long an example takes says something about the machine, not about the code; pytest's own time limit stays.
    "repository",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("repository")


@pytest.fixture(autouse=True, scope="session")
def _nothing_reaches_the_real_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test that forgets to say where its sites are puts them into a scratch directory; no setting of the caller's counts."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith("SKUPPER_"):
                environment.delenv(name)
        environment.setenv("HOME", str(home))
        environment.setenv("XDG_DATA_HOME", str(home / "data"))
        yield


@pytest.fixture
def little_room() -> Callable[[int], AbstractContextManager[None]]:
    """While it holds, no file of this process gets longer than so many bytes: what a full disk is to one file."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
