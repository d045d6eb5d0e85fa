"""The credentials a site wants, as a declarative list: who is named in them, who signs, who trusts, who uses them.

Nothing is made here; the operations compare this list with what is on disk and issue what is missing (reference-engine 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """What a certificate may do, and where it is kept: CAs in ``runtime/issuers``, the others in ``runtime/certs``."""

    CA = "ca"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True)
class CertificateWanted:
    """One certificate and key. ``name`` is the directory; ``subject`` the common name (at most 64 characters).

    ``hosts`` become DNS names, and those that are IP addresses become IP names as well; always empty for a client. ``issuer`` is the CA
    that signs (empty: the CA signs itself); ``trust`` names the CAs whose certificates together make ``ca.crt``, the
    issuer's first. ``used_by`` says for whom it is, for messages.
    """

    name: str
    purpose: Purpose
    subject: str
    hosts: tuple[str, ...] = ()
    issuer: str = ""
    trust: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class CredentialsCopy:
    """A directory ``runtime/certs/<profile>`` whose files come from elsewhere.

    Either ``secret`` names the Secret that holds them (links), or ``certificate`` names the wanted certificate whose ``ca.crt`` alone is
    copied (a connector over TLS without a client certificate).
    """

    profile: str
    secret: str = ""
    certificate: str = ""
