"""The supervisor of platform ``linux`` keeps a real process running, and nothing of it stays behind."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skupper_local.host import processes
from skupper_local.platforms.face import RouterNotStartedError, RouterReport, RouterSpec, platform_named
from skupper_local.platforms.linux.run_directory import RunDirectory, read_process

LINUX = platform_named("linux")

PROGRAM = """#!{python}
import os, signal, sys, time
print("router begins with", sys.argv[1:], os.getcwd(), os.environ.get("SKUPPER_SITE_ID"), flush=True)
def on_term(*_):
    print("router drains", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, on_term)
signal.signal(signal.SIGHUP, lambda *_: print("router reads its certificates", flush=True))
print("router ready", flush=True)
{body}
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "skupper" / "namespaces" / "west"
    home.mkdir(parents=True)
    yield home
    LINUX.stop(home)


def spec(home: Path, body: str = "") -> RouterSpec:
    program = home.parent.parent / "router"
    program.write_text(PROGRAM.format(python=sys.executable, body=body))
    program.chmod(0o755)
    return RouterSpec("west", home, home / "skrouterd.json", "site-1", str(program), label="first")


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def logged(home: Path, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in LINUX.log(home, -1))


def report(home: Path) -> RouterReport:
    return LINUX.inspect(home)


def test_a_router_may_open_as_many_files_as_the_system_allows(home: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        LINUX.start(
            spec(
                home,
                "import resource; print('files', *resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)",
            )
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    eventually(logged(home, f"files {hard} {hard}"))


def test_a_started_router_runs_detached_and_stops_when_asked(home: Path) -> None:
    LINUX.start(spec(home))
    eventually(logged(home, "router ready"))
    first = report(home)
    assert first.running
    assert first.kept
    assert first.label == "first"
    assert first.down_reason() == ""
    assert os.getsid(first.keeper_pid) != os.getsid(0)
    assert os.readlink(f"/proc/{first.keeper_pid}/cwd") == "/"
    assert logged(home, f"['-c', '{home}/skrouterd.json'] / site-1")()
    assert LINUX.stop(home)
    assert logged(home, "router drains")()
    last = report(home)
    assert not last.running
    assert not last.kept
    assert last.label == ""
    assert last.down_reason() == "the router is not running"
    assert not LINUX.stop(home)


def test_the_supervisor_is_small_and_holds_no_file_of_its_starter(home: Path) -> None:
    with (home / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        LINUX.start(spec(home))
    keeper = processes.find(report(home).keeper_pid)
    assert keeper is not None
    assert processes.resident_bytes(keeper) < 15_000_000
    targets = {os.readlink(entry) for entry in Path(f"/proc/{keeper.pid}/fd").iterdir() if entry.is_symlink()}
    assert not any("held" in target for target in targets)


def test_a_killed_router_is_started_again_and_the_reason_is_kept(home: Path) -> None:
    LINUX.start(spec(home))
    eventually(logged(home, "router ready"))
    before = after = report(home)
    os.kill(before.pid, signal.SIGKILL)

    def runs_anew() -> bool:
        nonlocal after
        after = report(home)  # one look: the router may be down in between
        return after.running and after.pid != before.pid

    eventually(runs_anew)
    assert after.restarts == 1
    assert after.keeper_pid == before.keeper_pid
    assert after.last_exit is not None
    assert after.last_exit.how == "signal 9"


def test_a_router_that_fails_at_once_is_tried_again_ever_more_slowly_with_its_last_words_kept(
    home: Path,
) -> None:
    LINUX.start(spec(home, 'print("no such certificate", flush=True); sys.exit(1)'))

    def waits() -> list[float]:
        return [float(line.split()[-2]) for line in LINUX.log(home, -1) if "starting it again in" in line]

    eventually(lambda: len(waits()) >= 3 and report(home).restarts >= 2)
    failed = report(home)
    assert failed.last_exit is not None
    assert failed.last_exit.how == "exit status 1"
    assert "no such certificate" in failed.last_exit.reason
    delays = waits()
    assert delays == sorted(delays)
    assert delays[2] >= 3 * delays[0]
    begin = time.monotonic()
    assert LINUX.stop(home)
    assert time.monotonic() - begin < 2


def test_a_program_that_cannot_be_run_is_said_in_the_log(home: Path) -> None:
    wanted = spec(home)
    Path(wanted.program).write_text("#!/no/such/interpreter\n")
    LINUX.start(wanted)
    eventually(logged(home, "No such file or directory"))


def test_a_hangup_is_passed_on_to_the_router(home: Path) -> None:
    LINUX.start(spec(home))
    eventually(logged(home, "router ready"))
    os.kill(report(home).keeper_pid, signal.SIGHUP)
    eventually(logged(home, "router reads its certificates"))
    assert LINUX.refresh(home)
    eventually(lambda: sum("reads its certificates" in line for line in LINUX.log(home, -1)) == 2)


def test_two_supervisors_for_one_namespace_are_impossible(home: Path) -> None:
    LINUX.start(spec(home))
    first = report(home)
    second = subprocess.run(
        [
            sys.executable,
            "-m",
            "skupper_local.platforms.linux.supervisor",
            str(home),
            "--",
            "/bin/sleep",
            "60",
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.stdout.strip() == "busy"
    assert report(home).keeper_pid == first.keeper_pid


def test_a_second_start_replaces_what_the_first_one_runs(home: Path) -> None:
    wanted = spec(home)
    LINUX.start(wanted)
    first = report(home)
    LINUX.start(wanted)
    second = report(home)
    assert second.running
    assert second.pid != first.pid
    assert processes.find(first.keeper_pid) is None


def test_the_router_of_a_killed_supervisor_goes_on_and_is_replaced_by_the_next_start(home: Path) -> None:
    wanted = spec(home)
    LINUX.start(wanted)
    eventually(logged(home, "router ready"))
    before = report(home)
    os.kill(before.keeper_pid, signal.SIGKILL)
    eventually(lambda: not report(home).kept)
    assert report(home).running
    LINUX.start(wanted)
    after = report(home)
    assert after.running
    assert after.kept
    assert after.pid != before.pid
    assert processes.find(before.pid) is None


def test_stop_also_ends_the_router_of_a_killed_supervisor(home: Path) -> None:
    LINUX.start(spec(home))
    eventually(logged(home, "router ready"))
    before = report(home)
    os.kill(before.keeper_pid, signal.SIGKILL)
    eventually(lambda: not report(home).kept)
    assert LINUX.stop(home)
    assert processes.find(before.pid) is None


def test_a_router_that_ignores_the_request_to_stop_is_killed_after_its_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skupper_local.platforms.linux.platform.STOP_SECONDS", 0.5)
    LINUX.start(spec(home, "signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    eventually(logged(home, "router ready"))
    time.sleep(0.3)
    pid = report(home).pid
    begin = time.monotonic()
    assert LINUX.stop(home)
    assert 0.4 < time.monotonic() - begin < 4
    assert processes.find(pid) is None
    assert logged(home, "killing it")()


def test_output_without_end_neither_blocks_the_router_nor_fills_the_disk(home: Path) -> None:
    body = "line = 'x' * 999 + chr(10)\nfor _ in range(12_000): sys.stdout.write(line)\nprint('all written', flush=True)"
    LINUX.start(spec(home, body))
    eventually(logged(home, "all written"))
    files = list((home / "internal" / "log").iterdir())
    assert sum(file.stat().st_size for file in files) < 6_000_000
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_a_log_that_cannot_be_written_does_not_stop_the_router(home: Path) -> None:
    log = Path(RunDirectory(str(home)).log)
    log.mkdir(parents=True)  # a directory where the file should be: every write fails, as on a full disk
    LINUX.start(
        spec(home, "for _ in range(2000): print('x' * 999)\nopen(sys.argv[2] + '.done', 'w').close()")
    )
    eventually(lambda: (home / "skrouterd.json.done").exists())
    log.rmdir()
    LINUX.refresh(home)
    eventually(logged(home, "bytes of log could not be written"))


def test_a_supervisor_whose_starter_was_killed_before_it_began_starts_nothing(home: Path) -> None:
    wanted = spec(home)
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "skupper_local.platforms.linux.supervisor", str(home), "--", wanted.program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    supervisor.stdin.close()
    assert supervisor.stdout.read() == b""
    supervisor.stdout.close()
    supervisor.wait()
    assert read_process(RunDirectory(str(home)).router) is None


def test_a_namespace_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    home = tmp_path / "west"
    home.mkdir()
    (home / "internal").write_text("a file where a directory should be")
    with pytest.raises(RouterNotStartedError) as caught:
        LINUX.start(spec(home))
    assert "internal" in caught.value.why


def test_a_router_whose_directory_was_removed_by_hand_is_stopped(home: Path) -> None:
    LINUX.start(spec(home))
    eventually(logged(home, "router ready"))
    running = report(home)
    home.rename(home.parent / "gone")
    eventually(lambda: processes.find(running.pid) is None and processes.find(running.keeper_pid) is None, 15)


def test_an_interrupted_change_is_finished_before_the_router_starts(home: Path) -> None:
    from skupper_local.namespace.paths import NamespacePaths
    from skupper_local.namespace.transaction import Transaction

    paths = NamespacePaths(home.parent.parent, "west")
    transaction = Transaction(paths)
    transaction.write(paths.router_config, b"new configuration")
    child = os.fork()
    if child == 0:  # a command that is killed right after its commit
        from skupper_local.namespace import transaction as module

        module._install = lambda *_: os._exit(9)
        transaction.commit()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not paths.router_config.exists()
    LINUX.start(spec(home, f"print(open({str(paths.router_config)!r}).read(), flush=True)"))
    eventually(logged(home, "new configuration"))
