"""Talking to the router of a site: what to connect to, whether it answers, and what it says.

The site's local listener (``skupper-local``) accepts management from whoever holds the client certificate in the namespace.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

STATUS_SECONDS = 3.0
"""How long a status command waits for a router in all."""


class LocalListener(NamedTuple):
    """Where the router of this namespace answers management."""

    port: int
    credentials: Path
