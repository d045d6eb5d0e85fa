"""Control messages on the wire: recorded from two reference routers, A and B, and hostile ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.amqp.codec import decode
from skupper_local.amqp.types import Long, Symbol, UInt
from skupper_local.router.routing import RoutingEngine, SendControl
from skupper_local.router.routing import control_messages as messages
from skupper_local.router.routing.settings import RoutingLimits

# Complete messages as the reference wrote them.
RECORDED = {
    "HELLO": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/B\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/B"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00\x1f\x00\x00\x00\x06@@\xa1\x14amqp:/_loca"
        b"l/qdhello@@@\x00St\xd1\x00\x00\x00\x13\x00\x00\x00\x02\xa1\x06opcode\xa1\x05HELLO\x00"
        b"Sw\xd1\x00\x00\x00;\x00\x00\x00\n\xa1\x02id\xa1\x01B\xa1\x02pvT\x01\xa1\x04area\xa1\x010\xa1\x08insta"
        b"nceqk\x03\\\x04\xa1\x04seen\xd0\x00\x00\x00\x07\x00\x00\x00\x01\xa1\x01A"
    ),
    "LSR": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/B\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/B"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00#\x00\x00\x00\x06@@\xa1\x18amqp:/_topo"
        b"/0/A/qdrouter@@@\x00St\xd1\x00\x00\x00\x11\x00\x00\x00\x02\xa1\x06opcode\xa1\x03LS"
        b"R\x00Sw\xd1\x00\x00\x00\x1a\x00\x00\x00\x06\xa1\x02id\xa1\x01B\xa1\x02pvT\x01\xa1\x04area\xa1\x010"
    ),
    "MAR": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/B\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/B"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00#\x00\x00\x00\x03@@\xa1\x1bamqp:/_topo"
        b"/0/A/qdrouter.ma\x00St\xd1\x00\x00\x00\x11\x00\x00\x00\x02\xa3\x06opcode\xa1\x03MA"
        b"R\x00Sw\xd1\x00\x00\x00&\x00\x00\x00\x08\xa3\x02id\xa1\x01B\xa3\x02pvU\x02\xa3\x04area\xa1\x010\xa3\x08hav"
        b"e_seqU\x00"
    ),
    "RA": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/B\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/B"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00%\x00\x00\x00\x06@@\xa1\x1aamqp:/_topo"
        b"/0/all/qdrouter@@@\x00St\xd1\x00\x00\x00\x10\x00\x00\x00\x02\xa1\x06opcode\xa1\x02"
        b"RA\x00Sw\xd1\x00\x00\x00A\x00\x00\x00\x0c\xa1\x02id\xa1\x01B\xa1\x02pvT\x01\xa1\x04area\xa1\x010\xa1\x08in"
        b"stanceqk\x03\\\x04\xa1\x06ls_seqT\x01\xa1\nmobile_seqT\x01"
    ),
    "LSU": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/B\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/B"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00#\x00\x00\x00\x06@@\xa1\x18amqp:/_topo"
        b"/0/A/qdrouter@@@\x00St\xd1\x00\x00\x00\x11\x00\x00\x00\x02\xa1\x06opcode\xa1\x03LS"
        b"U\x00Sw\xd1\x00\x00\x00o\x00\x00\x00\x0c\xa1\x02id\xa1\x01B\xa1\x02pvT\x01\xa1\x04area\xa1\x010\xa1\x08ins"
        b"tanceqk\x03\\\x04\xa1\x06ls_seqT\x01\xa1\x02ls\xd1\x00\x00\x003\x00\x00\x00\x08\xa1\x02id\xa1\x01B"
        b"\xa1\x04area\xa1\x010\xa1\x06ls_seqT\x01\xa1\x05peers\xd1\x00\x00\x00\t\x00\x00\x00\x02\xa1\x01AT\x01"
    ),
    "MAU_ABSOLUTE": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/B\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/B"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00#\x00\x00\x00\x03@@\xa1\x1bamqp:/_topo"
        b"/0/A/qdrouter.ma\x00St\xd1\x00\x00\x00\x11\x00\x00\x00\x02\xa3\x06opcode\xa1\x03MA"
        b"U\x00Sw\xd1\x00\x00\x00\xab\x00\x00\x00\n\xa3\x02id\xa1\x01B\xa3\x02pvU\x02\xa3\x04area\xa1\x010\xa3\nmob"
        b"ile_seqU\x01\xa3\x05exist\xd0\x00\x00\x00w\x00\x00\x00\x05\xd0\x00\x00\x00\x16\x00\x00\x00\x03\xa1\x0cMsfe"
        b".PZPMh:0T\x02T\x00\xd0\x00\x00\x00\x17\x00\x00\x00\x03\xa1\rMvfcr.PZPMh:0T\x02T\x00"
        b"\xd0\x00\x00\x00\x0e\x00\x00\x00\x03\xa1\x04MwebT\x03T\x00\xd0\x00\x00\x00\x10\x00\x00\x00\x03\xa1\x06MiperfT\x03T\x00"
        b"\xd0\x00\x00\x00\x0f\x00\x00\x00\x03\xa1\x05MechoT\x03T\x00"
    ),
    "HELLO_NOBODY": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/A\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/A"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00\x1f\x00\x00\x00\x06@@\xa1\x14amqp:/_loca"
        b"l/qdhello@@@\x00St\xd1\x00\x00\x00\x13\x00\x00\x00\x02\xa1\x06opcode\xa1\x05HELLO\x00"
        b"Sw\xd1\x00\x00\x000\x00\x00\x00\n\xa1\x02id\xa1\x01A\xa1\x02pvT\x01\xa1\x04area\xa1\x010\xa1\x08insta"
        b"nceqk\x03\\\x03\xa1\x04seenE"
    ),
    "MAU_ADD": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/A\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/A"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00\x1f\x00\x00\x00\x03@@\xa1\x17_topo/0/all"
        b"/qdrouter.ma\x00St\xd1\x00\x00\x00\x11\x00\x00\x00\x02\xa3\x06opcode\xa1\x03MAU\x00Sw"
        b"\xd1\x00\x00\x00\xc2\x00\x00\x00\x0c\xa3\x02id\xa1\x01A\xa3\x02pvU\x02\xa3\x04area\xa1\x010\xa3\nmobile_"
        b"seqU\x02\xa3\x03add\xd0\x00\x00\x00\x82\x00\x00\x00\x03\xd0\x00\x00\x00\x1e\x00\x00\x00\x05\xa1\x02HCT\x03T\x00@\xa1\x0fr"
        b"qkZxtBb3bAn6lX\xd0\x00\x00\x00(\x00\x00\x00\x05\xa1\x0cMsfe.9VKpW:0T\x03T"
        b"\x00@\xa1\x0frqkZxtBb3bAn6lX\xd0\x00\x00\x00)\x00\x00\x00\x05\xa1\rMvfcr.9VKp"
        b"W:0T\x03T\x00@\xa1\x0frqkZxtBb3bAn6lX\xa3\x03del\xd0\x00\x00\x00\x04\x00\x00\x00\x00"
    ),
    "MAU_DELETE": (
        b"\x00\x80SKPR--RA\xd0\x00\x00\x00\x19\x00\x00\x00\x04C@\xa1\x030/A\xd0\x00\x00\x00\t\x00\x00\x00\x01\xa1\x030/A"
        b"\x00Sp\xd0\x00\x00\x00\x05\x00\x00\x00\x01B\x00Ss\xd0\x00\x00\x00\x1f\x00\x00\x00\x03@@\xa1\x17_topo/0/all"
        b"/qdrouter.ma\x00St\xd1\x00\x00\x00\x11\x00\x00\x00\x02\xa3\x06opcode\xa1\x03MAU\x00Sw"
        b"\xd1\x00\x00\x00\x80\x00\x00\x00\x0c\xa3\x02id\xa1\x01A\xa3\x02pvU\x02\xa3\x04area\xa1\x010\xa3\nmobile_"
        b"seqU\x03\xa3\x03add\xd0\x00\x00\x00\x04\x00\x00\x00\x00\xa3\x03del\xd0\x00\x00\x00@\x00\x00\x00\x03\xd0\x00\x00\x00\x08\x00\x00"
        b"\x00\x01\xa1\x02HC\xd0\x00\x00\x00\x12\x00\x00\x00\x01\xa1\x0cMsfe.9VKpW:0\xd0\x00\x00\x00\x13\x00\x00\x00\x01\xa1\r"
        b"Mvfcr.9VKpW:0"
    ),
}

ADDRESSES_OF_B = {"Msfe.PZPMh:0": 2, "Mvfcr.PZPMh:0": 2, "Mweb": 3, "Miperf": 3, "Mecho": 3}
INSTANCE_A, INSTANCE_B = 1795382275, 1795382276


@pytest.mark.parametrize(
    ("name", "sender", "to", "opcode", "body", "mobile"),
    [
        ("HELLO", "B", "amqp:/_local/qdhello", "HELLO", messages.hello_body("B", INSTANCE_B, ["A"]), False),
        (
            "HELLO_NOBODY",
            "A",
            "amqp:/_local/qdhello",
            "HELLO",
            messages.hello_body("A", INSTANCE_A, []),
            False,
        ),
        (
            "RA",
            "B",
            messages.ALL_ROUTERS_ADDRESS,
            "RA",
            messages.advertisement_body("B", INSTANCE_B, 1, 1),
            False,
        ),
        ("LSR", "B", messages.router_address("A"), "LSR", messages.link_state_request_body("B"), False),
        (
            "LSU",
            "B",
            messages.router_address("A"),
            "LSU",
            messages.link_state_body("B", INSTANCE_B, 1, {"A": 1}),
            False,
        ),
        ("MAR", "B", messages.router_mobile_address("A"), "MAR", messages.mobile_request_body("B", 0), True),
        (
            "MAU_ABSOLUTE",
            "B",
            messages.router_mobile_address("A"),
            "MAU",
            messages.absolute_update_body("B", 1, ADDRESSES_OF_B),
            True,
        ),
        (
            "MAU_DELETE",
            "A",
            messages.ALL_ROUTERS_MOBILE_ADDRESS,
            "MAU",
            messages.differential_update_body("A", 3, {}, ["HC", "Msfe.9VKpW:0", "Mvfcr.9VKpW:0"]),
            True,
        ),
    ],
)
def test_each_message_is_written_byte_for_byte_like_the_reference(
    name: str, sender: str, to: str, opcode: str, body: dict[str, Any], mobile: bool
) -> None:
    assert messages.encode_control(sender, to, opcode, body, mobile) == RECORDED[name]


def recorded_body(name: str) -> Any:
    data, at, body = RECORDED[name], 0, None
    while at < len(data):
        section, at = decode(data, at)
        body = section.value
    return body


def parse_recorded(name: str) -> messages.ControlMessage:
    return messages.parse_control(name.split("_")[0], recorded_body(name), RoutingLimits())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HELLO", messages.Hello("B", 1, INSTANCE_B, frozenset({"A"}))),
        ("HELLO_NOBODY", messages.Hello("A", 1, INSTANCE_A, frozenset())),
        ("RA", messages.RouterAdvertisement("B", 1, INSTANCE_B, 1, 1)),
        ("LSR", messages.LinkStateRequest("B", 1)),
        ("LSU", messages.LinkStateUpdate("B", 1, INSTANCE_B, 1, {"A": 1})),
        ("MAR", messages.MobileAddressRequest("B", 2, 0)),
        ("MAU_ABSOLUTE", messages.AbsoluteMobileUpdate("B", 2, 1, ADDRESSES_OF_B)),
        (
            "MAU_ADD",
            messages.DifferentialMobileUpdate(
                "A", 2, 2, {"HC": 3, "Msfe.9VKpW:0": 3, "Mvfcr.9VKpW:0": 3}, frozenset()
            ),
        ),
        (
            "MAU_DELETE",
            messages.DifferentialMobileUpdate(
                "A", 2, 3, {}, frozenset({"HC", "Msfe.9VKpW:0", "Mvfcr.9VKpW:0"})
            ),
        ),
    ],
)
def test_each_recorded_message_is_understood(name: str, message: messages.ControlMessage) -> None:
    assert parse_recorded(name) == message


def test_the_recorded_conversation_makes_the_same_neighbours_routes_and_addresses() -> None:
    """We are B, and A says what the reference said; what we say back is what B said, too."""
    engine = RoutingEngine("B", INSTANCE_B)
    engine.add_local_address("Msfe.PZPMh:0", 2, 0.0)
    engine.add_local_address("Mvfcr.PZPMh:0", 2, 0.0)
    for service in ("Mweb", "Miperf", "Mecho"):
        engine.add_local_address(service, 3, 0.0)
    engine.tick(0.0)
    engine.link_up(3, 1, 0.1)
    engine.take_output()

    def hear(opcode: str, body: dict[str, Any]) -> list[bytes]:
        engine.receive(3, opcode, body, 0.5)
        return [
            messages.encode_control("B", output.to, output.opcode, output.body, output.mobile)
            for output in engine.take_output()
            if isinstance(output, SendControl)
        ]

    assert hear("HELLO", recorded_body("HELLO_NOBODY")) == [RECORDED["HELLO"]]
    assert hear("HELLO", messages.hello_body("A", INSTANCE_A, ["B"])) == [RECORDED["LSR"], RECORDED["RA"]]
    assert hear("LSR", messages.link_state_request_body("A")) == [RECORDED["MAU_ABSOLUTE"], RECORDED["LSU"]]
    assert hear("RA", messages.advertisement_body("A", INSTANCE_A, 1, 1)) == [
        RECORDED["LSR"],
        RECORDED["MAR"],
    ]
    assert hear("LSU", messages.link_state_body("A", INSTANCE_A, 1, {"B": 1})) == []
    assert hear("MAU", messages.absolute_update_body("A", 1, {"Msfe.J+93K:0": 2})) == []
    assert hear("MAU", recorded_body("MAU_ADD")) == []
    assert engine.next_hop("A") == 3
    assert set(engine.routers_with("Msfe.9VKpW:0")) == {"A"}
    assert hear("MAU", recorded_body("MAU_DELETE")) == []
    assert not engine.routers_with("Msfe.9VKpW:0")
    assert set(engine.routers_with("Msfe.J+93K:0")) == {"A"}
    assert engine.rejected_messages() == 0


def test_integer_width_and_kind_of_string_do_not_matter() -> None:
    body = {Symbol("id"): Symbol("B"), "pv": UInt(1), "instance": Long(7), "ls_seq": UInt(3), "mobile_seq": 4}
    assert messages.parse_control("RA", body, RoutingLimits()) == messages.RouterAdvertisement(
        "B", 1, 7, 3, 4
    )


def test_a_missing_version_and_instance_are_an_old_router() -> None:
    assert messages.parse_control("HELLO", {"id": "B", "seen": []}, RoutingLimits()) == messages.Hello(
        "B", 0, None, frozenset()
    )


@pytest.mark.parametrize(
    ("opcode", "version"), [("HELLO", 2), ("RA", 2), ("LSR", 2), ("LSU", 9), ("MAR", 3), ("MAU", 3)]
)
def test_a_newer_protocol_version_is_told_apart_from_nonsense(opcode: str, version: int) -> None:
    with pytest.raises(messages.UnknownVersionError) as caught:
        messages.parse_control(opcode, {"id": "B", "pv": version}, RoutingLimits())
    assert (caught.value.router_id, caught.value.version) == ("B", version)


def test_a_router_that_lists_itself_as_its_peer_is_read_without_that_peer() -> None:
    body = messages.link_state_body("B", 7, 1, {"A": 2, "B": 1})
    parsed = messages.parse_control("LSU", body, RoutingLimits())
    assert isinstance(parsed, messages.LinkStateUpdate)
    assert parsed.peers == {"A": 2}


def test_an_address_of_an_unknown_class_is_left_out() -> None:
    body = messages.absolute_update_body("B", 1, {"Mweb": 3, "Zweb": 3, "Hleaf": 3, "Nblue": 1})
    parsed = messages.parse_control("MAU", body, RoutingLimits())
    assert isinstance(parsed, messages.AbsoluteMobileUpdate)
    assert parsed.exist == {"Mweb": 3, "Hleaf": 3, "Nblue": 1}


LIMITS = RoutingLimits(peers=2, addresses_per_router=2, id_length=8, key_length=8)


@pytest.mark.parametrize(
    ("opcode", "body"),
    [
        ("BYE", {"id": "B", "pv": 1}),
        ("HELLO", None),
        ("HELLO", []),
        ("HELLO", {"pv": 1, "seen": []}),
        ("HELLO", {"id": 7, "seen": []}),
        ("HELLO", {"id": "", "seen": []}),
        ("HELLO", {"id": "all", "seen": []}),
        ("HELLO", {"id": "a/b", "seen": []}),
        ("HELLO", {"id": "123456789", "seen": []}),
        ("HELLO", {"id": "B"}),
        ("HELLO", {"id": "B", "seen": {"A": 1}}),
        ("HELLO", {"id": "B", "seen": [1]}),
        ("HELLO", {"id": "B", "seen": ["a", "b", "c"]}),
        ("HELLO", {"id": "B", "seen": [], "instance": -1}),
        ("HELLO", {"id": "B", "seen": [], "instance": "now"}),
        ("HELLO", {"id": "B", "seen": [], "pv": True}),
        ("RA", {"id": "B", "ls_seq": 1}),
        ("RA", {"id": "B", "ls_seq": 1, "mobile_seq": 1.5}),
        ("RA", {"id": "B", "ls_seq": 2**63, "mobile_seq": 1}),
        ("LSR", {}),
        ("LSU", {"id": "B", "ls_seq": 1}),
        ("LSU", {"id": "B", "ls": {"id": "C", "ls_seq": 1, "peers": {}}}),
        ("LSU", {"id": "B", "ls": {"id": "B", "ls_seq": 1, "peers": []}}),
        ("LSU", {"id": "B", "ls": {"id": "B", "ls_seq": 1, "peers": {"A": 0}}}),
        ("LSU", {"id": "B", "ls": {"id": "B", "ls_seq": 1, "peers": {"A": 2**31}}}),
        ("LSU", {"id": "B", "ls": {"id": "B", "ls_seq": 1, "peers": {1: 1}}}),
        ("LSU", {"id": "B", "ls": {"id": "B", "ls_seq": 1, "peers": {"A": 1, "C": 1, "D": 1}}}),
        ("MAR", {"id": "B"}),
        ("MAR", {"id": "B", "have_seq": -1}),
        ("MAU", {"id": "B", "mobile_seq": 1}),
        ("MAU", {"id": "B", "mobile_seq": 1, "add": []}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": [], "add": [], "del": []}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": ["Mweb"]}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": [[]]}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": [[7]]}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": [["Mweb", "often"]]}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": [["M12345678"]]}),
        ("MAU", {"id": "B", "mobile_seq": 1, "exist": [["Ma"], ["Mb"], ["Mc"]]}),
    ],
)
def test_a_message_that_is_not_what_its_opcode_demands_is_refused(opcode: str, body: Any) -> None:
    with pytest.raises(messages.MalformedControlError):
        messages.parse_control(opcode, body, LIMITS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["id", "pv", "seen", "instance", "ls", "ls_seq", "mobile_seq", "have_seq", "exist", "add", "del"]
)


@given(
    st.sampled_from(["HELLO", "RA", "LSR", "LSU", "MAR", "MAU", "?"]),
    st.dictionaries(FIELDS, VALUES) | VALUES,
    st.booleans(),
)
def test_any_body_is_either_understood_or_refused(opcode: str, body: Any, named: bool) -> None:
    if named and isinstance(body, dict):
        body["id"] = "B"
    try:
        message = messages.parse_control(opcode, body, LIMITS)
    except (messages.MalformedControlError, messages.UnknownVersionError):
        return
    assert message.router_id == body["id"]
