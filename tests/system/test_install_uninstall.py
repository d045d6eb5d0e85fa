"""A platform prepared and cleaned on a real host: afterwards the host is as it was, whoever else uses its engines."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.hosts import MiniHost
from tests.rig.images import OUR_IMAGE
from tests.system.conftest import System

pytestmark = pytest.mark.timeout(300)

ARCHIVE = "/srv/image/router.tar"
NEIGHBOUR = "run -d --name neighbour --network neighbours --entrypoint python3"
_FILES = """
find /etc /var/lib/skupper /run/podman /run/docker.sock /root "$HOME" /run/user \\
  \\( -path '*/.local/share/containers' -o -path '*/.cache' -o -path '/run/user/*/libpod' -o -path '/run/user/*/containers' \\
     -o -path '/run/user/*/systemd' -o -path '/run/user/*/netns' -o -path '/run/user/*/crun' -o -path '/run/user/*/runc' \\
     -o -path '*/.config/containers' -o -path '/etc/rc?.d' -o -path '/root/.*' \\) -prune -o -print 2>/dev/null | sort
"""


@pytest.fixture(scope="module")
def host(this_system: System, router_archive: Path) -> Iterator[MiniHost]:
    binds = {"/srv/image": router_archive.parent}
    host = MiniHost(
        "install", tree=this_system.tree, program=this_system.program, binds=binds, users=("ada", "bob")
    )
    with host:
        yield host


def engine(host: MiniHost, platform: str, user: str, words: str) -> str:
    return host.ok("sh", "-c", f"{platform} {words}", user=user)


def lines(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if line.strip())


def state(host: MiniHost, platform: str, user: str) -> dict[str, list[str]]:
    """Everything of the host that an installation could touch, as text."""
    whose = "" if user == "root" else " --user"
    found = {
        "units": f"systemctl{whose} list-unit-files --no-legend --state=enabled,disabled,masked",
        "active": f"systemctl{whose} list-units --no-legend --plain --type=socket,service --state=active | cut -d' ' -f1"
        " | grep -v -e ^podman.service -e ^user@ -e ^dbus -e ^user-runtime",
        "files": _FILES,
        "lingering": "ls /var/lib/systemd/linger",
    }
    result = {name: lines(host.ok("sh", "-c", command, user=user)) for name, command in found.items()}
    result["units"] = [" ".join(line.split()) for line in result["units"]]
    for name, command in (
        ("containers", "ps -a --format '{{.Names}} {{.Image}}'"),
        ("images", "images --format '{{.Repository}}:{{.Tag}}'"),
        ("networks", "network ls --format '{{.Name}}'"),
        ("volumes", "volume ls --format '{{.Name}}'"),
    ):
        result[name] = lines(engine(host, platform, user, command))
    return result


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """What was not there before (+) or is gone (-)."""
    found = {}
    for name in before:
        then, now = set(before[name]), set(after[name])  # a host has many files
        found[name] = [f"+{item}" for item in sorted(now - then)] + [
            f"-{item}" for item in sorted(then - now)
        ]
    return {name: items for name, items in found.items() if items}


def skupper(host: MiniHost, words: str, user: str) -> str:
    return host.ok("skupper-local", *words.split(), user=user)


@pytest.mark.parametrize(
    ("platform", "user"), [("podman", "root"), ("podman", "ada"), ("docker", "root"), ("linux", "bob")]
)
def test_a_host_that_was_prepared_and_used_is_cleaned_of_everything(
    host: MiniHost, platform: str, user: str
) -> None:
    program = platform if platform != "linux" else "podman"
    if platform == "docker":
        host.ok("systemctl", "start", "docker")
    engine(host, program, user, "ps")  # an engine makes its own directories when it is used first
    before = state(host, program, user)
    archive = "" if platform == "linux" else f" --archive {ARCHIVE}"
    assert "is now configured for Skupper" in skupper(host, f"system install -p {platform}{archive}", user)
    installed = state(host, program, user)
    again = skupper(host, f"system install -p {platform}", user)
    assert "done:" not in again
    assert difference(installed, state(host, program, user)) == {}
    skupper(host, "site create west --enable-link-access -n west", user)
    image = "" if platform == "linux" else f" --image {OUR_IMAGE}"
    skupper(host, f"system start -p {platform}{image} -n west", user)
    skupper(host, "site create east -n east", user)

    refused = host.run("skupper-local", "system", "uninstall", user=user)
    assert refused.returncode == 1
    assert "sites-active" in refused.stderr
    assert "The west site is active (namespace west)" in refused.stderr
    assert "running" in skupper(host, "system status -n west", user)

    skupper(host, "system uninstall --force", user)
    assert difference(before, state(host, program, user)) == {}
    assert "nothing to uninstall" in skupper(host, "system uninstall", user)
    if platform == "docker":
        host.ok("systemctl", "stop", "docker.service", "docker.socket")


@pytest.mark.parametrize("user", ["root", "ada"])
def test_an_engine_that_others_use_by_now_is_left_as_it_is(host: MiniHost, user: str) -> None:
    whose = () if user == "root" else ("--user",)
    engine(host, "podman", user, f"load -i {ARCHIVE}")
    engine(host, "podman", user, "network create neighbours")
    skupper(host, "system install -p podman", user)
    engine(host, "podman", user, f"{NEIGHBOUR} {OUR_IMAGE} -c 'import time; time.sleep(1000)'")
    before = state(host, "podman", user)
    skupper(host, "site create west -n west", user)
    skupper(host, f"system start -p podman --image {OUR_IMAGE} -n west", user)

    told = skupper(host, "system uninstall --force", user)
    assert "podman.socket as it is: podman has other containers (neighbour)" in told
    assert f"image {OUR_IMAGE}" in told
    after = state(host, "podman", user)
    # the empty directory of the namespaces and the record stay for a later attempt
    gone = [item for item in difference(before, after).get("files", []) if "skupper/" not in item]
    assert gone == []
    assert set(difference(before, after)) <= {"files"}
    assert host.ok("systemctl", *whose, "is-active", "podman.socket", user=user).strip() == "active"

    engine(host, "podman", user, "rm -f -t 0 neighbour")
    engine(host, "podman", user, "network rm neighbours")
    engine(host, "podman", user, f"rmi {OUR_IMAGE}")
    assert "podman.socket from what starts at boot" in skupper(host, "system uninstall", user)
    assert (
        host.run("systemctl", *whose, "is-enabled", "podman.socket", user=user).stdout.strip() == "disabled"
    )


def test_a_dead_engine_keeps_its_sites_and_everything_else_is_cleaned(host: MiniHost) -> None:
    skupper(host, f"system install -p podman --archive {ARCHIVE}", "ada")
    skupper(host, "site create west -n west", "ada")
    skupper(host, f"system start -p podman --image {OUR_IMAGE} -n west", "ada")
    skupper(host, "site create north -n north", "ada")
    skupper(host, "system start -p linux -n north", "ada")
    host.ok("systemctl", "--user", "stop", "podman.socket", "podman.service", user="ada")

    began = time.monotonic()
    ran = host.run("skupper-local", "system", "uninstall", "--force", user="ada")
    assert time.monotonic() - began < 10
    assert ran.returncode == 1
    assert "removed: namespace north" in ran.stdout
    assert "namespace west is left as it was" in ran.stderr
    assert "system check" in ran.stderr
    assert host.path("/home/ada/.local/share/skupper/namespaces/west/input").is_dir()

    host.ok("systemctl", "--user", "start", "podman.socket", user="ada")
    assert "namespace west" in skupper(host, "system uninstall --force", "ada")
    assert not host.path("/home/ada/.local/share/skupper").exists()
    assert engine(host, "podman", "ada", "ps -aq") == ""


def test_what_is_left_of_a_namespace_that_was_removed_by_hand_goes_too(host: MiniHost) -> None:
    skupper(host, f"system install -p podman --archive {ARCHIVE}", "ada")
    skupper(host, "site create west -n west", "ada")
    skupper(host, f"system start -p podman --image {OUR_IMAGE} -n west", "ada")
    host.ok("sh", "-c", "rm -r ~/.local/share/skupper/namespaces/west", user="ada")
    told = skupper(host, "system uninstall", "ada")
    assert "unit skupper-west.service" in told
    assert "container west-skupper-router of podman" in told or engine(host, "podman", "ada", "ps -aq") == ""
    assert not host.path("/home/ada/.config/systemd").exists()
    assert "podman.socket from what starts at boot" in told


def test_an_image_comes_from_an_archive_and_what_to_type_is_said(host: MiniHost) -> None:
    host.ok("systemctl", "--user", "start", "podman.socket", user="ada")
    ran = host.run("skupper-local", "system", "load-image", ARCHIVE, "-p", "podman", user="ada")
    assert f"Loaded {OUR_IMAGE} into podman" in ran.stdout
    assert f"system start -p podman --image {OUR_IMAGE}" in ran.stderr
    skupper(host, "site create west -n west", "ada")
    skupper(host, f"system start -p podman --image {OUR_IMAGE} -n west", "ada")
    labels = engine(host, "podman", "ada", "inspect --format '{{json .Config.Labels}}' west-skupper-router")
    assert '"application":"skupper-v2"' in labels
    assert '"skupper.io/v2-component":"router"' in labels
    assert '"skupper.io/site-id":' in labels
    checked = host.run("skupper-local", "system", "check", "-n", "west", user="ada")
    assert (checked.returncode, "FAIL" in checked.stdout) == (0, False), checked.stdout
    skupper(host, "system teardown --force -n west", "ada")

    refused = host.run("skupper-local", "system", "load-image", ARCHIVE, "-p", "linux", user="ada")
    assert refused.returncode == 2
    assert "platform-without-images" in refused.stderr
    host.ok("systemctl", "--user", "stop", "podman.socket", user="ada")
    engine(host, "podman", "ada", f"rmi {OUR_IMAGE}")


def test_lingering_is_explained_and_switched_on_only_when_asked_for(host: MiniHost) -> None:
    host.ok("useradd", "-m", "carl")
    as_carl = ("runuser", "-u", "carl", "--", "env", "HOME=/home/carl", "skupper-local", "system")
    told = host.run(*as_carl, "install", "-p", "linux")
    assert "loginctl enable-linger carl" in told.stderr
    checked = host.run(*as_carl, "check", "--pre", "-p", "linux")
    assert "fix: loginctl enable-linger carl" in checked.stdout
    assert not host.path("/var/lib/systemd/linger/carl").exists()
    refused = host.run(*as_carl, "install", "-p", "linux", "--enable-linger")
    if refused.returncode:  # without a polkit that allows it, root has to
        assert "lingering-unchanged" in refused.stderr
        assert "let root type: loginctl enable-linger carl" in refused.stderr
    else:
        assert host.path("/var/lib/systemd/linger/carl").exists()
        assert "lingering of carl" in host.ok(*as_carl, "uninstall")
        assert not host.path("/var/lib/systemd/linger/carl").exists()


def test_reloading_by_itself_is_refused(host: MiniHost) -> None:
    ran = host.run("skupper-local", "system", "install", "-p", "linux", "--reload-type", "auto")
    assert ran.returncode == 2
    assert "reload-type-unsupported" in ran.stderr
    assert "done:" not in ran.stdout


def test_a_socket_of_somebody_else_is_told_from_one_that_is_missing(host: MiniHost) -> None:
    host.ok("systemctl", "start", "docker")
    told = host.run("skupper-local", "system", "check", "--pre", "-p", "docker", "-o", "json", user="ada")
    assert told.returncode == 1
    found = {item["code"]: item for item in json.loads(told.stdout)["checks"]}
    assert found["engine-socket"]["status"] == "failed"
    assert "may not be opened" in found["engine-socket"]["what"]
    host.ok("systemctl", "stop", "docker.service", "docker.socket")
    assert found["image-present"]["status"] == "skipped"


def test_a_small_disk_is_reported(host: MiniHost) -> None:
    host.ok("sh", "-c", "mkdir -p /srv/small && mount -t tmpfs -o size=1m tmpfs /srv/small")
    told = host.run(
        "env", "XDG_DATA_HOME=/srv/small", "skupper-local", *["system", "check", "--pre", "-p", "linux"]
    )
    host.ok("umount", "/srv/small")
    assert told.returncode == 1
    assert "[disk-space]" in told.stdout
