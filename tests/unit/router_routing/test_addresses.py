"""The meaning of addresses on a router called ``west``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.router.addresses import Address, AddressKind, parse_address


@pytest.mark.parametrize(
    ("text", "key", "name"),
    [
        ("backend", "Mbackend", "backend"),
        ("amqp:/backend", "Mbackend", "backend"),
        ("amqp://host.example/backend", "Mbackend", "backend"),
        ("amqps://host:5671/backend", "Mbackend", "backend"),
        ("/backend", "Mbackend", "backend"),
        ("//host/backend", "Mbackend", "backend"),
        ("backend/", "Mbackend", "backend"),
        ("backend.", "Mbackend", "backend"),
        ("backend..", "Mbackend.", "backend."),
        ("mc/sfe.all", "Mmc/sfe.all", "mc/sfe.all"),
        ("backend:8080", "Mbackend:8080", "backend:8080"),
        ("a:b:/c", "Mc", "c"),
        (":/c", "M:/c", ":/c"),
        ("_local/qdhello", "Lqdhello", "qdhello"),
        ("amqp:/_local/qdhello", "Lqdhello", "qdhello"),
        ("_local", "M_local", "_local"),
        ("_topo/0/west/temp.abc", "Ltemp.abc", "temp.abc"),
        ("amqp:/_topo/0/west/$management", "L$management", "$management"),
        ("_topo/all/west/$management", "L$management", "$management"),
        ("amqp:/_topo/0/all/qdrouter", "Tqdrouter", "qdrouter"),
        ("_topo/0/all/qdrouter.ma", "Tqdrouter.ma", "qdrouter.ma"),
        ("amqp:/_topo/0/east/qdrouter", "Reast", "qdrouter"),
        ("_topo/0/westward/qdrouter", "Rwestward", "qdrouter"),
        ("_topo/0/east", "Reast", ""),
        ("_topo/1/east/qdrouter", "A1", "east/qdrouter"),
        ("_topo/0", "A0", ""),
        ("_xtopo/blue/0/east/x", "Reast", "x"),
        ("_xtopo/blue/0/west/x", "Lx", "x"),
        ("_edge/west/x", "Lx", "x"),
        ("amqp:/_edge/leaf/temp.1", "Hleaf", "temp.1"),
        ("_xedge/blue/leaf/temp.1", "Hleaf", "temp.1"),
        ("_$temp.abc", "M_$temp.abc", "_$temp.abc"),
        ("", "M", ""),
        ("/", "M", ""),
        ("amqp:/", "Mamqp:", "amqp:"),
        ("amqp://host", "Mamqp://host", "amqp://host"),
    ],
)
def test_an_address_has_the_key_and_name_the_reference_gives_it(text: str, key: str, name: str) -> None:
    address = parse_address(text, "west")
    assert (address.key, address.name) == (key, name)


def test_a_topological_address_names_its_router() -> None:
    assert parse_address("amqp:/_topo/0/east/temp.1", "west") == Address(AddressKind.ROUTER, "temp.1", "east")
    assert parse_address("amqp:/_topo/0/east/temp.1", "east") == Address(AddressKind.LOCAL, "temp.1")


@given(st.text())
def test_every_text_is_an_address(text: str) -> None:
    address = parse_address(text, "west")
    assert address.key.startswith(address.kind.value)


@given(st.text(alphabet=st.characters(exclude_characters=":/._"), min_size=1))
def test_a_plain_name_is_its_own_mobile_address(name: str) -> None:
    assert parse_address(name, "west").key == "M" + name
    assert parse_address("amqp:/" + name, "west").key == "M" + name
