"""The manual pages that are generated from the commands."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "packaging" / "man" / "make_pages.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("make_pages", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generator: ModuleType) -> dict[str, str]:
    return dict(generator.pages())


def test_every_command_has_a_page_of_its_own(pages: dict[str, str]) -> None:
    assert {"skupper-local.1", "skupper-local-system.1", "skupper-local-system-start.1"} <= pages.keys()
    assert len(pages) > 40


def test_a_page_says_what_the_command_does_takes_and_how_it_ends(pages: dict[str, str]) -> None:
    page = pages["skupper-local-reach.1"]
    for part in (
        ".SH NAME",
        ".SH SYNOPSIS",
        ".SH DESCRIPTION",
        ".SH OPTIONS",
        ".SH EXAMPLES",
        ".SH EXIT STATUS",
    ):
        assert part in page
    assert "skupper\\-local reach database" in page
    assert ".B \\-\\-host" in page


def test_the_same_program_gives_the_same_pages(generator: ModuleType, pages: dict[str, str]) -> None:
    assert dict(generator.pages()) == pages


def test_no_text_is_taken_for_a_request_of_the_formatter(generator: ModuleType) -> None:
    assert generator._escape(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert generator._escape("a\\b") == "a\\eb"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_formatter_has_nothing_to_say(pages: dict[str, str]) -> None:
    ran = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8"],
        input="".join(pages.values()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_page_has_an_example_and_lines_that_belong_apart_stay_apart(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert "\n.SH EXAMPLES\n.nf\nskupper\\-local" in page, name
    assert "\nzsh, ~/.zshrc, below compinit:\n" in pages["skupper-local-completion.1"]
