"""``skupper-local``, and ``python -m skupper_local``.

Before the command line is loaded nothing has begun that would have to be ended well: an interruption then ends the process at
once, as it ends a program that does not know of signals, and Python has nothing to say about it.
"""

from __future__ import annotations

import signal


def main() -> None:
    """The entry point of the installed program."""
    handler = signal.getsignal(
        signal.SIGINT
    )  # another one than Python's: it was ignored when the process began
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from skupper_local.cli.main import main as command_line

    signal.signal(signal.SIGINT, handler)
    command_line()


if __name__ == "__main__":
    main()
