"""All of a change or nothing of it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.errors import (
    CrossesFileSystemsError,
    DiskFullError,
    NamespaceDirectoryError,
    NotWritableError,
    TransactionStuckError,
)
from skupper_local.namespace.lock import HeldLock, lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.transaction import Action, Change, Recovery, Transaction, pending_transaction
from tests.unit.namespace.faults import at_step, contents, open_to_others

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to mount a small file system")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldLock]:
    with lock_namespace(NamespacePaths.of("west", tmp_path / "skupper"), command="test") as lock:
        yield lock


def commit(held: HeldLock, **files: bytes | None) -> tuple[Change, ...]:
    transaction = held.transaction()
    for name, content in files.items():
        path = "runtime/" + name.replace("__", "/")
        if content is None:
            transaction.delete(path)
        else:
            transaction.write(path, content)
    return transaction.commit()


def test_a_commit_reports_what_it_changed_and_leaves_no_trace_of_itself(held: HeldLock) -> None:
    commit(held, kept=b"1", changed=b"1", gone=b"1")
    changes = commit(held, kept=b"1", changed=b"2", gone=None, never=None, fresh=b"x")
    runtime = held.paths.runtime
    assert changes == (
        Change(Action.UPDATE, runtime / "changed"),
        Change(Action.CREATE, runtime / "fresh"),
        Change(Action.DELETE, runtime / "gone"),
    )
    assert contents(held.paths.home) == {"runtime/kept": b"1", "runtime/changed": b"2", "runtime/fresh": b"x"}
    assert not held.paths.transaction.exists()


def test_what_is_the_same_already_is_not_touched(held: HeldLock) -> None:
    commit(held, file=b"1")
    before = (held.paths.runtime / "file").stat()
    assert commit(held, file=b"1") == ()
    after = (held.paths.runtime / "file").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_nothing_is_written_before_the_commit(held: HeldLock) -> None:
    held.transaction().write("runtime/file", b"1")
    assert not held.paths.home.exists()


@pytest.mark.parametrize("umask", [0, 0o777])
def test_files_and_directories_are_private_whatever_the_umask(held: HeldLock, umask: int) -> None:
    previous = os.umask(umask)
    try:
        transaction = held.transaction()
        transaction.write("runtime/certs/west/tls.key", b"key")
        transaction.write("internal/scripts/start.sh", b"#!/bin/sh", executable=True)
        transaction.commit()
    finally:
        os.umask(previous)
    home = held.paths.home
    assert open_to_others(home) == []
    assert (home / "runtime/certs/west/tls.key").stat().st_mode & 0o777 == 0o600
    assert (home / "internal/scripts/start.sh").stat().st_mode & 0o777 == 0o700
    assert (home / "runtime/certs").stat().st_mode & 0o777 == 0o700


def test_a_file_that_others_can_read_is_replaced_by_a_private_one_even_if_its_content_stays(
    held: HeldLock,
) -> None:
    commit(held, key=b"secret")
    (held.paths.runtime / "key").chmod(0o644)
    commit(held, key=b"secret")
    assert open_to_others(held.paths.home) == []


def test_a_replaced_directory_holds_exactly_the_given_files(held: HeldLock) -> None:
    first, second = held.transaction(), held.transaction()
    first.replace_directory("runtime/certs", {"a/tls.crt": b"1", "b/deep/er/x": b"2", "c": b"3"})
    first.commit()
    (held.paths.runtime_certs / "link").symlink_to("/nowhere")
    second.replace_directory(
        "runtime/certs", {"a/tls.crt": b"1", "c/now-a-directory": b"4", "b": b"now a file"}
    )
    second.commit()
    certs = held.paths.runtime_certs
    assert contents(certs) == {"a/tls.crt": b"1", "c/now-a-directory": b"4", "b": b"now a file"}
    assert sorted(path.name for path in certs.iterdir()) == ["a", "b", "c"]


def test_an_emptied_directory_stays_and_a_deleted_one_goes(held: HeldLock) -> None:
    commit(held, resources__a=b"1", links__b=b"2")
    transaction = held.transaction()
    transaction.replace_directory("runtime/resources", {})
    transaction.delete_directory("runtime/links")
    transaction.delete_directory("runtime/never")
    transaction.commit()
    assert held.paths.runtime_resources.is_dir()
    assert not held.paths.runtime_links.exists()


def test_an_empty_directory_can_be_asked_for(held: HeldLock) -> None:
    transaction = held.transaction()
    transaction.replace_directory("runtime/links", {})
    transaction.commit()
    assert held.paths.runtime_links.is_dir()


def test_the_later_request_wins(held: HeldLock) -> None:
    transaction = held.transaction()
    transaction.write("runtime/certs/a", b"1")
    transaction.replace_directory("runtime/certs", {"b": b"2"})
    transaction.write("runtime/certs/c", b"3")
    transaction.delete("runtime/certs/b")
    transaction.commit()
    assert contents(held.paths.runtime_certs) == {"c": b"3"}


def test_a_link_is_replaced_and_its_target_left_alone(held: HeldLock, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    held.paths.runtime.mkdir(parents=True)
    (held.paths.runtime / "file").symlink_to(tmp_path / "outside")
    commit(held, file=b"new")
    assert (tmp_path / "outside").read_text() == "mine"
    assert not (held.paths.runtime / "file").is_symlink()


def test_a_linked_directory_of_declarations_is_written_through(held: HeldLock, tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()
    held.paths.input_resources.parent.mkdir(parents=True)
    held.paths.input_resources.symlink_to(tmp_path / "git")
    transaction = held.transaction()
    transaction.write("input/resources/Site-west.yaml", b"1")
    transaction.commit()
    assert (tmp_path / "git" / "Site-west.yaml").read_bytes() == b"1"


@pytest.mark.parametrize("path", ["../other/file", "/etc/passwd", "", "a/../../b", "internal/transaction/x"])
def test_a_path_outside_the_namespace_is_refused(held: HeldLock, path: str) -> None:
    with pytest.raises(ValueError, match=r"path|own directory"):
        held.transaction().write(path, b"")


def test_a_directory_in_the_place_of_a_file_is_named_and_nothing_changes(held: HeldLock) -> None:
    commit(held, a=b"1", b__c=b"2")
    with pytest.raises(NamespaceDirectoryError, match="runtime/b"):
        commit(held, a=b"2", b=b"3")
    with pytest.raises(NamespaceDirectoryError):
        commit(held, a=b"2", b=None)
    assert contents(held.paths.home) == {"runtime/a": b"1", "runtime/b/c": b"2"}


def test_a_file_in_the_place_of_a_directory_is_an_error_and_nothing_changes(held: HeldLock) -> None:
    commit(held, a=b"1", b=b"2")
    with pytest.raises(SkupperLocalError):
        commit(held, a=b"2", b__c=b"3")
    assert contents(held.paths.home) == {"runtime/a": b"1", "runtime/b": b"2"}
    assert not pending_transaction(held.paths)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_refusal_at_any_step_changes_nothing_or_leaves_work_for_recovery(tmp_path: Path, code: int) -> None:
    old = {"runtime/a": b"1", "runtime/gone": b"2", "runtime/d/e": b"3"}
    new = {"runtime/a": b"2" * 100, "runtime/fresh/x": b"4"}
    paths = NamespacePaths.of("west", tmp_path / "skupper")

    def change(held: HeldLock, state: dict[str, bytes]) -> None:
        transaction = held.transaction()
        transaction.replace_directory(
            "runtime", {name.removeprefix("runtime/"): state[name] for name in state}
        )
        transaction.commit()

    step, refused = 0, True
    while refused:
        step += 1
        refused = False

        def refuse(current: int, name: str) -> None:
            nonlocal refused
            if current == step:  # noqa: B023
                refused = True
                raise OSError(code, os.strerror(code), "somewhere")

        with lock_namespace(paths, command="test") as held:
            change(held, old)
            with at_step(refuse):
                try:
                    change(held, new)
                except TransactionStuckError:
                    assert pending_transaction(paths)
                except SkupperLocalError:
                    assert contents(paths.home) == old, f"step {step}"
                else:
                    assert contents(paths.home) == new, f"step {step}"
        with lock_namespace(paths, command="test"):
            assert contents(paths.home) in (old, new)
            assert not paths.transaction.exists()
    assert step > 40


def test_a_disk_that_stays_full_is_one_error_and_the_old_state(held: HeldLock) -> None:
    commit(held, a=b"1")

    def full(step: int, name: str) -> None:
        if name in ("write", "mkdir", "link"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with at_step(full), pytest.raises(DiskFullError) as caught:
        commit(held, a=b"2", b=b"3")
    assert "df -h" in caught.value.next_step
    assert contents(held.paths.home) == {"runtime/a": b"1"}


def test_hard_links_are_not_needed(held: HeldLock) -> None:
    commit(held, a=b"1")

    def no_links(step: int, name: str) -> None:
        if name == "link":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    with at_step(no_links):
        commit(held, a=b"2")
    assert contents(held.paths.home) == {"runtime/a": b"2"}


def as_ordinary_user(work: Callable[[Path], None]) -> None:
    """Run ``work`` in a directory of its own in a child that is not root: root may write anywhere."""
    directory = Path(tempfile.mkdtemp())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.getuid() == 0:
                os.chown(directory, 65534, 65534)
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work(directory)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    shutil.rmtree(directory)
    assert os.waitstatus_to_exitcode(result) == 0


@pytest.mark.parametrize("forbidden", ["runtime/sub", "runtime", "internal", "../../locks"])
def test_a_read_only_directory_is_one_error_and_nothing_changes(forbidden: str) -> None:
    def work(directory: Path) -> None:
        paths = NamespacePaths.of("west", directory / "skupper")
        with lock_namespace(paths, command="test") as held:
            commit(held, a=b"1", gone=b"1", sub__b=b"2")
            transaction = held.transaction()
            transaction.write(paths.platform, b"platform: linux\n")
            transaction.commit()
        closed = paths.home / forbidden
        closed.chmod(0o500)
        with lock_namespace(paths, command="test") as held:
            if forbidden == "../../locks":
                commit(held, a=b"1")
                closed.chmod(0o000)
                with pytest.raises(NotWritableError, match="locks"), lock_namespace(paths, command="test"):
                    pass
            else:
                with pytest.raises(NotWritableError) as caught:
                    commit(held, a=b"2", gone=None, sub__b=b"3")
                assert caught.value.next_step
        closed.chmod(0o700)
        assert contents(paths.runtime) == {"a": b"1", "gone": b"1", "sub/b": b"2"}
        with lock_namespace(paths, command="test") as held:
            assert held.recovery is Recovery.NOTHING
            commit(held, a=b"2", gone=None, sub__b=b"3")

    as_ordinary_user(work)


def test_a_data_home_that_cannot_be_made_is_one_error() -> None:
    def work(directory: Path) -> None:
        directory.chmod(0o500)
        with (
            pytest.raises(NotWritableError),
            lock_namespace(NamespacePaths.of("west", directory / "skupper"), command="test"),
        ):
            pass

    as_ordinary_user(work)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    directory = tmp_path / "small"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.decode().strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@as_root
def test_a_really_full_disk_is_one_error_and_nothing_changes(small: Path) -> None:
    paths = NamespacePaths.of("west", small / "skupper")
    with lock_namespace(paths, command="test") as held:
        commit(held, a=b"1")
        with pytest.raises(DiskFullError):
            commit(held, a=b"2", b=b"x" * 100_000)
        assert contents(paths.home) == {"runtime/a": b"1"}
        (small / "filler").write_bytes(b"x" * (small_free(small)))
        with pytest.raises(DiskFullError):
            commit(held, a=b"2")
        assert contents(paths.home) == {"runtime/a": b"1"}
        (small / "filler").unlink()
        commit(held, a=b"2")
        assert contents(paths.home) == {"runtime/a": b"2"}


def small_free(directory: Path) -> int:
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


@as_root
def test_a_really_read_only_file_system_is_one_error_and_nothing_changes(small: Path) -> None:
    paths = NamespacePaths.of("west", small / "skupper")
    with lock_namespace(paths, command="test") as held:
        commit(held, a=b"1")
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    with pytest.raises(NotWritableError, match="Read-only"), lock_namespace(paths, command="test"):
        pass
    assert contents(paths.home) == {"runtime/a": b"1"}


@as_root
def test_declarations_on_another_file_system_are_refused_by_name(small: Path, held: HeldLock) -> None:
    commit(held, a=b"1")
    (held.paths.home / "input").symlink_to(small)
    transaction = held.transaction()
    transaction.write("input/resources/Site-west.yaml", b"1")
    transaction.write("runtime/a", b"2")
    with pytest.raises(CrossesFileSystemsError, match="input"):
        transaction.commit()
    assert contents(held.paths.runtime) == {"a": b"1"}


def test_recovery_reports_what_it_found(tmp_path: Path) -> None:
    paths = NamespacePaths.of("west", tmp_path / "skupper")
    with lock_namespace(paths, command="test") as held:
        assert held.recovery is Recovery.NOTHING
        commit(held, a=b"1")
    (paths.transaction / "new").mkdir(parents=True)
    (paths.transaction / "new" / "w0").write_bytes(b"half")
    with lock_namespace(paths, command="test") as held:
        assert held.recovery is Recovery.DISCARDED
    assert contents(paths.home) == {"runtime/a": b"1"}


@pytest.mark.parametrize(
    "plan",
    [
        b"",
        b"{}",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "deletes": ["../../x"], "removedDirectories": [], "createdDirectories": [], "writes": []}',
        b'{"version": 1, "deletes": [], "removedDirectories": [], "createdDirectories": [], "writes": [3]}',
    ],
)
def test_a_damaged_plan_is_reported_and_nothing_is_touched(tmp_path: Path, plan: bytes) -> None:
    paths = NamespacePaths.of("west", tmp_path / "skupper")
    paths.transaction.mkdir(parents=True)
    (paths.transaction / "commit.json").write_bytes(plan)
    with (
        pytest.raises(TransactionStuckError, match="neither be finished nor undone"),
        lock_namespace(paths, command="test"),
    ):
        pass
    assert (paths.transaction / "commit.json").read_bytes() == plan


def test_a_transaction_is_committed_once(held: HeldLock) -> None:
    transaction: Transaction = held.transaction()
    transaction.commit()
    with pytest.raises(ValueError, match="once"):
        transaction.commit()
