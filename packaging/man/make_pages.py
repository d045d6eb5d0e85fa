"""Write the manual pages: one for the program and one for each of its commands, from the same words as ``--help``.

``python packaging/man/make_pages.py DIRECTORY`` needs the program installed for the interpreter that runs it. The same program
gives the same bytes.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from skupper_local import __version__
from skupper_local.cli.main import PROGRAM, cli

SECTION = "1"
_EXAMPLES = ("Example:", "Examples:", "Begin with:")


def pages() -> Iterator[tuple[str, str]]:
    """Every page: its file name and its text."""
    yield from _pages(cli, click.Context(cli, info_name=PROGRAM, **cli.context_settings))


def _pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    name = context.command_path.replace(" ", "-")
    yield f"{name}.{SECTION}", _page(command, context, name)
    for child, sub in _children(command, context):
        yield from _pages(sub, click.Context(sub, parent=context, info_name=child, **sub.context_settings))


def _children(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            sub = command.get_command(context, child)
            if sub is not None and not sub.hidden:
                yield child, sub


def _page(command: click.Command, context: click.Context, name: str) -> str:
    description, examples = _split(inspect.cleandoc(command.help or ""))
    summary = re.split(r"[.:;]", " ".join(description.split()), maxsplit=1)[0]
    lines = [
        f'.TH "{_escape(name.upper())}" "{SECTION}" "" "{_escape(PROGRAM)} {_escape(__version__)}" "User Commands"',
        ".SH NAME",
        f"{_escape(name)} \\- {_escape(summary)}",
        ".SH SYNOPSIS",
        f".B {_escape(context.command_path)}",
        _escape(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
    ]
    for number, paragraph in enumerate(description.split("\n\n")):
        lines += [".PP"] if number else []
        if paragraph.startswith("\b\n"):  # its lines stay lines
            lines += [".nf", *(_escape(line) for line in paragraph.splitlines()[1:]), ".fi"]
        else:
            lines.append(_escape(" ".join(paragraph.split())))
    lines += _options(command, context)
    if examples:
        lines += [".SH EXAMPLES", ".nf", *(_escape(example) for example in examples), ".fi"]
    lines += _further(command, context)
    return "\n".join(lines) + "\n"


def _split(text: str) -> tuple[str, list[str]]:
    """The description without its examples, and the examples."""
    description: list[str] = []
    examples: list[str] = []
    in_examples = False
    for line in re.sub(f"\b\n(?={'|'.join(_EXAMPLES)})", "", text).splitlines():
        if line.strip() in _EXAMPLES:
            in_examples = True
        elif in_examples and line.startswith("  "):
            examples.append(line.strip())
        else:
            in_examples = False
            description.append(line)
    return "\n".join(description).strip(), [example for example in examples if example]


def _options(command: click.Command, context: click.Context) -> list[str]:
    lines: list[str] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            lines += [".TP", f".B {_escape(record[0])}", _escape(" ".join(record[1].split()))]
    return [".SH OPTIONS", *lines] if lines else []


def _further(command: click.Command, context: click.Context) -> list[str]:
    lines = [
        ".SH EXIT STATUS",
        "0 done, or already so; 1 the work failed; 2 the request was wrong and nothing was done.",
    ]
    related = [
        f"{context.command_path.replace(' ', '-')}-{child}" for child, _ in _children(command, context)
    ]
    if context.parent is not None:
        related.insert(0, context.parent.command_path.replace(" ", "-"))
    if related:
        shown = ", ".join(f"\\fB{_escape(name)}\\fR({SECTION})" for name in related)
        lines += [".SH SEE ALSO", shown]
    return lines


def _escape(text: str) -> str:
    """Text as roff takes it literally: no control line, no escape, a hyphen that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description="Write the manual pages of the program.")
    parser.add_argument("directory", type=Path, help="where to write them; it is made if it is not there")
    arguments = parser.parse_args()
    try:
        arguments.directory.mkdir(parents=True, exist_ok=True)
        count = 0
        for name, text in pages():
            (arguments.directory / name).write_text(text, encoding="utf-8")
            count += 1
    except OSError as error:
        print(f"the pages could not be written: {error}", file=sys.stderr)
        return 1
    print(f"{count} pages written to {arguments.directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
