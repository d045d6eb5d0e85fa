"""One command at a time, and one clear message for the one that waits."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skupper_local.namespace.errors import NamespaceBusyError, NamespaceDirectoryError
from skupper_local.namespace.lock import (
    lock_holder,
    lock_namespace,
    lock_port_choices,
    recover_if_needed,
)
from skupper_local.namespace.paths import NamespacePaths, list_namespaces
from skupper_local.namespace.transaction import Recovery
from tests.unit.namespace.faults import killed_at, open_to_others

HOLD = """
import sys, time
from pathlib import Path
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths
with lock_namespace(NamespacePaths.of("west", Path(sys.argv[1])), command="system reload"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def paths(tmp_path: Path) -> NamespacePaths:
    return NamespacePaths.of("west", tmp_path / "skupper")


@pytest.fixture
def other(paths: NamespacePaths) -> Iterator[subprocess.Popen[bytes]]:
    """Another command that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(paths.data_home)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_the_message_says_who_is_in_the_way(paths: NamespacePaths, other: subprocess.Popen[bytes]) -> None:
    started = time.monotonic()
    with (
        pytest.raises(NamespaceBusyError) as caught,
        lock_namespace(paths, command="system stop", patience=0.3),
    ):
        pass
    assert 0.3 <= time.monotonic() - started < 5
    assert caught.value.code == "namespace-busy"
    assert "'system reload'" in caught.value.why
    assert str(other.pid) in caught.value.why
    assert str(other.pid) in caught.value.next_step


def test_a_killed_holder_is_no_holder(paths: NamespacePaths, other: subprocess.Popen[bytes]) -> None:
    holder = lock_holder(paths)
    assert holder is not None
    assert (holder.pid, holder.command) == (other.pid, "system reload")
    assert abs(holder.since - time.time()) < 60
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert lock_holder(paths) is None
    with lock_namespace(paths, command="system start", patience=0):
        own = lock_holder(paths)
        assert own is not None
        assert own.pid == os.getpid()


def test_namespaces_do_not_wait_for_each_other(paths: NamespacePaths, other: subprocess.Popen[bytes]) -> None:
    with lock_namespace(NamespacePaths.of("east", paths.data_home), command="test", patience=0):
        pass


def test_asking_for_the_holder_creates_nothing(paths: NamespacePaths) -> None:
    assert lock_holder(paths) is None
    assert not paths.data_home.exists()


def test_the_lock_creates_no_namespace_and_is_private(paths: NamespacePaths) -> None:
    with lock_namespace(paths, command="test"):
        assert list_namespaces(paths.data_home) == ()
        assert not paths.home.exists()
        assert open_to_others(paths.data_home) == []


def test_a_program_started_under_the_lock_does_not_keep_it(paths: NamespacePaths) -> None:
    with lock_namespace(paths, command="test"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    try:
        with lock_namespace(paths, command="test", patience=0):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_file_in_the_place_of_the_namespace_is_named(paths: NamespacePaths) -> None:
    paths.namespaces.mkdir(parents=True)
    paths.home.write_text("")
    with (
        pytest.raises(NamespaceDirectoryError, match="west is not a directory"),
        lock_namespace(paths, command="test"),
    ):
        pass


def test_teardown_removes_the_namespace_and_its_lock(paths: NamespacePaths) -> None:
    with lock_namespace(paths, command="create") as held:
        transaction = held.transaction()
        transaction.write("input/resources/Site-west.yaml", b"x")
        transaction.commit()
    with lock_namespace(paths, command="teardown") as held:
        held.remove_namespace()
    assert list(paths.data_home.rglob("*")) == [paths.namespaces]


def _count_up(home: str, rounds: int) -> None:
    paths = NamespacePaths.of("west", Path(home))
    for _ in range(rounds):
        with lock_namespace(paths, command="count", patience=60) as held:
            counter = paths.home / "runtime" / "counter"
            count = int(counter.read_bytes()) if counter.exists() else 0
            transaction = held.transaction()
            transaction.write("runtime/counter", str(count + 1).encode())
            transaction.commit()
            total = paths.data_home / "total"
            total.write_bytes(str(int(total.read_bytes()) + 1).encode())
            if count == 4:
                held.remove_namespace()  # the lock's file goes too, under the feet of those who wait


def test_no_two_hold_it_also_while_teardown_takes_the_file_away(paths: NamespacePaths) -> None:
    paths.data_home.mkdir(parents=True)
    (paths.data_home / "total").write_bytes(b"0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(str(paths.data_home), 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert (paths.data_home / "total").read_bytes() == b"45"


def test_a_file_that_teardown_removed_in_the_meantime_is_no_lock(
    paths: NamespacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    removed: list[Path] = []

    def removed_before(descriptor: int, operation: int) -> None:
        if not removed:
            paths.lock.unlink()
            removed.append(paths.lock)
        flock(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", removed_before)
    with lock_namespace(paths, command="test", patience=1):
        assert removed
        assert lock_holder(paths) is not None


def test_a_supervisor_finishes_what_a_killed_command_committed(paths: NamespacePaths) -> None:
    def change() -> None:
        with lock_namespace(paths, command="system reload") as held:
            transaction = held.transaction()
            transaction.write("runtime/certs/west/tls.crt", b"2")
            transaction.write("runtime/certs/west/tls.key", b"2")
            transaction.commit()

    assert recover_if_needed(paths, command="supervisor") is Recovery.NOTHING
    step = 0
    while not (paths.transaction / "commit.json").exists():
        step += 1
        assert killed_at(step, change)
    assert recover_if_needed(paths, command="supervisor") is Recovery.FINISHED
    assert (paths.runtime_certs / "west" / "tls.key").read_bytes() == b"2"


def test_a_supervisor_does_not_wait_for_the_command_that_starts_it(
    paths: NamespacePaths, other: subprocess.Popen[bytes]
) -> None:
    assert recover_if_needed(paths, command="supervisor", patience=0) is Recovery.NOTHING


def test_keys_of_an_adopted_namespace_become_private(paths: NamespacePaths, tmp_path: Path) -> None:
    key = paths.runtime_certs / "west" / "tls.key"
    link = paths.runtime_links / "link-west-127.0.0.1.yaml"
    secret = paths.input_resources / "Secret-link-west.yaml"
    for file in (key, link, secret, paths.sources_backup):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("secret")
        file.chmod(0o644)
    outside = tmp_path / "outside"
    outside.write_text("mine")
    outside.chmod(0o644)
    (paths.runtime_certs / "west" / "linked").symlink_to(outside)
    with lock_namespace(paths, command="test") as held:
        assert set(held.tighten_permissions()) == {key, link, secret, paths.sources_backup}
        assert held.tighten_permissions() == ()
    assert key.stat().st_mode & 0o777 == 0o600
    assert outside.stat().st_mode & 0o777 == 0o644


def test_only_one_namespace_chooses_ports_at_a_time(tmp_path: Path) -> None:
    west, east = (NamespacePaths.of(name, tmp_path / "skupper") for name in ("west", "east"))
    with (
        lock_namespace(west, command="start") as held_west,
        lock_namespace(east, command="start") as held_east,
    ):
        with lock_port_choices(held_west):
            with pytest.raises(NamespaceBusyError) as caught, lock_port_choices(held_east, patience=0.1):
                pass
            assert caught.value.what == "cannot choose ports for namespace east, waited 0.1 s"
        with lock_port_choices(held_east, patience=0.1):
            pass


def test_what_is_held_along_is_released_with_the_namespace(paths: NamespacePaths) -> None:
    ended: list[str] = []

    @contextlib.contextmanager
    def turn() -> Iterator[None]:
        yield
        ended.append("turn")

    with lock_namespace(paths, command="start") as held:
        held.hold_along(turn())
        assert ended == []
    assert ended == ["turn"]
