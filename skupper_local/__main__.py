"""``skupper-local``, and ``python -m skupper_local``.

Before the command line is loaded nothing has begun that would have to be ended well: an interruption then ends the process at
once, as it ends a program that does not know of signals, and Python has nothing to say about it.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_MOMENT_SECONDS = 0.02


def main() -> None:
    """The entry point of the installed program."""
    handler = signal.getsignal(signal.SIGINT)
    # Another one than Python's says that it was ignored when the process began, and so it stays.
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from skupper_local.cli.main import main as command_line

    signal.signal(signal.SIGINT, handler)
    sys.unraisablehook = _interrupt_again
    command_line()


def _interrupt_again(unraisable: UnraisableHookArgs) -> None:
    """An interruption that came while the interpreter cleaned up after something is not lost, nor told with a traceback."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        import threading

        # What cannot be raised here can be a moment later. Only the main thread is ever interrupted, so this is it.
        interrupted = (threading.get_ident(), signal.SIGINT)
        timer = threading.Timer(_MOMENT_SECONDS, signal.pthread_kill, interrupted)
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    main()
