from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.entities import (
    CONFIGURATION_BYTES_LIMIT,
    ENTITY_TYPES,
    ConfigurationSyntaxError,
    Entity,
    ValueType,
    decode_configuration,
    encode_configuration,
    entity_type,
)

_VALUES = st.one_of(st.text(), st.integers(-(2**53), 2**53), st.booleans())
_ENTITIES = st.lists(
    st.builds(
        Entity,
        st.sampled_from([*ENTITY_TYPES, "somethingElse"]),
        st.dictionaries(st.sampled_from(["name", "host", "port", "zz", "aa"]) | st.text(), _VALUES),
    )
)


@given(_ENTITIES)
def test_what_is_written_reads_back_the_same(entities: list[Entity]) -> None:
    assert decode_configuration(encode_configuration(entities)) == entities


def test_a_configuration_is_written_as_the_reference_writes_it() -> None:
    entities = [
        Entity("router", {"mode": "interior", "id": "west", "metadata": '{"id":"<a>&b"}'}),
        Entity("connector", {"cost": 1, "port": "55671", "host": "192.168.1.20", "name": "link"}),
        Entity("listener", {"authenticatePeer": True, "port": 55671, "name": "go-west-edge"}),
    ]
    assert encode_configuration(entities) == (
        b"""[
    [
        "router",
        {
            "id": "west",
            "mode": "interior",
            "metadata": "{\\"id\\":\\"\\u003ca\\u003e\\u0026b\\"}"
        }
    ],
    [
        "connector",
        {
            "name": "link",
            "host": "192.168.1.20",
            "port": "55671",
            "cost": 1
        }
    ],
    [
        "listener",
        {
            "name": "go-west-edge",
            "port": 55671,
            "authenticatePeer": true
        }
    ]
]"""
    )


def test_attributes_that_are_not_known_are_kept_behind_those_that_are() -> None:
    text = encode_configuration([Entity("site", {"flavour": "new", "name": "west"})]).decode()
    assert list(json.loads(text)[0][1]) == ["name", "flavour"]


def test_types_are_known_by_their_short_and_their_long_names() -> None:
    for name, known in ENTITY_TYPES.items():
        assert entity_type(name) is entity_type(known.long_name) is known
    assert ENTITY_TYPES["address"].long_name == "io.skupper.router.router.config.address"
    assert entity_type("vhost") is None


def test_a_long_type_name_in_a_file_is_the_short_one() -> None:
    text = '[["io.skupper.router.tcpListener", {}], ["router.config.address", {}], ["vhost", {}]]'
    assert [entity.type for entity in decode_configuration(text)] == ["tcpListener", "address", "vhost"]


def test_lines_that_begin_with_a_hash_are_comments() -> None:
    assert decode_configuration('# ours\n[\n  # one\n["site", {"name": "#1"}]]') == [
        Entity("site", {"name": "#1"})
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "line 1, column 1"),
        (b'[["router", {"id": }]]', "line 1, column 20"),
        (b'{"router": {}}', "not a list"),
        (b"[1]", "entity 1 is not a pair"),
        (b'[["router", {}], ["router"]]', "entity 2 is not a pair"),
        (b'[["router", []]]', "entity 1 is not a pair"),
        (b"[[1, {}]]", "entity 1 is not a pair"),
        (b'[["router", {"id": "a", "id": "b"}]]', "attribute id is given twice"),
        (b'[["connector", {"cost": NaN}]]', "NaN is not a number"),
        (b"\xff", "byte 0 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[["connector", {"cost": ' + b"9" * 5000 + b"}]]", "digit"),
        (b" " * (CONFIGURATION_BYTES_LIMIT + 1), "larger than 16 MiB"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_the_place(text: bytes, why: str) -> None:
    with pytest.raises(ConfigurationSyntaxError, match=why):
        decode_configuration(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_refused(data: bytes) -> None:
    try:
        decode_configuration(data)
    except ConfigurationSyntaxError:
        return


def test_defaults_are_of_the_type_of_their_attribute() -> None:
    python_types: dict[ValueType, type[Any]] = {ValueType.INTEGER: int, ValueType.BOOLEAN: bool}
    for known in ENTITY_TYPES.values():
        for attribute in known.attributes.values():
            if attribute.default is not None:
                assert type(attribute.default) is python_types.get(attribute.type, str), attribute
                assert not attribute.choices or attribute.default in attribute.choices


def test_only_what_the_router_can_change_while_it_runs_is_marked_so() -> None:
    updatable = {
        name: {attribute.name for attribute in known.attributes.values() if attribute.update}
        for name, known in ENTITY_TYPES.items()
        if known.update
    }
    assert updatable["tcpListener"] == {"observer"}
    assert {"certFile", "privateKeyFile", "caCertFile", "ordinal", "oldestValidOrdinal"} <= updatable[
        "sslProfile"
    ]
    assert updatable.keys() == {"tcpListener", "sslProfile", "proxyProfile", "log"}


def test_the_vocabulary_is_cheap_to_import() -> None:
    code = (
        "import sys, skupper_local.entities;"
        "sys.exit(bool({'json', 'ssl', 'asyncio', 'yaml', 'cryptography'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
