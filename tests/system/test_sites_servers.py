"""Servers that refuse connections, and what the statuses of a site say of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from dataclasses import replace

import pytest

from tests.rig.machine import Machine, eventually, http_server, link_two_sites
from tests.rig.ports import HOST, free_port
from tests.rig.routers import reference_program

ROUTERS = ["embedded", "skrouterd"]


@pytest.fixture(params=ROUTERS)
def site(machine: Machine, request: pytest.FixtureRequest) -> Machine:
    """A machine whose sites have the router of this name."""
    router = "embedded"
    if request.param == "skrouterd":
        reference = reference_program()
        if reference is None:
            pytest.skip("no skrouterd: neither SKROUTERD nor PATH names one")
        router = reference.command[0]
    return replace(machine, router=router)


def test_a_connector_is_ready_while_its_server_listens(site: Machine) -> None:
    port = free_port()
    site.ok("site create west -n west")
    site.ok(f"connector create db {port} --host {HOST} -n west")
    site.ok(f"listener create db {free_port()} --host {HOST} -n west")
    site.ok("system start -n west")
    eventually(lambda: "refused" in site.ok("connector status db -n west"))
    assert " Pending " in site.ok("connector status -n west")
    assert " Pending " in site.ok("service status -n west")
    assert "connection refused" in site.ok("service status db -n west")
    with socket.create_server((HOST, port)):
        eventually(lambda: " Ready " in site.ok("connector status -n west"))
        assert " Ready " in site.ok("service status -n west")
    assert " Pending " in site.ok("connector status -n west")


def test_a_server_that_is_not_there_yet_is_said_and_not_waited_for_unless_asked(site: Machine) -> None:
    port = free_port()
    site.ok("site create west")
    site.ok("system start")
    begun = time.monotonic()
    exposed = site.run(f"expose {port} --as db --host {HOST}")
    assert exposed.returncode == 0, exposed.stderr
    eventually(lambda: "connection refused" in site.ok("connector status db"))
    again = site.run("up --timeout 30")
    assert again.returncode == 0, again.stderr
    assert f"note: Connector db: cannot connect to {HOST}:{port}: connection refused" in again.stderr
    assert time.monotonic() - begun < 30
    never = site.run(f"expose {port} --as db --host {HOST} --wait ready --timeout 1")
    assert never.returncode == 1
    assert "not ready after 1 s: Connector db: cannot connect" in never.stderr
    assert "next: skupper-local system status" in never.stderr


def test_a_router_that_hangs_is_told_from_its_own_ports_and_put_right_by_a_reload(machine: Machine) -> None:
    machine.ok("site create west")
    machine.ok(f"listener create web {free_port()} --host {HOST}")
    machine.ok("system start")
    process = json.loads(machine.ok("system status -o json"))["pid"]
    os.kill(process, signal.SIGSTOP)
    checked = machine.run("system check")
    assert checked.returncode == 1
    assert "its ports are its own" in checked.stdout
    assert "skupper-local system start -n default" in checked.stdout
    status = machine.run("system status")
    assert "not answering" in status.stdout
    assert "next: skupper-local system start" in status.stderr
    assert json.loads(machine.ok("system reload -o json"))["router"] == "repaired"
    assert len(machine.routers("default")) == 1
    assert " running since " in machine.ok("system status")
    assert "nothing has changed" in machine.ok("system reload")


def test_a_link_that_is_refused_says_so_in_plain_words(site: Machine) -> None:
    site.ok("site create west --enable-link-access -n west")
    site.ok("system start -n west")
    link = site.ok(f"link generate --host {HOST} -n west")
    nowhere = link.replace(f"host: {HOST}", "host: no-such-host.invalid").replace("link-west", "lost")
    site.ok("system stop -n west")
    site.ok("site create east -n east")
    site.ok("system apply -f - -n east", text=link)
    site.ok("system apply -f - -n east", text=nowhere)
    site.ok("system start -n east")
    eventually(lambda: "connection refused" in site.ok("link status -n east"))
    eventually(lambda: "name" in site.ok("link status lost -n east"))
    told = site.ok("link status -n east")
    assert "proton:io" not in told
    assert "disconnected" not in told


def test_a_service_whose_only_server_is_elsewhere_and_refuses_is_pending(machine: Machine) -> None:
    with http_server(b"hello") as port:
        linked = link_two_sites(machine, port)
        eventually(lambda: " Ready " in machine.ok("service status -n west"))
    # The other site's router learns it from the next client.
    socket.create_connection((HOST, linked.listener_port), 1).close()
    eventually(lambda: "backend at east" in machine.ok("service status -n west"))
    assert " Pending " in machine.ok("service status -n west")
