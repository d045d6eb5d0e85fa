"""What can go wrong between us and a router's management."""

from __future__ import annotations

from typing import ClassVar

from skupper_local.errors import SkupperLocalError


class ManagementError(SkupperLocalError):
    """The router could not be asked, or did not do what it was asked. Never raised itself."""


class CredentialsUnusableError(ManagementError):
    """The client credentials of the site are missing or damaged."""

    code: ClassVar[str] = "management-credentials-unusable"


class RouterUnreachableError(ManagementError):
    """Nothing accepts connections where the router should be."""

    code: ClassVar[str] = "router-unreachable"


class RouterNotAnsweringError(ManagementError):
    """The router is there and did not answer in time."""

    code: ClassVar[str] = "router-not-answering"


class RouterTlsError(ManagementError):
    """The router and we do not trust each other."""

    code: ClassVar[str] = "router-tls-failed"


class RouterDisconnectedError(ManagementError):
    """The router closed the connection, or it broke."""

    code: ClassVar[str] = "router-disconnected"


class RouterRefusedError(ManagementError):
    """The router does not want us: it refused authentication, the links or the request."""

    code: ClassVar[str] = "router-refused"


class ManagementRequestError(ManagementError):
    """The router answered that it will not do what was asked; ``status`` is its code (router-protocol 7)."""

    code: ClassVar[str] = "management-request-failed"

    def __init__(self, what: str, *, why: str = "", next_step: str = "", status: int = 0) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.status = status


class ManagementAnswerError(ManagementError):
    """The router's answer is not one to what was asked."""

    code: ClassVar[str] = "management-answer-malformed"
