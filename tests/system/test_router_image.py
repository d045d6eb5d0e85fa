"""The router's image, ours and the official one, in real engines: started as the site manager does, and used."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skupper_local.platforms.container import PROFILES_TARGET, ContainerSpec, router_container
from skupper_local.platforms.engine import ContainerFacts, Engine
from tests.rig.accounts import ordinary_user
from tests.rig.certificates import Authority, Credentials
from tests.rig.client import Stream
from tests.rig.configuration import Configuration
from tests.rig.hosts import unique
from tests.rig.images import OUR_IMAGE
from tests.rig.installed import REPOSITORY
from tests.rig.machine import eventually
from tests.rig.private_engines import NetworkNamespace, PrivateDocker, PrivateEngine, PrivatePodman
from tests.rig.request import Kind

pytestmark = pytest.mark.timeout(180)

one_engine = pytest.mark.parametrize("private", ["podman"], indirect=True)
"""For behaviour of the image alone, on which the engine has no influence."""

our_image = pytest.mark.parametrize("image", ["ours"], indirect=True)
"""For what only our image promises."""

MANAGEMENT, HTTP, LISTENER, SERVICE = 5671, 9001, 8080, 9090
OWNER = 54_321
"""Who owns a site's files where the engine is root's: nobody the machine or the image knows."""

SERIAL = (
    "import ssl, sys; "
    "print(ssl.get_server_certificate(('127.0.0.1', int(sys.argv[1])), ssl_version=ssl.PROTOCOL_TLS_CLIENT))"
)


@pytest.fixture(scope="module")
def place(real_system: None) -> Iterator[Path]:
    """A directory that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix=unique("image") + "-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def network(real_system: None) -> Iterator[NetworkNamespace]:
    """The network of the engines, in which this module's ports are nobody else's."""
    namespace = NetworkNamespace(unique("image"))
    yield namespace
    namespace.remove()


@pytest.fixture(scope="module", params=["podman", "rootless podman", "docker"])
def private(
    request: pytest.FixtureRequest, place: Path, network: NetworkNamespace
) -> Iterator[PrivateEngine]:
    """Each engine in turn."""
    directory = place / request.param.replace(" ", "-")
    with ExitStack() as stack:
        engine: PrivateEngine
        if request.param == "docker":
            engine = PrivateDocker(directory, network)
        elif request.param == "podman":
            engine = PrivatePodman(directory, network)
        else:
            engine = PrivatePodman(directory, network, user=stack.enter_context(ordinary_user("image")))
        stack.callback(engine.remove)
        engine.start()
        yield engine


@pytest.fixture(scope="module", params=["ours", "official"])
def image(request: pytest.FixtureRequest, private: PrivateEngine) -> str:
    """Each image in turn, loaded from its archive; its name."""
    fixture = "router_archive" if request.param == "ours" else "official_archive"
    with closing(private.connect()) as engine:
        (reference,) = engine.load(request.getfixturevalue(fixture))
    return str(reference)


@dataclass
class RouterContainer:
    """One container with a router in it, and the site's files it is given."""

    private: PrivateEngine
    engine: Engine
    network: NetworkNamespace
    spec: ContainerSpec
    home: Path
    authority: Authority
    ours: bool

    def start(self, **changes: Any) -> None:
        self.spec = replace(self.spec, **changes)
        self._give_away()
        self.engine.create(self.spec)
        self.engine.start(self.spec.name)

    def _give_away(self) -> None:
        for path in (self.home, *self.home.rglob("*")):
            uid, gid = (OWNER, OWNER)
            if self.private.user.pw_uid:
                uid, gid = self.private.user.pw_uid, self.private.user.pw_gid
            os.chown(path, uid, gid)

    def renew_certificate(self) -> str:
        """Give the local listener another certificate; returns it."""
        files = self.authority.server("skupper-local-server")
        self._give_away()
        return files.certificate.read_text()

    def facts(self) -> ContainerFacts:
        facts = self.engine.container(self.spec.name)
        assert facts, "there is no such container"
        return facts

    def log(self) -> str:
        return "\n".join(self.engine.log(self.spec.name, -1))

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        client = (
            ["docker", "--host", self.private.endpoint]
            if self.private.platform == "docker"
            else ["podman", "--url", self.private.endpoint]
        )
        return subprocess.run(
            [*client, "exec", self.spec.name, *words], capture_output=True, text=True, timeout=30, check=False
        )

    def healthy(self) -> bool:
        """What the manager's own health check says, run once."""
        assert self.spec.health
        return self.inside(*self.spec.health.command).returncode == 0

    def answers(self) -> bool:
        """What our image's own health command says; the official one has none."""
        return self.inside("skupper-router-health").returncode == 0 if self.ours else self.healthy()

    def nearby(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run this test's Python in the network of the container."""
        return subprocess.run(
            [*self.network.enter(), sys.executable, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=REPOSITORY,
        )

    def certificate(self) -> str:
        """The certificate that a new client of the local listener is shown."""
        return self.nearby("-c", SERIAL, str(MANAGEMENT)).stdout

    def remove(self) -> None:
        self.engine.remove(self.spec.name)
        self.engine.close()


def _configuration(site_id: str) -> Configuration:
    """What a site gives its router, with the variables of the image's contract in it."""
    configuration = Configuration(site_id)
    certificates = Path("${SSL_PROFILE_BASE_PATH}/runtime/certs/skupper-local-server")
    files = Credentials(certificates / "tls.crt", certificates / "tls.key", certificates / "ca.crt")
    configuration.listen(MANAGEMENT, files, role="normal", name="local")
    configuration.http(HTTP)
    configuration.consume("backend", LISTENER)
    configuration.expose("backend", SERVICE)
    return configuration


@pytest.fixture
def container(
    private: PrivateEngine, image: str, network: NetworkNamespace, place: Path, request: pytest.FixtureRequest
) -> Iterator[RouterContainer]:
    """A container as the manager would make it, not started yet."""
    home = Path(tempfile.mkdtemp(prefix="site-", dir=place))
    home.chmod(0o700)
    (home / "runtime/router").mkdir(parents=True)
    authority = Authority(home / "runtime/certs")
    authority.server("skupper-local-server")
    authority.client("skupper-local-client")
    _configuration("router-${SKUPPER_SITE_ID}").write(home / "runtime/router/skrouterd.json")
    rootless = private.user.pw_uid != 0
    spec = router_container(
        namespace="west",
        home=home,
        site_id="11111111-2222",
        image=image,
        platform=private.platform,
        uid=private.user.pw_uid if rootless else OWNER,
        gid=private.user.pw_gid if rootless else OWNER,
        rootless=rootless,
        management_port=MANAGEMENT,
        kept_by_engine=False,
    )
    ours = request.node.callspec.params["image"] == "ours"
    made = RouterContainer(private, private.connect(), network, spec, home, authority, ours)
    yield made
    made.remove()


@contextmanager
def service(network: NetworkNamespace) -> Iterator[None]:
    words = [*network.enter(), sys.executable, "-m", "tests.rig.service", str(SERVICE)]
    with subprocess.Popen(words, cwd=REPOSITORY) as process:
        try:
            yield
        finally:
            process.kill()


def test_a_router_in_a_container_is_healthy_carries_traffic_and_stops_when_told_to(
    container: RouterContainer,
) -> None:
    with service(container.network):
        container.start()
        eventually(container.healthy)
        stream = Stream(LISTENER, kind=Kind.DUPLEX, length=4_000_000)
        job = json.dumps({"job": "streams", "streams": [asdict(stream)]})
        eventually(
            lambda: json.loads(container.nearby("-m", "tests.rig.client", job).stdout)[0]["good"], seconds=30
        )
    started = time.monotonic()
    assert container.engine.stop(container.spec.name, 10)
    assert time.monotonic() - started < 8, "SIGTERM was not enough"
    facts = container.facts()
    assert (facts.running, facts.exit_code) == (False, 0), container.log()
    container.engine.start(container.spec.name)
    eventually(container.healthy)


def test_it_runs_as_the_owner_of_the_files_with_a_read_only_root_and_no_capabilities(
    container: RouterContainer,
) -> None:
    container.start(capabilities=())
    eventually(container.healthy)
    look = (
        "import os; status = open('/proc/1/status').read().split('\\n')\n"
        "print([line.split()[1] for line in status if line.startswith(('Uid:', 'CapBnd:', 'NoNewPrivs:'))])\n"
        "try: open('/forbidden', 'w')\n"
        "except OSError as error: print(error.errno)"
    )
    looked = container.inside("python3", "-c", look).stdout.split("\n")
    owner = container.private.user.pw_uid or OWNER
    assert looked[:2] == [str([str(owner), "0" * 16, "1"]), "30"], looked


@one_engine
def test_variables_in_the_configuration_are_replaced(container: RouterContainer) -> None:
    container.start()
    eventually(container.healthy)
    client = container.home / "runtime/certs/skupper-local-client"
    ask = (
        "import sys, pathlib\n"
        "from skupper_local.management import RouterManagement\n"
        "with RouterManagement.connect('127.0.0.1', int(sys.argv[1]), credentials=pathlib.Path(sys.argv[2])) as router:\n"
        "    print(router.router_id)"
    )
    assert container.nearby("-c", ask, str(MANAGEMENT), str(client)).stdout == "router-11111111-2222\n"


@one_engine
def test_health_is_told_when_the_router_hangs(container: RouterContainer) -> None:
    container.start()
    eventually(container.healthy)
    asked = container.answers
    assert asked()
    assert container.engine.signal(container.spec.name, "STOP")
    try:
        assert not asked()
    finally:
        container.engine.signal(container.spec.name, "CONT")
    eventually(asked)


@our_image
def test_a_signal_makes_the_router_read_its_certificates_again(container: RouterContainer) -> None:
    container.start()
    eventually(container.healthy)
    before = container.certificate()
    renewed = container.renew_certificate()
    assert container.engine.signal(container.spec.name, "HUP")
    eventually(lambda: container.certificate().split() == renewed.split())
    assert before.split() != renewed.split()
    assert container.facts().running


@one_engine
def test_a_configuration_may_be_given_in_the_environment(container: RouterContainer) -> None:
    inline = json.dumps(_configuration("inline").entities)
    container.start(environment={**container.spec.environment, "QDROUTERD_CONF": inline})
    eventually(container.healthy)


@one_engine
def test_a_configuration_that_is_missing_is_named_and_ends_the_container(container: RouterContainer) -> None:
    missing = {**container.spec.environment, "QDROUTERD_CONF": f"{PROFILES_TARGET}/config/none.json"}
    container.start(environment=missing)
    eventually(lambda: not container.facts().running)
    assert container.facts().exit_code != 0
    assert "none.json" in container.log()
    if container.ours:
        assert container.facts().exit_code == 2
        assert "QDROUTERD_CONF" in container.log()


@one_engine
@our_image
def test_a_container_told_to_stop_while_it_starts_does_so(container: RouterContainer) -> None:
    container.start()
    eventually(lambda: _takes(container.facts().pid, signal.SIGTERM))
    started = time.monotonic()
    container.engine.stop(container.spec.name, 10)
    assert time.monotonic() - started < 8
    assert container.facts().exit_code == 0, container.log()


def _takes(pid: int, number: int) -> bool:
    """Whether a process has asked for a signal; a container's first process that has not is not sent it at all."""
    lines = Path(f"/proc/{pid}/status").read_text().split("\n")
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << number - 1)


# How the image is built.


def test_it_is_built_without_a_network_or_an_engine_and_always_the_same(
    real_system: None, router_archive: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.tar"
    name, _, tag = OUR_IMAGE.rpartition(":")
    subprocess.run(
        [
            *("unshare", "--net", sys.executable, str(REPOSITORY / "packaging/container/build_image.py")),
            *("-o", str(again), "--name", name, "--tag", tag),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert again.read_bytes() == router_archive.read_bytes()


def test_it_is_small_and_holds_the_router_and_nothing_of_sites(router_archive: Path) -> None:
    assert router_archive.stat().st_size < 80_000_000
    with tarfile.open(router_archive) as archive:
        manifest = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest"))
        with tarfile.open(fileobj=archive.extractfile(manifest[0]["Layers"][0])) as layer:
            members = layer.getmembers()
    names = {member.name for member in members}
    assert "opt/skupper-local/skupper_local/router/main.py" in names
    assert not any("skupper_local/site" in name or "skupper_local/cli" in name for name in names)
    assert not any(name.endswith(("/sh", "/bash")) for name in names)
    assert {member.mtime for member in members} == {0}
    assert not any(member.mode & 0o6000 for member in members), "a program that changes its user"
