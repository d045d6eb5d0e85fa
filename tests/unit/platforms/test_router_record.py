from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.platforms.container import ContainerSpec, router_container
from skupper_local.platforms.face import RouterSpec
from skupper_local.platforms.record import RouterRecordError, encode_router_record, read_router_record

HOME = Path("/home/ada/.local/share/skupper/namespaces/west")
CONTAINER = router_container(
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


def spec(container: ContainerSpec | None = None, label: str = "abc") -> RouterSpec:
    return RouterSpec(
        namespace="west",
        home=HOME,
        configuration=HOME / "runtime/router/skrouterd.json",
        site_id="1-2",
        program="" if container else "embedded",
        label=label,
        platform="podman" if container else "linux",
        endpoint="unix:///run/user/1000/podman/podman.sock" if container else "",
        container=container,
    )


@pytest.mark.parametrize("container", [None, CONTAINER])
def test_what_was_recorded_is_read_back(tmp_path: Path, container: ContainerSpec | None) -> None:
    path = tmp_path / "router.json"
    path.write_bytes(encode_router_record(spec(container)))
    assert read_router_record(path) == spec(container)


@given(text=st.text())
def test_any_label_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("record") / "router.json"
    path.write_bytes(encode_router_record(spec(label=text)))
    assert read_router_record(path).label == text


def test_a_missing_record_says_how_to_make_it() -> None:
    with pytest.raises(RouterRecordError, match="namespace west") as caught:
        read_router_record(Path("/nonexistent/namespaces/west/internal/router.json"))
    assert "system start -n west" in caught.value.next_step


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"version": 2}',
        encode_router_record(spec()).replace(b'"program": "embedded",\n', b""),
        encode_router_record(spec(CONTAINER)).replace(b'"image"', b'"picture"'),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "router.json"
    path.write_bytes(content)
    with pytest.raises(RouterRecordError):
        read_router_record(path)
