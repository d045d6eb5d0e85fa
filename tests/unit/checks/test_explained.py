"""Every error of a platform names the checks that explain it, and every check stands in ERRORS.md."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import skupper_local.platforms
import skupper_local.systemd
from skupper_local.checks.explained import EXPLAINED_BY
from skupper_local.checks.run import GROUPS
from skupper_local.cli import failures
from skupper_local.errors import SkupperLocalError
from skupper_local.platforms.engine import EngineUnreachableError

DOCUMENT = Path(__file__).resolve().parents[3] / "ERRORS.md"
CODES = {code for group in GROUPS for code in group.codes}


def platform_errors() -> set[str]:
    """The codes of all errors that ``platforms`` and ``systemd`` define."""
    found = set()
    for package in (skupper_local.platforms, skupper_local.systemd):
        for information in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for item in vars(importlib.import_module(information.name)).values():
                if (
                    isinstance(item, type)
                    and issubclass(item, SkupperLocalError)
                    and item.__module__.startswith(package.__name__)
                ):
                    found.add(item.code)
    return found


def test_every_error_of_a_platform_is_explained_by_checks() -> None:
    assert platform_errors() - set(EXPLAINED_BY) == set()


def test_the_checks_that_explain_errors_exist() -> None:
    named = {code for codes in EXPLAINED_BY.values() for code in codes}
    assert named - CODES == set()


def test_every_check_stands_in_the_list_and_no_other() -> None:
    chapter = DOCUMENT.read_text().partition("## What `system check` looks at")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\* `([a-z-]+)`: ", chapter, re.MULTILINE)) == CODES


def test_an_error_is_printed_with_its_checks(capsys: pytest.CaptureFixture[str]) -> None:
    error = EngineUnreachableError("Podman cannot be reached", why="no socket", next_step="start it")
    assert failures.report(error, []) == 1
    assert "check: skupper-local system check (engine-socket, engine-reachable" in capsys.readouterr().err
    failures.report(error, ["-o", "json"])
    assert '"checks": [' in capsys.readouterr().err
