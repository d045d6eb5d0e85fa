"""The supervisor's arguments, delays, records and log, without a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.host import processes
from skupper_local.platforms.linux import log_reader
from skupper_local.platforms.linux.rotated_log import RotatedLog
from skupper_local.platforms.linux.run_directory import (
    History,
    LastExit,
    read_history,
    read_process,
    write_history,
    write_process,
)
from skupper_local.platforms.linux.supervisor import delay, parse


def test_the_command_line_is_read() -> None:
    words = ["/home/x", "--site-id", "s", "--label", "l", "--stop-seconds", "2.5", "--", "/bin/r", "--", "-c"]
    assert parse(words) == ("/home/x", "s", "l", 2.5, ("/bin/r", "--", "-c"))


@pytest.mark.parametrize(
    "words", [[], ["/x"], ["/x", "--"], ["x", "--", "/r"], ["/x", "--what", "1", "--", "/r"]]
)
def test_a_wrong_command_line_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(words)


@given(st.integers(1, 10_000), st.integers(0, 255))
def test_delays_begin_short_grow_and_end_at_half_a_minute_plus_jitter(attempt: int, byte: int) -> None:
    assert 0.2 <= delay(attempt, byte) <= 37.5
    assert delay(attempt, 0) <= delay(attempt + 1, 0)
    assert delay(1, byte) <= 0.25


def test_a_process_record_is_read_back_only_while_the_process_runs(tmp_path: Path) -> None:
    record = str(tmp_path / "router.pid")
    me = processes.find(os.getpid())
    assert me is not None
    assert read_process(record) is None
    write_process(record, me)
    assert read_process(record) == me
    assert int(Path(record).read_text().split()[0]) == os.getpid()
    write_process(record, me._replace(started=me.started + 1))
    assert read_process(record) is None
    write_process(record, None)
    assert Path(record).read_text().strip() == ""


def test_history_survives_writing_and_anything_unreadable_is_an_empty_one(
    tmp_path: Path, little_room: Callable[[int], AbstractContextManager[None]]
) -> None:
    record = str(tmp_path / "history.json")
    assert read_history(record) == History()
    history = History(3, LastExit(1.5, "signal 9", 2.5, "words"), 9.0)
    write_history(record, history)
    assert read_history(record) == history
    with little_room(10), pytest.raises(OSError, match="File too large"):
        write_history(record, History())
    assert read_history(record) == history
    assert list(tmp_path.iterdir()) == [Path(record)]
    for text in (
        "",
        "{",
        "[]",
        '{"restarts": "x", "nextStart": 1}',
        '{"restarts": 1, "nextStart": 1, "lastExit": 5}',
    ):
        Path(record).write_text(text)
        assert read_history(record) == History()


def test_the_log_keeps_the_newest_lines_within_its_bound(tmp_path: Path) -> None:
    path = str(tmp_path / "router.log")
    log = RotatedLog(path, limit=1_000, keep=2)
    for number in range(1_000):
        log.write(f"line {number:04}\n".encode())
    log.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3_000
    assert log_reader.last_lines(path, 3) == ["line 0997", "line 0998", "line 0999"]
    everything = log_reader.last_lines(path, -1)
    assert everything == [f"line {number:04}" for number in range(1_000 - len(everything), 1_000)]
    assert log_reader.last_lines(path, 0) == []
    assert log_reader.last_lines(str(tmp_path / "none"), 5) == []


def test_a_log_that_was_removed_begins_anew(tmp_path: Path) -> None:
    log = RotatedLog(str(tmp_path / "router.log"))
    log.write(b"one\n")
    (tmp_path / "router.log").unlink()
    log.write(b"two\n")
    assert (tmp_path / "router.log").read_bytes() == b"two\n"
    log.close()


def test_what_could_not_be_written_is_counted_and_said(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    log = RotatedLog(str(directory / "router.log"))
    log.write(b"lost\n")
    directory.mkdir()
    log.write(b"kept\n")
    assert (directory / "router.log").read_text() == "[5 bytes of log could not be written]\nkept\n"
    log.close()


def test_following_gives_new_lines_only_and_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "router.log"
    path.write_text("old\n")
    rounds = iter(range(10))

    def wanted() -> bool:
        turn = next(rounds)
        if turn == 0:
            with path.open("a") as file:
                file.write("one\ntw")
        elif turn == 1:
            with path.open("a") as file:
                file.write("o\n")
            path.rename(tmp_path / "router.log.1")
            path.write_text("three\n")
        return turn < 4

    assert list(log_reader.follow(str(path), wanted=wanted)) == ["one", "two", "three"]
