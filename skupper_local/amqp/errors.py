"""The two kinds of protocol error: ours and the peer's."""

from __future__ import annotations

from skupper_local.amqp.performatives import AmqpError


class LocalProtocolError(Exception):
    """Our own code asked for something the protocol does not allow at this point: a defect."""


class RemoteProtocolError(Exception):
    """The peer broke the protocol or a limit; the connection closes with this error."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.error = AmqpError(condition, description)
