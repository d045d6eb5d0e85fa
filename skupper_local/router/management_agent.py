"""The management agent: answers what is asked of ``$management`` (router-protocol 7 and 11).

A pure function of the request and of what its source tells: the router hands over the application properties and the body of
a message and sends what comes back. Every request gets an answer; a request that makes no sense gets one that says why.
Answers are bounded, in entities and in bytes, because whoever asks must not be able to fill the memory of the router.

Nothing here changes the router. Who may not change it is told so (403); who may is told that this version takes changes from
its configuration file only (501).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from skupper_local.management_messages import (
    ADDRESS,
    ATTRIBUTE_NAMES,
    CHANGES,
    COUNT,
    CREATE,
    ENTITY_TYPE,
    GET_ANNOTATIONS,
    GET_ATTRIBUTES,
    GET_MGMT_NODES,
    GET_OPERATIONS,
    GET_TYPES,
    IDENTITY,
    NAME,
    OFFSET,
    OPERATION,
    QUERY,
    READ,
    RESULTS,
    SELF_NAME,
    TYPE,
    Response,
    Status,
    long_type_name,
)
from skupper_local.router.management_schema import (
    BASE_TYPES,
    COMMON_ATTRIBUTES,
    ENTITY,
    MANAGED_TYPES,
    MANAGEMENT,
    OPERATIONAL,
    SECRETS,
    ManagedType,
    resolve_type,
    types_extending,
)

MAX_ENTITIES = 20_000
MAX_ANSWER_BYTES = 8 * 1_048_576
"""An answer beyond these is refused, and the client told to ask for less at a time."""

_QUOTED = 100
"""Characters of a client's own text that an answer repeats."""

_SELF_OPERATIONS = [QUERY, GET_TYPES, GET_ANNOTATIONS, GET_OPERATIONS, GET_ATTRIBUTES, GET_MGMT_NODES, READ]


class EntitySource(Protocol):
    """Who knows the entities of the router as they are now."""

    def entities(self, long_type_name: str) -> list[dict[str, Any]]:
        """The entities of one concrete type, by its full name; none for a type it has nothing of.

        Names as in the reference, values that AMQP can carry; ``None`` is the same as absent. ``type`` and ``identity`` may
        be left out, and ``name`` where the entity has no name of its own (router, log, ...).
        """


class _RefusedError(Exception):
    def __init__(self, status: Status, description: str) -> None:
        super().__init__(description)
        self.response = Response(status, description, {})


class ManagementAgent:
    """Answers requests about the entities of ``source``."""

    def __init__(self, source: EntitySource) -> None:
        self._source = source

    def respond(self, application_properties: Mapping[Any, Any], body: Any, *, may_change: bool) -> Response:
        """The answer to one request; ``may_change`` tells whether its sender may change the router. Never raises for
        what a client sent.
        """
        try:
            return self._respond(application_properties, body, may_change)
        except _RefusedError as refused:
            return refused.response

    def _respond(self, properties: Mapping[Any, Any], body: Any, may_change: bool) -> Response:
        operation = _text(properties, OPERATION).upper()
        if not operation:
            raise _RefusedError(Status.BAD_REQUEST, "No 'operation' property")
        if operation in CHANGES:
            return self._change(operation, properties, may_change)
        if operation == READ:
            return _good(self._read(properties))
        if operation == QUERY:
            return _good(self._query(properties, body))
        if operation == GET_MGMT_NODES:
            return _good(self._nodes())
        if operation == GET_ANNOTATIONS:
            return _good({})
        if operation in (GET_TYPES, GET_ATTRIBUTES, GET_OPERATIONS):
            return _good(_describe(operation, properties))
        raise _RefusedError(
            Status.NOT_IMPLEMENTED,
            f"Operation {_quoted(operation)} not implemented; there are {', '.join(_SELF_OPERATIONS)}",
        )

    # ------------------------------------------------------------------ changes

    def _change(self, operation: str, properties: Mapping[Any, Any], may_change: bool) -> Response:
        if not may_change:
            raise _RefusedError(
                Status.FORBIDDEN,
                f"{operation} is accepted only from clients of a local listener that authenticate with a certificate",
            )
        if operation == CREATE:
            if not _text(properties, TYPE):
                raise _RefusedError(Status.BAD_REQUEST, "No 'type' property")
            _concrete_or_base(_text(properties, TYPE))
        else:
            self._read(properties)
        raise _RefusedError(
            Status.NOT_IMPLEMENTED,
            f"{operation} is not implemented: this version of the router takes changes from its configuration file,"
            " at its start",
        )

    # ------------------------------------------------------------------ entities

    def _entities(self, entity_type: ManagedType) -> list[dict[str, Any]]:
        return [_completed(entity_type, entity) for entity in self._source.entities(entity_type.long_name)]

    def _read(self, properties: Mapping[Any, Any]) -> dict[str, Any]:
        wanted = {key: _text(properties, key) for key in (NAME, IDENTITY) if properties.get(key) is not None}
        requested = _text(properties, TYPE)
        short = _concrete_or_base(requested) if requested else ENTITY
        if not wanted:
            if short in (MANAGEMENT, ENTITY, OPERATIONAL):
                return _myself()
            raise _RefusedError(Status.BAD_REQUEST, f"{long_type_name(short)}: No name or identity provided")
        key, value = next(iter(wanted.items()))
        if value == SELF_NAME and short in (MANAGEMENT, ENTITY, OPERATIONAL):
            return _myself()
        found = self._find(types_extending(short), key, value)
        if found is None:
            other = self._find(MANAGED_TYPES.values(), key, value) if short != ENTITY else None
            if other is not None:
                raise _RefusedError(
                    Status.BAD_REQUEST,
                    f"Entity type {other[TYPE]!r} does not extend requested type {long_type_name(short)!r}",
                )
            raise _RefusedError(Status.NOT_FOUND, f"No entity with {key}={_quoted(value)}")
        if any(found.get(other_key) != other_value for other_key, other_value in wanted.items()):
            raise _RefusedError(Status.BAD_REQUEST, "Conflicting name and identity")
        return found

    def _find(self, types: Iterable[ManagedType], key: str, value: str) -> dict[str, Any] | None:
        for entity_type in types:
            for entity in self._entities(entity_type):
                if entity.get(key) == value:
                    return entity
        return None

    def _nodes(self) -> list[str]:
        nodes = self._source.entities(MANAGED_TYPES["router.node"].long_name)
        return [f"{node['address']}/{ADDRESS}" for node in nodes[:MAX_ENTITIES] if node.get("address")]

    # ------------------------------------------------------------------ queries

    def _query(self, properties: Mapping[Any, Any], body: Any) -> dict[str, Any]:
        requested = _text(properties, ENTITY_TYPE)
        short = _concrete_or_base(requested) if requested else ENTITY
        names = _requested_names(body)
        if short == MANAGEMENT:
            types: list[ManagedType] = []
            entities = [_myself()]
            known = set(COMMON_ATTRIBUTES)
        else:
            types = types_extending(short)
            entities = [entity for entity_type in types for entity in self._entities(entity_type)]
            if short in (ENTITY, OPERATIONAL):
                entities.insert(0, _myself())
            known = {name for entity_type in types for name in entity_type.all_attributes}
        known.update(name for entity in entities for name in entity)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise _RefusedError(
                Status.NOT_FOUND,
                f"Unknown attributes {_quoted(', '.join(unknown))} for type {long_type_name(short)}",
            )
        if not names:
            names = _column_names(types, entities)
        entities = _window(entities, properties)
        if len(entities) > MAX_ENTITIES:
            raise _too_much(f"the answer would hold {len(entities)} entities, more than {MAX_ENTITIES}")
        rows = [[entity.get(name) for name in names] for entity in entities]
        size = 0
        for row in rows:
            size += sum(_size(value) for value in row)
            if size > MAX_ANSWER_BYTES:
                raise _too_much(f"the answer would be larger than {MAX_ANSWER_BYTES} bytes")
        return {ATTRIBUTE_NAMES: names, RESULTS: rows}


# ------------------------------------------------------------------------------------------------- pieces of requests


def _text(properties: Mapping[Any, Any], key: str) -> str:
    """A property that has to be a text; empty when it is absent or null."""
    value = properties.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _RefusedError(Status.BAD_REQUEST, f"The property '{key}' is not a string")
    return str(value)


def _number(properties: Mapping[Any, Any], key: str) -> int | None:
    value = properties.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _RefusedError(Status.BAD_REQUEST, f"The property '{key}' is not a number of entities")
    return int(value)


def _requested_names(body: Any) -> list[str]:
    """The attributes a query asks for, without repetitions; none means all of them. An empty body is no body."""
    if body is None:
        return []
    if not isinstance(body, dict):
        raise _RefusedError(Status.BAD_REQUEST, "The body of a query is not a map")
    names = body.get(ATTRIBUTE_NAMES)
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _RefusedError(Status.BAD_REQUEST, f"'{ATTRIBUTE_NAMES}' is not a list of strings")
    return list(dict.fromkeys(str(name) for name in names))


def _window(entities: list[dict[str, Any]], properties: Mapping[Any, Any]) -> list[dict[str, Any]]:
    offset = _number(properties, OFFSET) or 0
    count = _number(properties, COUNT)
    return entities[offset:] if count is None else entities[offset : offset + count]


def _concrete_or_base(name: str) -> str:
    short = resolve_type(name)
    if short is None:
        raise _RefusedError(Status.BAD_REQUEST, f"No such entity type {_quoted(long_type_name(name))}")
    return short


# -------------------------------------------------------------------------------------------------- pieces of answers


def _good(body: Any) -> Response:
    return Response(Status.OK, "OK", body)


def _too_much(why: str) -> _RefusedError:
    return _RefusedError(
        Status.BAD_REQUEST, f"{why}: name the attributes, or use offset and count to ask for fewer at a time"
    )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "...")


def _myself() -> dict[str, Any]:
    return {NAME: SELF_NAME, IDENTITY: SELF_NAME, TYPE: long_type_name(MANAGEMENT)}


def _completed(entity_type: ManagedType, entity: Mapping[str, Any]) -> dict[str, Any]:
    """The entity with a name, an identity and its type; values that are ``None`` are left out."""
    attributes = {
        key: _plain(value) for key, value in entity.items() if value is not None and key not in SECRETS
    }
    attributes[TYPE] = entity_type.long_name
    name = attributes.get(NAME) or attributes.get(IDENTITY)
    if name is None:
        own = next((attributes[key] for key in ("id", "module", "key") if attributes.get(key)), "0")
        name = f"{entity_type.name}/{own}"
    attributes[NAME] = name
    if attributes.get(IDENTITY) is None:
        attributes[IDENTITY] = _identity(entity_type, attributes, str(name))
    return attributes


def _identity(entity_type: ManagedType, attributes: Mapping[str, Any], name: str) -> str:
    if entity_type.located:
        return f"{entity_type.name}/{attributes.get('host', '')}:{attributes.get('port', '')}:{name}"
    return name if name.startswith(entity_type.name + "/") else f"{entity_type.name}/{name}"


def _plain(value: Any) -> Any:
    """A value AMQP can carry: text is made valid Unicode (a path may hold bytes that are not), tuples become lists."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if kind is dict:
        return {key: _plain(item) for key, item in value.items()}
    if kind in (list, tuple):
        return [_plain(item) for item in value]
    return value


def _column_names(types: Iterable[ManagedType], entities: Iterable[Mapping[str, Any]]) -> list[str]:
    """All attributes of the types in their order, then what only the entities have."""
    names = dict.fromkeys(name for entity_type in types for name in entity_type.attributes)
    names.update(dict.fromkeys(name for entity in entities for name in entity))
    for common in COMMON_ATTRIBUTES:
        names.pop(common, None)
    return [*names, *COMMON_ATTRIBUTES]


def _size(value: Any) -> int:
    """About the bytes of an encoded value, seldom too few."""
    if isinstance(value, str | bytes):
        return 5 + len(value) * (1 if isinstance(value, bytes) or value.isascii() else 4)
    if isinstance(value, dict):
        return 9 + sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return 9 + sum(_size(item) for item in value)
    return 1 if value is None else 9


def _describe(operation: str, properties: Mapping[Any, Any]) -> dict[str, list[str]]:
    """GET-TYPES, GET-ATTRIBUTES and GET-OPERATIONS, of one type (and no others) or of all."""
    requested = _text(properties, ENTITY_TYPE)
    wanted = _concrete_or_base(requested) if requested else None
    answer: dict[str, list[str]] = {}
    for name in (*BASE_TYPES, MANAGEMENT, *MANAGED_TYPES):
        if wanted is None or name == wanted:
            answer[long_type_name(name)] = _description(operation, name)
    return answer


def _description(operation: str, name: str) -> list[str]:
    entity_type = MANAGED_TYPES.get(name)
    if operation == GET_ATTRIBUTES:
        return list(entity_type.all_attributes if entity_type else COMMON_ATTRIBUTES)
    if operation == GET_OPERATIONS:
        if name == MANAGEMENT:
            return list(_SELF_OPERATIONS)
        return [] if name == ENTITY else [READ]
    if entity_type:
        return entity_type.bases
    if name == ENTITY:
        return []
    return (
        [long_type_name(OPERATIONAL), long_type_name(ENTITY)]
        if name == MANAGEMENT
        else [long_type_name(ENTITY)]
    )
