"""What ``system check`` prints: one line a finding, and under what is not as it should be the cause and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skupper_local.cli.terminal import GREEN, RED, YELLOW, coloured, columns, folded, harmless, say

if TYPE_CHECKING:
    from skupper_local.checks.model import Result, State, Subject
    from skupper_local.checks.run import Examination
    from skupper_local.operations.target import Target

_MARKS = {"ok": ("ok", GREEN), "warning": ("warn", YELLOW), "failed": ("FAIL", RED), "skipped": ("-", "")}
_MARK_WIDTH = 5
_WIDTH = 80


def check_system(target: Target, *, pre: bool, output: str) -> bool:
    """Examine and print; whether nothing failed."""
    found, subject = _examined(target, pre=pre)
    if output:
        from skupper_local.cli.documents import print_documents

        print_documents([_document(found, subject.platform, target.namespace)], output)
    else:
        _print(found)
    return found.passed


def examination_document(target: Target) -> dict[str, Any]:
    """What ``system check -o json`` prints, for whoever keeps it."""
    found, subject = _examined(target, pre=False)
    return _document(found, subject.platform, target.namespace)


def _examined(target: Target, *, pre: bool) -> tuple[Examination, Subject]:
    import os

    from skupper_local.checks.model import Subject
    from skupper_local.checks.run import examine
    from skupper_local.namespace.errors import NotReadableError
    from skupper_local.operations.examination import facts_of
    from skupper_local.operations.placement import LINUX

    try:
        facts = facts_of(target, pre=pre)
    except NotReadableError:  # what is in the way is a finding; the rest can be looked at without it
        pre = True
        facts = {"platform": target.platform or LINUX}
    subject = Subject(target.paths, uid=os.getuid(), pre=pre, **facts)
    return examine(subject), subject


def _print(found: Examination) -> None:
    import sys

    from skupper_local.checks.model import State

    width = min(_WIDTH, columns(sys.stdout) or _WIDTH)
    group = ""
    for finding in found.findings:
        if finding.group != group:
            say(("\n" if group else "") + finding.group)
            group = finding.group
        result = finding.result
        mark, colour = _MARKS[result.state.value]
        # The mark alone is coloured, and says the same without the colour.
        shown = coloured(mark, colour, sys.stdout) if colour else mark
        padding = " " * (_MARK_WIDTH - len(mark))
        for number, line in enumerate(folded(harmless(_headline(result)), width - _MARK_WIDTH - 2)):
            print(f"  {shown}{padding}{line}" if number == 0 else f"  {'':{_MARK_WIDTH}}{line}")
        for label, text in (("why", result.cause), ("fix", result.fix)):
            if text and result.state is not State.SKIPPED:
                _print_part(label, text, width)
    say()
    counts = [
        f"{found.count(state)} {_words(state)}"
        for state in (State.FAILED, State.WARNING)
        if found.count(state)
    ]
    say("; ".join(counts) if counts else "everything is in order")


def _headline(result: Result) -> str:
    if result.state.value == "skipped":
        return f"{result.what}: {result.cause} [{result.code}]"
    return f"{result.what} [{result.code}]"


def _print_part(label: str, text: str, width: int) -> None:
    indent = " " * (_MARK_WIDTH + 4)
    first = f"{indent}{label}: "
    for line in text.splitlines():
        for part in folded(harmless(line), width - len(first)):
            print(f"{first}{part}")
            first = " " * len(first)


def _words(state: State) -> str:
    return "failed" if state.value == "failed" else "to look at"


def _document(found: Examination, platform: str, namespace: str) -> dict[str, Any]:
    """The stable fields of ``-o json|yaml``."""
    return {
        "namespace": namespace,
        "platform": platform,
        "passed": found.passed,
        "checks": [
            {
                "code": finding.result.code,
                "group": finding.group,
                "status": finding.result.state.value,
                "what": finding.result.what,
                **({"cause": finding.result.cause} if finding.result.cause else {}),
                **({"fix": finding.result.fix} if finding.result.fix else {}),
            }
            for finding in found.findings
        ],
    }
