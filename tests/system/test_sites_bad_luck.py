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
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        env=machine.environment(),
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "status 1" in ran.stdout
    assert "error [disk-full]" in ran.stderr
    assert "stop 1\nStatus:      down" in ran.stdout
    assert "same CAs" in ran.stdout
    assert "Traceback" not in ran.stderr
