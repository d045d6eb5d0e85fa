"""The two ends of a service in one command each: ``expose`` offers a server of this machine, ``reach`` opens a port to one.

Each declares what is missing and brings it into effect if the site runs; the same command again changes nothing, whatever else
is declared of that end. When it cannot be brought into effect, nothing is left declared.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import ClassVar

from skupper_local.errors import InvalidRequestError
from skupper_local.host import ports
from skupper_local.namespace.records import read_choices
from skupper_local.operations.create import Created, create_connector, create_listener
from skupper_local.operations.declarations import Declared, Outcome, Written, read_declarations
from skupper_local.operations.effect import take_effect
from skupper_local.operations.errors import AlreadyDeclaredError
from skupper_local.operations.lifecycle import Outcome as Effect
from skupper_local.operations.spelling import name_like, no_site
from skupper_local.operations.status import view_site
from skupper_local.operations.target import Target
from skupper_local.resources import Connector, Listener, MultiKeyListener, RouterAccess, name_rule
from skupper_local.resources.settings import containers_followed
from skupper_local.site.services import services
from skupper_local.site.sockets import DEFAULT_PORTS

LOOPBACK = "127.0.0.1"
_FIRST_PORT = 8080
_UNPRIVILEGED = 1024


class ReachPortTakenError(InvalidRequestError):
    """The service is reached at another port already."""

    code: ClassVar[str] = "reached-elsewhere"


@dataclass(frozen=True)
class ServiceEnd:
    """What was declared, at which port, and what became of the router (None: the site does not run, and was left so).

    ``host`` is the address of this machine at which a service is reached.
    """

    key: str
    port: int
    created: Created
    outcome: Effect | None
    host: str = ""


def expose(
    target: Target, port: int, *, name: str = "", key: str = "", host: str = "localhost"
) -> ServiceEnd:
    """Offer the server at ``host`` and ``port`` under a routing key; name and key stand for each other.

    Raises NoSiteError, AlreadyDeclaredError and the errors of a reload.
    """
    _require_site(target)
    key = key or name
    name = name or (_name_for(key) if key else f"port-{port}")
    key = key or name
    present = read_declarations(target.paths.input_resources).find("Connector", name)
    if present:
        _require_same(target, present, key, host, port)
        created = _unchanged(target, present)
    else:
        created = create_connector(target, name, port, host=host, routing_key=key)
    return ServiceEnd(key, port, created, take_effect(target, created.written))


def _require_same(target: Target, present: Declared, key: str, host: str, port: int) -> None:
    """Refuse to offer another server than the connector of that name does."""
    found = present.resource
    assert isinstance(found, Connector)
    if (found.routing_key, found.host, found.port) == (key, host, port):
        return
    change = ["skupper-local", "connector", "update", found.name, "--port", str(port), "--host", host]
    change += ["--routing-key", key] if found.routing_key != key else []
    server = found.host or str(containers_followed(found) or "another server")
    raise AlreadyDeclaredError(
        f"{found.title} is declared already, for another server or key",
        why=f"{present.path} offers {server}:{found.port} under routing key {found.routing_key}",
        next_step=f"change it: {shlex.join([*change, '-n', target.namespace])}\n"
        f"or offer the server beside it, under another name: --name {found.name}-{port}",
    )


def _unchanged(target: Target, present: Declared) -> Created:
    written = Written(present.resource, Outcome.UNCHANGED, present.path)
    return Created((written,), target.paths.router_config.exists())


def reach(target: Target, key: str, port: int = 0, *, host: str = LOOPBACK) -> ServiceEnd:
    """Open a port of this machine that leads to the servers of a routing key.

    Without a port it is the one that is open already, else the server's own if it can be had, else the first free one from
    8080. Raises NoSiteError, ReachPortTakenError, AlreadyDeclaredError and the errors of a reload.
    """
    _require_site(target)
    present = _present(target, key)
    if present:
        listener = present.resource
        assert isinstance(listener, Listener)
        if port not in (0, listener.port):
            raise ReachPortTakenError(
                f"Routing key {key} is reached at port {listener.port} already",
                why=f"listener {listener.name} is declared for it",
                next_step=f"use that port, or delete it first: skupper-local listener delete {listener.name} "
                f"-n {target.namespace}",
            )
        created = _unchanged(target, present)
        return ServiceEnd(
            key, listener.port, created, take_effect(target, created.written), host=listener.host
        )
    port = port or _choose_port(target, key, host)
    name = _name_for(key)
    try:
        created = create_listener(target, name, port, host=host, routing_key=key)
    except AlreadyDeclaredError as error:
        words = ["skupper-local", "listener", "create", f"{name}-{port}", str(port), "--routing-key", key]
        error.next_step = (
            f"give it another name: {shlex.join([*words, '--host', host, '-n', target.namespace])}"
        )
        raise
    return ServiceEnd(key, port, created, take_effect(target, created.written), host=host)


def _name_for(key: str) -> str:
    """A name for a listener or connector of a routing key: the key itself, or what of it can be a name."""
    return key if not name_rule(key) else name_like(key) or key


def _require_site(target: Target) -> None:
    if not read_declarations(target.paths.input_resources).of_kind("Site"):
        raise no_site(target.paths)


def _present(target: Target, key: str) -> Declared | None:
    for item in read_declarations(target.paths.input_resources).of_kind("Listener"):
        if isinstance(item.resource, Listener) and item.resource.routing_key == key:
            return item
    return None


def _choose_port(target: Target, key: str, host: str) -> int:
    view = view_site(target)
    taken = {item.port for item in view.resources if isinstance(item, Listener | MultiKeyListener)}
    for access in view.resources:
        if isinstance(access, RouterAccess):
            taken |= {role.port or DEFAULT_PORTS.get(role.name, 0) for role in access.roles}
    taken |= set(read_choices(target.paths).ports.values())
    for service in services(view.resources, view.observed):
        for end in service.connectors if service.key == key else ():
            wanted = int(end.port) if end.port.isdecimal() else 0
            own = not end.site  # a server of this machine may have the port itself, when it runs
            if not own and wanted >= _UNPRIVILEGED and wanted not in taken and ports.is_free(wanted, host):
                return wanted
    return ports.next_free(_FIRST_PORT, host=host, taken=taken)
