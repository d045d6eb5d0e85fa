"""The small files in ``internal/``: they survive a round trip, and damage is reported, not guessed around."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.errors import DiskFullError, RecordDamagedError, RecordTooNewError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import (
    Choices,
    DesiredState,
    encode_platform,
    read_choices,
    read_desired_state,
    read_platform,
    write_desired_state,
)
from tests.unit.namespace.faults import at_step, open_to_others


@pytest.fixture
def paths(tmp_path: Path) -> NamespacePaths:
    paths = NamespacePaths.of("west", tmp_path / "skupper")
    paths.internal.mkdir(parents=True, mode=0o700)
    return paths


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.builds(
        Choices,
        keeper=st.sampled_from(["", "own", "systemd"]),
        keeper_asked=st.booleans(),
        endpoint=st.text(),
        image=st.text(),
        held_image=st.text(),
        router_kind=st.text(),
        router_program=st.text(),
        site_id=st.text(),
        router_id=st.text(),
        ports=st.dictionaries(st.text(), st.integers(1, 65535)),
    )
)
def test_choices_survive_a_round_trip(paths: NamespacePaths, choices: Choices) -> None:
    paths.choices.write_bytes(choices.encode())
    assert read_choices(paths) == choices


def test_what_another_version_wrote_beside_it_is_kept(paths: NamespacePaths) -> None:
    paths.choices.write_text('{"version": 1, "routerKind": "embedded", "colour": {"name": "x"}}')
    choices = read_choices(paths)
    assert choices.unknown == {"colour": {"name": "x"}}
    assert json.loads(choices.encode())["colour"] == {"name": "x"}


def test_nothing_is_chosen_before_the_first_start(paths: NamespacePaths) -> None:
    assert read_choices(paths) == Choices()
    assert read_desired_state(paths) is None
    assert read_platform(paths) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"{}",
        b'{"version": "1"}',
        b'{"version": true}',
        b'{"version": 1, "siteId": 3}',
        b'{"version": 1, "image": {}}',
        b'{"version": 1, "keeperAsked": "yes"}',
        b'{"version": 1, "ports": []}',
        b'{"version": 1, "ports": {"a": 70000}}',
        b'{"version": 1, "ports": {"a": "5671"}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b" " * 2_000_000,
    ],
)
def test_damaged_choices_are_reported_by_file_name(paths: NamespacePaths, content: bytes) -> None:
    paths.choices.write_bytes(content)
    with pytest.raises(RecordDamagedError, match=r"choices\.json") as caught:
        read_choices(paths)
    assert caught.value.next_step


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_makes_a_record_crash(paths: NamespacePaths, content: bytes) -> None:
    for file in (paths.choices, paths.desired_state, paths.platform):
        file.write_bytes(content)
    for read in (read_choices, read_desired_state, read_platform):
        try:
            read(paths)
        except SkupperLocalError as error:
            assert error.what  # noqa: PT017


def test_a_record_of_a_newer_program_is_refused_not_rewritten(paths: NamespacePaths) -> None:
    paths.desired_state.write_text('{"version": 2, "desiredState": "paused"}')
    with pytest.raises(RecordTooNewError):
        read_desired_state(paths)


@pytest.mark.parametrize("state", list(DesiredState))
def test_the_desired_state_is_recorded_privately(paths: NamespacePaths, state: DesiredState) -> None:
    write_desired_state(paths, state)
    assert read_desired_state(paths) is state
    assert open_to_others(paths.internal) == []


def test_a_full_disk_keeps_the_old_record(paths: NamespacePaths) -> None:
    write_desired_state(paths, DesiredState.RUNNING)

    def full(step: int, name: str) -> None:
        if name == "write":
            raise OSError(28, "No space left on device")

    with at_step(full), pytest.raises(DiskFullError):
        write_desired_state(paths, DesiredState.STOPPED)
    assert read_desired_state(paths) is DesiredState.RUNNING
    assert [path.name for path in paths.internal.iterdir()] == ["desired-state.json"]


def test_the_platform_is_the_reference_s_line(paths: NamespacePaths) -> None:
    paths.platform.write_bytes(encode_platform("linux"))
    assert paths.platform.read_text() == "platform: linux\n"
    assert read_platform(paths) == "linux"


@pytest.mark.parametrize(
    "line",
    ['platform: "podman"', "platform: podman # chosen", "---\nplatform: podman", "platform:  'podman'"],
)
def test_other_ways_to_write_the_same_yaml_are_read(paths: NamespacePaths, line: str) -> None:
    paths.platform.write_text(line)
    assert read_platform(paths) == "podman"


def test_a_record_that_is_no_file_is_reported(paths: NamespacePaths) -> None:
    paths.platform.mkdir()
    with pytest.raises(RecordDamagedError, match="regular"):
        read_platform(paths)


def test_status_commands_load_no_heavy_library_for_this() -> None:
    modules = "paths", "records", "lock", "transaction", "resource_files"
    code = f"""
import sys
for name in {modules!r}:
    __import__("skupper_local.namespace." + name)
print([name for name in ("yaml", "cryptography", "asyncio", "ssl", "jinja2", "rich", "subprocess") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
