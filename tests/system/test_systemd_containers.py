"""A router in a container that a unit of a real systemd keeps: Podman's with and without root, and Docker's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.hosts import MiniHost
from tests.rig.images import OUR_IMAGE
from tests.rig.unit_site import UNIT, UnitSite
from tests.system.conftest import System

CONTAINER = "west-skupper-router"
ENGINES = {"root podman": ("root", "podman"), "podman": ("ada", "podman"), "root docker": ("root", "docker")}
LARGEST_RESIDENT = 30_000


@pytest.fixture(scope="module")
def host(this_system: System, router_archive: Path) -> Iterator[MiniHost]:
    with MiniHost(
        "engines",
        tree=this_system.tree,
        program=this_system.program,
        binds={"/srv/image": router_archive.parent},
        users=("ada",),
    ) as host:
        host.ok("systemctl", "enable", "--now", "podman.socket", "docker.service")
        host.ok("systemctl", "--user", "enable", "--now", "podman.socket", user="ada")
        for user, engine in ENGINES.values():
            host.ok(engine, "load", "-i", f"/srv/image/{router_archive.name}", user=user)
        yield host


class ContainerSite(UnitSite):
    """A site whose router is in a container."""

    def __init__(self, host: MiniHost, user: str, engine: str) -> None:
        super().__init__(host, user, {"SKUPPER_ROUTER_IMAGE": OUR_IMAGE})
        self.engine = engine

    def inspect(self, template: str) -> str:
        """``podman inspect`` or ``docker inspect`` of the router's container; empty when there is none."""
        return self.host.run(
            self.engine, "inspect", "--format", template, CONTAINER, user=self.user
        ).stdout.strip()


@pytest.fixture(scope="module", params=list(ENGINES))
def started(host: MiniHost, request: pytest.FixtureRequest) -> Iterator[ContainerSite]:
    user, engine = ENGINES[request.param]
    site = ContainerSite(host, user, engine)
    site.run("site create west --enable-link-access")
    site.run(f"system start -p {engine}")
    yield site
    site.run("system teardown --force")
    assert site.systemctl("list-units", "--all", "--no-legend", "skupper-*") == ""
    assert site.inspect("{{.Id}}") == ""


@pytest.fixture
def site(started: ContainerSite) -> ContainerSite:
    """The site of an engine, up and running whatever the test before did to it."""
    if not (started.runs and started.active == "active"):
        started.run("system start")
        started.wait(lambda: started.active == "active")
    return started


def test_the_unit_alone_keeps_the_container(site: ContainerSite) -> None:
    found = site.properties("ActiveState", "UnitFileState", "NRestarts", "StatusText")
    assert found == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NRestarts": "0",
        "StatusText": f"router {site.router} runs",
    }
    assert site.inspect("{{.HostConfig.RestartPolicy.Name}}") in ("", "no")
    assert site.complaints() == ""
    assert 0 < site.resident() <= LARGEST_RESIDENT


def test_a_container_outlives_its_runner_and_is_adopted(site: ContainerSite) -> None:
    router, runner = site.router, site.runner
    site.kill("KILL", runner)
    site.wait(lambda: site.runner not in (0, runner) and site.active == "active")
    assert site.router == router


def test_a_killed_router_comes_back(site: ContainerSite) -> None:
    former = site.router
    site.kill("KILL", former)
    site.wait(lambda: site.runs_anew(former))


def test_a_removed_container_is_made_anew(site: ContainerSite) -> None:
    former = site.router
    site.host.ok(site.engine, "rm", "-f", CONTAINER, user=site.user)
    site.wait(lambda: site.runs_anew(former))
    assert site.inspect("{{.State.Running}}") == "true"


def test_nothing_is_made_while_a_reload_of_the_reference_has_put_the_container_aside(
    site: ContainerSite,
) -> None:
    """It renames the container and pulls the image; a container made meanwhile would be in its way."""
    aside = f"{CONTAINER}-backup"
    site.host.ok(site.engine, "stop", CONTAINER, user=site.user)
    site.host.ok(site.engine, "rename", CONTAINER, aside, user=site.user)
    site.wait(lambda: site.active == "inactive")
    assert site.inspect("{{.Id}}") == ""
    site.host.ok(site.engine, "rename", aside, CONTAINER, user=site.user)
    site.run("system start")
    site.wait(lambda: site.active == "active")
    assert site.runs


def test_a_container_whose_monitor_was_killed_is_put_right_when_it_ends(site: ContainerSite) -> None:
    if site.engine != "podman":
        pytest.skip("Docker has no monitor of its own for each container")
    former = site.router
    site.kill("KILL", int(site.inspect("{{.State.ConmonPid}}")))
    assert site.runs
    site.kill("KILL", former)
    site.wait(lambda: site.runs_anew(former))


def test_an_engine_that_died_is_waited_for(site: ContainerSite) -> None:
    former = site.router
    if site.engine == "docker":
        site.host.ok(
            "systemctl", "kill", "--kill-whom=all", "--signal=KILL", "docker.service", "containerd.service"
        )
        site.host.ok("systemctl", "restart", "docker.service")
    else:
        site.systemctl("kill", "--kill-whom=all", "--signal=KILL", "podman.service")
    site.wait(lambda: site.runs and site.active == "active", 40)
    if site.engine == "podman":
        assert site.router == former


def test_a_stopped_site_stays_so_and_a_running_one_comes_back_after_a_reboot(site: ContainerSite) -> None:
    site.run("system stop")
    assert site.active == "inactive"
    assert site.inspect("{{.Id}}") == ""
    assert "\nLog:         journalctl " in site.run("system status")
    site.host.reboot()
    assert site.active == "inactive"
    assert site.inspect("{{.Id}}") == ""
    site.run("system start")
    site.host.reboot(orderly=False)
    site.wait(lambda: site.runs and site.active == "active", 60)


def test_a_reload_that_needs_another_container_leaves_one_router_and_no_failure(site: ContainerSite) -> None:
    former = site.router
    site.run("listener create another 18099 --host 127.0.0.1")
    site.run("system reload")
    site.wait(lambda: site.runs_anew(former))
    assert site.properties("Result") == {"Result": "success"}


def test_an_image_that_is_gone_is_told_and_the_site_is_not_given_up(site: ContainerSite) -> None:
    site.run("system stop")
    site.host.ok(site.engine, "tag", OUR_IMAGE, "localhost/kept:1", user=site.user)
    try:
        site.host.ok(site.engine, "rmi", OUR_IMAGE, user=site.user)
        said = site.run("system start --pull never", status=1)
        assert OUR_IMAGE in said
    finally:
        site.host.ok(site.engine, "tag", "localhost/kept:1", OUR_IMAGE, user=site.user)
    site.run("system start")
    assert site.runs


def test_the_table_of_units_says_what_systemd_says(site: ContainerSite) -> None:
    found = json.loads(site.run("system units -o json"))
    assert found["name"] == UNIT
    assert found["namespace"] == "west"
    assert found["madeBy"] == "skupper-local"
    assert (found["enabled"], found["active"], found["sub"]) == ("enabled", "active", "running")
    assert found["mainPid"] == site.runner
    assert site.host.path(found["path"]).read_text() in site.run("system units --text")
