"""Which router program a site gets, and that it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.platforms.face import PlatformNotSupportedError, platform_named
from skupper_local.platforms.linux.program import (
    RouterChoiceInvalidError,
    RouterProgramMissingError,
    choose_program,
    command,
    require_program,
    version_of_program,
)


@pytest.fixture
def skrouterd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "skrouterd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return program


def test_without_a_wish_skrouterd_is_taken_when_it_is_in_path(skrouterd: Path) -> None:
    assert choose_program("") == str(skrouterd)


def test_without_a_wish_and_without_skrouterd_the_embedded_router_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_program("") == "embedded"
    with pytest.raises(RouterChoiceInvalidError):
        choose_program("skrouterd")


def test_a_wish_is_recorded_as_embedded_or_as_an_absolute_path(skrouterd: Path) -> None:
    assert choose_program("embedded") == "embedded"
    assert choose_program("skrouterd") == str(skrouterd)
    assert choose_program(f"{skrouterd.parent}/./skrouterd") == str(skrouterd)


@pytest.mark.parametrize("wish", ["router", "./skrouterd", "/no/such/router", "/tmp"])
def test_a_wish_that_names_no_program_is_refused(skrouterd: Path, wish: str) -> None:
    with pytest.raises(RouterChoiceInvalidError):
        choose_program(wish)


def test_a_recorded_program_that_vanished_is_an_error_and_nothing_else_is_taken(skrouterd: Path) -> None:
    require_program(str(skrouterd))
    skrouterd.unlink()
    with pytest.raises(RouterProgramMissingError) as caught:
        require_program(str(skrouterd))
    assert "--router" in caught.value.next_step


def test_each_program_is_given_the_configuration_file(skrouterd: Path) -> None:
    assert command(str(skrouterd), Path("/a b/c.json")) == (str(skrouterd), "-c", "/a b/c.json")
    assert command("embedded", Path("/c.json"))[-2:] == ("-c", "/c.json")


@pytest.mark.parametrize("name", ["kubernetes", "", "Linux", "Podman"])
def test_other_platforms_are_refused_with_what_to_use(name: str) -> None:
    with pytest.raises(PlatformNotSupportedError) as caught:
        platform_named(name)
    assert "podman, docker, linux" in caught.value.why
    assert (name.lower() or "linux") in f"{caught.value.next_step} {caught.value.what}"
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 3.5.1", "3.5.1"),
        ("echo 3.5.1-head-e2ec51a4", "3.5.1-head-e2ec51a4"),
        ("echo UNKNOWN", ""),
        ("echo 3.5.1; exit 1", "3.5.1"),
        ("printf '\\377'", ""),
        ("true", ""),
    ],
)
def test_a_router_program_is_asked_for_its_version(skrouterd: Path, script: str, version: str) -> None:
    skrouterd.write_text(f"#!/bin/sh\n{script}\n")
    assert version_of_program(str(skrouterd)) == version


def test_a_program_that_cannot_be_run_has_no_version() -> None:
    assert version_of_program("/no/such/router") == ""
