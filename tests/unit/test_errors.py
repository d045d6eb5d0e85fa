"""Every error has a code of its own, and ERRORS.md lists exactly these."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import skupper_local
from skupper_local.cli import failures
from skupper_local.errors import SkupperLocalError

DOCUMENT = Path(__file__).resolve().parents[2] / "ERRORS.md"

_ROW = re.compile(r"\| `(?P<code>[^`]+)` \| (?P<meaning>.+?) \| (?P<fix>.+?) \| (?P<status>\d+) \|")


def error_classes() -> set[type[SkupperLocalError]]:
    for module in pkgutil.walk_packages(skupper_local.__path__, "skupper_local."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    return {SkupperLocalError, *_below(SkupperLocalError)}


def _below(cls: type[SkupperLocalError]) -> Iterator[type[SkupperLocalError]]:
    for sub in cls.__subclasses__():
        if sub.__module__.startswith("skupper_local."):
            yield sub
            yield from _below(sub)


def codes() -> dict[str, int]:
    """Code and exit status of every class that says its own."""
    return {cls.code: cls.exit_status for cls in error_classes() if "code" in vars(cls)}


def codes_without_class() -> dict[str, int]:
    """What the command line reports itself: ``_print(code, what, why, next, status, ...)`` in ``cli/failures.py``."""
    tree = ast.parse(inspect.getsource(failures))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "_print"
    ]
    return {
        call.args[0].value: getattr(failures, ast.unparse(call.args[4]))
        for call in calls
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def documented() -> dict[str, int]:
    rows = (_ROW.fullmatch(line) for line in DOCUMENT.read_text().splitlines())
    found = [(row["code"], int(row["status"])) for row in rows if row]
    assert [code for code, count in Counter(code for code, _ in found).items() if count > 1] == []
    return dict(found)


def test_no_two_errors_share_a_code() -> None:
    own = Counter(cls.code for cls in error_classes() if "code" in vars(cls))
    assert [code for code, count in own.items() if count > 1] == []


def test_codes_are_words_with_hyphens() -> None:
    assert [code for code in codes() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


def test_an_error_without_a_code_of_its_own_only_groups_others() -> None:
    assert [
        cls.__name__ for cls in error_classes() if "code" not in vars(cls) and not cls.__subclasses__()
    ] == []


def test_the_list_holds_every_error_with_its_exit_status_and_nothing_else() -> None:
    assert documented() == {**codes(), **codes_without_class()}


def test_every_row_of_the_list_is_read() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert [row for row in rows if not _ROW.fullmatch(row)] == []


def test_every_error_says_what_it_means() -> None:
    assert [cls.__name__ for cls in error_classes() if not (cls.__doc__ or "").strip()] == []
