"""How the demonstration is told: numbered steps, commands as the reader would type them, results indented."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from skupper_local.cli.terminal import say

if TYPE_CHECKING:
    from skupper_local.operations.demo import Demonstrated, Line

_BEGIN = {"command": "   $ ", "result": "     "}


class Narrator:
    """Prints each line as it comes."""

    def __init__(self) -> None:
        self._step = 0

    def tell(self, line: Line) -> None:
        """One line of the story."""
        if line.kind == "step":
            self._step += 1
            say(f"\n{self._step}. {line.text}" if self._step > 1 else f"{self._step}. {line.text}")
        else:
            say(f"{_BEGIN[line.kind]}{line.text}")
        sys.stdout.flush()

    def conclude(self, demonstrated: Demonstrated) -> None:
        """What it showed, and for a kept one how to go on."""
        if not demonstrated.kept:
            say(
                "\nOne HTTP request went through two routers and a mutual-TLS link, and its answer came back."
            )
            return
        directory = shlex.quote(str(demonstrated.directory))
        say("\nBoth sites are still running. To look at them:")
        say(f"   $ export XDG_DATA_HOME={directory}")
        say("   $ skupper-local namespace list")
        say("   $ skupper-local system status -n west")
        say(f"   $ curl http://127.0.0.1:{demonstrated.listener_port}/")
        say("To remove all of it (the web server ends with its directory):")
        say("   $ skupper-local system teardown --force -n west")
        say("   $ skupper-local system teardown --force -n east")
        say(f"   $ rm -r {directory}")
