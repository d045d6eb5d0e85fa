"""Click's commands and groups, with what all of ours have in common.

``-n`` and ``-p`` may stand at every level, before or after the sub-command, as in the reference; the last one counts. A group
loads a command's module when the command is run, completed or described, never before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from skupper_local.cli import absent, completing
from skupper_local.cli.switches import written_out
from skupper_local.cli.terminal import columns, wanted_columns

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from skupper_local.operations.target import Target

_Function = TypeVar("_Function", bound=Callable[..., Any])

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_NARROW = 64
"""Columns of a terminal below which descriptions stand under what they describe."""

_LEAST = 30
_FIRST_COLUMN = 30
_FIRST_COLUMN_NARROW = 6

_WHOLE_SENTENCE = 400
"""More characters than the summary of a command has: click would cut it and end it with dots."""


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        assert parameter.name is not None
        context.find_root().meta[parameter.name] = value


def _common_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["-n", "--namespace"],
            metavar="NAME",
            expose_value=False,
            callback=_remember,
            shell_complete=completing.namespaces,
            help="The namespace to work on.  [default: $SKUPPER_NAMESPACE, else default]",
        ),
        click.Option(
            ["-p", "--platform"],
            metavar="PLATFORM",
            expose_value=False,
            callback=_remember,
            shell_complete=completing.platforms,
            help="The platform of the site: podman, docker or linux.  [default: the recorded one, else"
            " $SKUPPER_PLATFORM, else the first of these that is there]",
        ),
    ]


_WITHOUT = {
    "namespace": "it is about no single namespace",
    "platform": "it is about no single platform",
}


class _Help(click.HelpFormatter):
    """Help that fits the terminal, also a narrow one, where click would write lines of 50 columns."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        super().__init__(indent_increment, width, max_width)
        found = wanted_columns() or columns(sys.stdout)
        self._narrow = found is not None and found < _NARROW
        if self._narrow and found is not None:
            self.width = max(found, _LEAST) - 1

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = _FIRST_COLUMN, col_spacing: int = 2
    ) -> None:
        super().write_dl(list(rows), _FIRST_COLUMN_NARROW if self._narrow else col_max, col_spacing)


class _Context(click.Context):
    formatter_class = _Help


class _Command(click.Command):
    """A command whose switches may have a value."""

    context_class = _Context

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        keywords.setdefault("context_settings", _SETTINGS)
        super().__init__(*arguments, **keywords)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, written_out(self, args, ctx))


class SiteCommand(_Command):
    """A command that works on one namespace."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.params.extend(_common_options())


class MachineCommand(_Command):
    """A command that works on no single namespace: flags that would name one are refused, wherever they stand."""

    refused: tuple[str, ...] = ("namespace", "platform")

    def why_not(self, option: str) -> str:
        """Why the command does not take an option that others take; empty for any other option."""
        return next((_WITHOUT[flag] for flag in self.refused if option in (f"-{flag[0]}", f"--{flag}")), "")

    def invoke(self, ctx: click.Context) -> Any:
        for flag in self.refused:
            if flag in ctx.find_root().meta:
                raise click.UsageError(f"{ctx.command_path} takes no --{flag}: {_WITHOUT[flag]}", ctx)
        return super().invoke(ctx)


class PlatformCommand(MachineCommand):
    """A command that works on a platform of this machine, whatever namespaces are on it."""

    refused = ("namespace",)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.params.extend(option for option in _common_options() if option.name == "platform")


class LazyGroup(click.Group):
    """A group that knows its commands by the place of their code: ``module:attribute`` and one line of help."""

    context_class = _Context

    def __init__(
        self,
        *arguments: Any,
        lazy: Mapping[str, tuple[str, str]] | None = None,
        common: bool = True,
        **keywords: Any,
    ) -> None:
        """``common`` says whether its commands take the flags that all others take."""
        keywords.setdefault("context_settings", _SETTINGS)
        super().__init__(*arguments, **keywords)
        self._lazy = lazy or {}
        self.params.extend(_common_options() if common else ())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self._lazy, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        if cmd_name not in self.commands:
            from importlib import import_module

            module, _, attribute = self._lazy[cmd_name][0].partition(":")
            self.commands[cmd_name] = getattr(import_module(module), attribute)
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a word that is no command is told apart from every other mistake."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from skupper_local.cli.mistyped import UnknownCommandError

            raise UnknownCommandError(args[0], ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading those that are only listed."""
        with formatter.section("Commands"):
            formatter.write_dl(self._summaries(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """As click does, without loading the commands, and with their whole summaries."""
        from click.shell_completion import CompletionItem

        offered = [
            CompletionItem(name, help=text)
            for name, text in self._summaries(ctx)
            if name.startswith(incomplete)
        ]
        return [*offered, *click.Command.shell_complete(self, ctx, incomplete)]

    def _summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Each command with its one line of help."""
        rows = [(name, self._lazy[name][1] if name in self._lazy else "") for name in self.list_commands(ctx)]
        return [
            (name, text or self.commands[name].get_short_help_str(_WHOLE_SENTENCE)) for name, text in rows
        ]


_OUTPUT = ("-o", "--output")
_FORMATS = ("json", "yaml")


def output_option(default: str = "") -> Callable[[_Function], _Function]:
    """``-o json|yaml``."""
    return click.option(
        *_OUTPUT,
        type=click.Choice(_FORMATS),
        default=default or None,
        help="Print resources in this format"
        + (f".  [default: {default}]" if default else " in place of a table."),
    )


def output_option_of(text: str) -> click.Option:
    """``-o json|yaml`` with a help of its own."""
    return click.Option(_OUTPUT, type=click.Choice(_FORMATS), help=text)


def insert_options(command: click.Command, *options: click.Option) -> None:
    """Add options to a command, before those that all commands have."""
    common = [option for option in command.params if option.name in ("namespace", "platform")]
    own = [option for option in command.params if option not in common]
    command.params = [*own, *options, *common]


def target_of(context: click.Context) -> Target:
    """What the command works on. Its text is what others read while they wait for the lock: no arguments, hence no secret."""
    from skupper_local.operations.target import find_target

    root = context.find_root()
    target = find_target(
        root.meta.get("namespace", ""), root.meta.get("platform", ""), command=context.command_path
    )
    absent.remember(root.meta, target)
    return target
