"""How an error looks: code, what, why, what to type next; as JSON when the results were asked for as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from skupper_local.cli.terminal import RED, coloured, harmless, warn
from skupper_local.errors import SkupperLocalError

EXIT_FAILED = 1
EXIT_INVALID = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def report(error: SkupperLocalError, arguments: Sequence[str], note: str = "") -> int:
    """Print an error of ours, and a ``note`` about what may have been meant; returns the exit status."""
    from skupper_local.checks.explained import EXPLAINED_BY

    checks = EXPLAINED_BY.get(error.code, ())
    _print(
        error.code,
        error.what,
        error.why,
        error.next_step,
        error.exit_status,
        arguments,
        checks,
        warnings=error.warnings,
        note=note,
    )
    return error.exit_status


def report_usage(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Print what is wrong with the command line as typed."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "skupper-local"
    why = context.get_usage().removeprefix("Usage: ") if context else ""
    message = error.format_message().rstrip(".")
    _print("usage", message, f"usage: {why}" if why else "", f"{path} --help", EXIT_INVALID, arguments)
    return EXIT_INVALID


def report_output(error: OSError, arguments: Sequence[str]) -> int:
    """Print that standard output could not be written, for instance to a file on a full disk."""
    what, why = "The output could not be written", error.strerror or str(error)
    _print(
        "output-not-written",
        what,
        why,
        "send it somewhere else, and repeat the command",
        EXIT_FAILED,
        arguments,
    )
    return EXIT_FAILED


def report_internal(error: BaseException, arguments: Sequence[str]) -> int:
    """Print a mistake of this program in one line; all of it only when asked for."""
    if os.environ.get("SKUPPER_LOCAL_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    _print(
        "internal",
        "This is a mistake in skupper-local, not in what you typed",
        text,
        "run it again with SKUPPER_LOCAL_DEBUG=1 and report what is printed",
        EXIT_FAILED,
        arguments,
    )
    return EXIT_FAILED


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``-o json`` stands on the command line, also on one that could not be parsed."""
    for index, word in enumerate(arguments):
        if word in ("-ojson", "-o=json", "--output=json"):
            return True
        if word in ("-o", "--output") and arguments[index + 1 : index + 2] == ["json"]:
            return True
    return False


def _print(
    code: str,
    what: str,
    why: str,
    next_step: str,
    status: int,
    arguments: Sequence[str],
    checks: Sequence[str] = (),
    *,
    warnings: Sequence[str] = (),
    note: str = "",
) -> None:
    """``checks`` are those of ``system check`` that explain the error."""
    if wants_json(arguments):
        import json

        error: dict[str, object] = {"code": code, "what": what, "why": why, "next": next_step}
        further = {"note": note, "warnings": list(warnings), "checks": list(checks)}
        error.update({key: value for key, value in further.items() if value}, exitStatus=status)
        print(json.dumps({"error": error}, indent=2), file=sys.stderr)
        return
    for text in warnings:
        warn(text)
    lines = [f"{coloured(f'error [{code}]:', RED, sys.stderr)} {harmless(what)}"]
    look = f"skupper-local system check ({', '.join(checks)})" if checks else ""
    parts = (("why", why), ("note", note), ("next", next_step), ("check", look))
    lines += [f"  {label}: {_indented(text)}" for label, text in parts if text]
    print("\n".join(lines), file=sys.stderr)


def _indented(text: str) -> str:
    """Further lines stand below the first one."""
    return "\n       ".join(harmless(line) for line in text.strip().split("\n"))
