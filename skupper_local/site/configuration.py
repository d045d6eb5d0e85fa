"""The router's configuration of a site, as a list of entities (reference-engine 3).

Rendering decides nothing: every choice stands in the model already. Attributes carry the reference's types (the port of a
listener is a number, that of a connector text), and an attribute without a value is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from skupper_local.entities import Entity
from skupper_local.resources.router_settings import data_connections_wanted, logging_wanted, proxy_wanted
from skupper_local.site.certificates import proxy_credentials
from skupper_local.site.model import Access, SiteModel
from skupper_local.site.state import PROXY_HOST, PROXY_PASSWORD, PROXY_PORT, PROXY_USER

PLATFORM_LINUX = "linux"
SKROUTERD = "skrouterd"
_CONTAINER_BASE = "${SSL_PROFILE_BASE_PATH}"
"""Expanded by the router image's launcher; skrouterd itself expands nothing (reference-engine 3.5)."""


def router_configuration(model: SiteModel) -> list[Entity]:
    """All entities of ``skrouterd.json`` in the reference's group order, each group sorted by name."""
    entities = [
        _entity("router", **_router(model)),
        *_ssl_profiles(model),
        *_proxy_profiles(model),
        *_connectors(model),
        *(listener for access in model.accesses for listener in _listeners(model, access)),
        _entity("address", prefix="mc", distribution="multicast"),
        *_tcp_connectors(model),
        *_tcp_listeners(model),
        *_listener_addresses(model),
        *_logs(model),
    ]
    return [*entities, _site(model, {entity.name for entity in entities})]


def _site(model: SiteModel, taken: set[str]) -> Entity:
    """The site under its plain name, which other sites see. ``skrouterd`` does not start when an entity of another type has
    that name (router-protocol 11), as the credentials of its link access do: there it is the router's id, as in the
    reference."""
    name = model.state.site.name
    return _entity(
        "site",
        name=model.router_id if model.facts.router_kind == SKROUTERD and name in taken else name,
        platform=model.facts.platform,
        namespace=model.state.namespace,
        version=model.facts.version,
    )


def _entity(kind: str, **attributes: Any) -> Entity:
    return Entity(kind, {name: value for name, value in attributes.items() if value not in (None, "")})


def _router(model: SiteModel) -> dict[str, Any]:
    facts = model.facts
    metadata = {"id": facts.site_id, "version": facts.version, "platform": facts.platform}
    return {
        "id": model.router_id,
        "mode": model.mode,
        "helloMaxAgeSeconds": "3",
        "dataConnectionCount": data_connections_wanted(model.state.site),
        "metadata": json.dumps(metadata, separators=(",", ":")),
    }


def _ssl_profiles(model: SiteModel) -> Iterator[Entity]:
    complete = {access.credentials for access in model.accesses}
    complete |= {
        f"{link.tls_credentials}-profile"
        for link in model.state.links.values()
        if link.endpoint_for(model.link_role)
    }
    complete |= {listener.tls_credentials for listener in model.state.all_listeners}
    trusting: set[str] = set()
    for connector in model.state.connectors.values():
        (complete if connector.use_client_cert else trusting).add(
            _connector_profile(connector.tls_credentials, connector.use_client_cert)
        )
    for name in sorted((complete | trusting) - {""}):
        directory = _credentials_directory(model, name)
        if name in complete:
            yield _entity(
                "sslProfile",
                name=name,
                certFile=f"{directory}/tls.crt",
                privateKeyFile=f"{directory}/tls.key",
                caCertFile=f"{directory}/ca.crt",
            )
        else:
            yield _entity("sslProfile", name=name, caCertFile=f"{directory}/ca.crt")


def _credentials_directory(model: SiteModel, name: str) -> str:
    """Where the router finds credentials."""
    base = model.facts.home if model.facts.platform == PLATFORM_LINUX else _CONTAINER_BASE
    return f"{base}/runtime/certs/{name}"


def _proxy_profiles(model: SiteModel) -> Iterator[Entity]:
    """The password stays in its file; routers read it from there."""
    for name in model.state.proxies:
        data = model.state.secrets[name].data
        password = f"file:{_credentials_directory(model, proxy_credentials(name))}/{PROXY_PASSWORD}"
        yield _entity(
            "proxyProfile",
            name=proxy_credentials(name),
            host=data[PROXY_HOST].decode(),
            port=data[PROXY_PORT].decode(),
            username=data.get(PROXY_USER, b"").decode(),
            password=password if data.get(PROXY_PASSWORD) else None,
        )


def _connector_profile(credentials: str, client_certificate: bool) -> str:
    return credentials if client_certificate or not credentials else f"{credentials}-profile"


def _connectors(model: SiteModel) -> Iterator[Entity]:
    for link in model.state.links.values():
        endpoint = link.endpoint_for(model.link_role)
        if endpoint:
            yield _entity(
                "connector",
                name=link.name,
                role=model.link_role,
                host=endpoint.host,
                port=str(endpoint.port),
                cost=max(1, link.cost),
                sslProfile=f"{link.tls_credentials}-profile",
                proxyProfile=proxy_credentials(proxy_wanted(link)) if proxy_wanted(link) else None,
            )


def _listeners(model: SiteModel, access: Access) -> Iterator[Entity]:
    for role, port in access.ports.items():
        yield _entity(
            "listener",
            name=f"{access.name}-{role}",
            role=role,
            host=model.facts.reach.access_bound(access.resource.bind_host),
            port=port,
            sslProfile=access.credentials,
            saslMechanisms="EXTERNAL",
            authenticatePeer=True,
        )


def _tcp_connectors(model: SiteModel) -> Iterator[Entity]:
    for connector in model.state.connectors.values():
        credentials = connector.tls_credentials
        for target in model.facts.reach.targets(connector):
            yield _entity(
                "tcpConnector",
                name=f"connector/{connector.name}@{target.label}",
                host=target.host,
                port=str(target.port),
                address=connector.routing_key,
                sslProfile=_connector_profile(credentials, connector.use_client_cert),
                verifyHostname=connector.verify_hostname if credentials else None,
            )


def _tcp_listeners(model: SiteModel) -> Iterator[Entity]:
    for listener in model.state.listeners.values():
        yield _entity(
            "tcpListener",
            name=f"listener/{listener.name}",
            host=model.facts.reach.bound(listener.host),
            port=str(listener.port),
            address=listener.routing_key,
            sslProfile=listener.tls_credentials,
            observer=listener.observer,
        )
    for several in model.state.multi_key_listeners.values():
        yield _entity(
            "tcpListener",
            name=_several(several.name),
            host=model.facts.reach.bound(several.host),
            port=str(several.port),
            sslProfile=several.tls_credentials,
            observer=several.observer,
            multiAddressStrategy=several.strategy.name,
            authenticatePeer=several.require_client_cert or None,
        )


def _listener_addresses(model: SiteModel) -> Iterator[Entity]:
    """The routing keys of the listeners that have several, each with its rank or weight."""
    for listener in model.state.multi_key_listeners.values():
        strategy = listener.strategy
        for key, value in zip(strategy.routing_keys, strategy.values, strict=True):
            yield _entity(
                "listenerAddress",
                name=f"{listener.name}/{key}",
                address=key,
                value=value,
                listener=_several(listener.name),
            )


def _several(name: str) -> str:
    """What the router calls a listener with several keys."""
    return f"multiAddress/{name}"


def _logs(model: SiteModel) -> Iterator[Entity]:
    """What the site's settings say, and nothing else; without them, the errors of the router's core."""
    wanted = logging_wanted(model.state.site) or {"ROUTER_CORE": "error+"}
    for module in sorted(wanted):
        yield _entity("log", module=module, enable=wanted[module])
