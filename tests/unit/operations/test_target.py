"""Which namespace and platform a command works on."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.namespace.errors import NamespaceNameInvalidError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import encode_platform
from skupper_local.operations.errors import PlatformMismatchError
from skupper_local.operations.target import Target, find_target, platform_of
from skupper_local.platforms.face import PlatformNotSupportedError


def target(home: Path, *, flag: str = "", recorded: str = "") -> Target:
    paths = NamespacePaths.of("west", home)
    if recorded:
        paths.internal.mkdir(parents=True)
        paths.platform.write_bytes(encode_platform(recorded))
    return Target(paths, flag)


def test_the_flag_names_the_namespace_before_the_environment(tmp_path: Path) -> None:
    environ = {"SKUPPER_NAMESPACE": "east"}
    assert find_target("west", environ=environ, data_home=tmp_path).namespace == "west"
    assert find_target(environ=environ, data_home=tmp_path).namespace == "east"
    assert find_target(environ={}, data_home=tmp_path).namespace == "default"


@pytest.mark.parametrize("environ", [{"SKUPPER_NAMESPACE": "../x"}, {"SKUPPER_NAMESPACE": "A"}])
def test_a_wrong_namespace_is_an_error_also_in_the_environment(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with pytest.raises(NamespaceNameInvalidError):
        find_target(environ=environ, data_home=tmp_path)


def test_without_flag_record_or_variable_the_platform_is_left_to_the_first_start(tmp_path: Path) -> None:
    assert platform_of(target(tmp_path), {}) == ""


def test_the_record_counts_before_the_variable(tmp_path: Path) -> None:
    assert platform_of(target(tmp_path, recorded="linux"), {"SKUPPER_PLATFORM": "podman"}) == "linux"


def test_a_flag_other_than_the_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlatformMismatchError):
        platform_of(target(tmp_path, flag="linux", recorded="podman"), {})


@pytest.mark.parametrize("variable", ["kubernetes", "LINUX", "../linux"])
def test_a_platform_that_cannot_be_used_is_an_error_wherever_it_stands(tmp_path: Path, variable: str) -> None:
    with pytest.raises(PlatformNotSupportedError):
        platform_of(target(tmp_path), {"SKUPPER_PLATFORM": variable})
    with pytest.raises(PlatformNotSupportedError):
        find_target(platform=variable, environ={}, data_home=tmp_path)
    with pytest.raises(PlatformNotSupportedError, match="SKUPPER_PLATFORM"):
        find_target(environ={"SKUPPER_PLATFORM": variable}, data_home=tmp_path)


def test_a_flag_outweighs_a_variable_that_is_wrong(tmp_path: Path) -> None:
    environ = {"SKUPPER_PLATFORM": "kubernetes", "SKUPPER_NAMESPACE": "A_"}
    assert find_target("west", "linux", environ=environ, data_home=tmp_path).namespace == "west"


def test_the_way_to_another_platform_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlatformMismatchError) as caught:
        platform_of(target(tmp_path, flag="docker", recorded="podman"), {})
    assert "system migrate --to docker -n west" in caught.value.next_step
