"""Switches with a value, ``--enable-link-access=false``: the reference's way to say yes and no.

Its commands take a switch alone or with ``=`` and a truth value; click knows pairs of switches only. What stands here turns
the one form into the other before click reads the line, so that habits, scripts and documents of the reference go on to work.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
"""What the reference's language reads as a truth value."""


def written_out(command: click.Command, words: Iterable[str], context: click.Context) -> list[str]:
    """The words of a command line with every ``--switch=VALUE`` as click has it. Raises click.BadOptionUsage."""
    written: list[str] = []
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        switch = _switch(command, flag) if equals and flag.startswith("--") else None
        if switch is None:
            written.append(word)
        elif value in _TRUE | _FALSE:
            flags = switch.opts if (flag in switch.opts) == (value in _TRUE) else switch.secondary_opts
            if flags:
                written.append(max(flags, key=len))
            else:  # a switch without an opposite is off when it is not there
                written = [kept for kept in written if kept not in switch.opts]
        elif not context.resilient_parsing:
            raise click.BadOptionUsage(
                flag,
                f"Option '{flag}' is a switch: it takes no value, or true or false, not '{value}'",
                context,
            )
        if word == "--":
            written.extend(left)
    return written


def _switch(command: click.Command, flag: str) -> click.Option | None:
    switches = (
        option for option in command.params if isinstance(option, click.Option) and option.is_bool_flag
    )
    return next((option for option in switches if flag in (*option.opts, *option.secondary_opts)), None)
