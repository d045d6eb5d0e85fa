"""Which certificates that a router shows have expired: a router goes on with them, and nobody on the other side does.

Read from the files that the router reads. A status without TLS pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.resources import Connector, Listener, MultiKeyListener, Resource, RouterAccess


def expired_certificates(
    paths: NamespacePaths, resources: Iterable[Resource], now: datetime
) -> dict[str, str]:
    """The credentials that listeners, connectors and link accesses show and that have expired, and until when they were valid.

    What the program made for a link access is renewed by it in time, and not looked at.
    """
    shown = set()
    for item in resources:
        if isinstance(item, (Listener, MultiKeyListener)) or (
            isinstance(item, Connector) and item.use_client_cert
        ):
            shown.add(item.tls_credentials)
        elif isinstance(item, RouterAccess):
            name = item.tls_credentials or item.name
            if (paths.input_certs / name).is_dir():
                shown.add(name)
    expired = {}
    for name in sorted(shown - {""}):
        from skupper_local.pki.certificates import is_expired, load_certificates
        from skupper_local.pki.errors import UnreadableCredentialsError

        with suppress(OSError, UnreadableCredentialsError):
            certificate = load_certificates((paths.runtime_certs / name / "tls.crt").read_bytes())[0]
            if is_expired(certificate, now):
                expired[name] = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return expired
