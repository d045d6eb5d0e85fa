"""What can stand in the way of a request, in words for the person who made it."""

from __future__ import annotations

from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError


class PlatformMismatchError(InvalidRequestError):
    """The namespace is on another platform than the one asked for."""

    code: ClassVar[str] = "platform-mismatch"


class SiteExistsError(InvalidRequestError):
    """The namespace has another site already."""

    code: ClassVar[str] = "site-exists"


class AlreadyDeclaredError(InvalidRequestError):
    """A resource of that kind and name is declared already, with other content."""

    code: ClassVar[str] = "already-declared"


class NotDeclaredError(InvalidRequestError):
    """There is no resource of that kind and name. ``meant`` is a word of the request and the one that may have been meant."""

    code: ClassVar[str] = "not-declared"

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", meant: tuple[str, str] | None = None
    ) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.meant = meant


class DeclaredElsewhereError(InvalidRequestError):
    """The resource stands in a file that the user made, which this program does not rewrite."""

    code: ClassVar[str] = "declared-elsewhere"


class SourceUnreadableError(InvalidRequestError):
    """The file to apply cannot be read."""

    code: ClassVar[str] = "source-unreadable"


class NoSiteError(InvalidRequestError):
    """No site is declared in the namespace."""

    code: ClassVar[str] = "no-site"


class SiteNotStartedError(SkupperLocalError):
    """The request needs a site that has been started."""

    code: ClassVar[str] = "site-not-started"


class PortInUseError(SkupperLocalError):
    """A port that the site needs cannot be bound."""

    code: ClassVar[str] = "port-in-use"


class OpenFilesLimitError(SkupperLocalError):
    """The router may not have as many files open as the site has listening sockets."""

    code: ClassVar[str] = "too-few-open-files"


class RouterNotReadyError(SkupperLocalError):
    """The router was started and did not answer in time, or ended."""

    code: ClassVar[str] = "router-not-ready"


class DemoFailedError(SkupperLocalError):
    """A step of the demonstration did not end as it should."""

    code: ClassVar[str] = "demo-failed"
