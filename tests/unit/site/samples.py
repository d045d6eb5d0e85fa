"""Sites that several tests look at."""

from __future__ import annotations

import json
from typing import Any

from skupper_local.resources import decode_documents
from skupper_local.site.derive import derive, ports_wanted
from skupper_local.site.model import SiteFacts, SiteModel
from skupper_local.site.state import SiteState, assemble

SITE_ID = "6c1b0c6e-6f3e-4d3a-9c0e-0d8b6a1f2b11"
NOW = "2026-11-23T02:40:00Z"

SECRET = """
---
apiVersion: v1
kind: Secret
metadata: {name: link-go-east}
type: kubernetes.io/tls
data: {ca.crt: Y2E=, tls.crt: Y3J0, tls.key: a2V5}
"""

LINK = """
---
apiVersion: skupper.io/v2alpha1
kind: Link
metadata: {name: link-go-east}
spec:
  cost: 1
  tlsCredentials: link-go-east
  endpoints:
  - {name: inter-router, host: 192.168.1.20, port: "55671"}
  - {name: edge, host: 192.168.1.20, port: "45671"}
"""

# The complete example of reference-engine 3.4.
WEST = (
    """
apiVersion: skupper.io/v2alpha1
kind: Site
metadata: {name: west, namespace: west}
---
apiVersion: skupper.io/v2alpha1
kind: RouterAccess
metadata: {name: go-west}
spec:
  bindHost: 127.0.0.1
  roles: [{name: inter-router, port: 55671}, {name: edge, port: 45671}]
---
apiVersion: skupper.io/v2alpha1
kind: Listener
metadata: {name: backend}
spec: {host: 0.0.0.0, port: 8080, routingKey: backend-8080}
---
apiVersion: skupper.io/v2alpha1
kind: Connector
metadata: {name: db}
spec: {host: 127.0.0.1, port: 5432, routingKey: db-5432}
"""
    + LINK
    + SECRET
)


def document(kind: str, name: str, *, api_version: str = "skupper.io/v2alpha1", **spec: Any) -> str:
    """One document, in JSON on one line."""
    resource: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
    if spec or api_version != "v1":
        resource["spec"] = spec
    return f"\n---\n{json.dumps(resource, ensure_ascii=False)}\n"


def site(name: str = "west", **spec: Any) -> str:
    return document("Site", name, **spec)


def listener(name: str, port: int = 8080, host: str = "0.0.0.0", key: str = "", **spec: Any) -> str:
    return document("Listener", name, host=host, port=port, routingKey=key or name, **spec)


def multi_key_listener(name: str, *keys: str, port: int = 8080, host: str = "0.0.0.0", **spec: Any) -> str:
    spec.setdefault("strategy", {"priority": {"routingKeys": keys or ("a", "b")}})
    return document("MultiKeyListener", name, host=host, port=port, **spec)


def connector(name: str, port: int = 9090, host: str = "127.0.0.1", key: str = "", **spec: Any) -> str:
    return document("Connector", name, host=host, port=port, routingKey=key or name, **spec)


def access(name: str, *roles: str, **spec: Any) -> str:
    return document(
        "RouterAccess", name, roles=[{"name": role} for role in roles or ("inter-router", "edge")], **spec
    )


def state_of(text: str, namespace: str = "west") -> SiteState:
    return assemble(decode_documents(text, "site.yaml").require(), namespace=namespace).require()


def facts_for(state: SiteState, **facts: Any) -> SiteFacts:
    return SiteFacts(
        **{
            "site_id": SITE_ID,
            "platform": "linux",
            "version": "v2-dev",
            "home": "/home/me/.local/share/skupper/namespaces/west",
            "ports": {wanted.key: wanted.first for wanted in ports_wanted(state)},
            "hostname": "box.example",
            "hostname_addresses": ("127.0.1.1", "192.168.1.5"),
            "addresses": ("192.168.1.5", "fe80::1", "2001:db8::5"),
            **facts,
        }
    )


def model_of(text: str, **facts: Any) -> SiteModel:
    state = state_of(text)
    return derive(state, facts_for(state, **facts))
