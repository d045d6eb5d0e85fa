"""Kinds that were meant, and kinds that are kept although nothing here acts on them.

A document of a kind that is not known is nobody's mistake: other tools have kinds of their own. One that *looks* like a known
kind probably is a mistake, and its author is told which kind it looks like.
"""

from __future__ import annotations

from skupper_local.resources.model import (
    API_VERSION,
    AccessGrant,
    AccessToken,
    AttachedConnector,
    AttachedConnectorBinding,
    ConfigMap,
    OtherResource,
    Resource,
    SecuredAccess,
)
from skupper_local.resources.schema import KINDS

_GROUP = API_VERSION.partition("/")[0]
_BY_NAME = {name: kind for (_, name), kind in KINDS.items()}
_ALIKE = 0.75
"""``difflib`` ratio from which two names count as alike: one letter too few or too many in the shortest ones."""

_KEPT: dict[type[Resource], str] = {
    AccessGrant: "this version answers no tokens; make links with: skupper-local link generate",
    AccessToken: "this version redeems no tokens; ask the other site for a link (Link and Secret)",
    SecuredAccess: "it opens access to pods, which needs Kubernetes",
    AttachedConnector: "it offers pods of another namespace, which needs Kubernetes; declare a Connector with a host",
    AttachedConnectorBinding: "it offers pods of another namespace, which needs Kubernetes; declare a Connector with a host",
    ConfigMap: "nothing of a site is configured by a ConfigMap here",
}


def kept_because(resource: Resource) -> str:
    """What to tell the author of a resource that is kept without effect; empty for one that is acted on."""
    if isinstance(resource, OtherResource):
        return "is kept and not acted on: this kind is not known here"
    why = _KEPT.get(type(resource), "")
    return f"is kept and not acted on: {why}" if why else ""


def meant_otherwise(resource: Resource) -> bool:
    """Whether a resource is of a kind that is not known and looks like a known one."""
    return isinstance(resource, OtherResource) and bool(
        other_kind_meant(resource.other_api_version, resource.other_kind)
    )


def kind_meant(name: str) -> type[Resource] | None:
    """The known kind that a name probably means, whatever its case."""
    import difflib

    by_lower = {known.lower(): kind for known, kind in _BY_NAME.items()}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=_ALIKE)
    return by_lower[near[0]] if near else None


def other_kind_meant(api_version: str, name: str) -> str:
    """A hint for a kind that is not known: which one it looks like. Kinds of other groups look like none."""
    group = api_version.partition("/")[0]
    if group != _GROUP and api_version != "v1":
        return ""
    meant = _BY_NAME.get(name) or kind_meant(name)
    if meant is None or (group != _GROUP and meant.kind != name and meant.api_version != api_version):
        return ""
    written = f"apiVersion: {meant.api_version}, kind: {meant.kind}"
    return f"is not a kind of {api_version} (did you mean {written}?)"
