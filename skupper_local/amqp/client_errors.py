"""What a blocking client can meet: one class for each kind of bad news, so that callers can tell them apart.

``why`` of each is the real reason in a few words, fit for a table cell: ``connection refused``, ``certificate verify failed:
certificate has expired``, ``amqp:unauthorized-access: ...``.
"""

from __future__ import annotations

from typing import ClassVar

from skupper_local.amqp.performatives import AmqpError
from skupper_local.errors import SkupperLocalError


class AmqpClientError(SkupperLocalError):
    """A conversation with an AMQP peer failed."""

    code: ClassVar[str] = "amqp-failed"


class AmqpUnreachableError(AmqpClientError):
    """No TCP connection: refused, no route, an unknown name, or it broke without a word."""

    code: ClassVar[str] = "amqp-unreachable"


class AmqpTimeoutError(AmqpClientError):
    """The deadline passed; ``why`` says what was waited for."""

    code: ClassVar[str] = "amqp-timeout"


class AmqpTlsError(AmqpClientError):
    """TLS failed: the peer's certificate did not verify, it did not accept ours, or it does not speak TLS."""

    code: ClassVar[str] = "amqp-tls"


class AmqpClosedError(AmqpClientError):
    """The peer closed the connection or broke the protocol. ``error`` is the AMQP condition, if there is one."""

    code: ClassVar[str] = "amqp-closed"

    def __init__(self, what: str, *, why: str, error: AmqpError | None = None) -> None:
        super().__init__(what, why=why)
        self.error = error


class AmqpRefusedError(AmqpClientError):
    """The peer refused a link or a request. ``error`` is the AMQP condition, if there is one."""

    code: ClassVar[str] = "amqp-refused"

    def __init__(self, what: str, *, why: str, error: AmqpError | None = None) -> None:
        super().__init__(what, why=why)
        self.error = error


class AmqpAnswerError(AmqpClientError):
    """An answer came and is no message, or is too large."""

    code: ClassVar[str] = "amqp-answer-malformed"
