"""Where a site is on disk, and which names may become paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.namespace.errors import NamespaceNameInvalidError, NotReadableError
from skupper_local.namespace.paths import NamespacePaths, data_home, list_namespaces


@pytest.mark.parametrize(
    ("environ", "uid", "expected"),
    [
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/ann"}, 1000, "/data/skupper"),
        ({"XDG_DATA_HOME": "/data"}, 0, "/data/skupper"),
        ({"XDG_DATA_HOME": "", "HOME": "/home/ann"}, 1000, "/home/ann/.local/share/skupper"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/ann"}, 1000, "/home/ann/.local/share/skupper"),
        ({"HOME": "/root"}, 0, "/var/lib/skupper"),
        ({"XDG_DATA_HOME": "relative"}, 0, "/var/lib/skupper"),
    ],
)
def test_the_data_home_is_that_of_the_environment_then_of_the_user(
    environ: dict[str, str], uid: int, expected: str
) -> None:
    assert data_home(environ, uid=uid) == Path(expected)


def test_the_layout_is_the_reference_s() -> None:
    paths = NamespacePaths.of("west", Path("/d"))
    assert paths.router_config == Path("/d/namespaces/west/runtime/router/skrouterd.json")
    assert paths.input_resources == Path("/d/namespaces/west/input/resources")
    assert paths.runtime_issuers == Path("/d/namespaces/west/runtime/issuers")
    assert paths.platform == Path("/d/namespaces/west/internal/platform.yaml")


def test_no_name_means_default() -> None:
    assert NamespacePaths.of("", Path("/d")).home == Path("/d/namespaces/default")


@pytest.mark.parametrize("name", ["..", "a/b", "West", "-a", "a-", "a.b", "a\n", "a" * 64, "ä", " "])
def test_a_name_that_is_no_label_never_becomes_a_path(name: str) -> None:
    with pytest.raises(NamespaceNameInvalidError) as caught:
        NamespacePaths.of(name, Path("/d"))
    assert caught.value.exit_status == 2


@given(st.text(max_size=80))
def test_every_accepted_name_is_one_directory_below_namespaces(name: str) -> None:
    try:
        paths = NamespacePaths.of(name, Path("/d"))
    except NamespaceNameInvalidError:
        return
    assert paths.home.parent == Path("/d/namespaces")
    assert paths.home.resolve().parent == Path("/d/namespaces")


def test_namespaces_are_listed_by_name_and_everything_else_is_passed_over(tmp_path: Path) -> None:
    assert list_namespaces(tmp_path) == ()
    for name, part in (("west", "input/resources"), ("east", "runtime"), ("Odd", "input"), ("empty", "")):
        (tmp_path / "namespaces" / name / part).mkdir(parents=True)
    (tmp_path / "namespaces" / "controller.lock").write_text("")
    assert [paths.name for paths in list_namespaces(tmp_path)] == ["east", "west"]


def test_a_namespace_that_nobody_may_look_into_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "namespaces" / "west").mkdir(parents=True)

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "lstat", denied)  # root, who may run the tests, is denied nothing
    assert [paths.name for paths in list_namespaces(tmp_path)] == ["west"]


def test_an_unreadable_list_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", denied)
    with pytest.raises(NotReadableError, match="Permission denied"):
        list_namespaces(tmp_path)
