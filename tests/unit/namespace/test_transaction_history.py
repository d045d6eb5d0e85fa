"""Whatever is asked for, in whatever order, interrupted wherever: the namespace is what the last whole commit made of it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.transaction import Transaction
from tests.unit.namespace.faults import at_step, contents, killed_at, open_to_others

directories = st.sampled_from(["input", "runtime/certs", "runtime/certs/west"])
names = st.sampled_from(["a", "b.yaml", "d/e", "west/tls.key"])
file_contents = st.binary(max_size=20)


class History(RuleBasedStateMachine):
    """``state`` is what is on disk; ``wanted`` what it is to be after the next commit."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.paths = NamespacePaths.of("west", self.directory / "skupper")
        self.state: dict[str, bytes] = {}
        self.wanted: dict[str, bytes] = {}
        self.transaction = Transaction(self.paths)

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    @rule(directory=directories, name=names, content=file_contents)
    def write(self, directory: str, name: str, content: bytes) -> None:
        self.transaction.write(f"{directory}/{name}", content)
        self.wanted[f"{directory}/{name}"] = content

    @rule(directory=directories, name=names)
    def delete(self, directory: str, name: str) -> None:
        self.transaction.delete(f"{directory}/{name}")
        self.wanted.pop(f"{directory}/{name}", None)

    @rule(directory=directories, files=st.dictionaries(names, file_contents, max_size=3))
    def replace_directory(self, directory: str, files: dict[str, bytes]) -> None:
        self.transaction.replace_directory(directory, files)
        self._forget(directory)
        self.wanted.update({f"{directory}/{name}": content for name, content in files.items()})

    @rule(directory=directories)
    def delete_directory(self, directory: str) -> None:
        self.transaction.delete_directory(directory)
        self._forget(directory)

    @rule()
    def commit(self) -> None:
        self._commit()
        self._over(self.wanted)

    @rule(step=st.integers(1, 80), code=st.sampled_from([errno.ENOSPC, errno.EACCES]))
    def commit_is_refused(self, step: int, code: int) -> None:
        def refuse(current: int, name: str) -> None:
            if current == step:
                raise OSError(code, os.strerror(code))

        try:
            with at_step(refuse):
                self._commit()
        except SkupperLocalError:
            pass
        self._over(self._recovered())

    @rule(step=st.integers(1, 80))
    def commit_is_killed(self, step: int) -> None:
        killed_at(step, self._commit)
        self._over(self._recovered())

    @invariant()
    def nothing_is_open_to_others(self) -> None:
        assert open_to_others(self.paths.data_home) == []

    def _commit(self) -> None:
        with lock_namespace(self.paths, command="test", patience=0):
            self.transaction.commit()

    def _recovered(self) -> dict[str, bytes]:
        with lock_namespace(self.paths, command="test", patience=0):
            return contents(self.paths.home)

    def _over(self, after: dict[str, bytes]) -> None:
        assert contents(self.paths.home) == after
        assert after in (self.state, self.wanted)
        assert not self.paths.transaction.exists()
        self.state, self.wanted = after, dict(after)
        self.transaction = Transaction(self.paths)

    def _forget(self, directory: str) -> None:
        self.wanted = {
            name: content for name, content in self.wanted.items() if not name.startswith(f"{directory}/")
        }


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
