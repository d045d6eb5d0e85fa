"""A router on platform ``linux`` that a unit of a real systemd keeps: root's, and an ordinary user's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.rig.hosts import MiniHost
from tests.rig.unit_site import UNIT, UnitSite
from tests.system.conftest import System

USERS = ("root", "ada")
LARGEST_RESIDENT = 30_000
"""Kilobytes that may stay resident for a site besides its router."""


@pytest.fixture(scope="module")
def host(this_system: System) -> Iterator[MiniHost]:
    with MiniHost("linux", tree=this_system.tree, program=this_system.program, users=("ada",)) as host:
        yield host


@pytest.fixture(scope="module", params=USERS)
def started(host: MiniHost, request: pytest.FixtureRequest) -> Iterator[UnitSite]:
    site = UnitSite(host, request.param)
    site.run("site create west")
    site.run("system start -p linux")
    yield site
    site.run("system teardown --force")
    assert site.systemctl("list-units", "--all", "--no-legend", "skupper-*") == ""


@pytest.fixture
def site(started: UnitSite) -> UnitSite:
    """The site of a user, up and running whatever the test before did to it."""
    if not (started.runs and started.active == "active"):
        started.run("system start")
        started.wait(lambda: started.active == "active")
    return started


def test_a_started_site_is_a_sound_unit_that_starts_at_boot(site: UnitSite) -> None:
    found = site.properties("ActiveState", "Type", "UnitFileState", "NRestarts", "WatchdogUSec", "StatusText")
    assert found["ActiveState"] == "active"
    assert found["Type"] == "notify"
    assert found["UnitFileState"] == "enabled"
    assert found["NRestarts"] == "0"
    assert found["WatchdogUSec"] != "infinity"
    assert found["StatusText"] == f"router {site.router} runs"
    assert site.complaints() == ""


def test_a_killed_router_is_started_again_and_counted(site: UnitSite) -> None:
    former, restarts = site.router, int(site.properties("NRestarts")["NRestarts"])
    site.kill("KILL", former)
    site.wait(lambda: site.runs_anew(former))
    assert int(site.properties("NRestarts")["NRestarts"]) == restarts + 1
    assert "the router ended (signal 9)" in site.run("system logs")


def test_a_killed_runner_takes_its_router_along_and_both_come_back(site: UnitSite) -> None:
    runner, router = site.runner, site.router
    site.kill("KILL", runner)
    site.wait(lambda: site.runs_anew(router))
    assert site.runner not in (0, runner)
    assert not site.host.path(f"/proc/{router}").exists()


def test_what_stays_resident_besides_the_router_is_small(site: UnitSite) -> None:
    assert 0 < site.resident() <= LARGEST_RESIDENT


def test_what_was_stopped_stays_so_and_what_runs_comes_back_after_a_reboot(site: UnitSite) -> None:
    site.run("system stop")
    assert site.properties("ActiveState", "UnitFileState", "Result") == {
        "ActiveState": "inactive",
        "UnitFileState": "disabled",
        "Result": "success",
    }
    site.host.reboot()
    assert site.active == "inactive"
    site.run("system start")
    site.host.reboot(orderly=False)
    site.wait(lambda: site.runs)
    assert site.properties("NRestarts")["NRestarts"] == "0"


def test_a_unit_that_is_started_by_hand_leaves_a_stopped_site_stopped(site: UnitSite) -> None:
    site.run("system stop")
    site.systemctl("start", UNIT)
    site.wait(lambda: site.active == "inactive")
    assert site.status()["pid"] == 0


def test_reloading_the_unit_leaves_its_router_running(site: UnitSite) -> None:
    router = site.router
    site.systemctl("reload", UNIT)
    assert site.router == router
    assert site.active == "active"


def test_a_router_that_fell_silent_is_ended_by_the_watchdog(site: UnitSite) -> None:
    """The manager's limit is shortened here, which is all that is not as it would be."""
    drop_in = (
        "/run/systemd/system" if site.user == "root" else f"/run/user/{site.host.uid(site.user)}/systemd/user"
    )
    directory = f"{drop_in}/{UNIT}.d"
    site.host.ok("mkdir", "-p", directory, user=site.user)
    site.host.ok("tee", f"{directory}/watchdog.conf", text="[Service]\nWatchdogSec=5\n", user=site.user)
    site.systemctl("daemon-reload")
    site.systemctl("restart", UNIT)
    site.wait(lambda: site.runs)
    former = site.router
    site.kill("STOP", former)
    site.wait(lambda: not site.host.path(f"/proc/{former}").exists(), 40)
    site.host.ok("rm", "-r", directory, user=site.user)
    site.systemctl("daemon-reload")
    site.wait(lambda: site.runs_anew(former))
    assert "fell silent" in site.run("system logs")
    assert "fell silent" in site.run("system logs")


def test_a_router_that_cannot_start_is_told_at_once_and_tried_ever_less_often(site: UnitSite) -> None:
    site.run("system stop")
    site.host.ok(
        "sh", "-c", 'printf "#!/bin/sh\nexit 3\n" >/usr/local/bin/broken; chmod 755 /usr/local/bin/broken'
    )
    begin = time.monotonic()
    said = site.run("system start --router /usr/local/bin/broken", status=1)
    assert time.monotonic() - begin < 10
    assert "exit status 3" in said
    site.run("system start --router embedded")
    assert site.runs


def test_roots_unit_is_confined(site: UnitSite) -> None:
    if site.user != "root":
        pytest.skip("what a user's manager can isolate depends on the machine")
    said = site.host.ok("systemd-analyze", "security", "--no-pager", UNIT)
    exposure = float(said.split("Overall exposure level for ")[1].split(":")[1].split()[0])
    assert exposure < 4.0
    assert "NoNewPrivs:\t1" in site.host.path(f"/proc/{site.router}/status").read_text()


@pytest.mark.parametrize("user", USERS)
def test_a_data_home_of_any_name_is_quoted(host: MiniHost, user: str) -> None:
    home = "/root" if user == "root" else "/home/ada"
    hostile = f"{home}/a b%h$HOME\"q'\\x20"
    host.ok("mkdir", "-p", hostile, user=user)
    site = UnitSite(host, user, {"XDG_DATA_HOME": hostile}, "north")
    site.run("site create north")
    site.run("system start -p linux")
    try:
        assert site.runs
        assert site.active == "active"
        assert f"XDG_DATA_HOME={hostile}" in (
            host.path(f"/proc/{site.runner}/environ").read_text().split("\0")
        )
        assert site.complaints() == ""
        elsewhere = UnitSite(host, user, {}, "north")
        elsewhere.run("site create north")
        said = elsewhere.run("system start -p linux", status=1)
        assert "is not this site's" in said
        elsewhere.run("system start -p linux --without-systemd")
        elsewhere.run("system teardown --force")
        assert site.runs
    finally:
        site.run("system teardown --force")
