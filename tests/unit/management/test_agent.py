"""The management agent as a client sees it: a request in, an answer out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.amqp.codec import decode, encode
from skupper_local.management_messages import (
    entity_attributes,
    query_request,
    query_rows,
    read_request,
    read_response,
)
from skupper_local.router import management_agent
from skupper_local.router.management_agent import ManagementAgent

PREFIX = "io.skupper.router."

WEST: dict[str, list[dict[str, Any]]] = {
    "router": [{"id": "west", "mode": "interior", "version": "1.0", "metadata": None}],
    "router.node": [
        {"id": "west", "nextHop": "(self)", "address": "amqp:/_topo/0/west"},
        {"id": "east", "nextHop": "(self)", "cost": 1, "address": "amqp:/_topo/0/east"},
    ],
    "tcpListener": [
        {
            "name": f"backend-{number}",
            "host": "127.0.0.1",
            "port": str(8080 + number),
            "bytesIn": 2**40,
            "operStatus": "up",
        }
        for number in range(5)
    ],
    "listener": [{"name": "local", "host": "127.0.0.1", "port": "5671", "role": "normal"}],
    "sslProfile": [{"name": "profile", "certFile": "/tls.crt", "password": "geheim"}],
    "connection": [{"name": "connection/127.0.0.1:1", "identity": "7", "properties": {"product": "x"}}],
}


class Entities:
    """A router that knows these entities."""

    def __init__(self, entities: dict[str, list[dict[str, Any]]]) -> None:
        self._entities = entities

    def entities(self, long_type_name: str) -> list[dict[str, Any]]:
        assert long_type_name.startswith(PREFIX)
        return self._entities.get(long_type_name.removeprefix(PREFIX), [])


AGENT = ManagementAgent(Entities(WEST))


def ask(body: Any = None, *, may_change: bool = False, **properties: Any) -> tuple[int, Any, str]:
    """Status, body and description of the answer, after a journey through AMQP."""
    response = AGENT.respond(properties, body, may_change=may_change)
    travelled, _ = decode(encode([response.application_properties(), response.body]))
    answer = read_response(travelled[0], travelled[1])
    return answer.status, answer.body, answer.description


def rows(**properties: Any) -> list[dict[str, Any]]:
    names = properties.pop("attributes", [])
    status, body, description = ask({"attributeNames": names}, operation="QUERY", **properties)
    assert status == 200, description
    return query_rows(body)


@pytest.mark.parametrize("name", ["tcpListener", PREFIX + "tcpListener"])
def test_a_query_finds_a_type_by_its_short_and_its_long_name(name: str) -> None:
    assert [row["name"] for row in rows(entityType=name)] == [f"backend-{n}" for n in range(5)]


def test_a_query_for_all_attributes_names_them_all_and_leaves_none_of_the_values_out() -> None:
    _, body, _ = ask({"attributeNames": []}, operation="QUERY", entityType=PREFIX + "tcpListener")
    assert body["attributeNames"][-3:] == ["name", "identity", "type"]
    assert {"address", "bytesOut", "sslProfile", "connectionMsg"} <= set(body["attributeNames"])
    assert query_rows(body)[0] == {
        "name": "backend-0",
        "host": "127.0.0.1",
        "port": "8080",
        "bytesIn": 2**40,
        "operStatus": "up",
        "identity": "tcpListener/127.0.0.1:8080:backend-0",
        "type": PREFIX + "tcpListener",
    }


def test_a_query_for_some_attributes_answers_in_the_order_asked_for() -> None:
    status, body, _ = ask(
        {"attributeNames": ["port", "name"]}, operation="QUERY", entityType=PREFIX + "listener"
    )
    assert (status, body) == (200, {"attributeNames": ["port", "name"], "results": [["5671", "local"]]})


def test_offset_and_count_select_a_part_of_the_entities() -> None:
    names = [row["name"] for row in rows(entityType="tcpListener", attributes=["name"], offset=1, count=2)]
    assert names == ["backend-1", "backend-2"]
    assert rows(entityType="tcpListener", attributes=["name"], offset=9) == []
    assert rows(entityType="tcpListener", attributes=["name"], count=0) == []


def test_a_query_without_type_or_for_a_base_type_covers_all_that_extend_it() -> None:
    everything = [row["type"] for row in rows(attributes=["type"])]
    assert everything[0] == PREFIX + "management"
    assert len(everything) == 1 + sum(len(entities) for entities in WEST.values())
    operational = {row["type"] for row in rows(attributes=["type"], entityType="operationalEntity")}
    assert operational == {PREFIX + name for name in ("management", "router.node", "connection")}


def test_a_known_type_of_which_there_is_nothing_has_no_rows() -> None:
    assert rows(entityType=PREFIX + "connector") == []


def test_what_the_client_asks_with_is_what_the_agent_understands() -> None:
    query = query_request("router", ("id",))
    answer = AGENT.respond(query.application_properties, query.body, may_change=False)
    assert query_rows(answer.body) == [{"id": "west"}]
    read = read_request("tcpListener", "backend-3")
    answer = AGENT.respond(read.application_properties, read.body, may_change=False)
    assert entity_attributes(answer.body)["port"] == "8083"


def test_entities_without_a_name_of_their_own_get_one() -> None:
    assert rows(entityType="router", attributes=["name", "identity"]) == [
        {"name": "router/west", "identity": "router/west"}
    ]
    assert rows(entityType="connection", attributes=["identity"]) == [{"identity": "7"}]


@pytest.mark.parametrize(
    "properties",
    [
        {"type": PREFIX + "listener", "name": "local"},
        {"type": "listener", "identity": "listener/127.0.0.1:5671:local"},
        {"type": PREFIX + "configurationEntity", "name": "local"},
        {"name": "local"},
        {"name": "local", "identity": "listener/127.0.0.1:5671:local"},
    ],
)
def test_read_finds_an_entity_by_name_or_identity(properties: dict[str, Any]) -> None:
    status, body, _ = ask(operation="READ", **properties)
    assert (status, body["port"], body["type"]) == (200, "5671", PREFIX + "listener")


def test_read_without_an_entity_means_the_management_node() -> None:
    assert ask(operation="READ")[:2] == (
        200,
        {"name": "self", "identity": "self", "type": PREFIX + "management"},
    )
    assert ask(operation="READ", type="org.amqp.management", name="self")[0] == 200


def test_operations_are_understood_in_any_case() -> None:
    assert ask(operation="read", type="listener", name="local")[0] == 200


@pytest.mark.parametrize(
    ("status", "properties"),
    [
        (400, {}),
        (400, {"operation": 7}),
        (400, {"operation": "QUERY", "entityType": PREFIX + "nonsense"}),
        (400, {"operation": "QUERY", "entityType": 7}),
        (400, {"operation": "QUERY", "entityType": "listener", "offset": -1}),
        (400, {"operation": "QUERY", "entityType": "listener", "count": "many"}),
        (400, {"operation": "READ", "type": PREFIX + "nonsense", "name": "local"}),
        (400, {"operation": "READ", "type": "listener"}),
        (400, {"operation": "READ", "type": "connector", "name": "local"}),
        (400, {"operation": "READ", "name": "local", "identity": "other"}),
        (404, {"operation": "READ", "type": "listener", "name": "absent"}),
        (404, {"operation": "READ", "name": "absent"}),
        (501, {"operation": "EXPLODE"}),
        (501, {"operation": "GET-SCHEMA"}),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_a_reason(
    status: int, properties: dict[str, Any]
) -> None:
    answered, body, description = ask(**properties)
    assert (answered, body) == (status, {})
    assert description


def test_a_query_for_an_attribute_the_type_does_not_have_is_not_found() -> None:
    status, _, description = ask(
        {"attributeNames": ["name", "colour"]}, operation="QUERY", entityType=PREFIX + "listener"
    )
    assert (status, description) == (404, f"Unknown attributes 'colour' for type {PREFIX}listener")


@pytest.mark.parametrize("body", ["text", {"attributeNames": "name"}, {"attributeNames": [1]}])
def test_a_query_with_a_malformed_body_is_a_bad_request(body: Any) -> None:
    assert ask(body, operation="QUERY", entityType="listener")[0] == 400


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE", "create"])
def test_who_may_not_change_the_router_is_forbidden_to_try(operation: str) -> None:
    assert ask({}, operation=operation, type=PREFIX + "tcpListener", name="backend-1")[0] == 403
    assert ask({}, operation=operation, type=PREFIX + "nonsense", name="absent")[0] == 403


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_who_may_change_the_router_learns_that_this_version_cannot(operation: str) -> None:
    status, _, description = ask(
        {}, may_change=True, operation=operation, type=PREFIX + "tcpListener", name="backend-1"
    )
    assert status == 501
    assert "configuration file" in description


def test_a_change_of_what_does_not_exist_is_refused_for_that() -> None:
    assert ask(may_change=True, operation="DELETE", type=PREFIX + "tcpListener", name="absent")[0] == 404
    assert ask(may_change=True, operation="UPDATE", type=PREFIX + "nonsense", name="absent")[0] == 400
    assert ask({}, may_change=True, operation="CREATE", name="new")[0] == 400
    assert ask({}, may_change=True, operation="CREATE", type="nonsense", name="new")[0] == 400


def test_no_answer_holds_a_password() -> None:
    assert "password" not in rows(entityType="sslProfile")[0]
    assert "geheim" not in str(ask(operation="READ", name="profile"))


def test_types_attributes_and_operations_can_be_asked_for() -> None:
    name = PREFIX + "tcpListener"
    assert ask(operation="GET-TYPES", entityType="tcpListener")[1] == {
        name: [PREFIX + "configurationEntity", PREFIX + "entity"]
    }
    assert ask(operation="GET-ATTRIBUTES")[1][name][-3:] == ["name", "identity", "type"]
    assert ask(operation="GET-OPERATIONS")[1][name] == ["READ"]
    assert ask(operation="GET-OPERATIONS", entityType="nonsense")[0] == 400


def test_the_management_nodes_are_the_routers_of_the_network() -> None:
    assert ask(operation="GET-MGMT-NODES")[1] == [
        "amqp:/_topo/0/west/$management",
        "amqp:/_topo/0/east/$management",
    ]


def test_an_answer_that_would_be_too_large_is_refused_and_a_part_of_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(management_agent, "MAX_ENTITIES", 4)
    status, body, description = ask({}, operation="QUERY", entityType="tcpListener")
    assert (status, body) == (400, {})
    assert "offset and count" in description
    assert len(rows(entityType="tcpListener", count=3)) == 3
    monkeypatch.setattr(management_agent, "MAX_ANSWER_BYTES", 200)
    assert ask({}, operation="QUERY", entityType="tcpListener", count=3)[0] == 400
    assert len(rows(entityType="tcpListener", count=3, attributes=["name"])) == 3


def test_an_error_does_not_repeat_a_long_text() -> None:
    assert len(ask(operation="READ", name="x" * 100_000)[2]) < 200


def test_text_that_is_not_valid_unicode_can_be_sent_all_the_same() -> None:
    agent = ManagementAgent(Entities({"sslProfile": [{"name": "p", "certFile": "/\udcff.crt"}]}))
    answer = agent.respond({"operation": "READ", "name": "p"}, None, may_change=False)
    assert decode(encode(answer.body))[0]["certFile"] == "/?.crt"


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=12)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    properties=st.dictionaries(
        st.sampled_from(["operation", "type", "entityType", "name", "identity", "offset", "count"])
        | st.text(max_size=3),
        st.sampled_from(["QUERY", "READ", "CREATE", "GET-TYPES", "listener", "self", PREFIX + "entity"])
        | _VALUES,
    ),
    body=_VALUES | st.fixed_dictionaries({"attributeNames": _VALUES}),
    may_change=st.booleans(),
)
def test_whatever_is_asked_there_is_an_answer_that_amqp_can_carry(
    properties: dict[str, Any], body: Any, may_change: bool
) -> None:
    answer = AGENT.respond(properties, body, may_change=may_change)
    assert answer.status in (200, 400, 403, 404, 501)
    encode([answer.application_properties(), answer.body])
