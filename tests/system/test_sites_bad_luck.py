"""Bad luck: what goes wrong is said once and clearly, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.machine import COMMAND, Machine
from tests.rig.ports import HOST, free_port


def test_a_port_in_use_is_named_with_its_holder_and_the_site_starts_when_it_is_free(machine: Machine) -> None:
    port = free_port()
    machine.ok("site create west -n west")
    machine.ok(f"listener create backend {port} --host {HOST} -n west")
    with socket.create_server((HOST, port)):
        ran = machine.run("system start -n west")
        assert ran.returncode == 1
        assert ran.stderr.startswith("error [port-in-use]: ")
        assert str(port) in ran.stderr
        assert f"process {os.getpid()}" in ran.stderr
        assert machine.processes() == {}
    machine.ok("system start -n west")


def test_two_starts_at_once_give_one_site_that_runs(machine: Machine) -> None:
    machine.ok("site create west --enable-link-access -n west")
    starts = [machine.launch("system", "start", "-n", "west") for _ in range(3)]
    outputs = [start.communicate(timeout=90) for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0], outputs
    assert sum("has been started" in out for out, _ in outputs) == 1
    assert len(machine.routers("west")) == 1


def test_sites_started_at_once_get_ports_of_their_own(machine: Machine) -> None:
    names = ["a", "b", "c"]
    for name in names:
        machine.ok(f"site create {name} --enable-link-access -n {name}")
    starts = [machine.launch("system", "start", "-n", name) for name in names]
    outputs = [start.communicate(timeout=90) for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0], outputs
    ports: list[int] = []
    for name in names:
        ports += json.loads((machine.home(name) / "internal/choices.json").read_text())["ports"].values()
    assert len(set(ports)) == 9


def test_sites_of_several_users_started_at_once_get_ports_of_their_own(
    machine: Machine, tmp_path: Path
) -> None:
    machines = [machine, *(Machine(tmp_path / name) for name in ("second", "third"))]
    try:
        for one in machines:
            one.directory.mkdir(exist_ok=True)
            one.ok("site create west --enable-link-access")
        starts = [one.launch("system", "start") for one in machines]
        outputs = [start.communicate(timeout=90) for start in starts]
        assert [start.returncode for start in starts] == [0, 0, 0], outputs
        chosen = [json.loads((one.home("default") / "internal/choices.json").read_text()) for one in machines]
        assert len({port for choices in chosen for port in choices["ports"].values()}) == 9
    finally:
        for one in machines:
            one.remove()


def test_a_router_program_that_vanished_is_one_clear_error(machine: Machine, tmp_path: Path) -> None:
    program = tmp_path / "my-router"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m skupper_local.router.main "$@"\n')
    program.chmod(0o755)
    machine.ok("site create west -n west")
    assert str(program) in Machine(machine.directory, str(program)).ok("system start -n west")
    machine.ok("system stop -n west")
    program.unlink()
    ran = machine.run("system start -n west")
    assert ran.returncode == 1
    assert "error [router-program-missing]" in ran.stderr
    assert "--router" in ran.stderr
    assert "embedded" in machine.ok("system start --router embedded -n west")


def test_a_router_that_ends_at_once_is_reported_with_its_last_words(machine: Machine, tmp_path: Path) -> None:
    program = tmp_path / "my-router"
    program.write_text("#!/bin/sh\necho the sky is falling >&2\nexit 1\n")
    program.chmod(0o755)
    machine.ok("site create west -n west")
    ran = Machine(machine.directory, str(program)).run("system start -n west")
    assert ran.returncode == 1
    assert "error [router-not-ready]" in ran.stderr
    assert "the sky is falling" in ran.stderr
    assert machine.processes() == {}


def test_a_reload_that_fails_puts_the_former_state_back(machine: Machine) -> None:
    machine.ok("site create west -n west")
    machine.ok("system start -n west")
    configuration = machine.home("west") / "runtime/router/skrouterd.json"
    before = configuration.read_bytes()
    port = free_port()
    machine.ok(f"listener create backend {port} --host {HOST} -n west")
    with socket.create_server((HOST, port)):
        ran = machine.run("system reload -n west")
    assert ran.returncode == 1
    assert "port-in-use" in ran.stderr
    assert configuration.read_bytes() == before
    assert len(machine.routers("west")) == 1
    machine.ok("system reload -n west")
    assert configuration.read_bytes() != before


def _as_somebody_who_may_not_write(machine: Machine, words: str) -> subprocess.CompletedProcess[str]:
    """A read-only file system for root, a read-only directory for everybody else."""
    command = [*COMMAND, *words.split()]
    if os.getuid() == 0:
        mount = f"mount --bind {machine.directory} {machine.directory} && mount -o remount,bind,ro {machine.directory}"
        command = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    else:
        machine.directory.chmod(0o500)
    try:
        return subprocess.run(
            command, capture_output=True, text=True, env=machine.environment(), timeout=60, check=False
        )
    finally:
        machine.directory.chmod(0o700)


needs_unshare = pytest.mark.skipif(
    os.getuid() == 0
    and (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0
    ),
    reason="root needs a mount namespace to have a read-only or a full directory",
)


@needs_unshare
def test_a_read_only_directory_is_one_clear_error(machine: Machine) -> None:
    ran = _as_somebody_who_may_not_write(machine, "site create west -n west")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error [directory-not-writable]: ")
    assert "Traceback" not in ran.stderr
    machine.ok("site create west -n west")


def _with_a_small_disk(machine: Machine, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script that mounts a file system for the machine's directory, seen by nobody else."""
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        env=machine.environment(),
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
@needs_unshare
def test_a_full_disk_is_one_clear_error_and_loses_nothing(machine: Machine) -> None:
    script = f"""
    set -e
    mount -t tmpfs -o size=2m tmpfs {machine.directory}
    sk="{" ".join(COMMAND)}"
    $sk site create west --enable-link-access -n west
    $sk system start -n west
    cp -r {machine.directory}/skupper/namespaces/west/runtime/issuers /tmp/issuers.$$
    dd if=/dev/zero of={machine.directory}/rest bs=4k 2>/dev/null || true
    set +e
    for words in "listener create a 1 -n west" "system reload -n west"; do
        $sk $words; echo "status $?"
    done
    $sk system stop -n west; echo "stop $?"
    $sk system status -n west | grep ^Status:
    rm {machine.directory}/rest
    set -e
    $sk listener create b 2 --host 127.0.0.1 -n west
    $sk system stop -n west
    $sk system start -n west
    diff -r {machine.directory}/skupper/namespaces/west/runtime/issuers /tmp/issuers.$$ && echo same CAs
    rm -r /tmp/issuers.$$
    $sk system teardown --force -n west
    """
    ran = _with_a_small_disk(machine, script)
    assert "status 1" in ran.stdout
    assert "error [disk-full]" in ran.stderr
    assert "stop 0\nStatus:      stopped" in ran.stdout  # what a router needs while it runs made the room
    assert "same CAs" in ran.stdout
    assert "Traceback" not in ran.stderr


CHANGING = (
    *("site create new -n new", "site delete --all -n west", "listener create new 18080 -n west"),
    *("listener update web --port 18082 -n west", "listener delete web -n west"),
    *("connector delete server -n west", "link generate --host 127.0.0.1 --name new -n west"),
    *("link update link-west --cost 7 -n east", "link delete link-west -n east"),
    *("system apply -f {more} -n west", "system delete -f {less} -n west", "system rollback -n west"),
    *("system start -n west", "system reload -n west", "system upgrade -n west", "up -n west"),
    *("expose 18085 -n west", "system generate-bundle west -n west", "debug dump {full}/dump -n west"),
)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
@needs_unshare
def test_no_command_changes_anything_when_there_is_no_room_for_all_of_it(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each fails with one error, or had nothing to write; then the files are those that were there, to the byte."""
    aside = tmp_path_factory.mktemp("aside")
    listener = (
        "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {{name: {}}}\n"
        "spec: {{host: 127.0.0.1, port: {}, routingKey: k}}\n"
    )
    (aside / "more.yaml").write_text("---\n".join(listener.format(f"more{n}", 18100 + n) for n in range(9)))
    (aside / "less.yaml").write_text(listener.format("web", 1))
    commands = [
        words.format(more=aside / "more.yaml", less=aside / "less.yaml", full=machine.directory)
        for words in CHANGING
    ]
    loop = "\n".join(f"run {words}" for words in commands)
    script = f"""
    set -e
    full={machine.directory}
    mount -t tmpfs -o size=2m tmpfs $full
    sk="{" ".join(COMMAND)}"
    $sk site create west --enable-link-access -n west
    $sk listener create web 18087 --host 127.0.0.1 -n west
    $sk connector create server 18088 --host 127.0.0.1 -n west
    $sk system start -n west
    $sk listener update web --port 18089 -n west
    $sk system reload -n west
    $sk site create east -n east
    $sk link generate --host 127.0.0.1 -n west | $sk system apply -f - -n east
    $sk system stop -n west
    $sk listener update web --port 18090 -n west
    files() {{ (cd $full && find . -type f ! -name rest ! -name "*.lock" -exec md5sum {{}} + | sort); }}
    files >{aside}/before
    dd if=/dev/zero of=$full/rest bs=4k 2>/dev/null || true
    run() {{
        $sk "$@" >{aside}/out 2>{aside}/err && status=0 || status=$?
        echo "$status $(head -c 18 {aside}/err) $*"
        files | diff {aside}/before -
        ! grep Traceback {aside}/err
    }}
    {loop}
    rm $full/rest
    """
    ran = _with_a_small_disk(machine, script)
    told = ran.stdout.splitlines()[-len(commands) :]
    expected = [f"1 error [disk-full]: {words}" for words in commands]
    assert [line.replace("error [dump-not-wr", "error [disk-full]:") for line in told] == expected
