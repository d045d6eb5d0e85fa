"""Where a site runs and who keeps it: chosen once, by detection only where nobody said anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices, encode_platform
from skupper_local.operations import placement
from skupper_local.operations.errors import PlatformMismatchError
from skupper_local.operations.placement import SystemdUnreachableError, choose_place, recorded_placement
from skupper_local.operations.target import Target
from skupper_local.platforms import engine
from skupper_local.platforms.engine import EngineFacts, EngineUnreachableError, ImageFacts
from skupper_local.platforms.face import OWN, SYSTEMD, Placement


class PlayedEngine:
    """An engine that answers, with or without the image."""

    def __init__(self, name: str, *, image: bool) -> None:
        self.name = name
        self._image = image

    def facts(self) -> EngineFacts:
        return EngineFacts(self.name, "5.0", "5.0", rootless=False, architecture="amd64")

    def image(self, reference: str) -> ImageFacts | None:
        return ImageFacts("1", reference) if self._image else None

    def close(self) -> None: ...


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """The engines that answer, and whether they have the image; the socket of each is there."""
    found: dict[str, bool] = {}

    def connect(name: str, endpoint: str, environ: object) -> PlayedEngine:
        if name not in found:
            raise EngineUnreachableError(f"{name} cannot be reached at {endpoint}", why="played")
        return PlayedEngine(name, image=found[name])

    socket = tmp_path / "engine.sock"
    socket.touch()
    monkeypatch.setattr(engine, "engine_of", connect)
    monkeypatch.setattr(placement, "_systemd_obstacle", lambda: "no manager")
    return found


def environ(tmp_path: Path, **further: str) -> dict[str, str]:
    return {"CONTAINER_ENDPOINT": f"unix://{tmp_path}/engine.sock", **further}


def target(tmp_path: Path, recorded: str = "", flag: str = "", choices: Choices | None = None) -> Target:
    paths = NamespacePaths.of("west", tmp_path)
    if recorded:
        paths.internal.mkdir(parents=True)
        paths.platform.write_bytes(encode_platform(recorded))
    if choices:
        paths.choices.write_bytes(choices.encode())
    return Target(paths, flag)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"podman": True, "docker": True}, "podman"),
        ({"podman": False, "docker": True}, "podman"),
        ({"docker": True}, "docker"),
        ({}, "linux"),
    ],
)
def test_a_first_start_takes_the_first_engine_that_answers(
    tmp_path: Path, answering: dict[str, bool], answers: dict[str, bool], expected: str
) -> None:
    answering.update(answers)
    place = choose_place(target(tmp_path), Choices(), environ=environ(tmp_path))
    assert place.placement.platform == expected
    assert place.platform_reason, "it is printed why"


def test_an_engine_without_the_image_is_passed_over_when_nothing_is_to_be_pulled(
    tmp_path: Path, answering: dict[str, bool]
) -> None:
    answering.update(podman=False, docker=True)
    place = choose_place(target(tmp_path), Choices(), pull="never", environ=environ(tmp_path))
    assert place.placement.platform == "docker"
    assert "podman does not have" in place.platform_reason


def test_flag_record_and_variable_count_before_any_engine_is_asked(
    tmp_path: Path, answering: dict[str, bool]
) -> None:
    answering.update(podman=True, docker=True)
    variable = environ(tmp_path, SKUPPER_PLATFORM="docker")
    assert choose_place(target(tmp_path), Choices(), environ=variable).placement.platform == "docker"
    flag = choose_place(target(tmp_path, flag="linux"), Choices(), environ=variable)
    assert flag.placement == Placement("linux")
    recorded = target(tmp_path, recorded="linux")
    assert choose_place(recorded, Choices(), environ=variable).placement.platform == "linux"


def test_another_platform_than_the_recorded_one_is_for_migrate_alone(
    tmp_path: Path, answering: dict[str, bool]
) -> None:
    there = target(tmp_path, recorded="linux", flag="docker")
    with pytest.raises(PlatformMismatchError):
        choose_place(there, Choices(), environ=environ(tmp_path))
    assert (
        choose_place(there, Choices(), to="docker", environ=environ(tmp_path)).placement.platform == "docker"
    )


def test_the_endpoint_of_a_started_site_is_the_recorded_one(
    tmp_path: Path, answering: dict[str, bool]
) -> None:
    choices = Choices(endpoint="unix:///run/there.sock", keeper=OWN)
    there = target(tmp_path, recorded="podman", choices=choices)
    assert recorded_placement(there.paths) == Placement("podman", OWN, "unix:///run/there.sock")
    place = choose_place(there, choices, environ=environ(tmp_path))
    assert place.placement.endpoint == "unix:///run/there.sock"


@pytest.mark.parametrize(
    ("recorded", "asked", "wish", "running", "manager", "expected"),
    [
        ("", False, None, False, True, SYSTEMD),  # the usual first start
        ("", False, None, False, False, OWN),
        ("own", False, None, True, True, OWN),  # never by accident while it runs
        ("own", False, None, False, True, SYSTEMD),  # chosen anew when nothing runs
        ("systemd", False, None, False, False, OWN),
        ("own", True, None, False, True, OWN),  # asked for once, kept for ever
        ("systemd", False, False, True, True, OWN),  # a flag counts at any time
        ("own", True, True, True, True, SYSTEMD),
        ("", False, False, False, True, OWN),
    ],
)
def test_the_keeper_changes_by_a_flag_or_when_nothing_runs(
    tmp_path: Path,
    answering: dict[str, bool],
    monkeypatch: pytest.MonkeyPatch,
    recorded: str,
    asked: bool,
    wish: bool | None,
    running: bool,
    manager: bool,
    expected: str,
) -> None:
    monkeypatch.setattr(placement, "_systemd_obstacle", lambda: "" if manager else "no manager")
    choices = Choices(keeper=recorded, keeper_asked=asked)
    there = target(tmp_path, flag="linux")
    place = choose_place(there, choices, systemd=wish, running=running, environ=environ(tmp_path))
    assert place.placement.keeper == expected
    assert place.asked == (asked if wish is None else True)


def test_systemd_that_is_asked_for_and_not_there_is_an_error(
    tmp_path: Path, answering: dict[str, bool]
) -> None:
    with pytest.raises(SystemdUnreachableError) as caught:
        choose_place(target(tmp_path, flag="linux"), Choices(), systemd=True, environ=environ(tmp_path))
    assert "system check" in caught.value.next_step
