"""What can be wrong with keys and certificates. Messages name files, never their content."""

from __future__ import annotations

from typing import ClassVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError


class SuppliedCredentialsIncompleteError(InvalidRequestError):
    """The user supplied some, but not all, of ``ca.crt``, ``tls.crt`` and ``tls.key``."""

    code: ClassVar[str] = "supplied-credentials-incomplete"


class SuppliedCredentialsInvalidError(InvalidRequestError):
    """What the user supplied cannot be read, does not belong together or cannot serve its purpose."""

    code: ClassVar[str] = "supplied-credentials-invalid"


class IssuerDamagedError(SkupperLocalError):
    """A CA on disk cannot be used. It is not replaced by a new one, which would cut every link that trusts it."""

    code: ClassVar[str] = "issuer-damaged"


class IssuerExpiredError(InvalidRequestError):
    """A CA has expired and cannot be renewed here."""

    code: ClassVar[str] = "issuer-expired"


class IssuerMissingError(InvalidRequestError):
    """A certificate is to be signed, or checked, by a CA that the site does not have."""

    code: ClassVar[str] = "issuer-missing"


class UnreadableCredentialsError(ValueError):
    """Bytes that are no key or certificate of a kind known here. Internal: callers turn it into one of the errors above."""
