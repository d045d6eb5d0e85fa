"""Programs in PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.host import programs


def test_a_program_is_found_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "skrouterd"
    program.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.find_program("skrouterd") == ""
    program.chmod(0o755)
    assert programs.find_program("skrouterd") == str(program)
    assert programs.is_executable(str(program))
    assert not programs.is_executable(str(tmp_path))
