"""All tests and the check of types, in parts side by side: ``python -m tests.suite``, which ``make test`` calls.

What tests engines and whole hosts has network namespaces and machines of its own and mostly waits for them. Everything else
runs in the machine's own network, or as root, sites in one of theirs: routers and sites wait for each other, too, while units
and types are computed. Together they take little longer than the longest. What the parts beside the first one print is shown
when they are over. A few tests that failed are repeated alone, because all this keeps a small machine busy beyond what some of
them wait for; they are named, and fail if they fail again. The last line sums all up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

_TESTS = Path(__file__).resolve().parent
_SYSTEM = _TESTS / "system"
_BESIDE = {
    "engines": ("test_engines", "test_sites_engines", "test_sites_networks", "test_router_image"),
    "hosts": (
        "test_behaviour",
        "test_check_engine",
        "test_install_uninstall",
        "test_sites_taken_over",
        "test_systemd_*",
    ),
}
_SITES = (
    "test_demo",
    "test_sites_at_once",
    "test_sites_bad_luck",
    "test_sites_declared",
    "test_sites_killed",
    "test_sites_linked",
    "test_sites_servers",
    "test_sites_short_commands",
    "test_sites_written_statuses",
)
_OWN_NETWORK = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network namespace with nothing but a loopback: sites have ports that are the same everywhere."""
_PYTEST = (sys.executable, "-m", "pytest", "-rfEs")
_MYPY = (sys.executable, "-m", "mypy")
_COUNTED = re.compile(r"(\d+) (passed|failed|skipped|error)")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+\.py::.+?)(?: - .*)?$", re.MULTILINE)
_SOME_FAILED = 1
_NO_TESTS = 5
_MOST_REPEATED = 12


def main() -> int:
    """Run all parts; the exit status is 0 when each passed."""
    parts = {
        title: sorted(str(file) for name in names for file in _SYSTEM.glob(f"{name}.py"))
        for title, names in _BESIDE.items()
    }
    parts["units"] = [str(_TESTS / "unit")]
    if os.getuid() == 0:
        parts["sites"] = [str(_SYSTEM / f"{name}.py") for name in _SITES]
    others = [f"--ignore={file}" for files in parts.values() for file in files]
    with ExitStack() as stack:
        types = stack.enter_context(_Beside(_MYPY))
        beside = {
            title: stack.enter_context(_Beside([*_place(title), *_PYTEST, "-p", "no:cacheprovider", *files]))
            for title, files in parts.items()
        }
        counts, status, failures = _run([*_PYTEST, *others])
        statuses = [status]
        text, wrong_types = types.end()
        print(f"\nTypes, checked meanwhile:\n{text}", flush=True)
        for title, part in beside.items():
            text, status = part.end()
            print(f"\nTests of {title}, made meanwhile:\n{text}", flush=True)
            counts += _counts(text)
            statuses.append(status)
            failures += _FAILED.findall(text)
    failed = counts["failed"] + counts["error"]
    failures = list(dict.fromkeys(failures))
    broken = any(code not in (0, _SOME_FAILED, _NO_TESTS) for code in statuses)
    if failures and not broken and len(failures) <= _MOST_REPEATED:
        # Processes, engines and whole hosts on two busy cores: what fails in company only is named, and does not count.
        print(f"\nRepeated alone: {', '.join(failures)}", flush=True)
        alone, status, _ = _run([*_PYTEST, *failures])
        failed = alone["failed"] + alone["error"]
        counts["passed"] += alone["passed"]
        statuses = [status]
    if not failed and any(code not in (0, _NO_TESTS) for code in statuses):
        failed = 1  # a run that broke off is not a success, whatever it counted
    if wrong_types:
        failed += 1
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {failed} failed{skipped}")
    return 1 if failed else 0


def _place(title: str) -> tuple[str, ...]:
    """What a command of a part begins with."""
    return _OWN_NETWORK if title == "sites" else ()


class _Beside:
    """A part that runs while others do; ended with its context at the latest."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def __enter__(self) -> _Beside:
        self._output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._output.close()

    def end(self) -> tuple[str, int]:
        """Wait for its end: what it printed, and its exit status."""
        status = self._process.wait()
        self._output.seek(0)
        return self._output.read(), status


def _run(command: list[str]) -> tuple[Counter[str], int, list[str]]:
    """Run a part, shown as it goes: its numbers, its exit status, and which tests failed."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    text = "".join(lines)
    return _counts(text), running.returncode, _FAILED.findall(text)


def _counts(text: str) -> Counter[str]:
    """The numbers in the closing line of a run."""
    closing = [
        line for line in text.splitlines() if re.search(r"\d+ (passed|failed|skipped|error).* in ", line)
    ]
    found = _COUNTED.findall(closing[-1]) if closing else []
    return Counter({word: int(number) for number, word in found})


if __name__ == "__main__":
    sys.exit(main())
