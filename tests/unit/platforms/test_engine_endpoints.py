"""Where an engine is looked for, and which places are refused."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from skupper_local.platforms.endpoints import engine_endpoint, local_endpoint
from skupper_local.platforms.engine import EngineRefusedError


def test_root_finds_podman_in_the_system_directory() -> None:
    assert engine_endpoint("podman", {}, 0) == "unix:///run/podman/podman.sock"


def test_a_user_finds_podman_in_the_runtime_directory() -> None:
    assert engine_endpoint("podman", {}, 1000) == "unix:///run/user/1000/podman/podman.sock"
    assert engine_endpoint("podman", {"XDG_RUNTIME_DIR": "/x"}, 1000) == "unix:///x/podman/podman.sock"


def test_docker_has_one_socket_for_the_machine() -> None:
    assert engine_endpoint("docker", {}, 0) == "unix:///run/docker.sock"


@pytest.mark.parametrize("platform", ["podman", "docker"])
@pytest.mark.parametrize("value", ["/some/where.sock", "unix:///some/where.sock", "unix:///some//where.sock"])
def test_the_variable_comes_first(platform: str, value: str) -> None:
    environment = {"CONTAINER_ENDPOINT": value, "DOCKER_HOST": "unix:///other.sock"}
    assert engine_endpoint(platform, environment, 1000) == "unix:///some/where.sock"


def test_the_variable_of_docker_is_docker_s_alone() -> None:
    environment = {"DOCKER_HOST": "unix:///d.sock", "XDG_RUNTIME_DIR": "/x"}
    assert engine_endpoint("docker", environment, 1000) == "unix:///d.sock"
    assert engine_endpoint("podman", environment, 1000) == "unix:///x/podman/podman.sock"


def test_rootless_docker_is_found_by_a_user_who_may_not_open_the_machine_s_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skupper_local.platforms.endpoints.DOCKER_SOCKET", str(tmp_path / "none"))
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert engine_endpoint("docker", environment, 1000) == f"unix://{tmp_path}/none"
    with socket.socket(socket.AF_UNIX) as rootless:
        rootless.bind(str(tmp_path / "docker.sock"))
        assert engine_endpoint("docker", environment, 1000) == f"unix://{tmp_path}/docker.sock"


@pytest.mark.parametrize(
    "value",
    [
        "tcp://10.0.0.1:2375",
        "http://localhost:8080",
        "https://h",
        "ssh://core@localhost:53453/run/user/501/podman/podman.sock",
        "10.0.0.1:2375",
        "localhost:2375",
        "relative/podman.sock",
        "unix://relative.sock",
        "npipe:////./pipe/docker",
    ],
)
def test_an_engine_elsewhere_is_refused_with_the_reason(value: str) -> None:
    with pytest.raises(EngineRefusedError) as caught:
        engine_endpoint("docker", {"DOCKER_HOST": value}, 1000)
    assert "not a socket of this machine" in caught.value.why
    assert "unset DOCKER_HOST" in caught.value.next_step
    assert "system check" in caught.value.next_step


@pytest.mark.parametrize(
    "value",
    [
        "unix:///run/user/1000/podman/podman-machine-default-api.sock",
        "unix:///home/u/.local/share/containers/podman/machine/qemu/podman.sock",
        "unix:///home/u/.docker/desktop/docker.sock",
    ],
)
def test_a_virtual_machine_is_refused_with_the_reason(value: str) -> None:
    with pytest.raises(EngineRefusedError, match="virtual machine"):
        engine_endpoint("podman", {"CONTAINER_ENDPOINT": value}, 1000)


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    with pytest.raises(EngineRefusedError) as caught:
        local_endpoint("tcp://me:s3cret@10.0.0.1:2376")
    assert "s3cret" not in f"{caught.value} {caught.value.next_step}"
