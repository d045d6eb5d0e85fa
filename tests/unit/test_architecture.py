"""The house: which package may know which, which are pure, and which one touches each outside thing.

The tables here are the house's plan; ARCHITECTURE.md explains it and refers to them. A change of the plan is a change here.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "skupper_local"

HOUSE: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("operations", "checks"),
    ("platforms",),
    ("management", "namespace", "systemd", "host"),
    ("site", "pki"),
    ("resources", "router"),
    ("amqp", "http"),
    ("entities", "management_messages", "tls", "assets", "start"),
    ("errors", "plain_cryptography"),
)
"""Top to bottom. A package or top-level module imports from lower lines only, never from its own line."""

ROUTER_KNOWS = frozenset({"amqp", "http", "entities", "management_messages", "tls", "errors"})
"""The embedded router is a program of its own: it would run without everything that knows what a site is."""

PURE = (
    "site/",
    "pki/",
    "resources/",
    "entities.py",
    "management_messages.py",
    "errors.py",
    "amqp/codec.py",
    "amqp/connection.py",
    "amqp/connection_output.py",
    "amqp/errors.py",
    "amqp/events.py",
    "amqp/link.py",
    "amqp/message.py",
    "amqp/performatives.py",
    "amqp/session.py",
    "amqp/transfers.py",
    "amqp/types.py",
    "router/addresses.py",
    "router/management_agent.py",
    "router/message_head.py",
    "router/routing/",
)
"""Values in, values out: no file, no clock, no network, no randomness (but for the new keys that pki makes)."""

IMPURE_MODULES = (
    *("asyncio", "select", "selectors", "socket", "ssl", "http", "urllib"),
    *("fcntl", "io", "os", "pathlib", "shutil", "tempfile"),
    *("multiprocessing", "signal", "subprocess", "sys", "threading"),
    *("logging", "random", "secrets", "time"),
)
IMPURE_CALLS = frozenset(
    {"open", "print", "input", "datetime.now", "datetime.today", "uuid.uuid1", "uuid.uuid4"}
)

OUTSIDE: dict[str, tuple[str, ...]] = {
    # the command line
    "import click": ("cli/",),
    # formats and protocols that belong to a library
    "import yaml": ("resources/",),
    "import cryptography": ("pki/",),
    "import h11": ("http/",),
    "import jinja2": ("systemd/", "operations/bundle.py"),
    "ssl.SSLContext()": ("tls.py",),
    "ssl.create_default_context()": (),
    # the namespace directory; internal/run and internal/log belong to whoever keeps the router, a scratch directory to the
    # demonstration, unit files to systemd's package
    "import fcntl": ("namespace/", "platforms/linux/", "platforms/runner.py"),
    "os.rename": ("namespace/",),
    "os.link": ("namespace/",),
    "os.replace": ("platforms/linux/", "systemd/units.py"),
    "os.unlink": ("namespace/", "platforms/linux/", "systemd/units.py"),
    "os.mkdir": ("namespace/",),
    "os.rmdir": ("namespace/",),
    "os.chmod": ("namespace/",),
    "os.remove": (),
    "os.makedirs": ("platforms/linux/", "systemd/units.py"),
    "*.write_text": (),
    "*.write_bytes": (),
    "*.touch": (),
    "*.chmod": ("namespace/",),
    "*.mkdir": ("namespace/",),
    "*.unlink": ("namespace/", "platforms/linux/", "systemd/units.py"),
    "import shutil": ("host/programs.py", "operations/demo.py"),
    "import tempfile": ("operations/demo.py",),
    # processes: a router is started by its platform, the demonstration's web server by the demonstration
    "import subprocess": ("platforms/", "systemd/", "operations/demo.py"),
    "os.fork": ("platforms/linux/supervisor.py",),
    "os.execv": ("cli/bundled.py",),
    "os.execve": ("platforms/linux/supervisor.py",),
    "os.kill": ("host/processes.py", "platforms/linux/supervisor.py"),
    "import signal": (
        "host/processes.py",
        "platforms/linux/",
        "platforms/runner.py",
        "router/main.py",
        "operations/demo.py",
        "__main__.py",
    ),
    # the network: drivers of the protocols, the router, and facts about this machine
    "import asyncio": ("amqp/transport.py", "http/", "router/"),
    "import socket": ("amqp/", "http/", "router/", "host/", "platforms/runner.py"),
    "import urllib": ("operations/demo.py",),
    # what a person configures through the environment is read where it is decided
    "os.environ": (
        *("cli/", "operations/", "namespace/paths.py", "systemd/"),
        *("platforms/linux/supervisor.py", "platforms/runner.py"),
    ),
    # libraries that only a later package needs
    "import docker": ("platforms/docker.py",),
    "import podman": ("platforms/podman.py",),
    "import platformdirs": (),
    "import rich": ("cli/",),
}
"""Each outside thing, and where alone it is touched.

``import X``, a function ``x.y``, a method ``*.y`` of anything; with ``()`` when only calls count.
"""

OUTSIDE_TEXTS: dict[str, tuple[str, ...]] = {
    "/proc/": ("host/",),
    "/sys/": ("host/",),
    # what is not of systemd's package only says what to type
    "systemctl": ("systemd/", "platforms/engine_failures.py", "checks/"),
    "loginctl": ("systemd/", "checks/"),
}
"""The same for what is named by a text in the code (not in docstrings)."""

LONGEST_MODULE = 500

LONG: dict[str, str] = {
    "amqp/connection.py": "one state machine from the first header to the close; its states are readable only side by side",
    "amqp/performatives.py": "the table of every frame body of the standard; half a table would be harder to read",
    "router/routing/engine.py": "one state machine: its events share one closing step, which is the theory of the module",
}
"""Modules that may be longer, and why."""


DOCUMENT = PACKAGE.parent / "ARCHITECTURE.md"

_BOUND = re.compile(r"`(?P<name>\w+)` (?P<value>[\d,.]*\d)")
_FILE = re.compile(r"`(?P<path>[\w/]+\.py)`")


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the package: its path below it, with slashes, and its code."""

    path: str
    lines: int
    tree: ast.Module

    @property
    def part(self) -> str:
        """The package or top-level module it belongs to, as named in ``HOUSE``."""
        return self.path.partition("/")[0].removesuffix(".py")

    @cached_property
    def touched(self) -> frozenset[str]:
        """What it touches, in the words of ``OUTSIDE``."""
        return frozenset(_touched(self.tree))

    def within(self, places: tuple[str, ...]) -> bool:
        return any(
            self.path == place or (place.endswith("/") and self.path.startswith(place)) for place in places
        )


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        text = file.read_text()
        path = file.relative_to(PACKAGE).as_posix()
        found.append(Module(path, len(text.splitlines()), ast.parse(text)))
    return tuple(found)


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names of everything imported anywhere in it, also inside functions and for type checking only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:  # plain_cryptography, which is used under another name
                continue
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_known(module: Module) -> set[str]:
    """The parts of the house that a module imports from, other than its own."""
    names = (name.split(".") for name in imported(module.tree))
    return {name[1] for name in names if name[0] == "skupper_local" and len(name) > 1} - {
        module.part,
        "__version__",
    }


def _touched(tree: ast.Module) -> Iterator[str]:
    for name in imported(tree):
        yield f"import {name.partition('.')[0]}"
        yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield f"*.{node.attr}"
            yield ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield f"{ast.unparse(node.func)}()"


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text in the code that is not a docstring."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_every_part_of_the_package_has_its_place_in_the_house() -> None:
    placed = [part for line in HOUSE for part in line]
    assert sorted(placed) == sorted({module.part for module in modules()} - {"__init__"})


def test_imports_go_downward_only() -> None:
    line_of = {part: number for number, line in enumerate(HOUSE) for part in line}
    wrong = [
        f"{module.path} imports {part}"
        for module in modules()
        for part in parts_known(module)
        if module.part != "__init__" and line_of[part] <= line_of[module.part]
    ]
    assert wrong == []


def test_the_router_knows_nothing_of_sites() -> None:
    wrong = [
        f"{module.path} imports {part}"
        for module in modules()
        if module.part == "router"
        for part in parts_known(module) - ROUTER_KNOWS
    ]
    assert wrong == []


def test_pure_code_touches_nothing_outside() -> None:
    forbidden = IMPURE_CALLS.union(f"import {name}" for name in IMPURE_MODULES)
    wrong = [
        f"{module.path}: {thing}"
        for module in modules()
        if module.within(PURE)
        for thing in sorted(module.touched & forbidden)
    ]
    assert wrong == []


@pytest.mark.parametrize("place", PURE)
def test_what_is_listed_as_pure_exists(place: str) -> None:
    assert (PACKAGE / place).exists()


@pytest.mark.parametrize("thing", sorted(OUTSIDE))
def test_each_outside_thing_is_touched_in_its_place_only(thing: str) -> None:
    touching = [module for module in modules() if thing in module.touched]
    assert [module.path for module in touching if not module.within(OUTSIDE[thing])] == []
    idle = [place for place in OUTSIDE[thing] if not any(module.within((place,)) for module in touching)]
    assert idle == [], "the plan allows more than the code needs"


@pytest.mark.parametrize("text", sorted(OUTSIDE_TEXTS))
def test_outside_things_named_by_a_text_are_named_in_their_place_only(text: str) -> None:
    naming = [module for module in modules() if any(text in item for item in texts(module.tree))]
    assert [module.path for module in naming if not module.within(OUTSIDE_TEXTS[text])] == []


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    wrong = []
    for module in modules():
        paragraph = (ast.get_docstring(module.tree) or "").partition("\n\n")[0]
        if not paragraph.rstrip().endswith((".", ":", "?")):
            wrong.append(module.path)
    assert wrong == []


def test_every_directory_of_code_is_a_package() -> None:
    directories = {file.parent for file in PACKAGE.rglob("*.py")}
    assert [directory.name for directory in directories if not (directory / "__init__.py").is_file()] == []


def test_modules_are_short_enough_to_be_read() -> None:
    assert [
        f"{module.path}: {module.lines} lines"
        for module in modules()
        if module.lines > LONGEST_MODULE and module.path not in LONG
    ] == []


@pytest.mark.parametrize("path", sorted(LONG))
def test_an_exception_from_the_length_is_still_needed(path: str) -> None:
    assert any(module.path == path and module.lines > LONGEST_MODULE for module in modules())


def bounds() -> list[tuple[str, float, tuple[str, ...]]]:
    """Name, value and files of every number in ARCHITECTURE.md's table of windows and bounds."""
    table = DOCUMENT.read_text().partition("Windows and bounds")[2].partition("\n\n")[2].partition("\n\n")[0]
    found = []
    for row in table.splitlines():
        _, _, numbers, where, _ = row.split("|")
        files = tuple(match["path"] for match in _FILE.finditer(where))
        found += [(m["name"], float(m["value"].replace(",", "")), files) for m in _BOUND.finditer(numbers)]
    return found


def values_of(path: str, name: str) -> set[float]:
    """What a constant, or a field of a dataclass, of that name is in a module."""
    module = importlib.import_module("skupper_local." + path.removesuffix(".py").replace("/", "."))
    classes = [item for item in vars(module).values() if isinstance(item, type) and is_dataclass(item)]
    defaults = [field.default for item in classes for field in fields(item) if field.name == name]
    return {
        float(value) for value in (getattr(module, name, None), *defaults) if isinstance(value, int | float)
    }


@pytest.mark.parametrize(("name", "value", "files"), bounds())
def test_the_numbers_in_the_document_are_those_of_the_code(
    name: str, value: float, files: tuple[str, ...]
) -> None:
    assert value in {number for path in files for number in values_of(path, name)}


def test_every_file_the_document_names_exists() -> None:
    text = DOCUMENT.read_text().partition("## 6.")[0]
    paths = {match["path"] for match in _FILE.finditer(text)} - {"vanflow.py"}
    planned = {"platforms/container.py", "platforms/podman.py", "platforms/docker.py"}
    roots = (PACKAGE, PACKAGE.parent, PACKAGE.parent / "tests" / "unit")
    missing = [path for path in paths - planned if not any((root / path).is_file() for root in roots)]
    assert missing == []


def sections(name: str) -> set[str]:
    """The numbers of the sections of facts that ARCHITECTURE.md holds under one name, from their bold beginnings."""
    chapter = DOCUMENT.read_text().partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    beginnings = re.findall(r"\*\*(\d+(?:\.\d+)?)(?: and (\d+(?:\.\d+)?))?", chapter)
    return {number for numbers in beginnings for number in numbers if number}


@pytest.mark.parametrize("name", ["router-protocol", "reference-engine"])
def test_every_fact_that_is_cited_can_be_read_up(name: str) -> None:
    roots = (PACKAGE, PACKAGE.parent / "tests")
    files = [file for root in roots for file in root.rglob("*.py")]
    cited = {number for file in files for number in re.findall(rf"{name} (\d+(?:\.\d+)?)", file.read_text())}
    assert cited - sections(name) == set()
    assert cited, "nothing is cited any more"
