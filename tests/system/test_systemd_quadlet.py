"""A newer systemd and Podman: units are as sound there, and an exported router runs under Podman's own generator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.hosts import MiniHost
from tests.rig.images import OUR_IMAGE
from tests.rig.unit_site import UnitSite
from tests.system.conftest import System

CONTAINER = "west-skupper-router"
HOSTILE = "/home/ada/a b%h$HOME\"q'\\x20"
LARGEST_RESIDENT = 30_000


@pytest.fixture(scope="module")
def host(trixie_system: System, router_archive: Path) -> Iterator[MiniHost]:
    with MiniHost(
        "newer",
        tree=trixie_system.tree,
        program=trixie_system.program,
        binds={"/srv/image": router_archive.parent},
        users=("ada",),
    ) as host:
        host.ok("systemctl", "--user", "enable", "--now", "podman.socket", user="ada")
        host.ok("podman", "load", "-i", f"/srv/image/{router_archive.name}", user="ada")
        yield host


def test_an_exported_router_is_kept_by_quadlet(host: MiniHost) -> None:
    site = UnitSite(host, "ada", {"SKUPPER_ROUTER_IMAGE": OUR_IMAGE})
    site.run("site create west --enable-link-access")
    site.run("system start -p podman")
    assert site.complaints() == ""
    assert 0 < site.resident() <= LARGEST_RESIDENT
    text = host.ok("skupper-local", "system", "units", "--quadlet", "-n", "west", user="ada")
    site.run("system stop")
    assert not host.ok("podman", "ps", "-aq", user="ada"), "a container that nobody starts is left"
    directory = "/home/ada/.config/containers/systemd"
    host.ok("mkdir", "-p", directory, user="ada")
    host.ok("tee", f"{directory}/{CONTAINER}.container", text=text, user="ada")
    host.ok("/usr/libexec/podman/quadlet", "-dryrun", "-user", user="ada")
    site.systemctl("daemon-reload")
    host.ok("systemctl", "--user", "start", CONTAINER, user="ada")
    former = int(host.ok("podman", "inspect", "-f", "{{.State.Pid}}", CONTAINER, user="ada"))
    template = "{{.Config.User}} {{.HostConfig.NetworkMode}} {{.HostConfig.ReadonlyRootfs}} {{.ImageName}}"
    uid = host.uid("ada")
    assert host.ok("podman", "inspect", "-f", template, CONTAINER, user="ada").split() == [
        f"{uid}:{uid}",
        "host",
        "true",
        OUR_IMAGE,
    ]
    site.wait(lambda: host.run("podman", "healthcheck", "run", CONTAINER, user="ada").returncode == 0)
    site.kill("KILL", former)
    site.wait(lambda: _pid(host) not in (0, former))
    host.ok("systemctl", "--user", "stop", CONTAINER, user="ada")
    host.ok("rm", "-r", directory, user="ada")
    site.systemctl("daemon-reload")
    site.run("system start")
    site.run("system teardown --force")


def _pid(host: MiniHost) -> int:
    found = host.run("podman", "inspect", "-f", "{{.State.Pid}}", CONTAINER, user="ada").stdout.strip()
    return int(found or 0)


def test_a_data_home_of_any_name_is_quoted_in_every_unit(host: MiniHost) -> None:
    host.ok("mkdir", "-p", HOSTILE, user="ada")
    site = UnitSite(host, "ada", {"XDG_DATA_HOME": HOSTILE}, "north")
    site.run("site create north")
    site.run("system start -p linux")
    try:
        assert site.runs
        assert site.active == "active"
        assert site.complaints() == ""
    finally:
        site.run("system teardown --force")
