"""Which fields each kind has, in one table: the decoder, the encoder and the documentation read it.

A field's ``rule`` returns what its value breaks (see :mod:`~skupper_local.resources.rules`). ``idle`` says why a field that
is known has no effect on a machine without Kubernetes; a declaration that sets it is kept, and its author is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from skupper_local.resources.model import (
    AccessGrant,
    AccessToken,
    AttachedConnector,
    AttachedConnectorBinding,
    Certificate,
    ConfigMap,
    Connector,
    Link,
    Listener,
    MultiKeyListener,
    Resource,
    RouterAccess,
    Secret,
    SecuredAccess,
    Site,
)
from skupper_local.resources.rules import (
    alternative_name_rule,
    authority_rule,
    code_rule,
    cost_rule,
    count_rule,
    duration_rule,
    grant_url_rule,
    host_rule,
    name_rule,
    object_name_rule,
    observer_rule,
    port_rule,
    protocol_rule,
    routing_key_rule,
    subject_rule,
)
from skupper_local.resources.settings import SETTINGS

_KUBERNETES = "has an effect on Kubernetes only"
_SETTINGS = "no setting has an effect here"


class Form(Enum):
    """The shape of a field's value in YAML."""

    TEXT = "text"
    INTEGER = "a whole number"
    FLAG = "true or false"
    TEXT_MAP = "a map of text to text"
    TEXT_LIST = "a list of text"
    ENDPOINTS = "a list of endpoints"
    ROLES = "a list of roles"
    STRATEGY = "a map with priority or weighted"
    PORTS = "a list of ports"


@dataclass(frozen=True)
class FieldSpec:
    """One field of ``spec``: its key in YAML, its attribute on the class, and what it must be.

    ``entries`` are the keys of a map that have an effect, with their rules; then ``idle`` speaks of all others. The value of a
    ``secret`` field appears in no message.
    """

    key: str
    attribute: str
    form: Form = Form.TEXT
    required: bool = False
    rule: Callable[[Any], str] | None = None
    idle: str = ""
    entries: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    secret: bool = False


def _settings(kind: type[Resource] | None = None, idle: str = _SETTINGS) -> FieldSpec:
    """The settings of a kind, of which some or none have an effect."""
    entries = SETTINGS[kind] if kind else {}
    return FieldSpec("settings", "settings", Form.TEXT_MAP, idle=idle, entries=entries)


SPEC_FIELDS: dict[type[Resource], tuple[FieldSpec, ...]] = {
    Site: (
        FieldSpec("linkAccess", "link_access"),
        FieldSpec("edge", "edge", Form.FLAG),
        FieldSpec("ha", "ha", Form.FLAG, idle=_KUBERNETES),
        FieldSpec("defaultIssuer", "default_issuer", idle=_KUBERNETES),
        FieldSpec("serviceAccount", "service_account", idle=_KUBERNETES),
        _settings(Site, "this setting has no effect here"),
    ),
    Listener: (
        FieldSpec("routingKey", "routing_key", required=True, rule=routing_key_rule),
        FieldSpec("host", "host", required=True, rule=host_rule),
        FieldSpec("port", "port", Form.INTEGER, required=True, rule=port_rule),
        FieldSpec("tlsCredentials", "tls_credentials", rule=object_name_rule),
        FieldSpec("type", "type", rule=protocol_rule),
        FieldSpec("observer", "observer", rule=observer_rule),
        FieldSpec("exposePodsByName", "expose_pods_by_name", Form.FLAG, idle=_KUBERNETES),
        _settings(),
    ),
    Connector: (
        FieldSpec("routingKey", "routing_key", required=True, rule=routing_key_rule),
        FieldSpec("host", "host", rule=host_rule),
        FieldSpec("selector", "selector"),
        FieldSpec("port", "port", Form.INTEGER, required=True, rule=port_rule),
        FieldSpec("tlsCredentials", "tls_credentials", rule=object_name_rule),
        FieldSpec("useClientCert", "use_client_cert", Form.FLAG),
        FieldSpec("verifyHostname", "verify_hostname", Form.FLAG),
        FieldSpec("type", "type", rule=protocol_rule),
        FieldSpec("exposePodsByName", "expose_pods_by_name", Form.FLAG, idle=_KUBERNETES),
        FieldSpec("includeNotReadyPods", "include_not_ready_pods", Form.FLAG, idle=_KUBERNETES),
        _settings(Connector, "this setting has no effect here"),
    ),
    Link: (
        FieldSpec("endpoints", "endpoints", Form.ENDPOINTS, required=True),
        FieldSpec("tlsCredentials", "tls_credentials", required=True, rule=object_name_rule),
        FieldSpec("cost", "cost", Form.INTEGER, rule=cost_rule),
        _settings(Link, "this setting has no effect here"),
    ),
    RouterAccess: (
        FieldSpec("roles", "roles", Form.ROLES, required=True),
        FieldSpec("bindHost", "bind_host", rule=host_rule),
        FieldSpec("tlsCredentials", "tls_credentials", rule=name_rule),
        FieldSpec("issuer", "issuer", rule=object_name_rule),
        FieldSpec(
            "subjectAlternativeNames", "subject_alternative_names", Form.TEXT_LIST, rule=alternative_name_rule
        ),
        FieldSpec("generateTlsCredentials", "generate_tls_credentials", Form.FLAG),
        FieldSpec("accessType", "access_type", idle=_KUBERNETES),
        _settings(),
    ),
    MultiKeyListener: (
        FieldSpec("host", "host", required=True, rule=host_rule),
        FieldSpec("port", "port", Form.INTEGER, required=True, rule=port_rule),
        FieldSpec("strategy", "strategy", Form.STRATEGY, required=True),
        FieldSpec("tlsCredentials", "tls_credentials", rule=object_name_rule),
        FieldSpec("requireClientCert", "require_client_cert", Form.FLAG),
        FieldSpec("observer", "observer", rule=observer_rule),
        _settings(),
    ),
    AccessGrant: (
        FieldSpec("redemptionsAllowed", "redemptions_allowed", Form.INTEGER, rule=count_rule),
        FieldSpec("expirationWindow", "expiration_window", rule=duration_rule),
        FieldSpec("code", "code", rule=code_rule, secret=True),
        FieldSpec("issuer", "issuer", rule=object_name_rule),
        _settings(),
    ),
    AccessToken: (
        FieldSpec("url", "url", required=True, rule=grant_url_rule),
        FieldSpec("code", "code", required=True, rule=code_rule, secret=True),
        FieldSpec("ca", "ca", required=True, rule=authority_rule),
        FieldSpec("linkCost", "link_cost", Form.INTEGER, rule=cost_rule),
        _settings(),
    ),
    Certificate: (
        FieldSpec("subject", "subject", required=True, rule=subject_rule),
        FieldSpec("ca", "ca", rule=object_name_rule),
        FieldSpec("hosts", "hosts", Form.TEXT_LIST, rule=alternative_name_rule),
        FieldSpec("client", "client", Form.FLAG),
        FieldSpec("server", "server", Form.FLAG),
        FieldSpec("signing", "signing", Form.FLAG),
        _settings(),
    ),
    SecuredAccess: (
        FieldSpec("selector", "selector", Form.TEXT_MAP, required=True),
        FieldSpec("ports", "ports", Form.PORTS, required=True),
        FieldSpec("accessType", "access_type"),
        FieldSpec("certificate", "certificate", rule=object_name_rule),
        FieldSpec("issuer", "issuer", rule=object_name_rule),
        FieldSpec("settings", "settings", Form.TEXT_MAP),
    ),
    AttachedConnector: (
        FieldSpec("siteNamespace", "site_namespace", required=True, rule=name_rule),
        FieldSpec("selector", "selector", required=True),
        FieldSpec("port", "port", Form.INTEGER, required=True, rule=port_rule),
        FieldSpec("tlsCredentials", "tls_credentials", rule=object_name_rule),
        FieldSpec("useClientCert", "use_client_cert", Form.FLAG),
        FieldSpec("type", "type", rule=protocol_rule),
        FieldSpec("includeNotReadyPods", "include_not_ready_pods", Form.FLAG),
        FieldSpec("settings", "settings", Form.TEXT_MAP),
    ),
    AttachedConnectorBinding: (
        FieldSpec("connectorNamespace", "connector_namespace", required=True, rule=name_rule),
        FieldSpec("routingKey", "routing_key", required=True, rule=routing_key_rule),
        FieldSpec("exposePodsByName", "expose_pods_by_name", Form.FLAG),
        FieldSpec("settings", "settings", Form.TEXT_MAP),
    ),
}

_TYPED: tuple[type[Resource], ...] = (*SPEC_FIELDS, Secret, ConfigMap)

KINDS: dict[tuple[str, str], type[Resource]] = {(kind.api_version, kind.kind): kind for kind in _TYPED}
"""Every kind that is typed, by ``apiVersion`` and ``kind``."""

OBJECT_KINDS = (Secret, ConfigMap, Certificate)
"""Kinds whose names may hold dots: other tools name them, after hosts for instance."""
