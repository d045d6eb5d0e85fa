"""``skupper-local``: the root of the commands, and the one place where errors become words and an exit status."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from skupper_local import __version__
from skupper_local.cli import absent, failures
from skupper_local.cli.commands import LazyGroup
from skupper_local.cli.terminal import talk
from skupper_local.errors import SkupperLocalError

PROGRAM = "skupper-local"
_COMPLETE = "_SKUPPER_LOCAL_COMPLETE"

_COMMANDS = {
    "certificate": ("skupper_local.cli.certificate:certificate", "See the certificates of the site."),
    "completion": ("skupper_local.cli.completion:completion", "Print a completion script for a shell."),
    "connector": ("skupper_local.cli.connector:connector", "Offer servers near this site to the network."),
    "debug": ("skupper_local.cli.debug:debug", "Gather what helps to find a fault."),
    "demo": ("skupper_local.cli.demo:demo", "Two linked sites on this machine carry a real request."),
    "expose": ("skupper_local.cli.expose:expose", "Offer a server near this site to the network."),
    "link": ("skupper_local.cli.link:link", "Join this site to others."),
    "listener": ("skupper_local.cli.listener:listener", "Open ports here that lead to connectors elsewhere."),
    "namespace": ("skupper_local.cli.namespace:namespace", "See the namespaces of this machine."),
    "reach": ("skupper_local.cli.expose:reach", "Open a port here that leads to a service."),
    "service": ("skupper_local.cli.service:service", "See which services the network has."),
    "site": ("skupper_local.cli.site:site", "Declare this machine's place on the network."),
    "system": ("skupper_local.cli.system:system", "Run the site: start, stop, reload, see, remove."),
    "up": ("skupper_local.cli.up:up", "Declare, start or reload, wait, and show what there is."),
    "version": ("skupper_local.cli.version:version", "Print the version."),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, name=PROGRAM)
@click.version_option(__version__, "--version", prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Put this machine on a service network, without Kubernetes.

    A site is this machine's place on the network. It is declared (site, listener, connector, link), then started (system
    start). A connector offers a server under a routing key; a listener opens a port that leads to it, from any linked site.
    "skupper-local demo" shows all of it at work.

    \b
    Begin with:
      skupper-local demo
      skupper-local site create my-site
      skupper-local connector create backend 8080
      skupper-local system start
    """


def run(
    arguments: Sequence[str], command: click.Command = cli, program: str = PROGRAM, given: object = None
) -> int:
    """Run one command line of a program; returns the exit status. ``given`` is what the command finds in its context."""
    words = list(arguments)
    meta: dict[str, Any] = {}
    try:
        if os.environ.get(_COMPLETE):
            from click.shell_completion import shell_complete

            from skupper_local.cli import shells
            from skupper_local.cli.completing import rejoin_words

            shells.register()
            rejoin_words(os.environ)
            return shell_complete(cli, {}, PROGRAM, _COMPLETE, os.environ[_COMPLETE])
        with command.make_context(program, words[:], obj=given) as context:
            meta = context.meta
            command.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_request:
        _tell_absent(meta)
        return exit_request.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return failures.EXIT_INVALID
    except click.ClickException as error:
        return failures.report_usage(error, words, command, program)
    except (click.Abort, KeyboardInterrupt):
        print("interrupted; repeat the command to finish what it began", file=sys.stderr)
        return failures.EXIT_INTERRUPTED
    except SkupperLocalError as error:
        return failures.report(error, words, absent.note(meta) if error.code in absent.EXPLAINS else "")
    except BrokenPipeError:  # whoever read our output has enough
        _give_up_output()
        return failures.EXIT_BROKEN_PIPE
    except OSError as error:
        if error.filename is not None:
            return failures.report(failures.of_a_file(error), words)
        _give_up_output()
        return failures.report_output(error, words)
    except Exception as error:
        return failures.report_internal(error, words)
    _tell_absent(meta)
    return 0


def _tell_absent(meta: Mapping[str, Any]) -> None:
    if text := absent.note(meta):
        talk(f"note: {text}")


def _give_up_output() -> None:
    """What is still in the buffer goes nowhere; the interpreter must not complain about it when it flushes at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """What is closed becomes the null device: else the next file opened would take its number, and be printed into."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def main() -> None:
    """The entry point of the installed program."""
    _open_closed_streams()
    # Nearly everything a command allocates it needs to its end, so collecting costs much and frees nothing.
    gc.disable()
    sys.exit(run(sys.argv[1:]))
