"""The words of AMQP management: what a client asks of a router, and what the router answers (router-protocol 7).

A request is an operation with its arguments in the application properties, and a map as its body. An answer carries a status
code and a description in its application properties, and the result as its body. Here both are plain values: how they travel
is the business of whoever sends them. An answer that came from a router is not trusted: reading one checks its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

ADDRESS = "$management"
"""The address a router answers on; at another router of the network ``amqp:/_topo/0/<router id>/$management``."""

TYPE_PREFIX = "io.skupper.router."

SELF_NAME = "self"
SELF_TYPE = "org.amqp.management"
"""Name and type of the management node itself, which operations on no entity are sent to."""

OPERATION = "operation"
TYPE = "type"
ENTITY_TYPE = "entityType"
NAME = "name"
IDENTITY = "identity"
OFFSET = "offset"
COUNT = "count"
STATUS_CODE = "statusCode"
STATUS_DESCRIPTION = "statusDescription"
ATTRIBUTE_NAMES = "attributeNames"
RESULTS = "results"

QUERY = "QUERY"
CREATE = "CREATE"
READ = "READ"
UPDATE = "UPDATE"
DELETE = "DELETE"
GET_TYPES = "GET-TYPES"
GET_ATTRIBUTES = "GET-ATTRIBUTES"
GET_OPERATIONS = "GET-OPERATIONS"
GET_ANNOTATIONS = "GET-ANNOTATIONS"
GET_MGMT_NODES = "GET-MGMT-NODES"

CHANGES = frozenset({CREATE, UPDATE, DELETE})
"""The operations that change a router."""


class Status(IntEnum):
    """The status codes of answers."""

    OK = 200
    CREATED = 201
    NO_CONTENT = 204
    BAD_REQUEST = 400
    FORBIDDEN = 403
    NOT_FOUND = 404
    INTERNAL_ERROR = 500
    NOT_IMPLEMENTED = 501


class MalformedAnswerError(ValueError):
    """A router's answer does not have the shape of a management answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends."""

    application_properties: dict[str, Any]
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What a router answers; ``description`` is for people."""

    status: int
    description: str
    body: Any

    @property
    def good(self) -> bool:
        """Whether the router did what was asked."""
        return 200 <= self.status < 300

    def application_properties(self) -> dict[str, Any]:
        """The properties that carry status and description. The code travels as an AMQP int, as the reference's does."""
        return {STATUS_CODE: int(self.status), STATUS_DESCRIPTION: self.description}


def long_type_name(name: str) -> str:
    """The full name of an entity type: ``tcpListener`` and ``io.skupper.router.tcpListener`` give the latter."""
    return name if name.startswith(TYPE_PREFIX) else TYPE_PREFIX + name


def short_type_name(name: str) -> str:
    """The name of an entity type without its prefix, as configuration files have it."""
    return name.removeprefix(TYPE_PREFIX)


def node_address(router_id: str) -> str:
    """Where the management of another interior router is reached through the network."""
    return f"amqp:/_topo/0/{router_id}/{ADDRESS}"


def edge_address(router_id: str) -> str:
    """Where the management of an edge router is reached, by way of the interior router it is attached to."""
    return f"amqp:/_edge/{router_id}/{ADDRESS}"


# ------------------------------------------------------------------------------------------------------------ requests


def query_request(entity_type: str, attributes: Iterable[str] = ()) -> Request:
    """Ask for every entity of a type; without ``attributes`` for all of theirs.

    The type goes out by its full name: the reference finds some types by no other. There is no offset and count: the
    reference ignores them for most types.
    """
    properties: dict[str, Any] = {
        OPERATION: QUERY,
        TYPE: SELF_TYPE,
        NAME: SELF_NAME,
        ENTITY_TYPE: long_type_name(entity_type),
    }
    return Request(properties, {ATTRIBUTE_NAMES: list(attributes)})


def read_request(entity_type: str, name: str) -> Request:
    """Ask for one entity by its name."""
    return Request({OPERATION: READ, TYPE: long_type_name(entity_type), NAME: name})


# ------------------------------------------------------------------------------------------------------------- answers


def read_response(application_properties: Mapping[Any, Any], body: Any) -> Response:
    """An answer as it came. Raises MalformedAnswerError when it has no status code."""
    status = application_properties.get(STATUS_CODE)
    if not isinstance(status, int) or isinstance(status, bool):
        raise MalformedAnswerError("an answer without a status code")
    description = application_properties.get(STATUS_DESCRIPTION)
    return Response(int(status), str(description)[:1000] if isinstance(description, str) else "", body)


def query_rows(body: Any) -> list[dict[str, Any]]:
    """The entities in the body of a good answer to QUERY; attributes without a value are left out.

    Raises MalformedAnswerError.
    """
    if not isinstance(body, dict):
        raise MalformedAnswerError("the result of a query is not a map")
    names, results = body.get(ATTRIBUTE_NAMES), body.get(RESULTS)
    if not isinstance(names, list) or not isinstance(results, list):
        raise MalformedAnswerError("the result of a query has no attribute names or no results")
    if not all(isinstance(name, str) for name in names):
        raise MalformedAnswerError("the name of an attribute is not a text")
    rows: list[dict[str, Any]] = []
    for row in results:
        if not isinstance(row, list) or len(row) != len(names):
            raise MalformedAnswerError("a result does not fit its attribute names")
        rows.append({str(name): value for name, value in zip(names, row, strict=True) if value is not None})
    return rows


def entity_attributes(body: Any) -> dict[str, Any]:
    """The attributes in the body of a good answer to READ. Raises MalformedAnswerError."""
    if not isinstance(body, dict) or not all(isinstance(name, str) for name in body):
        raise MalformedAnswerError("an entity is not a map of attributes")
    return {str(name): value for name, value in body.items() if value is not None}
