"""``kill -9`` before every single call that changes the file system: afterwards the namespace is exactly old or exactly new."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths, list_namespaces
from skupper_local.namespace.transaction import Transaction, pending_transaction
from tests.unit.namespace.faults import at_step, contents, killed_at, open_to_others

OLD = {
    "input/resources/Site-west.yaml": b"kind: Site",
    "input/resources/Listener-gone.yaml": b"kind: Listener",
    "runtime/issuers/skupper-site-ca/tls.key": b"the key of the CA",
    "runtime/certs/west/tls.crt": b"certificate 1",
    "runtime/certs/west/tls.key": b"key 1",
    "runtime/certs/dropped/tls.key": b"another key",
    "runtime/router/skrouterd.json": b"configuration 1",
    "internal/platform.yaml": b"platform: linux\n",
}


def reload(transaction: Transaction) -> None:
    transaction.replace_directory(
        "runtime/certs", {"west/tls.crt": b"certificate 2", "west/tls.key": b"key 2", "new/ca.crt": b"ca"}
    )
    transaction.write("runtime/router/skrouterd.json", b"configuration 2" * 1000)
    transaction.write("input/resources/Connector-web.yaml", b"kind: Connector")
    transaction.delete("input/resources/Listener-gone.yaml")
    transaction.write("internal/platform.yaml", b"platform: linux\n")


RELOADED = {
    "input/resources/Site-west.yaml": b"kind: Site",
    "input/resources/Connector-web.yaml": b"kind: Connector",
    "runtime/issuers/skupper-site-ca/tls.key": b"the key of the CA",
    "runtime/certs/west/tls.crt": b"certificate 2",
    "runtime/certs/west/tls.key": b"key 2",
    "runtime/certs/new/ca.crt": b"ca",
    "runtime/router/skrouterd.json": b"configuration 2" * 1000,
    "internal/platform.yaml": b"platform: linux\n",
}


def start(transaction: Transaction) -> None:
    for name, content in OLD.items():
        transaction.write(name, content)


def change(paths: NamespacePaths, request: Callable[[Transaction], None]) -> None:
    with lock_namespace(paths, command="change", patience=0.5) as held:
        transaction = held.transaction()
        request(transaction)
        transaction.commit()


def recovered(paths: NamespacePaths) -> dict[str, bytes]:
    with lock_namespace(paths, command="recover", patience=0.5):
        pass
    assert not pending_transaction(paths)
    assert not paths.transaction.exists()
    return contents(paths.home)


def fresh(directory: Path, number: int, *, old: bool) -> NamespacePaths:
    paths = NamespacePaths.of("west", directory / str(number) / "skupper")
    if old:
        change(paths, start)
    return paths


@pytest.mark.parametrize(
    ("old", "request_", "new"), [(True, reload, RELOADED), (False, start, OLD)], ids=["reload", "start"]
)
def test_a_change_killed_at_any_step_is_whole_or_absent_and_never_open_to_others(
    tmp_path: Path, old: bool, request_: Callable[[Transaction], None], new: dict[str, bytes]
) -> None:
    before = OLD if old else {}
    outcomes = set()
    step, killed = 0, True
    while killed:
        step += 1
        paths = fresh(tmp_path, step, old=old)
        killed = killed_at(step, lambda paths=paths: change(paths, request_))  # type: ignore[misc]
        assert open_to_others(paths.data_home) == [], f"step {step}"
        after = recovered(paths)
        assert after in (before, new), f"step {step}"
        outcomes.add(after == new)
        if after == {}:
            assert list_namespaces(paths.data_home) == ()
            assert not paths.home.exists(), "a namespace that never was leaves no directory"
    assert step > 60
    assert outcomes == {False, True}


def test_a_recovery_killed_at_any_step_is_taken_up_by_the_next(tmp_path: Path) -> None:
    choose = random.Random(7)
    for number in range(100):
        paths = fresh(tmp_path, number, old=True)
        for _ in range(choose.randint(2, 6)):
            killed_at(choose.randint(1, 90), lambda paths=paths: change(paths, reload))  # type: ignore[misc]
            killed_at(choose.randint(1, 40), lambda paths=paths: recovered(paths))  # type: ignore[misc]
            assert open_to_others(paths.data_home) == []
        assert recovered(paths) in (OLD, RELOADED)


def test_an_undo_killed_at_any_step_is_taken_up_by_the_next(tmp_path: Path) -> None:
    """The disk refuses the last rename into place, for good; the command starts to undo, and is killed in that."""
    step, killed = 0, True
    while killed:
        step += 1
        paths = fresh(tmp_path, step, old=True)

        def refused(paths: NamespacePaths = paths) -> None:
            rename = os.rename

            def refuse(source: Path, target: Path) -> None:
                if Path(target).name == "skrouterd.json" and "new" in Path(source).parts:
                    raise OSError(28, "No space left on device", str(target))
                rename(source, target)

            os.rename = refuse  # type: ignore[assignment]
            try:
                change(paths, reload)
            except Exception as error:
                assert getattr(error, "code", "") == "disk-full"  # noqa: PT017

        killed = killed_at(step, refused)
        assert recovered(paths) in (OLD, RELOADED)
        if not killed:
            assert recovered(paths) == OLD
    assert step > 80


def test_teardown_killed_at_any_step_removes_all_or_nothing(tmp_path: Path) -> None:
    def teardown(paths: NamespacePaths) -> None:
        with lock_namespace(paths, command="teardown", patience=0.5) as held:
            held.remove_namespace()

    step, killed = 0, True
    while killed:
        step += 1
        paths = fresh(tmp_path, step, old=True)
        killed = killed_at(step, lambda paths=paths: teardown(paths))  # type: ignore[misc]
        assert recovered(paths) in (OLD, {})
        assert not paths.removed.exists()
        teardown(paths)
        assert list(paths.data_home.rglob("*")) in ([], [paths.namespaces])
    assert step > 20


def test_nothing_is_committed_before_it_is_durable(tmp_path: Path) -> None:
    """After a power cut only what was synced is there: every staged file, and their directory, is synced before the commit."""
    paths = fresh(tmp_path, 0, old=True)
    unsynced: set[str] = set()
    at_commit: list[set[str]] = []

    def watch(step: int, name: str) -> None:
        return None

    original_write, original_fsync, original_rename = os.write, os.fsync, os.rename

    def path_of(descriptor: int) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def write(descriptor: int, content: bytes) -> int:
        unsynced.add(path_of(descriptor))
        unsynced.add(os.path.dirname(path_of(descriptor)))
        return original_write(descriptor, content)

    def fsync(descriptor: int) -> None:
        unsynced.discard(path_of(descriptor))
        original_fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        if target.name == "commit.json":
            at_commit.append(set(unsynced))
        original_rename(source, target)

    with at_step(watch):
        os.write, os.fsync, os.rename = write, fsync, rename  # type: ignore[assignment]
        change(paths, reload)
    assert at_commit == [set()]


def test_the_plan_goes_first_so_that_a_change_which_is_over_is_never_taken_up_again(tmp_path: Path) -> None:
    paths = fresh(tmp_path, 0, old=True)
    order: list[str] = []
    original_unlink, original_rmdir, original_fsync = os.unlink, os.rmdir, os.fsync

    def unlink(path: Path) -> None:
        original_unlink(path)
        order.append(Path(path).name)

    def rmdir(path: Path) -> None:
        original_rmdir(path)
        order.append(Path(path).name)

    def fsync(descriptor: int) -> None:
        original_fsync(descriptor)
        order.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}'))}")

    with at_step(lambda step, name: None):
        os.unlink, os.rmdir, os.fsync = unlink, rmdir, fsync  # type: ignore[assignment]
        change(paths, reload)
    closing = order[order.index("commit.json") :]
    assert closing[1] == "sync transaction"
    assert not {"new", "old"} & set(order[: order.index("commit.json")])
