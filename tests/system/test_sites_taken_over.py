"""Sites under a real systemd: who keeps them is chosen, changed by a flag, and taken from the reference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.hosts import INSTALLED, MiniHost
from tests.rig.machine import eventually
from tests.system.conftest import System

pytestmark = pytest.mark.timeout(300)

PROGRAM = "/usr/local/bin/skrouterd"
HOME = "/var/lib/skupper/namespaces/west"
UNIT = "/etc/systemd/system/skupper-west.service"
REFERENCE_UNIT = f"""[Unit]
Description=skupper-west.service
Wants=network-online.target
After=network-online.target

[Service]
TimeoutStopSec=70
Type=simple
ExecStart=skrouterd -c {HOME}/runtime/router/skrouterd.json
Environment="SKUPPER_SITE_ID=none"

[Install]
WantedBy=default.target
"""
BROKEN = "#!/bin/sh\necho the sky is falling\nexit 3\n"


@pytest.fixture(scope="module")
def host(this_system: System) -> Iterator[MiniHost]:
    """A host with a program called ``skrouterd``, as the reference starts it: it is our router."""
    with MiniHost("keeper", program=this_system.program) as host:
        _write(host, PROGRAM, f'#!/bin/sh\nexec {INSTALLED}/bin/python -m skupper_local.router.main "$@"\n')
        _write(host, "/root/broken", BROKEN)
        yield host


@pytest.fixture(autouse=True)
def _nothing_left(host: MiniHost) -> Iterator[None]:
    yield
    sk(host, "system teardown --force -n west")
    assert not host.path(UNIT).exists()
    assert host.run("pgrep", "-f", f"{HOME}/").stdout == ""


def _write(host: MiniHost, path: str, text: str) -> None:
    host.path(path).write_text(text)
    host.path(path).chmod(0o755)


def sk(host: MiniHost, words: str) -> str:
    return host.ok("skupper-local", *words.split(), environment={"SKUPPER_PLATFORM": "linux"})


def status(host: MiniHost) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sk(host, "system status -o json -n west"))
    return found


def choices(host: MiniHost) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.path(f"{HOME}/internal/choices.json").read_text())
    return found


def make_the_references(host: MiniHost) -> None:
    """Make the stopped site of namespace west one of the reference, running under its unit (reference-engine 7.1)."""
    for name in ("choices", "desired-state", "router", "applied"):
        host.path(f"{HOME}/internal/{name}.json").unlink(missing_ok=True)
    host.path(UNIT).write_text(REFERENCE_UNIT)
    host.ok("systemctl", "daemon-reload")
    host.ok("systemctl", "enable", "--quiet", "skupper-west")
    host.ok("systemctl", "restart", "skupper-west")
    eventually(lambda: status(host)["status"] == "running")


def test_the_keeper_is_systemd_until_a_flag_says_otherwise_and_stays_as_the_flag_said(host: MiniHost) -> None:
    sk(host, "site create west -n west")
    assert "Kept running by: systemd" in sk(host, "system start -n west")
    assert status(host)["keeper"] == "systemd"
    assert "has been restarted" in sk(host, "system start --without-systemd -n west")
    assert (status(host)["keeper"], status(host)["status"]) == ("own", "running")
    assert not host.path(UNIT).exists()
    sk(host, "system stop -n west")
    sk(host, "system start -n west")
    assert status(host)["keeper"] == "own"
    sk(host, "system start --with-systemd -n west")
    assert (status(host)["keeper"], status(host)["status"]) == ("systemd", "running")
    host.ok("systemctl", "is-active", "skupper-west")


def test_a_unit_that_was_lost_is_put_back_by_start(host: MiniHost) -> None:
    sk(host, "site create west -n west")
    sk(host, "system start -n west")
    host.ok("systemctl", "stop", "skupper-west")
    host.path(UNIT).unlink()
    host.ok("systemctl", "daemon-reload")
    assert status(host)["status"] == "down"
    sk(host, "system start -n west")
    assert status(host)["status"] == "running"
    host.ok("systemctl", "is-enabled", "skupper-west")


@pytest.mark.parametrize("words", ["start", "reload", "start --without-systemd"])
def test_a_site_that_the_references_unit_runs_is_shown_and_taken_over(host: MiniHost, words: str) -> None:
    sk(host, "site create west --enable-link-access -n west")
    sk(host, "system start -n west")
    before = choices(host)
    sk(host, "system stop -n west")
    make_the_references(host)
    assert status(host)["keeper"] == "reference"
    assert "running" in sk(host, "namespace list")
    assert "not there" not in host.run("skupper-local", "system", "units").stderr
    ran = host.run("skupper-local", "system", *words.split(), "-n", "west")
    assert ran.returncode == 0, ran.stderr
    assert "was made by the reference" in ran.stderr
    assert "its unit skupper-west.service is replaced" in ran.stderr
    assert choices(host)["siteId"] == before["siteId"]
    assert choices(host)["ports"] == before["ports"]
    assert status(host)["status"] == "running"
    if "without" in words:
        assert not host.path(UNIT).exists()
    else:
        assert "skupper-local" in host.path(UNIT).read_text()
        host.ok("systemctl", "is-active", "skupper-west")


def test_a_site_of_our_own_supervisor_that_the_reference_reloads_has_one_router_again_after_a_start(
    host: MiniHost,
) -> None:
    """The reference stops units alone, so our router goes on beside the one of its unit."""
    sk(host, "site create west -n west")
    sk(host, "system start --without-systemd -n west")
    home = host.path(HOME)
    configuration = (home / "runtime/router/skrouterd.json").read_text()
    port = str(choices(host)["ports"]["skupper-local/normal"])
    moved = str(int(port) + 9)
    (home / "runtime/router/skrouterd.json").write_text(configuration.replace(port, moved))
    host.path(UNIT).write_text(REFERENCE_UNIT)
    host.ok("systemctl", "daemon-reload")
    host.ok("systemctl", "start", "skupper-west")
    eventually(lambda: status(host)["keeper"] == "reference" and status(host)["status"] == "running")
    assert "runs beside the reference's" in host.run("skupper-local", "system", "status", "-n", "west").stderr
    sk(host, "system start -n west")
    assert choices(host)["ports"]["skupper-local/normal"] == int(moved)
    configured = f"{HOME}/runtime/router/skrouterd.json"
    routers = host.ok("pgrep", "-fc", f"skupper_local.router.main -c {configured}").split()
    assert status(host)["status"] == "running"
    assert routers == ["1"]


def test_a_takeover_that_fails_gives_the_router_back_to_the_references_unit(host: MiniHost) -> None:
    sk(host, "site create west -n west")
    sk(host, "system start -n west")
    sk(host, "system stop -n west")
    make_the_references(host)
    ran = host.run("skupper-local", "system", "start", "--router", "/root/broken", "-n", "west")
    assert ran.returncode == 1
    assert "the former one runs again" in ran.stderr
    assert "the sky is falling" in ran.stderr
    assert "Scheduled restart" not in ran.stderr
    assert host.path(UNIT).read_text() == REFERENCE_UNIT
    host.ok("systemctl", "is-enabled", "skupper-west")
    host.ok("systemctl", "is-active", "skupper-west")
    assert status(host)["keeper"] == "reference"


def test_what_the_reference_runs_can_be_stopped_and_removed(host: MiniHost) -> None:
    sk(host, "site create west -n west")
    sk(host, "system start -n west")
    sk(host, "system stop -n west")
    make_the_references(host)
    sk(host, "system stop -n west")
    assert host.run("systemctl", "is-active", "skupper-west").returncode != 0
    assert host.run("systemctl", "is-enabled", "skupper-west").returncode != 0
    assert status(host)["status"] == "stopped"
