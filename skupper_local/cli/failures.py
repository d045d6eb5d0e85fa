"""How an error looks: code, what, why, what to type next; as JSON when the results were asked for as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from skupper_local.cli.terminal import RED, broken, coloured, harmless, warn
from skupper_local.errors import SkupperLocalError

EXIT_FAILED = 1
EXIT_INVALID = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def report(error: SkupperLocalError, arguments: Sequence[str], note: str = "") -> int:
    """Print an error of ours, and a ``note`` about what may have been meant; returns the exit status."""
    from skupper_local.checks.explained import EXPLAINED_BY

    checks = EXPLAINED_BY.get(error.code, ())
    line = _meant(error, arguments)
    _print(
        error.code,
        error.what,
        error.why,
        line or error.next_step,
        error.exit_status,
        arguments,
        checks,
        warnings=error.warnings,
        note=note,
    )
    return error.exit_status


def _meant(error: SkupperLocalError, arguments: Sequence[str]) -> str:
    """The line as typed, with the word in it that was meant; empty where nobody can know. A deletion is not proposed."""
    import shlex

    from skupper_local.operations.errors import NotDeclaredError

    if not isinstance(error, NotDeclaredError) or not error.meant or error.meant[0] not in arguments:
        return ""
    if {"delete", "update"} & set(arguments):
        return ""
    words = list(arguments)
    words[words.index(error.meant[0])] = error.meant[1]
    return shlex.join(("skupper-local", *words))


def report_usage(
    error: click.ClickException, arguments: Sequence[str], command: click.Command, program: str
) -> int:
    """Print what is wrong with the command line as typed after the name of the ``program``, and a line to type instead."""
    from skupper_local.cli import mistyped

    advice = mistyped.advise(error, arguments, command, program)
    context = getattr(error, "ctx", None) or mistyped.command_path(command, program, arguments)
    usage = context.get_usage().removeprefix("Usage: ")
    look = f"{context.command_path} --help"
    what = _usage_message(error)
    if advice.meant:
        what += f". Did you mean {' or '.join(advice.meant)}?"
    _print(
        "usage",
        what,
        advice.why,
        advice.line or advice.example or look,
        EXIT_INVALID,
        arguments,
        usage=" ".join(usage.split()),
        look=look if advice.line or advice.example else "",
        example=not advice.line and bool(advice.example),
    )
    return EXIT_INVALID


def _usage_message(error: click.ClickException) -> str:
    """One line in plain words; click's own say ``'[PORT]'`` and list choices on lines of their own."""
    if isinstance(error, click.MissingParameter) and error.param is not None:
        name = error.param.make_metavar(error.ctx) if error.ctx else str(error.param.name)
        if isinstance(error.param, click.Argument):
            return f"Missing argument {name.strip('[]')}"
        return f"Missing option {' or '.join(error.param.opts)} {name}"
    if isinstance(error, click.BadParameter) and error.param is not None and error.ctx:
        name = error.param.make_metavar(error.ctx).strip("[]")
        called = " or ".join(error.param.opts) if isinstance(error.param, click.Option) else name
        return f"Invalid value for {called}: {error.message}".rstrip(".")
    if isinstance(error, click.NoSuchOption):
        return f"No such option {error.option_name}"
    return " ".join(error.format_message().rstrip(".").split())


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


def of_a_file(error: OSError) -> SkupperLocalError:
    """What is to be said of a file that the system gave no access to, wherever that came up."""
    from skupper_local.namespace.errors import explain

    return explain(error, f"cannot work with {error.filename}", str(error.filename), reading=True)


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
    usage: str = "",
    look: str = "",
    example: bool = False,
) -> None:
    """``checks`` are those of ``system check`` that explain the error; ``usage`` is how the command is called, ``look`` the one
    that tells more; that the next step is an ``example`` is said of it.
    """
    if wants_json(arguments):
        import json

        because = why or (f"usage: {usage}" if usage else "")
        error: dict[str, object] = {"code": code, "what": what, "why": because, "next": next_step}
        further = {"note": note, "warnings": list(warnings), "checks": list(checks)}
        error.update({key: value for key, value in further.items() if value}, exitStatus=status)
        print(json.dumps({"error": error}, indent=2), file=sys.stderr)
        return
    for text in warnings:
        warn(text)
    label = f"error [{code}]:"
    shown = broken(" ".join(what.split("\n")), sys.stderr, taken=len(label) + 1, indent=2)
    lines = [f"{coloured(label, RED, sys.stderr)} {shown}"]
    check = f"skupper-local system check ({', '.join(checks)})" if checks else ""
    step = f"for example: {next_step}" if example else next_step
    parts = (("why", why), ("usage", usage), ("note", note), ("next", step), ("help", look), ("check", check))
    lines += [f"  {name}: {_below(text, name)}" for name, text in parts if text]
    print("\n".join(lines), file=sys.stderr)


def _below(text: str, label: str) -> str:
    """Further lines stand below the first one, which follows its label. What is to be typed stays one line."""
    indent = len(label) + 4
    text = text.strip()
    if label in ("next", "help", "check"):
        return harmless(text, lines=True).replace("\n", f"\n{' ' * indent}")
    return broken(text, sys.stderr, taken=indent, indent=indent)
