"""A bundle on a host that has Python, systemd and Podman and nothing of ours: installed, used, upgraded, removed."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.bundle import SHELL_SCRIPT, generate_bundle
from skupper_local.operations.target import Target
from tests.rig.hosts import MiniHost
from tests.rig.images import OUR_IMAGE
from tests.system.conftest import System

pytestmark = pytest.mark.timeout(600)

USERS = ("root", "ada")
CONTENT = "through the bundle"
SITE = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
CONNECTOR = (
    "apiVersion: skupper.io/v2alpha1\nkind: Connector\nmetadata: {name: web}\n"
    "spec: {routingKey: web, host: 127.0.0.1, port: 28419}\n"
)
LISTENER = (
    "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {{name: {name}}}\n"
    "spec: {{routingKey: web, host: 127.0.0.1, port: {port}}}\n"
)
FILES = """
find /etc /var/lib/skupper "$HOME" \\( -path '*/.cache' -o -path '*/containers' -o -path '/root/.*' \\) -prune -o -print \\
  2>/dev/null | sort
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of two sites, the second one in two versions, as files that every user of the host may read."""
    work = tmp_path_factory.mktemp("work")
    directory = tmp_path_factory.mktemp("bundles")
    target = Target(NamespacePaths.of("default", work / "data"))

    def make(name: str, kind: str, *texts: str) -> None:
        declared = work / name
        declared.mkdir()
        for number, text in enumerate(texts):
            (declared / f"{number}.yaml").write_text(text)
        generate_bundle(target, name, directory=str(declared), kind=kind, output=f"{directory}/")

    make("west", SHELL_SCRIPT, SITE.format(name="west", spec="linkAccess: default"), CONNECTOR)
    east = SITE.format(name="east", spec="")
    make("east", "tarball", east, LISTENER.format(name="one", port=28411))
    make("east2", "tarball", east, LISTENER.format(name="two", port=28412))
    directory.chmod(0o755)
    for path in directory.iterdir():
        path.chmod(0o644)
    return directory


@pytest.fixture(scope="module")
def host(trixie_system: System, bundles: Path, router_archive: Path) -> Iterator[MiniHost]:
    binds = {"/srv/bundles": bundles, "/srv/image": router_archive.parent}
    with MiniHost("bundle", tree=trixie_system.tree, binds=binds, users=("ada",)) as host:
        yield host


@pytest.fixture(scope="module")
def docker_host(this_system: System, bundles: Path, router_archive: Path) -> Iterator[MiniHost]:
    binds = {"/srv/bundles": bundles, "/srv/image": router_archive.parent}
    with MiniHost("dock", tree=this_system.tree, binds=binds) as host:
        host.ok("sh", "-c", "systemctl start docker && docker load -q -i /srv/image/router.tar", timeout=120)
        yield host


class BundleUser:
    """One user of the host."""

    def __init__(self, host: MiniHost, user: str) -> None:
        self.host, self.user = host, user
        self.data_home = "/var/lib/skupper" if user == "root" else f"/home/{user}/.local/share/skupper"

    def sh(self, line: str, status: int = 0) -> str:
        ran = self.host.run("sh", "-c", line, user=self.user, timeout=300)
        assert ran.returncode == status, f"{line}: {ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def program(self, namespace: str, words: str) -> str:
        program = f"{self.data_home}/bundled/{namespace}/current/bin/skupper-local"
        return self.host.ok(program, *words.split(), "-n", namespace, user=self.user)

    def json(self, namespace: str, words: str) -> Any:
        return json.loads(self.program(namespace, f"{words} -o json"))

    def systemctl(self, *words: str) -> str:
        whose = () if self.user == "root" else ("--user",)
        return self.host.run("systemctl", *whose, *words, user=self.user).stdout.strip()

    def fetches(self, port: int) -> bool:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = self.host.run("curl", "-s", "-m", "5", f"http://127.0.0.1:{port}/", user=self.user)
            if found.stdout.strip() == CONTENT:
                return True
            time.sleep(0.3)
        return False


@pytest.fixture(params=USERS)
def there(host: MiniHost, request: pytest.FixtureRequest) -> BundleUser:
    return BundleUser(host, request.param)


@contextlib.contextmanager
def web_server(there: BundleUser) -> Iterator[None]:
    directory = f"/tmp/web-{there.user}"
    there.sh(f"mkdir -p {directory} && echo '{CONTENT}' > {directory}/index.html")
    server = there.host.launch(
        *("python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", directory, "28419"),
        user=there.user,
    )
    try:
        yield
    finally:
        there.sh(f"pkill -u {there.user} -f '[d]irectory {directory} 28419'; rm -rf {directory}")
        server.wait(timeout=10)


def test_sites_of_bundles_carry_traffic_are_upgraded_and_leave_nothing_behind(there: BundleUser) -> None:
    before = there.sh(FILES)
    with web_server(there):
        there.sh("sh /srv/bundles/west.sh -p linux -n west")
        assert there.systemctl("is-active", "skupper-west.service") == "active"
        links = there.sh("sh /srv/bundles/west.sh -n west -d ~/links | grep 127.0.0.1").split()
        there.sh(
            "mkdir ~/one && tar -xzf /srv/bundles/east.tar.gz -C ~/one && ~/one/install.sh -p linux -n east"
        )
        there.program("east", f"system apply -f {links[0]}")
        there.program("east", "system reload")
        assert there.fetches(28411)
        identity = there.sh(f"cat {there.data_home}/namespaces/east/internal/choices.json")
        issuers = there.sh(f"cat {there.data_home}/namespaces/east/runtime/issuers/*/tls.crt")

        there.sh(
            "mkdir ~/two && tar -xzf /srv/bundles/east2.tar.gz -C ~/two && ~/two/install.sh -p linux -n east"
        )
        assert there.fetches(28412)
        assert not there.sh("curl -s -m 2 http://127.0.0.1:28411/ || true")
        assert there.json("east", "listener status")["metadata"]["name"] == "two"
        assert there.sh(f"cat {there.data_home}/namespaces/east/internal/choices.json") == identity
        assert there.sh(f"cat {there.data_home}/namespaces/east/runtime/issuers/*/tls.crt") == issuers

        there.sh("~/two/install.sh -x -n east && ~/one/install.sh -x -n east")
        assert there.systemctl("is-active", "skupper-west.service") == "active"
        there.sh("sh /srv/bundles/west.sh -x -n west")
    there.sh("rm -rf ~/links ~/one ~/two")
    assert there.systemctl("list-units", "--all", "--no-legend", "skupper-*") == ""
    assert there.sh(FILES) == before


def test_a_namespace_that_somebody_uses_is_refused_and_left_as_it_is(there: BundleUser) -> None:
    resources = f"{there.data_home}/namespaces/mine/input/resources"
    there.sh(f"mkdir -p {resources} && touch {resources}/Site-mine.yaml")
    said = there.sh("sh /srv/bundles/west.sh -p linux -n mine", status=2)
    assert "namespace-taken" in said
    said = there.sh("sh /srv/bundles/west.sh -x -n mine", status=2)
    assert "namespace-taken" in said
    there.sh(f"test -e {resources}/Site-mine.yaml && rm -r {there.data_home}")


def test_removing_what_is_not_there_is_no_failure(there: BundleUser) -> None:
    assert "nothing to remove" in there.sh("sh /srv/bundles/west.sh -x -n nobody")


ODD = "100%: $HOME \"q\" 'x' \\y é;&"


def test_it_does_not_matter_what_the_directories_are_called(host: MiniHost) -> None:
    """That of the bundle, and that which it installs into: neither for Python, nor for the shell, nor for systemd."""
    there = BundleUser(host, "ada")
    place = shlex.quote(f"/home/ada/{ODD}")
    program = f"{place}/data/skupper/bundled/odd/current/bin/skupper-local"
    there.sh(f"mkdir -p {place}/bundle && tar -xzf /srv/bundles/east.tar.gz -C {place}/bundle")
    installer = f"cd {place}/bundle && XDG_DATA_HOME={place}/data ./install.sh -n odd"
    assert "the program is here" in there.sh(f"{installer} -p linux")
    there.sh(f"export XDG_DATA_HOME={place}/data; {program} listener delete one -n odd --wait configured")
    there.systemctl("restart", "skupper-odd.service")
    assert "running" in there.sh(f"XDG_DATA_HOME={place}/data {program} system status -n odd")
    there.sh(f"{installer} -x")
    there.sh(f"test ! -e {place}/data")
    there.sh(f"rm -r {place}")
    assert there.systemctl("list-units", "--all", "--no-legend", "skupper-*") == ""


@pytest.mark.parametrize("image", ["ours", "official"])
def test_a_bundle_runs_in_docker_is_upgraded_and_removed(
    docker_host: MiniHost, image: str, request: pytest.FixtureRequest
) -> None:
    there = BundleUser(docker_host, "root")
    reference = OUR_IMAGE
    if image == "official":
        archive = request.getfixturevalue("official_archive").read_bytes()
        docker_host.path("/srv/official.tar").write_bytes(archive)
        reference = there.sh("docker load -q -i /srv/official.tar").split(": ", 1)[1].strip()
    before = there.sh(FILES)
    environment = f"SKUPPER_ROUTER_IMAGE={reference}"
    for bundle, listener in (("east", "one"), ("east2", "two")):
        there.sh(f"mkdir /tmp/{bundle} && tar -xzf /srv/bundles/{bundle}.tar.gz -C /tmp/{bundle}")
        there.sh(f"{environment} /tmp/{bundle}/install.sh -p docker -n east")
        assert there.sh("docker ps --format '{{.Names}} {{.Image}}'") == f"east-skupper-router {reference}\n"
        assert there.json("east", "listener status")["metadata"]["name"] == listener
        assert there.json("east", "system status")["status"] == "running"
    assert there.systemctl("is-active", "skupper-east.service") == "active"
    there.sh("/tmp/east/install.sh -x -n east; rm -r /tmp/east /tmp/east2")
    assert there.sh("docker ps -a --format '{{.Names}}'") == ""
    assert reference in there.sh("docker images --format '{{.Repository}}:{{.Tag}}'")
    assert there.sh(FILES) == before


def test_a_bundle_runs_in_podman_with_a_router_image(host: MiniHost) -> None:
    there = BundleUser(host, "ada")
    there.systemctl("start", "podman.socket")
    there.sh("podman load -q -i /srv/image/router.tar")
    there.sh(f"SKUPPER_ROUTER_IMAGE={OUR_IMAGE} sh /srv/bundles/west.sh -p podman -n west")
    assert there.sh("podman ps --format '{{.Names}}'").split() == ["west-skupper-router"]
    assert there.systemctl("is-active", "skupper-west.service") == "active"
    there.sh("sh /srv/bundles/west.sh -x -n west")
    assert there.sh("podman ps -a --format '{{.Names}}'").split() == []
    there.sh("podman image rm -f " + OUR_IMAGE)
    there.systemctl("stop", "podman.socket", "podman.service")
