"""What the chosen router cannot do, said of the declaration that asks for it.

The embedded router has one table of what it does not support; the rendered configuration is held against that table, so that
``start`` says before anything is written what the router would say when it is started. Of ``skrouterd`` two things depend on
its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skupper_local.entities import ENTITY_TYPES, Entity
from skupper_local.resources import Problem, Resource
from skupper_local.resources.router_settings import DATA_CONNECTIONS, PROXY, ROUTER_LOGGING, proxy_wanted
from skupper_local.router.entity_reader import EntityReader
from skupper_local.router.errors import ConfigurationProblem
from skupper_local.router.not_supported import ENTITY_TYPES_NOT_SUPPORTED, refuse_not_supported, warnings_of
from skupper_local.site.certificates import proxy_credentials
from skupper_local.site.model import SiteModel
from skupper_local.site.state import problem_at

EMBEDDED = "embedded"
_OTHERWISE = "; use skrouterd"

_FIELDS = {
    ("router", "mode"): "spec.edge",
    ("connector", "proxyProfile"): f"spec.settings.{PROXY}",
    ("proxyProfile", ""): f"spec.settings.{PROXY}",
    ("tcpListener", "observer"): "spec.observer",
    ("tcpListener", "sslProfile"): "spec.tlsCredentials",
    ("tcpListener", "authenticatePeer"): "spec.requireClientCert",
    ("tcpListener", "multiAddressStrategy"): "spec.strategy",
    ("listenerAddress", ""): "spec.strategy",
}
"""Where in a declaration stands what an attribute of an entity was made of; without attribute: the entity itself."""

_SINCE = {"listenerAddress": (3, 5), "proxyProfile": (3, 5)}
"""The version of skrouterd that brought a type of entity."""


def beyond_router(model: SiteModel, configuration: Iterable[Entity]) -> list[Problem]:
    """One problem for each declaration and field that the site's router cannot serve."""
    facts = model.facts
    found: dict[tuple[str, str], Problem] = {}
    for entity, attribute, reason in (
        _beyond_embedded(configuration)
        if facts.router_kind == EMBEDDED
        else _beyond_version(configuration, facts.router_version)
    ):
        resource = declared_by(model, entity)
        path = _field_of(model, entity, attribute)
        found.setdefault((resource.title, path), problem_at(resource, path, None, reason))
    return list(found.values())


def without_effect(model: SiteModel, configuration: Iterable[Entity]) -> list[Problem]:
    """One warning for each setting of the Site that the site's router takes and does not act on."""
    if model.facts.router_kind != EMBEDDED:
        return []
    settings = model.state.site.settings
    found: dict[str, Problem] = {}
    for entity in configuration:
        keys = {"router": DATA_CONNECTIONS, "log": ROUTER_LOGGING}.get(entity.type, ())
        given = next((key for key in keys if key in settings), "")
        if given:
            reader = EntityReader(entity, ENTITY_TYPES[entity.type], entity.name, [])
            for text in warnings_of(entity.type, reader):
                path = f"spec.settings.{given}"
                rule = text.removeprefix(f"{entity.name}: ").removeprefix("dataConnectionCount ")
                found.setdefault(path, problem_at(model.state.site, path, settings[given], rule))
    return list(found.values())


def _beyond_embedded(configuration: Iterable[Entity]) -> Iterator[tuple[Entity, str, str]]:
    """Entity, attribute and reason of what the embedded router refuses."""
    for entity in configuration:
        reason = ENTITY_TYPES_NOT_SUPPORTED.get(entity.type)
        if reason:
            yield entity, "", reason + _OTHERWISE
            continue
        problems: list[ConfigurationProblem] = []
        refuse_not_supported(
            entity.type, EntityReader(entity, ENTITY_TYPES[entity.type], entity.name, problems)
        )
        for problem in problems:
            yield entity, problem.attribute, problem.reason + _OTHERWISE


def _beyond_version(configuration: Iterable[Entity], version: str) -> Iterator[tuple[Entity, str, str]]:
    """The same for skrouterd, if its version is known."""
    parts = version.split(".")[:2]
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):
        return
    number = (int(parts[0]), int(parts[1]))
    for entity in configuration:
        since = _SINCE.get(entity.type)
        if since and number < since:
            yield (
                entity,
                "",
                f"needs skrouterd {since[0]}.{since[1]} or later; the site's router is {version}",
            )


def declared_by(model: SiteModel, entity: Entity) -> Resource:
    """The declaration that an entity was made of; the Site when it is no single one's."""
    state = model.state
    name = entity.name
    found: Resource | None = None
    match entity.type:
        case "connector":
            found = state.links.get(name)
        case "proxyProfile":
            through = (link for link in state.links.values() if proxy_credentials(proxy_wanted(link)) == name)
            found = next(through, None)
        case "tcpListener":
            kind, _, name = name.partition("/")
            found = (state.listeners if kind == "listener" else state.multi_key_listeners).get(name)
        case "listenerAddress":
            found = state.multi_key_listeners.get(str(entity.attributes["listener"]).partition("/")[2])
        case "tcpConnector":
            found = state.connectors.get(name.removeprefix("connector/").partition("@")[0])
        case "listener":
            found = next((item.resource for item in model.accesses if name.startswith(f"{item.name}-")), None)
    return found or state.site


def _field_of(model: SiteModel, entity: Entity, attribute: str) -> str:
    keys = {("router", "dataConnectionCount"): DATA_CONNECTIONS}.get((entity.type, attribute))
    if entity.type == "log":
        keys = ROUTER_LOGGING
    if keys:
        given = next((key for key in keys if key in model.state.site.settings), keys[0])
        return f"spec.settings.{given}"
    return _FIELDS.get((entity.type, attribute), "")
