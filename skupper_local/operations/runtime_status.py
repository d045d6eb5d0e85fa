"""What is written down of statuses: ``runtime/resources``, where the reference's program reads them.

Our own status commands ask the router; the reference's know nothing but these files (reference-engine 10). So every command
that changes what runs leaves there what the router said at its end, and a stop that nothing runs.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import HeldLock
from skupper_local.namespace.records import read_choices, read_platform
from skupper_local.operations.containers import read_reach
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.expiry import expired_certificates
from skupper_local.operations.router import observe_router
from skupper_local.operations.servers import with_servers
from skupper_local.resources import encode_resource, file_name
from skupper_local.site.status import with_statuses

_SECONDS = 3.0
"""How long a router that has just answered may take to tell all it knows."""


def record_statuses(held: HeldLock, *, down_reason: str = "") -> None:
    """Write down the statuses of this moment; ``down_reason`` says why no router has to be asked.

    What goes wrong is not raised: the deed is done, and these files are a courtesy.
    """
    paths = held.paths
    with contextlib.suppress(SkupperLocalError, OSError):
        before = read_declarations(paths.runtime_resources).resources
        if not before:
            return
        observed, reason = (None, down_reason) if down_reason else observe_router(paths, _SECONDS)
        reach = read_reach(paths)
        observed = with_servers(observed, before, reach, read_platform(paths) or "")
        moment = datetime.fromtimestamp(time.time(), UTC)
        now = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        judged = with_statuses(
            before,
            observed,
            site_id=read_choices(paths).site_id,
            now=now,
            down_reason=reason,
            reach=reach,
            expired=expired_certificates(paths, before, moment),
        )
        changed = [new for old, new in zip(before, judged, strict=True) if old != new]
        if not changed:
            return
        transaction = held.transaction()
        for item in changed:
            transaction.write(paths.runtime_resources / file_name(item), encode_resource(item).encode())
        transaction.commit()
