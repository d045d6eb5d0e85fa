"""``system units``, as far as no systemd is needed for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from skupper_local.platforms.container import router_container
from skupper_local.platforms.face import RouterSpec
from skupper_local.platforms.record import encode_router_record
from tests.unit.cli.conftest import Run


@pytest.fixture
def spec(data_home: Path, skupper: Run) -> RouterSpec:
    skupper("site create west -n west")
    home = data_home / "namespaces" / "west"
    (home / "internal").mkdir(exist_ok=True)
    container = router_container(
        namespace="west",
        home=home,
        site_id="1-2",
        image="quay.io/skupper/skupper-router:3.5.1",
        platform="podman",
        uid=1000,
        gid=1000,
        rootless=True,
        management_port=5671,
    )
    return RouterSpec("west", home, home / "c.json", "1-2", "", platform="podman", container=container)


def record(spec: RouterSpec) -> None:
    (spec.home / "internal" / "router.json").write_bytes(encode_router_record(spec))


def test_a_router_of_podman_is_exported(skupper: Run, spec: RouterSpec) -> None:
    record(spec)
    ran = skupper("system units --quadlet -n west")
    assert ran.status == 0
    assert ran.out.startswith("# west-skupper-router.container\n")
    assert "ContainerName=west-skupper-router" in ran.out.splitlines()
    assert "skupper-local system stop -n west" in ran.err
    document = json.loads(skupper("system units --quadlet -n west -o json").out)
    assert document["name"] == "west-skupper-router.container"
    assert document["text"] in ran.out


def test_a_router_of_another_platform_is_not(skupper: Run, spec: RouterSpec) -> None:
    record(replace(spec, platform="linux", container=None))
    ran = skupper("system units --quadlet -n west")
    assert ran.status == 2
    assert "[quadlet-not-possible]" in ran.err
    assert "system migrate --to podman -n west" in ran.err


def test_a_site_that_was_never_started_has_nothing_to_export(skupper: Run, spec: RouterSpec) -> None:
    ran = skupper("system units --quadlet -n west")
    assert ran.status == 1
    assert "system start -n west" in ran.err


def test_two_texts_at_once_are_refused(skupper: Run) -> None:
    assert skupper("system units --quadlet --text").status == 2
