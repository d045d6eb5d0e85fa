"""Routers, containers and the machine reach each other: on the machine's network and in engine networks, on real engines.

One test host has all of them: Podman and Docker of root, and both without root for an ordinary user. Containers are made from
the router's own image, which has a Python in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.hosts import Lan, MiniHost, command, obstacle_to_hosts, unique
from tests.rig.installed import install_program, python_version

pytestmark = pytest.mark.skipif(bool(obstacle_to_hosts()), reason=obstacle_to_hosts() or "none")

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "localhost/skupper-local-router:networks"
USER = "ada"
PORT = 80

SERVE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(sys.argv[1])))
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer((sys.argv[2], int(sys.argv[3])), Handler).serve_forever()
"""
FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode(), end="")
"""

ROOTLESS_DOCKER = """
export PATH=/usr/share/docker.io/contrib:$PATH DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns
exec sh /usr/share/docker.io/contrib/dockerd-rootless.sh --data-root ~/docker \
  --exec-opt native.cgroupdriver=cgroupfs --default-ulimit nofile=20000:20000
"""


@dataclass(frozen=True)
class Machine:
    """A test host with every engine, and a neighbour on its network."""

    host: MiniHost
    neighbour: str

    def fetch(self, url: str) -> str:
        """What the machine itself gets at a URL; empty when nothing.

        Podman's name server passes questions for IPv6 on to one that is not there on these hosts: that may take its 5 s, twice.
        """
        return self.host.run("curl", "-s", "-m", "15", url).stdout

    def comes_to_fetch(self, url: str, wanted: str) -> bool:
        """Whether the machine gets this within 45 s: an engine's name server is away while its networks change, and a
        question that it does not answer takes 15 s."""
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            if self.fetch(url) == wanted:
                return True
            time.sleep(0.2)
        return False

    def fetch_from_neighbour(self, port: int) -> str:
        """What another machine gets at a port of this one; empty when nothing."""
        enter = ("nsenter", f"--net=/run/netns/{self.neighbour}")
        words = (*enter, "curl", "-s", "-m", "15", f"http://{self.host.address}:{port}/")
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout


@dataclass(frozen=True)
class Engine:
    """One engine of the machine, and the program used on it by the same user."""

    machine: Machine
    name: str
    user: str = "root"
    first: int = 8000
    """Its listeners have ports from here on: what one engine leaves in the machine's tables must not touch another's."""

    def at(self, number: int) -> str:
        """The URL of a listener on the machine's loopback."""
        return f"http://127.0.0.1:{self.first + number}/"

    @property
    def rootless(self) -> bool:
        return self.user != "root"

    @property
    def environment(self) -> dict[str, str]:
        found = {"SKUPPER_ROUTER_IMAGE": IMAGE, "SKUPPER_ROUTER_IMAGE_PULL_POLICY": "Never"}
        if self.rootless and self.name == "docker":
            found["DOCKER_HOST"] = f"unix:///run/user/{self.machine.host.uid(self.user)}/docker.sock"
        return found

    def ok(self, *words: str) -> str:
        return self.machine.host.ok(self.name, *words, user=self.user, environment=self.environment)

    def skupper(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run the program, whatever comes of it."""
        words = ("skupper-local", *text.split())
        return self.machine.host.run(*words, user=self.user, environment=self.environment)

    def does(self, text: str) -> str:
        """Run the program, and it must succeed; what it printed, on both streams."""
        ran = self.skupper(text)
        assert ran.returncode == 0, f"{text}: {ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def serve(self, name: str, *flags: str, port: int = PORT) -> None:
        """Run a container that answers with its name."""
        command = ("python3", "-c", SERVE, name, "0.0.0.0", str(port))
        self.ok("run", "-d", "--name", name, "--user", "0", *flags, IMAGE, *command)

    def fetch_in(self, network: str, url: str) -> str:
        """What a container on a network gets at a URL."""
        return self.ok("run", "--rm", "--network", network, IMAGE, "python3", "-c", FETCH, url)

    def remove(self, *names: str) -> None:
        at_once = ("-t", "0") if self.name == "podman" else ()
        self.ok("rm", "-f", *at_once, *names)

    def connector(self, namespace: str, name: str) -> dict[str, Any]:
        """The status of a connector."""
        document = json.loads(self.does(f"connector status {name} -n {namespace} -o json"))
        found: dict[str, Any] = document["status"]
        return found

    def ready(self, namespace: str, name: str) -> dict[str, Any]:
        """The status of a connector once it is Ready."""
        deadline = time.monotonic() + 10
        while (found := self.connector(namespace, name))["status"] != "Ready":
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    images = tmp_path_factory.mktemp("images")
    images.chmod(0o755)
    build = REPOSITORY / "packaging/container/build_image.py"
    repository, tag = IMAGE.rsplit(":", 1)
    command(sys.executable, str(build), "-o", str(images / "router.tar"), "--name", repository, "--tag", tag)
    program = install_program(tmp_path_factory.mktemp("program"), python_version())
    with Lan() as lan:
        neighbour = unique("neighbour")
        lan.namespace("neighbour")
        host = MiniHost("networks", lan=lan, program=program, binds={"/images": images})
        with host:
            # A number of its own: what ends all processes of a user elsewhere on this machine must not mean this one.
            host.ok("useradd", "-m", "-s", "/bin/bash", "-u", str(20_000 + os.getpid() % 20_000), USER)
            host.add_user(USER)
            host.ok("systemctl", "start", "podman.socket", "docker")
            # Docker forwards nothing by default, and with it goes what other machines want of Podman's containers.
            host.ok("iptables", "-P", "FORWARD", "ACCEPT")
            host.ok("systemctl", "--user", "start", "podman.socket", user=USER)
            host.launch("sh", "-c", ROOTLESS_DOCKER, user=USER)
            for text, bound, port in (
                ("the machine", "0.0.0.0", 7002),
                ("its loopback", "127.0.0.1", 7001),
            ):
                host.launch("python3", "-c", SERVE, text, bound, str(port))
            yield Machine(host, neighbour)


ENGINES = (("podman", "root"), ("podman", USER), ("docker", "root"), ("docker", USER))
IDS = [f"{name}-{user}" for name, user in ENGINES]

on_two_engines = pytest.mark.parametrize("engine", ENGINES[1:3], ids=IDS[1:3], indirect=True)
"""For what is the program's doing and not the engine's: rootless Podman and root's Docker stand for all."""


@pytest.fixture(scope="module", params=ENGINES, ids=IDS)
def engine(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Engine]:
    name, user = request.param
    found = Engine(machine, name, user, 8000 + 200 * ENGINES.index((name, user)))
    deadline = time.monotonic() + 30
    while (ran := machine.host.run(name, "info", user=user, environment=found.environment)).returncode:
        assert time.monotonic() < deadline, f"{name} of {user} does not answer: {ran.stderr}"
        time.sleep(0.1)
    found.ok("load", "-i", "/images/router.tar")
    found.ok("network", "create", "apps")
    for container in ("web", "one", "two"):
        found.serve(
            container, "--network", "apps", "--label", f"app={container if container == 'web' else 'pair'}"
        )
    found.serve("api_1", "--network", "apps", "--label", "com.docker.compose.service=api")
    yield found
    found.remove("web", "one", "two", "api_1")
    found.ok("network", "rm", "apps")


@pytest.fixture(scope="module")
def joined(engine: Engine) -> Iterator[Engine]:
    """A started site whose router is on the network of the containers."""
    engine.does(f"site create west --network apps -n west -p {engine.name}")
    for text in (
        f"listener create front {engine.first} --host 127.0.0.1",
        "connector create front 80 --container web",
        f"listener create pair {engine.first + 1}",
        "connector create pair 80 --selector app=pair",
        f"listener create api {engine.first + 2}",
        "connector create api 80 --workload compose/api",
        f"listener create machine {engine.first + 3}",
        "connector create machine 7002",
        "connector create loopback 7001",
    ):
        engine.does(f"{text} -n west")
    said = engine.does(f"system start -n west -p {engine.name}")
    assert "Connector loopback: a container cannot reach what listens on the loopback alone" in said
    yield engine
    engine.does("system teardown --force -n west")


def test_containers_reach_listeners_by_name_on_the_router_s_network(joined: Engine) -> None:
    assert joined.fetch_in("apps", f"http://west-skupper-router:{joined.first}/") == "web"
    assert joined.fetch_in("apps", f"http://front:{joined.first}/") == "web"


def test_a_listener_on_the_loopback_is_visible_to_the_machine_alone(joined: Engine) -> None:
    machine = joined.machine
    assert machine.fetch(joined.at(0)) == "web"
    assert machine.fetch_from_neighbour(joined.first) == ""
    assert machine.fetch_from_neighbour(joined.first + 2) == "api_1"
    assert machine.fetch_from_neighbour(5671) == ""


def test_a_connector_follows_all_containers_with_its_labels(joined: Engine) -> None:
    status = joined.ready("west", "pair")
    assert [item["name"] for item in status["containers"]] == ["one", "two"]
    answers = {joined.machine.fetch(joined.at(1)) for _ in range(6)}
    assert answers == {"one", "two"}


def test_a_connector_to_localhost_means_the_machine(joined: Engine) -> None:
    assert joined.machine.fetch(joined.at(3)) == "the machine"
    shown = joined.connector("west", "loopback")
    assert shown["status"] == "Pending"
    assert "listens on the loopback alone" in shown["message"]


def test_a_new_listener_makes_the_container_anew_and_the_plan_says_so(joined: Engine) -> None:
    def container() -> str:
        return joined.ok("inspect", "-f", "{{.Id}}", "west-skupper-router")

    before = container()
    joined.does(f"listener create more {joined.first + 10} --routing-key pair -n west")
    said = joined.does("system reload -n west")
    assert f"~ container west-skupper-router made anew: publishes *:{joined.first + 10}" in said
    assert container() != before
    assert joined.machine.fetch(joined.at(10)) in ("one", "two")
    unchanged = joined.does("system reload -n west")
    assert "nothing has changed" in unchanged


@on_two_engines
def test_a_container_that_is_gone_is_pending_and_comes_back_with_a_reload(joined: Engine) -> None:
    said = joined.does("connector create late 80 --container late -n west")
    assert f"there is no container late on {joined.name}" in said
    assert "there is no container late" in joined.does("system reload -n west")
    assert "there is no container late" in joined.connector("west", "late")["message"]
    joined.serve("late", "--network", "apps")
    joined.does(f"listener create late {joined.first + 11} -n west")
    joined.does("system reload -n west")
    assert joined.machine.fetch(joined.at(11)) == "late"
    joined.remove("late")
    assert "there is no container late" in joined.connector("west", "late")["message"]


@on_two_engines
def test_a_container_on_another_network_is_refused_with_the_way_out(joined: Engine) -> None:
    joined.ok("network", "create", "else")
    joined.serve("far", "--network", "else")
    try:
        refused = joined.skupper("connector create far 80 --container far -n west")
        assert refused.returncode == 2
        assert "container-out-of-reach" in refused.stderr
        assert f"{joined.name} network connect apps far" in refused.stderr
        joined.ok("network", "connect", "apps", "far")
        joined.does("connector create far 80 --container far -n west")
        joined.does("connector delete far -n west")
    finally:
        joined.remove("far")
        joined.ok("network", "rm", "else")


@on_two_engines
def test_a_network_that_is_not_there_is_refused_and_the_site_goes_on(joined: Engine) -> None:
    before = joined.ok("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "west-skupper-router")
    joined.does("site update --network nowhere -n west")
    refused = joined.skupper("system reload -n west")
    assert refused.returncode == 1
    assert "network-missing" in refused.stderr
    assert "apps" in refused.stderr
    joined.does("site update --network apps -n west")
    assert joined.ok("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "west-skupper-router") == before
    assert joined.machine.comes_to_fetch(joined.at(0), "web")


# On the machine's network, which rootless Docker does not have.


@pytest.fixture(scope="module")
def beside(engine: Engine) -> Iterator[Engine]:
    """A started site that named no network, and a container that publishes its port."""
    engine.serve("open", "-p", "9100:80", "--label", "app=open")
    engine.does(f"site create east -n east -p {engine.name}")
    engine.does(f"listener create open {engine.first + 100} --host 127.0.0.1 -n east")
    engine.does("connector create open 80 --container open -n east")
    engine.does(f"system start -n east -p {engine.name}")
    yield engine
    engine.does("system teardown --force -n east")
    engine.remove("open")


def test_containers_are_followed_from_the_machine_s_network_too(beside: Engine) -> None:
    (container,) = beside.ready("east", "open")["containers"]
    assert beside.machine.fetch(beside.at(100)) == "open"
    if beside.rootless:
        assert container["port"] == "9100"
    else:
        assert container["host"] in beside.ok("inspect", "open")
        assert container["port"] == "80"


@on_two_engines
def test_a_container_that_moved_is_followed_by_a_reload(beside: Engine) -> None:
    before = beside.ready("east", "open")["containers"]
    beside.remove("open")
    filler = ("--network", "podman") if beside.name == "podman" and not beside.rootless else ()
    beside.serve("filler", *filler)  # takes the address that was given up
    beside.serve("open", "-p", "9101:80", "--label", "app=open")
    try:
        assert "system reload" in beside.connector("east", "open")["message"]
        beside.does("system reload -n east")
        assert beside.ready("east", "open")["containers"] != before
        assert beside.machine.fetch(beside.at(100)) == "open"
    finally:
        beside.remove("filler")


def test_a_closed_container_of_a_rootless_engine_is_refused_with_the_way_out(beside: Engine) -> None:
    if not beside.rootless:
        beside.does("connector create web 80 --container web -n east")
        assert "Connector web deleted" in beside.does("connector delete web -n east")
        return
    refused = beside.skupper("connector create web 80 --container web -n east")
    assert refused.returncode == 2
    assert "container-out-of-reach" in refused.stderr
    way_out = "network connect east-skupper web" if beside.name == "docker" else "--network apps"
    assert way_out in refused.stderr


def test_rootless_docker_gets_a_network_of_the_site_s_own_that_goes_with_it(beside: Engine) -> None:
    def networks() -> str:
        return beside.ok("network", "ls", "--format", "{{.Name}}")

    own = beside.rootless and beside.name == "docker"
    assert ("east-skupper" in networks()) == own
    beside.does(f"site create short -n short -p {beside.name}")
    beside.does(f"system start -n short -p {beside.name}")
    assert ("short-skupper" in networks()) == own
    beside.does("system teardown --force -n short")
    assert "short-skupper" not in networks()


def test_a_site_without_containers_follows_those_of_the_machine_s_engine(machine: Machine) -> None:
    engine = Engine(machine, "podman", USER)
    engine.ok("load", "-i", "/images/router.tar")
    engine.serve("beside", "-p", "127.0.0.1:9200:80")
    engine.does("site create north -n north -p linux")
    engine.does("listener create beside 8280 -n north")
    engine.does("connector create beside 80 --container beside -n north")
    engine.does("system start -n north -p linux")
    try:
        assert engine.ready("north", "beside")["containers"] == [
            {"name": "beside", "host": "127.0.0.1", "port": "9200"}
        ]
        assert machine.fetch("http://127.0.0.1:8280/") == "beside"
    finally:
        engine.does("system teardown --force -n north")
        engine.remove("beside")
