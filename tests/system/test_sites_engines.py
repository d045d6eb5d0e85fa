"""Sites in containers of real engines: started, changed, broken, upgraded, moved and taken over.

One Podman and one Docker of the tests' own, in one network namespace, so that ``localhost`` is the same for every site.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skupper_local.platforms.container import container_name
from skupper_local.platforms.engine import ContainerFacts, Engine
from tests.rig.hosts import unique
from tests.rig.images import build_our_image
from tests.rig.machine import COMMAND, Machine, eventually
from tests.rig.private_engines import NetworkNamespace, PrivateDocker, PrivateEngine, PrivatePodman
from tests.rig.registry import build_image, write_archive

pytestmark = pytest.mark.timeout(300)

IMAGE = "localhost/skupper-local-router:1"
NEWER = "localhost/skupper-local-router:2"
BROKEN = "localhost/skupper-local-router:broken"
LAST_WORDS = "the sky is falling"


@dataclass(frozen=True)
class Engines:
    """The engines, and the machine whose sites are in their containers."""

    podman: PrivateEngine
    docker: PrivateEngine
    network: NetworkNamespace

    def of(self, platform: str) -> PrivateEngine:
        return self.podman if platform == "podman" else self.docker

    def machine(self, directory: Path, platform: str) -> Machine:
        further = {"SKUPPER_ROUTER_IMAGE": IMAGE}
        if platform != "linux":
            further["CONTAINER_ENDPOINT"] = self.of(platform).endpoint
        return Machine(directory, platform=platform, enter=tuple(self.network.enter()), further=further)


@pytest.fixture(scope="module")
def engines(real_system: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    directory = tmp_path_factory.mktemp("engines")
    network = NetworkNamespace(unique("sites"))
    started: list[PrivateEngine] = []
    try:
        kinds: tuple[type[PrivateEngine], ...] = (PrivatePodman, PrivateDocker)
        for kind in kinds:
            engine = kind(directory / kind.platform, network)
            started.append(engine)
            engine.start()
        archives = [
            build_our_image(directory / "first.tar", IMAGE),
            build_our_image(directory / "second.tar", NEWER),
            _broken(directory),
        ]
        for engine in started:
            with closing(engine.connect()) as connected:
                for archive in archives:
                    connected.load(archive)
        yield Engines(started[0], started[1], network)
    finally:
        for engine in started:
            engine.remove()
        network.remove()


def _broken(directory: Path) -> Path:
    archive = directory / "broken.tar"
    busybox = Path(shutil.which("busybox") or "").read_bytes()
    command = ("/bin/busybox", "sh", "-c", f"echo {LAST_WORDS}; exit 3")
    write_archive(archive, BROKEN, build_image({"bin/busybox": busybox}, command))
    return archive


# What does not know which engine it is about is tested with one of the two.
with_podman = pytest.mark.parametrize("platform", ["podman"], indirect=True)
with_docker = pytest.mark.parametrize("platform", ["docker"], indirect=True)


@pytest.fixture(params=["podman", "docker"])
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(engines: Engines, tmp_path: Path, platform: str) -> Iterator[Machine]:
    """A machine whose sites are on the platform of the test, and gone after it."""
    machine = engines.machine(tmp_path, platform)
    yield machine
    machine.remove()
    for name in ("podman", "docker"):
        with closing(engines.of(name).connect()) as engine:
            assert [item.name for item in engine.containers({})] == []
    assert machine.processes() == {}


def site(machine: Machine, name: str = "west") -> str:
    machine.ok(f"site create {name} --enable-link-access -n {name}")
    return machine.ok(f"system start -n {name}")


def container(engines: Engines, platform: str, namespace: str = "west") -> ContainerFacts | None:
    with closing(engines.of(platform).connect()) as engine:
        return engine.container(container_name(namespace))


def running(engines: Engines, platform: str, namespace: str = "west") -> ContainerFacts:
    found = container(engines, platform, namespace)
    assert found, "no container"
    assert found.running, found
    return found


def record(machine: Machine, name: str, namespace: str = "west") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machine.home(namespace) / f"internal/{name}.json").read_text())
    return found


def status(machine: Machine, namespace: str = "west") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.ok(f"system status -o json -n {namespace}"))
    return found


def cas(machine: Machine, namespace: str = "west") -> dict[str, bytes]:
    issuers = machine.home(namespace) / "runtime/issuers"
    return {
        str(path.relative_to(issuers)): path.read_bytes() for path in issuers.rglob("*") if path.is_file()
    }


@contextmanager
def in_network(engines: Engines, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A program in the network of the sites; it has printed a line when the block begins."""
    process = subprocess.Popen(
        [*engines.network.enter(), *words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "5"); self.end_headers(); self.wfile.write(b"hello")
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("listening", flush=True)
server.serve_forever()
"""
HOLDER = """
import socket, sys, time
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("held", flush=True)
time.sleep(600)
"""
CLIENT = (
    "import sys, urllib.request; "
    "print(urllib.request.urlopen(f'http://127.0.0.1:{sys.argv[1]}/', timeout=3).read().decode())"
)


def answer(engines: Engines, port: int) -> str:
    words = [*engines.network.enter(), sys.executable, "-c", CLIENT, str(port)]
    return subprocess.run(words, capture_output=True, text=True, timeout=20, check=False).stdout.strip()


def test_sites_on_podman_docker_and_linux_carry_a_request(engines: Engines, tmp_path: Path) -> None:
    west, east = engines.machine(tmp_path, "podman"), engines.machine(tmp_path, "docker")
    north = engines.machine(tmp_path, "linux")
    try:
        with in_network(engines, sys.executable, "-c", SERVER, "9090"):
            west.ok("site create west --enable-link-access -n west")
            west.ok("listener create backend 8080 --host 127.0.0.1 -n west")
            assert "podman" in west.ok("system start -n west")
            link = west.ok("link generate --host 127.0.0.1 -n west")
            for machine, name, key in ((east, "east", "backend"), (north, "north", "other")):
                machine.ok(f"site create {name} -n {name}")
                machine.ok(f"connector create {key} 9090 --host 127.0.0.1 -n {name}")
                machine.ok(f"system apply -f - -n {name}", text=link)
                machine.ok(f"system start -n {name}")
            eventually(lambda: answer(engines, 8080) == "hello")
            west.ok("listener create other 8081 --host 127.0.0.1 -n west")
            west.ok("system reload -n west")
            eventually(lambda: answer(engines, 8081) == "hello")
            assert "docker" in west.ok("namespace list")
    finally:
        west.remove()


def test_a_site_has_a_container_like_the_references_for_as_long_as_it_runs(
    engines: Engines, machine: Machine, platform: str
) -> None:
    out = site(machine)
    assert f"Platform: {platform}" in out
    assert IMAGE in out
    found = running(engines, platform)
    site_id = record(machine, "choices")["siteId"]
    assert found.labels["application"] == "skupper-v2"
    assert found.labels["skupper.io/v2-component"] == "router"
    assert found.labels["skupper.io/site-id"] == site_id
    assert found.restart_policy == "always"
    shown = status(machine)
    assert shown["status"] == "running"
    assert shown["container"] == "west-skupper-router"
    assert shown["image"] == IMAGE
    assert shown["keeper"] == "own"
    assert shown["endpoint"] == engines.of(platform).endpoint
    assert "is running" in machine.ok("system logs -n west")
    assert "runs on: nothing has changed" in machine.ok("system reload -n west")
    assert running(engines, platform).id == found.id
    machine.ok("system stop -n west")
    assert not (stopped := container(engines, platform)) or not stopped.running
    assert status(machine)["status"] == "stopped"
    assert "is stopped and stays so" in machine.ok("system reload -n west")
    machine.ok("system start -n west")
    assert status(machine)["status"] == "running"
    machine.ok("system teardown --force -n west")
    assert container(engines, platform) is None
    assert not machine.home("west").exists()


def test_a_link_certificate_is_read_without_a_new_container(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    before = running(engines, platform)
    machine.ok("link generate --host 10.11.12.13 -n west")
    after = running(engines, platform)
    assert (after.id, after.since) == (before.id, before.since)


def test_start_repairs_a_container_that_was_removed_stopped_or_whose_image_was_upgraded(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    with closing(engines.of(platform).connect()) as engine:
        first = running(engines, platform)
        engine.remove(first.name)
        assert status(machine)["status"] == "down"
        machine.ok("system start -n west")
        second = running(engines, platform)
        assert second.id != first.id
        engine.stop(second.name, 5)
        machine.ok("system start -n west")
        assert status(machine)["status"] == "running"
        assert "is running already" in machine.ok("system start -n west")
        third = running(engines, platform)
        assert third.image_id != _image_id(engine, NEWER)
        _tag(engines.of(platform), NEWER, IMAGE)
        try:
            machine.ok("system start -n west")
            assert running(engines, platform).image_id == _image_id(engine, NEWER)
        finally:
            _tag(engines.of(platform), third.image_id, IMAGE)


def _image_id(engine: Engine, reference: str) -> str:
    found = engine.image(reference)
    assert found
    return found.id


def _tag(engine: PrivateEngine, source: str, reference: str) -> None:
    name, _, tag = reference.rpartition(":")
    prefix = "/v4.0.0/libpod" if engine.platform == "podman" else ""
    url = f"http://engine{prefix}/images/{source}/tag?repo={name}&tag={tag}"
    socket = engine.endpoint.removeprefix("unix://")
    subprocess.run(["curl", "-sf", "-X", "POST", "--unix-socket", socket, url], check=True)


@with_podman
def test_what_fails_before_the_router_is_touched_leaves_it_as_it_was(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    before = running(engines, platform)
    configuration = (machine.home("west") / "runtime/router/skrouterd.json").read_bytes()

    ran = machine.run("system upgrade --image localhost/there-is-none:1 --pull never -n west")
    assert ran.returncode == 1
    assert "error [image-missing]" in ran.stderr
    assert "system check" in ran.stderr

    machine.ok("listener create backend 8080 --host 127.0.0.1 -n west")
    with in_network(engines, sys.executable, "-c", HOLDER, "8080") as holder:
        ran = machine.run("system reload -n west")
        assert ran.returncode == 1
        assert "error [port-in-use]" in ran.stderr
        assert f"process {holder.pid}" in ran.stderr

    assert running(engines, platform).id == before.id
    assert (machine.home("west") / "runtime/router/skrouterd.json").read_bytes() == configuration
    assert status(machine)["image"] == IMAGE
    assert "+ tcpListener listener/backend" in machine.ok("system reload -n west")


@with_docker
def test_an_upgrade_that_does_not_get_ready_brings_the_former_router_back(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    before = running(engines, platform)
    ran = machine.run(f"system upgrade --image {BROKEN} -n west")
    assert ran.returncode == 1
    assert "error [router-not-ready]" in ran.stderr
    assert "the former one runs again" in ran.stderr
    assert LAST_WORDS in ran.stderr
    assert running(engines, platform).image_id == before.image_id
    assert status(machine)["image"] == IMAGE
    assert "is running already" in machine.ok("system start -n west")
    assert "has been upgraded" in machine.ok(f"system upgrade --image {NEWER} -n west")
    assert status(machine)["image"] == NEWER
    assert "is up to date" in machine.ok(f"system upgrade --image {NEWER} -n west")
    machine.ok("system stop -n west")
    machine.ok(f"system upgrade --image {IMAGE} -n west")
    assert status(machine)["status"] == "stopped"
    machine.ok("system start -n west")
    with closing(engines.of(platform).connect()) as engine:
        assert running(engines, platform).image_id == _image_id(engine, IMAGE)


@with_podman
def test_an_image_that_moved_and_does_not_get_ready_is_held_back_until_the_next_upgrade(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    before = running(engines, platform)
    _tag(engines.of(platform), BROKEN, IMAGE)
    try:
        ran = machine.run("system upgrade -n west")
        assert ran.returncode == 1
        assert "the former one runs again" in ran.stderr
        assert running(engines, platform).image_id == before.image_id
        assert "is running already" in machine.ok("system start -n west")
        machine.ok("listener create backend 8080 --host 127.0.0.1 -n west")
        machine.ok("system reload -n west")
        assert running(engines, platform).image_id == before.image_id
        _tag(engines.of(platform), NEWER, IMAGE)
        assert "has been upgraded" in machine.ok("system upgrade -n west")
        with closing(engines.of(platform).connect()) as engine:
            assert running(engines, platform).image_id == _image_id(engine, NEWER)
    finally:
        _tag(engines.of(platform), before.image_id, IMAGE)


def test_a_first_start_that_fails_leaves_no_container_and_no_platform_behind(
    engines: Engines, machine: Machine, platform: str
) -> None:
    machine.ok("site create west -n west")
    ran = machine.run(f"system start --image {BROKEN} -n west")
    assert ran.returncode == 1
    assert LAST_WORDS in ran.stderr
    assert container(engines, platform) is None
    assert status(machine)["status"] == "not started"
    other = replace(machine, platform="linux")
    assert "Platform: linux" in other.ok("system start -n west")


@with_podman
def test_an_engine_that_never_answers_is_one_clear_message_within_ten_seconds(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    linux = replace(machine, platform="linux")
    linux.ok("site create north -n north")
    linux.ok("system start -n north")
    before = running(engines, platform)
    engines.of(platform).signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        words = ("system start -n west", "namespace list -o json", "system status -o json -n west")
        asked = [machine.launch(*line.split()) for line in words]
        said = [process.communicate(timeout=60) for process in asked]
        assert time.monotonic() - begin < 12.0
        assert [process.returncode for process in asked] == [1, 0, 0]
        assert said[0][1].count("error [engine-unreachable]") == 1, said[0]
        assert "system check" in said[0][1]
        rows = {row["name"]: row for row in json.loads(said[1][0])["namespaces"]}
        assert rows["north"]["status"] == "running"
        assert "does not answer" in rows["west"]["message"]
        shown = json.loads(said[2][0])
        assert shown["status"] == "running", "the router itself answers"
        assert "does not answer" in shown["message"]
    finally:
        engines.of(platform).signal(signal.SIGCONT)
    machine.ok("system start -n west")
    assert running(engines, platform).id == before.id


def test_a_killed_start_or_reload_can_simply_be_repeated(
    engines: Engines, machine: Machine, platform: str
) -> None:
    seconds = {"podman": 0.7, "docker": 1.1}[platform]
    machine.ok("site create west --enable-link-access -n west")
    _kill(machine.launch("system", "start", "-n", "west"), seconds)
    machine.ok("system start -n west")
    running(engines, platform)
    machine.ok("listener create backend 8080 --host 127.0.0.1 -n west")
    _kill(machine.launch("system", "reload", "-n", "west"), seconds)
    machine.ok("system reload -n west")
    assert status(machine)["status"] == "running"
    assert "nothing has changed" in machine.ok("system reload -n west")


def _kill(process: subprocess.Popen[str], seconds: float) -> None:
    time.sleep(seconds)
    process.kill()
    process.communicate()


def test_a_site_moves_between_platforms_with_its_id_its_cas_and_its_ports(
    engines: Engines, tmp_path: Path
) -> None:
    machine = engines.machine(tmp_path, "podman")
    try:
        site(machine)
        before = record(machine, "choices")
        issuers = cas(machine)
        for place in ("docker", "linux", "podman"):
            former = status(machine)["platform"]
            there = engines.machine(tmp_path, place)
            ran = there.run(f"system start -p {place} -n west")
            assert ran.returncode == 2
            assert f"system migrate --to {place}" in ran.stderr
            assert f"moved to platform {place}" in there.ok(f"system migrate --to {place} -n west")
            shown = status(machine)
            assert (shown["platform"], shown["status"]) == (place, "running")
            if former != "linux":
                assert container(engines, former) is None
            after = record(machine, "choices")
            for key in ("siteId", "ports", "routerId"):
                assert after[key] == before[key]
            assert cas(machine) == issuers
        assert "is on platform podman already" in machine.ok("system migrate --to podman -n west")
        machine.ok("system stop -n west")
        there = engines.machine(tmp_path, "docker")
        there.ok("system migrate --to docker -n west")
        assert status(machine)["status"] == "stopped"
        there.ok("system start -n west")
        running(engines, "docker")
    finally:
        machine.remove()


def test_a_move_that_does_not_get_ready_leaves_the_site_where_it_was(
    engines: Engines, tmp_path: Path
) -> None:
    machine = engines.machine(tmp_path, "linux")
    try:
        site(machine)
        there = engines.machine(tmp_path, "docker")
        ran = there.run(f"system migrate --to docker --image {BROKEN} -n west")
        assert ran.returncode == 1
        assert "the former one runs again" in ran.stderr
        assert container(engines, "docker") is None
        assert (status(machine)["platform"], status(machine)["status"]) == ("linux", "running")
        assert "is running already" in machine.ok("system start -n west")
    finally:
        machine.remove()


def make_the_references(engines: Engines, machine: Machine, *, started: bool) -> str:
    """Turn the site of namespace west into one as the reference leaves it; returns its id (reference-engine 1.3 and 6.3)."""
    home, site_id = machine.home("west"), str(record(machine, "choices")["siteId"])
    engine = engines.of(machine.platform)
    with closing(engine.connect()) as connected:
        connected.remove(container_name("west"))
    for name in ("choices", "desired-state", "router", "applied"):
        (home / f"internal/{name}.json").unlink(missing_ok=True)
    body = {
        "Image": IMAGE,
        "Env": [
            "APPLICATION_NAME=skupper-router",
            "QDROUTERD_CONF=/etc/skupper-router/config/skrouterd.json",
            "QDROUTERD_CONF_TYPE=json",
            f"SKUPPER_SITE_ID={site_id}",
            "SSL_PROFILE_BASE_PATH=/etc/skupper-router",
        ],
        "Labels": {
            "application": "skupper-v2",
            "skupper.io/v2-component": "router",
            "skupper.io/site-id": site_id,
        },
        "User": f"{os.getuid()}:{os.getgid()}",
        "HostConfig": {
            "Binds": [
                f"{home}/runtime/router:/etc/skupper-router/config:z",
                f"{home}/runtime/certs:/etc/skupper-router/runtime/certs:z",
            ],
            "NetworkMode": "host",
            "OomScoreAdj": 100,
            "RestartPolicy": {"Name": "always"},
        },
    }
    url = f"http://engine/containers/create?name={container_name('west')}"
    socket = engine.endpoint.removeprefix("unix://")
    words = ["curl", "-sf", "--unix-socket", socket, "-H", "Content-Type: application/json", "-d", "@-", url]
    subprocess.run(words, input=json.dumps(body), text=True, check=True, capture_output=True)
    if started:
        with closing(engine.connect()) as connected:
            connected.start(container_name("west"))
    return site_id


@pytest.mark.parametrize(("words", "started"), [("start", True), ("reload", False)])
def test_a_site_of_the_reference_is_shown_and_taken_over(
    engines: Engines, machine: Machine, platform: str, words: str, started: bool
) -> None:
    site(machine)
    ports, issuers = record(machine, "choices")["ports"], cas(machine)
    site_id = make_the_references(engines, machine, started=started)
    if started:
        eventually(lambda: status(machine)["status"] == "running")
    assert status(machine)["keeper"] == "reference"
    found = container(engines, platform)
    assert found
    ran = machine.run(f"system {words} -n west")
    assert ran.returncode == 0, ran.stderr
    assert "was made by the reference" in ran.stderr
    assert site_id in ran.stderr
    assert running(engines, platform).id != found.id
    assert record(machine, "choices")["siteId"] == site_id
    assert record(machine, "choices")["ports"] == ports
    assert record(machine, "choices")["image"] == IMAGE
    assert cas(machine) == issuers
    again = machine.run(f"system {words} -n west")
    assert "reference" not in again.stderr


def test_a_takeover_that_fails_leaves_the_references_router_running(
    engines: Engines, machine: Machine, platform: str
) -> None:
    site(machine)
    site_id = make_the_references(engines, machine, started=True)
    eventually(lambda: status(machine)["status"] == "running")
    ran = machine.run(f"system start --image {BROKEN} -n west")
    assert ran.returncode == 1
    assert "the former one runs again" in ran.stderr
    assert status(machine)["status"] == "running"
    assert status(machine)["keeper"] == "reference"
    assert running(engines, platform).labels["skupper.io/site-id"] == site_id


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_leaves_the_running_router_alone(
    engines: Engines, machine: Machine, platform: str, tmp_path: Path
) -> None:
    site(machine)
    before = running(engines, platform)
    machine.ok("listener create backend 8080 --host 127.0.0.1 -n west")
    full = f"mount -t tmpfs -o size=4k tmpfs {machine.home('west')}/internal/transaction"
    (machine.home("west") / "internal/transaction").mkdir(exist_ok=True)
    words = f'{full} && exec "$@"'
    ran = subprocess.run(
        [
            *machine.enter,
            "unshare",
            "-m",
            "sh",
            "-c",
            words,
            "sh",
            *COMMAND,
            "system",
            "reload",
            "-n",
            "west",
        ],
        capture_output=True,
        text=True,
        env=machine.environment(),
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout
    assert ran.stderr.count("error [") == 1
    assert running(engines, platform).id == before.id
    machine.ok("system reload -n west")


@with_docker
def test_a_dry_run_makes_pulls_and_restarts_nothing(
    machine: Machine, engines: Engines, platform: str
) -> None:
    machine.ok("site create west -n west")
    assert "would be started" in machine.ok("system reload --dry-run -n west")
    assert container(engines, platform) is None
    machine.ok("system start -n west")
    before = running(engines, platform)
    assert "would run on: nothing has changed" in machine.ok("system reload --dry-run -n west")
    machine.ok("listener create backend 18080 --host 127.0.0.1 -n west")
    foreseen = json.loads(machine.ok("system reload --dry-run -n west -o json"))
    assert foreseen["router"] == "restarted"
    assert "+ tcpListener listener/backend" in foreseen["configuration"]
    assert running(engines, platform) == before
    absent = replace(machine, further={**machine.further, "SKUPPER_ROUTER_IMAGE": "localhost/absent:1"})
    absent.ok("site create other -n other")
    ran = absent.run("system reload --dry-run -n other")
    assert ran.returncode == 0, ran.stderr
    assert "localhost/absent:1 would be pulled first" in ran.stderr
    ran = absent.run("system reload --dry-run --pull never -n other")
    assert ran.returncode == 1
    assert "localhost/absent:1" in ran.stderr
    machine.ok("system teardown --force -n other")
    machine.ok("system teardown --force -n west")
