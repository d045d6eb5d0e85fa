"""What ``system history`` and ``system rollback`` print."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from skupper_local.cli.answering import answers
from skupper_local.cli.declaring import namespace_flag
from skupper_local.cli.documents import print_documents
from skupper_local.cli.running import print_reloaded
from skupper_local.cli.tables import say_table
from skupper_local.cli.terminal import say, talk

if TYPE_CHECKING:
    from skupper_local.operations.history import HistoryRow, RolledBack
    from skupper_local.operations.target import Target

_HEADINGS = ("GENERATION", "SINCE", "NOW", "CHANGES")
_SHOWN = 3


def show_history(target: Target, output: str) -> None:
    """A line a generation, newest first."""
    from skupper_local.operations.history import view_history

    rows = view_history(target)
    if output:
        found = [
            {
                "generation": row.number,
                "since": _moment(row.at),
                "current": row.current,
                "changes": list(row.changes),
            }
            for row in rows
        ]
        print_documents([{"generations": found}], output)
        return
    if not rows:
        talk(
            f"Namespace {target.namespace} has no history yet: every start or reload with changed declarations adds to it"
        )
        return
    say_table(
        _HEADINGS,
        [(row.number, _moment(row.at), "now" if row.current else "", _changes(row)) for row in rows],
    )
    if not any(row.current for row in rows):
        talk("what is declared now has not been taken up by a start or a reload")


def print_rolled_back(rolled: RolledBack, target: Target) -> None:
    """What changed, and what became of the router."""
    answered = answers(generation=rolled.number, changes=list(rolled.changes))
    for line in rolled.changes if not answered else ():
        say(line)
    if not rolled.changes:
        if not answered:
            say(f"Generation {rolled.number} is what is declared already")
        return
    if not answered:
        say(f"The declarations are those of generation {rolled.number} again")
    if rolled.outcome:
        print_reloaded(rolled.outcome, target)
    else:
        talk(f"next: skupper-local system start{namespace_flag(target)}")


def _changes(row: HistoryRow) -> str:
    more = len(row.changes) - _SHOWN
    return ", ".join(row.changes[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
