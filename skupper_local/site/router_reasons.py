"""Why a connection of skrouterd failed, in plain words.

skrouterd hands on what its libraries say: ``Connection to east:55671 failed: proton:io Connection refused - disconnected
east:55671``, or for TLS ``amqp:connection:framing-error SSL Failure: error:0A000418:SSL routines::tlsv1 alert unknown ca``. The
connection is named where the reason is shown. What is not known here is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FAILED = re.compile(
    r"Connection to \S+ failed: (?P<condition>[\w.-]+(?::[\w.-]+)+) *(?P<description>.*)", re.DOTALL
)
_PLACE = re.compile(r" - (?:disconnected|connect to|on connect|on read|on write)\b.*", re.DOTALL)
_OPENSSL = re.compile(r"SSL Failure: (?:error:[0-9A-Fa-f]+:[^:]*:[^:]*:)?(?P<reason>.*)", re.DOTALL)

_WORDS: Mapping[str, str] = {
    "name or service not known": "the host name is not known",
    "no address associated with hostname": "the host name has no address",
    "temporary failure in name resolution": "the host name cannot be resolved at the moment",
    "connection timed out": "no answer in time",
}

_TLS: Mapping[str, str] = {
    "certificate verify failed": "the certificate of the other router is not trusted: it has expired, is for another host, or"
    " comes from another CA",
    "unexpected eof while reading": "the other side closed the connection during the TLS handshake",
    "wrong version number": "the other side does not speak TLS",
    "alert unknown ca": "the other router does not trust the CA of this site's certificate",
    "alert certificate expired": "this site's certificate has expired",
    "alert certificate revoked": "this site's certificate is revoked",
    "alert certificate required": "the other router wants a certificate",
    "alert bad certificate": "the other router refuses this site's certificate",
    "alert handshake failure": "the other router agrees to none of the ciphers or certificates",
    "alert protocol version": "the other router speaks no common version of TLS",
}


def plain_reason(text: str) -> str:
    """The reason in what a router says of a connection; any other text as it is."""
    found = _FAILED.fullmatch(text.strip())
    if found is None:
        return text
    description = found["description"].strip()
    if tls := _OPENSSL.fullmatch(description):
        reason = tls["reason"].strip()
        words = next((words for end, words in _TLS.items() if reason.lower().endswith(end)), reason)
        return f"TLS: {words}" if words else "TLS failed"
    if found["condition"] == "proton:io":
        reason = _PLACE.sub("", description).strip().lower()
        return _WORDS.get(reason, reason) or "the connection was lost"
    if description.startswith("Expected SASL protocol header: no protocol header found"):
        return "the other side closed the connection before it said anything; it may expect TLS"
    if description.startswith("Authentication failed"):
        return "the other router demands a certificate that this site did not show"
    return description or found["condition"]
