"""All tests in two halves side by side: ``python -m tests.suite``, which ``make test`` calls.

What tests engines and whole hosts has network namespaces and machines of its own and mostly waits for them; everything else
runs in the machine's own network and mostly computes. Together they take little longer than either. The output of the second
half is shown when it is over, and the last line sums both up.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

_SYSTEM = Path(__file__).resolve().parent / "system"
_MACHINES = (
    *("test_behaviour", "test_check_engine", "test_engines", "test_install_uninstall", "test_router_image"),
    *("test_sites_engines", "test_sites_networks", "test_sites_taken_over", "test_systemd_*"),
)
_PYTEST = (sys.executable, "-m", "pytest", "-rfEs")
_COUNTED = re.compile(r"(\d+) (passed|failed|skipped|error)")
_NO_TESTS = 5


def main() -> int:
    """Run both halves; the exit status is 0 when both passed."""
    machines = sorted(str(file) for name in _MACHINES for file in _SYSTEM.glob(f"{name}.py"))
    others = [f"--ignore={file}" for file in machines]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        beside = subprocess.Popen(
            [*_PYTEST, "-p", "no:cacheprovider", *machines],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            counts, status = _run([*_PYTEST, *others])
            beside_status = beside.wait()
        finally:
            if beside.poll() is None:
                beside.terminate()
                beside.wait()
        output.seek(0)
        text = output.read()
    print("\nEngines and hosts, tested meanwhile:", flush=True)
    print(text, flush=True)
    counts += _counts(text)
    failed = counts["failed"] + counts["error"]
    broken = [code for code in (status, beside_status) if code not in (0, _NO_TESTS)]
    if broken and not failed:
        failed = 1  # a run that broke off is not a success, whatever it counted
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {failed} failed{skipped}")
    return 1 if failed else 0


def _run(command: list[str]) -> tuple[Counter[str], int]:
    """Run one half, shown as it goes."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return _counts("".join(lines[-5:])), running.returncode


def _counts(text: str) -> Counter[str]:
    """The numbers in the closing line of a run."""
    closing = [
        line for line in text.splitlines() if re.search(r"\d+ (passed|failed|skipped|error).* in ", line)
    ]
    found = _COUNTED.findall(closing[-1]) if closing else []
    return Counter({word: int(number) for number, word in found})


if __name__ == "__main__":
    sys.exit(main())
