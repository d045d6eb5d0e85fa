from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from skupper_local.systemd.errors import UnitForeignError, UnitNotWrittenError
from skupper_local.systemd.manager import Manager
from skupper_local.systemd.units import (
    FOREIGN,
    OURS,
    REFERENCE,
    SiteUnit,
    install_unit,
    installed_unit,
    installed_units,
    moved_units,
    remove_unit,
    render_unit,
    runner_command,
)

HOSTILE = "/srv/a b%h$HOME\"q'\\x20"
REFERENCES = """[Unit]
Description=Skupper
[Service]
Type=simple
RemainAfterExit=yes
ExecStart=/bin/bash {home}/internal/scripts/start.sh
ExecStop=/bin/bash {home}/internal/scripts/stop.sh
"""


class QuietManager(Manager):
    """A manager of an ordinary user that is asked nothing: only its directory counts, and what it can isolate."""

    isolates = False

    def probe(self, options: tuple[str, ...]) -> bool:
        return self.isolates


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return QuietManager(
        uid=1000, environ={"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}
    )


@pytest.fixture
def root() -> Manager:
    return QuietManager(uid=0, environ={})


@pytest.fixture
def unit(tmp_path: Path) -> SiteUnit:
    program = tmp_path / "skupper-local-run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    home = tmp_path / "data" / "namespaces" / "west"
    home.mkdir(parents=True)
    return SiteUnit("west", home, "linux", (str(program), "west"), writable=(tmp_path / "data",))


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_the_unit_of_a_user_says_who_runs_it_and_how(root: Manager, manager: Manager) -> None:
    unit = SiteUnit(
        "west",
        Path("/home/ada/.local/share/skupper/namespaces/west"),
        "podman",
        ("/usr/local/bin/skupper-local-run", "west"),
        engine="podman",
        writable=(Path("/home/ada/.local/share/skupper"),),
        environment={"SKUPPER_SITE_ID": "1-2"},
    )
    assert render_unit(unit, manager) == (Path(__file__).parent / "golden-user-podman.service").read_text()
    other = replace(
        unit,
        platform="linux",
        engine="",
        home=Path(HOSTILE),
        writable=(Path(HOSTILE),),
        environment={"X": HOSTILE},
    )
    assert render_unit(other, root) == (Path(__file__).parent / "golden-system-linux.service").read_text()


def test_namespaces_of_the_kernel_are_used_where_the_users_manager_can(
    unit: SiteUnit, manager: Manager
) -> None:
    assert "ProtectSystem" not in settings(render_unit(unit, manager))
    assert isinstance(manager, QuietManager)
    manager.isolates = True
    assert settings(render_unit(unit, manager))["ProtectSystem"] == "strict"


def test_an_installed_unit_is_ours_and_names_its_namespace(unit: SiteUnit, manager: Manager) -> None:
    assert install_unit(unit, manager)
    found = installed_unit("west", manager)
    assert found is not None
    assert (found.ownership, found.home, found.program) == (OURS, str(unit.home), unit.command[0])
    assert not install_unit(unit, manager), "written again although nothing changed"
    assert installed_units(manager) == (found,)
    assert moved_units(manager) == ()


def test_names_of_any_kind_are_read_back(unit: SiteUnit, manager: Manager, tmp_path: Path) -> None:
    home = tmp_path / "a b%h$HOME\"q'\\x20"
    unit = replace(unit, home=home, command=(f"{home}/skupper-local-run", "west"), writable=(home,))
    install_unit(unit, manager)
    found = installed_unit("west", manager)
    assert found is not None
    assert (found.home, found.program) == (str(home), unit.command[0])
    start = settings(render_unit(unit, manager))["ExecStart"]
    assert start.startswith('"/bin/sh" "-c" '), (
        "systemd takes no program with a quote or a backslash in its path"
    )


def test_a_directory_that_no_unit_can_name_is_refused(unit: SiteUnit, manager: Manager) -> None:
    with pytest.raises(UnitNotWrittenError, match="west"):
        install_unit(replace(unit, home=Path("/a\nExecStart=/bin/false")), manager)
    assert installed_unit("west", manager) is None


def test_a_unit_whose_program_is_gone_is_found(unit: SiteUnit, manager: Manager) -> None:
    install_unit(unit, manager)
    os.unlink(unit.command[0])
    assert [found.name for found in moved_units(manager)] == ["skupper-west.service"]


@pytest.mark.parametrize("text", ["[Service]\nExecStart=/bin/true\n", "", "\0\xff"])
def test_a_unit_of_somebody_else_is_neither_overwritten_nor_removed(
    unit: SiteUnit, manager: Manager, text: str
) -> None:
    path = manager.unit_directory() / unit.name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(UnitForeignError, match="not this site's"):
        install_unit(unit, manager)
    assert not remove_unit("west", unit.home, manager)
    assert path.read_text() == text
    found = installed_unit("west", manager)
    assert found is not None
    assert found.ownership == FOREIGN
    assert installed_units(manager) == ()


def test_a_unit_of_another_data_home_is_left_alone(unit: SiteUnit, manager: Manager, tmp_path: Path) -> None:
    install_unit(unit, manager)
    other = replace(unit, home=tmp_path / "other" / "namespaces" / "west")
    with pytest.raises(UnitForeignError, match="not this site's") as caught:
        install_unit(other, manager)
    assert str(unit.home) in caught.value.why
    assert not remove_unit("west", other.home, manager)
    assert installed_unit("west", manager) is not None


def test_a_unit_of_the_reference_is_recognised_and_taken_over(unit: SiteUnit, manager: Manager) -> None:
    path = manager.unit_directory() / unit.name
    path.parent.mkdir(parents=True)
    path.write_text(REFERENCES.format(home=unit.home))
    found = installed_unit("west", manager)
    assert found is not None
    assert (found.ownership, found.home) == (REFERENCE, str(unit.home))
    assert install_unit(unit, manager)
    found = installed_unit("west", manager)
    assert found is not None
    assert found.ownership == OURS


def test_a_unit_for_which_there_is_no_room_leaves_the_former_one_and_nothing_else(
    unit: SiteUnit, manager: Manager, little_room: Callable[[int], AbstractContextManager[None]]
) -> None:
    install_unit(unit, manager)
    found = installed_unit("west", manager)
    assert found is not None
    before = found.path.read_bytes()
    with little_room(100), pytest.raises(UnitNotWrittenError, match="File too large"):
        install_unit(replace(unit, platform="docker"), manager)
    assert {file.name: file.read_bytes() for file in found.path.parent.iterdir()} == {found.path.name: before}


def test_a_removed_unit_is_gone_once(unit: SiteUnit, manager: Manager) -> None:
    install_unit(unit, manager)
    assert remove_unit("west", unit.home, manager)
    assert not remove_unit("west", unit.home, manager)


def test_the_program_is_named_by_the_link_in_path_that_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment behind the link may be made anew; a program of that name that is another one is passed over."""
    script = tmp_path / "venv" / "skupper-local-run"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(script.parent))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert runner_command("west") == (str(script), "west")
    for name in ("other", "linked"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "skupper-local-run").write_text("#!/bin/sh\n")
    (tmp_path / "other" / "skupper-local-run").chmod(0o755)
    (tmp_path / "linked" / "skupper-local-run").symlink_to(script)
    monkeypatch.setenv("PATH", f"relative:{tmp_path}/other:{tmp_path}/linked")
    assert runner_command("west") == (f"{tmp_path}/linked/skupper-local-run", "west")
