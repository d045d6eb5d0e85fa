"""A ``listener`` with ``http``: health and metrics of the router."""

from __future__ import annotations

from skupper_local.router.configuration import ListenerSettings


class HttpListener:
    """One of them. ``message`` says why it is down, or is empty."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.settings = settings
        self.message = ""
