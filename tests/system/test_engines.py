"""Podman, with root and without, and Docker: real engines run a container in the router's place, and are maltreated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from skupper_local.errors import SkupperLocalError
from skupper_local.host import processes
from skupper_local.platforms.container import ContainerSpec, PublishedPort, router_container
from skupper_local.platforms.container_platform import ContainerPlatform, provide_image
from skupper_local.platforms.engine import (
    ContainerFacts,
    ContainerForeignError,
    ContainerLimitsError,
    Engine,
    EngineFailedError,
    EngineUnreachableError,
    ImageArchiveError,
    ImageMissingError,
    ImagePullError,
    NetworkMissingError,
    PullProgress,
    engine_of,
)
from skupper_local.platforms.face import RouterReport, RouterSpec
from tests.rig.hosts import command, unique
from tests.rig.private_engines import (
    NetworkNamespace,
    PrivateDocker,
    PrivateEngine,
    PrivatePodman,
    Registry,
    busybox_image,
    why_not,
)
from tests.rig.registry import PASSWORD, USER, write_archive, write_oci_archive

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(180)]

IMAGE = "localhost/router:1"
HOLD_PORT = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""
OWNER = 54321
"""Who owns a site's files where the engine is root's: nobody the machine knows."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that every user may enter. Its path is short: Podman's monitor starts nothing again below a long one."""
    path = Path(tempfile.mkdtemp(prefix=unique("")))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def network() -> Iterator[NetworkNamespace]:
    namespace = NetworkNamespace("engines")
    yield namespace
    namespace.remove()


@pytest.fixture(scope="module")
def registry(network: NetworkNamespace) -> Iterator[Registry]:
    registry = Registry(network)
    yield registry
    registry.remove()


@pytest.fixture(scope="module")
def archive(place: Path) -> Path:
    write_archive(place / "router.tar", IMAGE, busybox_image())
    return place / "router.tar"


@contextmanager
def rootless_user() -> Iterator[str]:
    """A user with ranges of subordinate ids, and the devices that rootless containers need open to everybody, as udev does."""
    name = unique("user")[:30]
    command("useradd", "--create-home", name)
    for device in ("/dev/net/tun", "/dev/fuse"):
        os.chmod(device, 0o666)
    try:
        yield name
    finally:
        command("userdel", "--remove", name)


@contextmanager
def running(kind: str, place: Path, network: NetworkNamespace) -> Iterator[PrivateEngine]:
    with ExitStack() as stack:
        private: PrivateEngine
        if kind == "docker":
            private = PrivateDocker(place / "d", network)
        else:
            user = stack.enter_context(rootless_user()) if kind == "rootless podman" else "root"
            private = PrivatePodman(place / "p", network, user=user)
        stack.callback(private.remove)
        private.start()
        yield private


@pytest.fixture(scope="module", params=["podman", "rootless podman", "docker"])
def private(
    request: pytest.FixtureRequest, place: Path, network: NetworkNamespace, archive: Path
) -> Iterator[PrivateEngine]:
    """Each of the engines in turn, with the router's image."""
    with running(request.param, place, network) as engine:
        assert engine.connect().load(archive) == (IMAGE,)
        yield engine


@dataclass
class Site:
    """A namespace directory, and its router on an engine."""

    private: PrivateEngine
    engine: Engine
    platform: ContainerPlatform
    home: Path
    container: ContainerSpec

    def spec(self, label: str = "one", **changes: Any) -> RouterSpec:
        return RouterSpec(
            namespace=self.home.name,
            home=self.home,
            configuration=self.home / "runtime" / "router" / "skrouterd.json",
            site_id="site-1",
            program="",
            label=label,
            platform=self.private.platform,
            endpoint=self.private.endpoint,
            container=replace(self.container, **changes),
        )

    def report(self) -> RouterReport:
        return self.platform.inspect(self.home)

    def facts(self) -> ContainerFacts:
        found = self.engine.container(self.container.name)
        assert found is not None
        return found

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{self.report()}\n{self.platform.log(self.home, 20)}"
            time.sleep(0.1)

    def until_logged(self, line: str) -> None:
        self.until(lambda: line in self.platform.log(self.home, -1))


@pytest.fixture
def site(private: PrivateEngine, place: Path) -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="site-", dir=place)) / "west"
    uid = private.user.pw_uid or OWNER
    for part in ("runtime/router", "runtime/certs"):
        (home / part).mkdir(parents=True)
    (home / "runtime" / "router" / "skrouterd.json").write_text("[]")
    for path in (home.parent, home, *home.rglob("*")):
        os.chown(path, uid, uid)
        path.chmod(0o700 if path.is_dir() else 0o600)
    engine = private.connect()
    container = router_container(
        namespace="west",
        home=home,
        site_id="site-1",
        image=IMAGE,
        platform=private.platform,
        uid=uid,
        gid=uid,
        rootless=engine.facts().rootless,
        management_port=5671,
    )
    yield Site(
        private, engine, ContainerPlatform(private.platform, private.endpoint, engine), home, container
    )
    with suppress(SkupperLocalError):
        engine.remove(container.name)
    engine.close()
    shutil.rmtree(home.parent)


def test_an_engine_says_what_it_is(private: PrivateEngine) -> None:
    facts = private.connect().facts()
    assert facts.name == private.platform
    assert facts.rootless == (private.user.pw_uid != 0)
    assert facts.network_is_ours
    assert facts.version[0].isdecimal()
    assert facts.architecture in ("amd64", "arm64")


def test_the_router_runs_as_the_owner_of_its_files_with_nothing_it_does_not_need(site: Site) -> None:
    site.platform.start(site.spec())
    uid = site.private.user.pw_uid or OWNER
    site.until_logged("configuration []")
    log = site.platform.log(site.home, -1)
    assert f"runs as {uid}:{uid}" in log
    assert {"root is read-only", "temporary files are possible"} <= set(log)
    assert "capabilities CapBnd:\t0000000000000400" in log  # ports below 1024, and nothing else
    status = Path(f"/proc/{site.report().pid}/status").read_text()
    assert f"Uid:\t{uid}\t{uid}" in status
    assert "NoNewPrivs:\t1" in status
    assert Path(f"/proc/{site.report().pid}/oom_score_adj").read_text() == "100\n"


def test_a_container_is_named_labelled_and_mounted_as_the_reference_s(site: Site) -> None:
    site.platform.start(site.spec())
    facts = site.facts()
    assert facts.name == "west-skupper-router"
    assert facts.labels["application"] == "skupper-v2"
    assert facts.labels["skupper.io/v2-component"] == "router"
    assert facts.labels["skupper.io/site-id"] == "site-1"
    assert facts.restart_policy == "always"
    assert facts.mounted["/etc/skupper-router/config"] == f"{site.home}/runtime/router"
    assert facts.mounted["/etc/skupper-router/runtime/certs"] == f"{site.home}/runtime/certs"
    ours = site.engine.containers({"application": "skupper-v2", "skupper.io/site-id": "site-1"})
    assert [item.name for item in ours] == ["west-skupper-router"]
    assert site.engine.containers({"application": "skupper-v2", "skupper.io/site-id": "other"}) == ()


def test_a_life_from_start_to_stop(site: Site) -> None:
    assert not site.report().present
    site.platform.start(site.spec())
    report = site.report()
    assert (report.running, report.kept, report.label, report.restarts) == (True, True, "one", 0)
    assert processes.find(report.pid) is not None
    assert abs(report.since - time.time()) < 60
    assert site.container.name in site.platform.log_place(site.home)
    site.until_logged("configuration []")
    assert site.platform.refresh(site.home)
    site.until_logged("refreshed")
    assert site.platform.stop(site.home)
    assert not site.report().present
    assert processes.find(report.pid) is None
    assert not site.platform.stop(site.home)
    assert not site.platform.refresh(site.home)
    assert not site.platform.remove(site.home)


def test_a_start_restarts_the_same_container_and_makes_a_new_one_for_another_specification(
    site: Site,
) -> None:
    site.platform.start(site.spec())
    first = site.facts()
    site.platform.start(site.spec())
    again = site.facts()
    assert again.id == first.id
    assert again.pid != first.pid
    site.platform.start(site.spec("two"))
    assert site.facts().id != first.id
    assert site.report().label == "two"
    site.platform.start(site.spec("two", oom_score_adjustment=200))
    assert Path(f"/proc/{site.report().pid}/oom_score_adj").read_text() == "200\n"


def test_another_image_of_the_same_name_gets_a_new_container(site: Site, place: Path, archive: Path) -> None:
    site.platform.start(site.spec())
    first = site.facts()
    write_archive(place / "newer.tar", IMAGE, busybox_image(version="2"))
    site.engine.load(place / "newer.tar")
    site.platform.start(site.spec())
    assert site.facts().image_id != first.image_id
    site.platform.stop(site.home)
    site.engine.load(archive)


def test_a_router_kept_by_somebody_else_stays_stopped_and_tells_how_it_ended(site: Site) -> None:
    site.platform.start(site.spec(restart="no"))
    report = site.report()
    assert (report.running, report.kept) == (True, False)
    site.until_logged("configuration []")
    os.kill(report.pid, signal.SIGKILL)
    site.until(lambda: site.report().last_exit is not None)
    last = site.report().last_exit
    assert last is not None
    assert last.how == "signal 9"
    assert last.reason == "configuration []"
    site.platform.start(site.spec(restart="no"))
    assert site.platform.stop(site.home)
    assert not site.report().running
    assert site.facts().restart_policy == "no"
    assert not site.platform.stop(site.home)
    assert site.platform.remove(site.home)
    assert site.engine.container(site.container.name) is None


def test_the_engine_starts_a_killed_router_again(site: Site) -> None:
    site.platform.start(site.spec())
    site.until_logged("configuration []")
    assert site.platform.refresh(
        site.home
    )  # Docker before 23 takes this for a stop unless it is told the stop signal
    before = site.report().pid
    os.kill(before, signal.SIGKILL)

    def again() -> bool:
        report = site.report()
        return report.running and report.pid not in (0, before) and report.restarts == 1

    site.until(again)
    report = site.report()
    assert report.kept
    assert report.last_exit is not None


def test_a_killed_monitor_is_noticed_and_put_right_by_a_start(site: Site) -> None:
    if site.private.platform == "docker":
        pytest.skip("containerd notices by itself when its shim is killed, and ends the container")
    site.platform.start(site.spec())
    before = site.report()
    os.kill(before.keeper_pid, signal.SIGKILL)
    site.until(lambda: site.report().keeper_pid == 0)
    assert (site.report().running, site.report().kept) == (True, False)
    site.platform.start(site.spec())
    assert processes.find(before.pid) is None
    assert (site.report().running, site.report().kept) == (True, True)
    again = site.report()
    os.kill(again.keeper_pid, signal.SIGKILL)
    os.kill(again.pid, signal.SIGKILL)
    site.until(lambda: not site.report().running)
    assert not site.report().present
    site.platform.start(site.spec())
    third = site.report()
    assert (third.running, third.kept) == (True, True)
    os.kill(third.keeper_pid, signal.SIGKILL)
    assert site.platform.stop(site.home)
    assert processes.find(third.pid) is None


def test_the_router_survives_a_killed_engine_or_comes_back_with_it(site: Site) -> None:
    site.platform.start(site.spec())
    site.private.signal(signal.SIGKILL)
    with pytest.raises(EngineUnreachableError) as caught:
        ContainerPlatform(site.private.platform, site.private.endpoint).inspect(site.home)
    assert "system check" in caught.value.next_step
    site.private.start()
    site.platform = ContainerPlatform(site.private.platform, site.private.endpoint)
    site.until(lambda: site.report().running and processes.find(site.report().pid) is not None)
    assert site.platform.stop(site.home)


def test_an_engine_that_stops_answering_is_reported_in_time(site: Site) -> None:
    site.platform.start(site.spec())
    site.private.signal(signal.SIGSTOP)
    begin = time.monotonic()
    try:
        with pytest.raises(EngineUnreachableError, match="does not answer"):
            site.report()
    finally:
        site.private.signal(signal.SIGCONT)
    assert time.monotonic() - begin < 10
    site.until(lambda: site.report().running)


def test_a_missing_image_leaves_what_runs_alone(site: Site) -> None:
    site.platform.start(site.spec())
    before = site.report().pid
    with pytest.raises(ImageMissingError) as caught:
        site.platform.start(site.spec("two", image="localhost/other:7"))
    assert "load-image" in caught.value.next_step
    assert site.report().pid == before


def test_a_container_that_is_not_ours_is_never_touched(site: Site) -> None:
    foreign = replace(site.container, labels={"mine": "yes"}, mounts=())
    site.engine.create(foreign)
    site.engine.start(foreign.name)
    before = site.facts()
    with pytest.raises(ContainerForeignError, match="for something else"):
        site.platform.start(site.spec())
    assert not site.report().present
    assert not site.platform.stop(site.home)
    assert not site.platform.remove(site.home)
    assert not site.platform.refresh(site.home)
    assert site.platform.log(site.home, -1) == []
    assert (site.facts().id, site.facts().pid) == (before.id, before.pid)


def test_the_router_of_another_site_of_that_name_is_not_ours(site: Site, place: Path) -> None:
    other = site.home.parent / "elsewhere"
    (other / "router").mkdir(parents=True)
    labels = {**site.container.labels, "skupper.io/site-id": "site-2"}
    mount = replace(site.container.mounts[0], source=str(other / "router"))
    site.engine.create(replace(site.container, labels=labels, mounts=(mount,)))
    with pytest.raises(ContainerForeignError, match="site-2"):
        site.platform.start(site.spec())
    assert not site.platform.stop(site.home)
    assert site.engine.container(site.container.name) is not None


def test_a_container_that_the_reference_made_is_taken_over(site: Site) -> None:
    """reference-engine 6.3: its labels, and writable mounts."""
    theirs = replace(
        site.container, mounts=tuple(replace(mount, read_only=False) for mount in site.container.mounts)
    )
    site.engine.create(theirs)
    site.engine.start(theirs.name)
    assert site.report().running
    before = site.facts().id
    site.platform.start(site.spec())
    assert site.facts().id != before
    assert site.report().label == "one"


def test_a_published_port_that_is_taken_is_an_error_and_leaves_no_container(site: Site) -> None:
    name = "en-apps"
    site.engine.make_network(name, {"test": "en"})
    holder = subprocess.Popen(
        [*site.private.network.enter(), sys.executable, "-c", HOLD_PORT, "18081"], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(EngineFailedError) as caught:
            site.platform.start(site.spec(network=name, ports=(PublishedPort("127.0.0.1", 18081),)))
        assert "18081" in caught.value.why
        assert site.engine.container(site.container.name) is None
        site.platform.start(site.spec(network=name, ports=(PublishedPort("127.0.0.1", 18082),)))
        assert site.facts().published == {18082: (("127.0.0.1", 18082),)}
        assert name in site.facts().addresses
    finally:
        holder.kill()
        holder.wait()
        site.platform.remove(site.home)
        site.engine.remove_network(name, {"test": "en"})


def test_a_network_that_does_not_exist_is_named(site: Site) -> None:
    with pytest.raises(NetworkMissingError) as caught:
        site.platform.start(site.spec(network="nowhere"))
    assert "nowhere" in caught.value.why
    assert site.engine.container(site.container.name) is None


def test_limits_are_imposed_or_refused_but_never_dropped(site: Site) -> None:
    wanted = site.spec(cpus=0.5, memory=64 << 20)
    if {"cpu", "memory"} <= site.engine.facts().controllers:
        site.platform.start(wanted)
        pid = site.report().pid
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        own = next(
            line.partition(":/")[2] for line in groups.splitlines() if ":memory:" in line or line[:3] == "0::"
        )
        root = Path("/sys/fs/cgroup")
        limits = [root / "memory" / own / "memory.limit_in_bytes", root / own / "memory.max"]
        assert [path.read_text().strip() for path in limits if path.exists()] == [str(64 << 20)]
    else:
        with pytest.raises(ContainerLimitsError):
            site.platform.start(wanted)
        assert site.engine.container(site.container.name) is None


def test_somebody_who_may_not_open_the_socket_is_told_so(private: PrivateEngine) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # the libraries are loaded: nobody needs to be able to read this checkout
        os.setgroups([])
        os.setegid(65_534)
        os.seteuid(65_534)
        try:
            private.connect()
            text = "opened"
        except EngineUnreachableError as error:
            text = f"{error.why}; {error.next_step}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert "user nobody may not open that socket" in answer
    assert "system check" in answer


# Images


def logins(place: Path, password: str) -> dict[str, str]:
    import base64

    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (place / "auth.json").write_text(json.dumps({"auths": {"127.0.0.1:5000": {"auth": auth}}}))
    return {"REGISTRY_AUTH_FILE": str(place / "auth.json")}


def test_an_image_is_pulled_when_it_is_missing_always_or_never(
    private: PrivateEngine, registry: Registry
) -> None:
    engine, reference = private.connect(), registry.reference("open")
    seen: list[PullProgress] = []
    with pytest.raises(ImageMissingError):
        provide_image(engine, reference, "never", seen.append)
    image = provide_image(engine, reference, "missing", seen.append)
    assert image.labels == {"kind": "open"}
    assert image.digest.startswith("sha256:")
    assert seen
    seen.clear()
    assert provide_image(engine, reference, "missing", seen.append) == image
    assert provide_image(engine, reference, "never", seen.append) == image
    assert not seen
    assert provide_image(engine, reference, "always", seen.append) == image
    assert seen


def test_a_pull_that_fails_although_the_image_is_here_says_how_to_use_it(private: PrivateEngine) -> None:
    with pytest.raises(ImagePullError) as caught:
        provide_image(private.connect(), IMAGE, "always", lambda _: None)
    assert "--pull missing" in caught.value.next_step


def test_a_private_image_needs_the_right_login(
    private: PrivateEngine, registry: Registry, place: Path
) -> None:
    reference = registry.reference("private")
    with pytest.raises(ImagePullError) as caught:
        private.connect().pull(reference, lambda _: None)
    assert f"log in: {private.platform} login 127.0.0.1:5000" in caught.value.next_step
    wrong = engine_of(private.platform, private.endpoint, logins(place, "not-this-one"))
    with pytest.raises(ImagePullError) as caught:
        wrong.pull(reference, lambda _: None)
    assert "not-this-one" not in f"{caught.value} {caught.value.next_step}"
    right = engine_of(private.platform, private.endpoint, logins(place, PASSWORD))
    assert right.pull(reference, lambda _: None).labels == {"kind": "private"}


@pytest.mark.parametrize("kind", ["open", "nothing"])
def test_a_missing_tag_or_repository_is_called_so(
    private: PrivateEngine, registry: Registry, kind: str
) -> None:
    with pytest.raises(ImagePullError) as caught:
        private.connect().pull(registry.reference(kind, "7"), lambda _: None)
    assert "no such image or tag" in caught.value.why


def test_without_a_network_the_archive_is_recommended(private: PrivateEngine) -> None:
    with pytest.raises(ImagePullError) as caught:
        private.connect().pull("registry.invalid/router:1", lambda _: None)
    assert "cannot be resolved" in caught.value.why
    assert "system load-image" in caught.value.next_step


def test_a_download_that_stands_still_is_given_up(
    private: PrivateEngine, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("requests_engine", private.platform):
        monkeypatch.setattr(f"skupper_local.platforms.{module}.STILL_SECONDS", 3.0)
    reference = registry.reference("stalled")
    with pytest.raises(ImagePullError, match="came to a halt"):
        private.connect().pull(reference, lambda _: None)
    assert private.connect().image(reference) is None


def test_archives_of_both_formats_are_loaded(private: PrivateEngine, place: Path) -> None:
    engine = private.connect()
    write_archive(place / "d.tar", "localhost/plain:1")
    write_oci_archive(place / "o.tar", "localhost/oci:1")
    assert engine.load(place / "d.tar") == ("localhost/plain:1",)
    assert engine.load(place / "o.tar") == ("localhost/oci:1",)
    assert engine.image("localhost/oci:1") is not None


def test_an_archive_with_missing_parts_is_refused_with_the_reason(
    private: PrivateEngine, place: Path
) -> None:
    from tests.rig.registry import layer_tar

    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["localhost/b:1"], "Layers": ["l.tar"]}])
    (place / "broken.tar").write_bytes(layer_tar({"manifest.json": manifest.encode()}))
    with pytest.raises(ImageArchiveError, match=r"c\.json"):
        private.connect().load(place / "broken.tar")


@pytest.mark.parametrize("kind", ["podman", "docker"])
def test_a_full_disk_during_a_pull_is_said_and_leaves_nothing(
    kind: str, network: NetworkNamespace, registry: Registry
) -> None:
    storage = Path(tempfile.mkdtemp(prefix=unique("")))
    command("mount", "-t", "tmpfs", "-o", "size=40m,mode=755", "tmpfs", str(storage))
    try:
        with running(kind, storage, network) as private:
            engine = private.connect()
            engine.pull(registry.reference("open"), lambda _: None)
            used = shutil.disk_usage(storage).used
            with pytest.raises(ImagePullError) as caught:
                engine.pull(registry.reference("large"), lambda _: None)
            assert "no space is left" in caught.value.why
            assert "df -h" in caught.value.next_step
            assert engine.image(registry.reference("large")) is None
            assert engine.image(registry.reference("open")) is not None
            assert shutil.disk_usage(storage).used < used + (2 << 20)
    finally:
        command("umount", "--lazy", str(storage))
        storage.rmdir()
