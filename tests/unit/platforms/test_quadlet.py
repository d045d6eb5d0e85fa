from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skupper_local.platforms.container import HealthCheck, Mount, PublishedPort, router_container
from skupper_local.platforms.quadlet import quadlet_files

HOME = Path("/home/ada/a b%h$HOME\"q'\\x20/skupper/namespaces/west")
SPECIFICATION = router_container(
    namespace="west",
    home=HOME,
    site_id="1-2",
    image="quay.io/skupper/skupper-router:3.5.1",
    platform="podman",
    uid=1000,
    gid=1000,
    rootless=True,
    management_port=5671,
)
SIMPLE = replace(SPECIFICATION, health=HealthCheck(("python3", "-c", 'print("a")\nexit(0)', "$HOME", "5671")))


def test_a_router_on_the_machines_network_is_one_file() -> None:
    files = quadlet_files("west", HOME, SIMPLE)
    assert list(files) == ["west-skupper-router.container"]
    expected = (Path(__file__).parent / "golden-host-network.container").read_text()
    assert files["west-skupper-router.container"] == expected


def test_a_network_of_its_own_is_a_second_file_that_the_first_one_names() -> None:
    specification = replace(
        SIMPLE,
        network="west-skupper",
        own_network=True,
        ports=(PublishedPort("", 55671), PublishedPort("127.0.0.1", 5671), PublishedPort("::1", 8080)),
        aliases=("web",),
        extra_hosts={"localhost": "host-gateway"},
        cpus=0.5,
        memory=256 << 20,
    )
    files = quadlet_files("west", HOME, specification)
    assert list(files) == ["west-skupper.network", "west-skupper-router.container"]
    assert 'Label="application=skupper-v2"' in files["west-skupper.network"]
    lines = files["west-skupper-router.container"].splitlines()
    for line in (
        "Network=west-skupper.network",
        "PublishPort=55671:55671",
        "PublishPort=127.0.0.1:5671:5671",
        "PublishPort=[::1]:8080:8080",
        'PodmanArgs="--network-alias=web"',
        'PodmanArgs="--add-host=localhost:host-gateway"',
        'PodmanArgs="--cpus=0.5"',
        'PodmanArgs="--memory=268435456b"',
    ):
        assert line in lines


def test_a_network_of_the_users_is_only_named() -> None:
    files = quadlet_files("west", HOME, replace(SIMPLE, network="apps"))
    assert list(files) == ["west-skupper-router.container"]
    assert "Network=apps" in files["west-skupper-router.container"].splitlines()


@pytest.mark.parametrize("source", ["/a\nUser=0", "/a\\"])
def test_a_path_that_no_file_can_name_is_refused(source: str) -> None:
    mount = Mount(source, "/etc/skupper-router/config", read_only=False)
    assert quadlet_files("west", HOME, replace(SIMPLE, mounts=(replace(mount, source="/a"),)))
    if "\n" in source:
        with pytest.raises(ValueError, match="cannot be written"):
            quadlet_files("west", HOME, replace(SIMPLE, mounts=(mount,)))
    else:  # the target follows it, so the backslash does not end the line
        assert (
            "Volume=/a\\:/etc"
            in quadlet_files("west", HOME, replace(SIMPLE, mounts=(mount,)))["west-skupper-router.container"]
        )
