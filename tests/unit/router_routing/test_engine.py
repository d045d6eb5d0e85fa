"""One routing engine and what a neighbour, honest or not, can make it do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.router.routing import (
    NeighbourLost,
    NeighbourUp,
    RouterRestarted,
    RoutingEngine,
    RoutingLimits,
    RoutingTimers,
    SendControl,
    Warning,  # noqa: A004
)
from skupper_local.router.routing import control_messages as messages

KEYS = ["Mweb", "Mdb", "Mnew"]


class Conversation:
    """The engine of router ``me`` with one link (number 1) to router ``peer``, at a time that only goes on by ``wait``."""

    def __init__(self, limits: RoutingLimits | None = None, timers: RoutingTimers | None = None) -> None:
        self.engine = RoutingEngine("me", 100, timers or RoutingTimers(), limits or RoutingLimits())
        self.now = 50.0
        self.engine.link_up(1, 1, self.now)
        self.engine.tick(self.now)
        self.take()

    def take(self) -> list[Any]:
        return self.engine.take_output()

    def hear(self, opcode: str, body: Any, link: int = 1) -> list[Any]:
        self.engine.receive(link, opcode, body, self.now)
        return self.take()

    def hello(self, instance: int = 1, seen: str = "me", link: int = 1) -> list[Any]:
        return self.hear("HELLO", messages.hello_body("peer", instance, [seen]), link)

    def meet(self, addresses: Mapping[str, int] | None = None) -> None:
        """Become neighbours in full: link state and addresses too."""
        self.hello()
        self.hear("LSU", messages.link_state_body("peer", 1, 1, {"me": 1}))
        if addresses is not None:
            self.hear("MAU", messages.absolute_update_body("peer", 1, addresses))

    def wait(self, seconds: float, hello: bool = True) -> list[Any]:
        """Let time pass, with a HELLO of the peer each second."""
        outputs = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.25)
            if hello and self.now % 1 == 0:
                outputs += self.hello()
            self.engine.tick(self.now)
            outputs += self.take()
        return outputs

    def knowledge(self) -> Any:
        engine = self.engine
        addresses = {key: set(engine.routers_with(key)) for key in KEYS}
        return engine.nodes(), engine.neighbours(), addresses, engine.radius


def sent(outputs: list[Any], opcode: str) -> list[SendControl]:
    return [output for output in outputs if isinstance(output, SendControl) and output.opcode == opcode]


# ------------------------------------------------------------------------------------------------------------- neighbours


def test_a_link_that_comes_up_gets_a_hello_at_once() -> None:
    engine = RoutingEngine("me", 100)
    engine.link_up(7, 1, 0.0)
    (hello,) = engine.take_output()
    assert hello == SendControl(7, "amqp:/_local/qdhello", "HELLO", messages.hello_body("me", 100, []), False)


def test_a_router_heard_for_the_first_time_gets_a_hello_that_lists_it_at_once() -> None:
    conversation = Conversation()
    (hello,) = conversation.hello(seen="somebody-else")
    assert hello.body["seen"] == ["peer"]
    assert conversation.hello(seen="somebody-else") == []


def test_a_peer_is_a_neighbour_only_once_it_hears_us() -> None:
    conversation = Conversation()
    conversation.hello(seen="somebody-else")
    assert conversation.engine.neighbours() == {}
    assert NeighbourUp("peer", 1) in conversation.hello()
    assert conversation.engine.neighbours() == {"peer": 1}


def test_a_neighbour_that_stops_listing_us_is_lost_after_the_maximum_age() -> None:
    conversation = Conversation()
    conversation.meet()
    for _ in range(2):
        conversation.wait(1.0, hello=False)
        conversation.hello(seen="somebody-else")
    assert conversation.engine.neighbours() == {"peer": 1}
    conversation.wait(0.9, hello=False)
    assert NeighbourLost("peer") in conversation.wait(0.5, hello=False)


def test_a_neighbour_is_not_lost_because_we_did_not_run_for_a_while() -> None:
    conversation = Conversation()
    conversation.meet()
    conversation.wait(2.0)
    conversation.now += 10.0
    conversation.engine.tick(conversation.now)
    assert conversation.engine.neighbours() == {"peer": 1}
    assert NeighbourLost("peer") in conversation.wait(3.0, hello=False)


def test_messages_of_a_link_that_is_not_up_are_ignored() -> None:
    conversation = Conversation()
    assert conversation.hello(link=9) == []
    assert len(conversation.engine.nodes()) == 1


def test_a_connection_belongs_to_one_router() -> None:
    conversation = Conversation()
    conversation.meet()
    outputs = conversation.hear("HELLO", messages.hello_body("impostor", 1, ["me"]))
    assert [type(output) for output in outputs] == [Warning]
    assert conversation.engine.neighbours() == {"peer": 1}


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        (99, "a neighbour has the same router id as this router: 'me'"),
        (100, "a link leads from this router to itself"),
    ],
)
def test_a_neighbour_with_our_own_id_is_reported_once_and_ignored(instance: int, text: str) -> None:
    conversation = Conversation()
    hello = messages.hello_body("me", instance, ["me"])
    assert conversation.hear("HELLO", hello) == [Warning(text)]
    assert conversation.hear("HELLO", hello) == []
    assert conversation.engine.neighbours() == {}


def test_a_restarted_neighbour_is_reached_over_its_new_connection_not_its_old_one() -> None:
    conversation = Conversation()
    conversation.meet({"Mweb": 3})
    conversation.engine.link_up(2, 1, conversation.now)
    outputs = conversation.hello(instance=2, link=2)
    assert RouterRestarted("peer") in outputs
    assert conversation.engine.next_hop("peer") == 2
    assert not conversation.engine.routers_with("Mweb")
    assert sent(outputs, "LSR")


# ------------------------------------------------------------------------------------------------- requests and addresses


def test_an_unanswered_link_state_request_is_repeated_at_growing_intervals() -> None:
    conversation = Conversation()
    outputs = conversation.hello()
    assert len(sent(outputs, "LSR")) == 1
    assert [len(sent(conversation.wait(1.0), "LSR")) for _ in range(8)] == [1, 0, 1, 0, 0, 0, 1, 0]


def test_an_unanswered_address_request_is_repeated_until_it_is_answered() -> None:
    conversation = Conversation()
    conversation.meet()
    assert sent(conversation.hear("RA", messages.advertisement_body("peer", 1, 1, 4)), "MAR")
    assert sent(conversation.wait(1.0), "MAR")
    conversation.hear("MAU", messages.absolute_update_body("peer", 4, {"Mweb": 3}))
    assert not sent(conversation.wait(10.0), "MAR")
    assert set(conversation.engine.routers_with("Mweb")) == {"peer"}
    assert conversation.engine.remote_treatment("Mweb") == 3


def test_a_missed_update_is_asked_for_and_a_repeated_one_is_not() -> None:
    conversation = Conversation()
    conversation.meet({"Mweb": 3})
    outputs = conversation.hear("MAU", messages.differential_update_body("peer", 3, {"Mnew": 3}, []))
    assert [output.body["have_seq"] for output in sent(outputs, "MAR")] == [1]
    assert not conversation.engine.routers_with("Mnew")
    conversation.hear("MAU", messages.absolute_update_body("peer", 3, {"Mweb": 3, "Mnew": 3}))
    assert conversation.hear("MAU", messages.differential_update_body("peer", 3, {}, ["Mnew"])) == []
    assert set(conversation.engine.routers_with("Mnew")) == {"peer"}


def test_a_router_that_counts_from_the_start_again_under_the_same_instance_is_asked_for_everything() -> None:
    conversation = Conversation()
    conversation.meet()
    conversation.hear("LSU", messages.link_state_body("peer", 1, 7, {"me": 1, "other": 1}))
    conversation.hear("MAU", messages.absolute_update_body("peer", 7, {"Mweb": 3}))
    outputs = conversation.hear("RA", messages.advertisement_body("peer", 1, 2, 1))
    assert sent(outputs, "LSR")
    assert [output.body["have_seq"] for output in sent(outputs, "MAR")] == [0]
    conversation.hear("LSU", messages.link_state_body("peer", 1, 2, {"me": 1}))
    conversation.hear("MAU", messages.absolute_update_body("peer", 1, {"Mdb": 3}))
    assert conversation.engine.next_hop("other") is None
    assert set(conversation.engine.routers_with("Mdb")) == {"peer"}
    assert not conversation.engine.routers_with("Mweb")


def test_an_absolute_update_goes_to_the_same_router_at_most_once_a_second() -> None:
    conversation = Conversation()
    conversation.engine.add_local_address("Mweb", 3, conversation.now)
    conversation.meet()
    conversation.wait(3.0)
    outputs = [
        output
        for _ in range(50)
        for output in conversation.hear("MAR", messages.mobile_request_body("peer", 0))
    ]
    assert len(sent(outputs, "MAU")) == 1
    assert len(sent(conversation.wait(5.0), "MAU")) == 1


def test_a_router_that_has_our_latest_addresses_gets_no_answer() -> None:
    conversation = Conversation()
    conversation.engine.add_local_address("Mweb", 3, conversation.now)
    conversation.engine.tick(conversation.now)
    conversation.meet()
    conversation.wait(3.0)
    assert conversation.hear("MAR", messages.mobile_request_body("peer", 1)) == []


def test_a_router_is_asked_for_addresses_only_after_it_showed_that_it_knows_us() -> None:
    """The reference logs a warning for each MAR or MAU of a router it does not know."""
    conversation = Conversation()
    conversation.meet()
    conversation.hear("LSU", messages.link_state_body("peer", 1, 2, {"me": 1, "far": 1}))
    assert [output.to for output in sent(conversation.wait(0.5), "LSR")] == ["amqp:/_topo/0/far/qdrouter"]
    outputs = conversation.hear("RA", messages.advertisement_body("far", 1, 1, 4)) + conversation.wait(0.5)
    assert not sent(outputs, "MAR")
    outputs = conversation.hear("LSU", messages.link_state_body("far", 1, 1, {"peer": 1}))
    assert [output.to for output in sent(outputs, "MAR")] == ["amqp:/_topo/0/far/qdrouter.ma"]


def test_updates_wait_a_moment_for_strangers_and_then_leave_out_a_neighbour_that_is_one() -> None:
    conversation = Conversation()
    conversation.engine.link_up(2, 1, conversation.now)
    conversation.meet()
    conversation.hear("HELLO", messages.hello_body("stranger", 1, ["me"]), link=2)
    conversation.engine.add_local_address("Mweb", 3, conversation.now)
    conversation.engine.tick(conversation.now)
    assert not sent(conversation.take(), "MAU")
    (update,) = sent(conversation.wait(1.0), "MAU")
    assert (update.link, update.to) == (1, "_topo/0/all/qdrouter.ma")
    outputs = conversation.hear("LSR", messages.link_state_request_body("stranger"), link=2)
    assert [output.to for output in sent(outputs, "MAU")] == ["amqp:/_topo/0/stranger/qdrouter.ma"]


def test_a_changed_treatment_is_announced_as_an_addition() -> None:
    conversation = Conversation()
    conversation.engine.add_local_address("Mweb", 3, conversation.now)
    conversation.meet()
    conversation.wait(2.0)
    conversation.engine.add_local_address("Mweb", 0, conversation.now)
    (update,) = sent(conversation.wait(0.5), "MAU")
    assert (update.body["add"], update.body["del"]) == ([["Mweb", 0, 0]], [])


# ---------------------------------------------------------------------------------------------------------- hostile peers


@pytest.mark.parametrize(
    ("opcode", "body"),
    [
        ("LSU", messages.link_state_body("peer", 1, 9, {f"r{index}": 1 for index in range(9)})),
        ("LSU", messages.link_state_body("stranger", 1, 9, {f"r{index}": 1 for index in range(8)})),
        ("MAU", messages.absolute_update_body("peer", 9, {f"M{index}": 3 for index in range(5)})),
        ("MAU", messages.absolute_update_body("peer", 9, {"M" + "x" * 90: 3})),
        ("MAU", messages.differential_update_body("peer", 2, {f"M{index}": 3 for index in range(4)}, [])),
        ("RA", {"id": "peer", "pv": 1, "ls_seq": "many", "mobile_seq": 0}),
        ("HELLO", {"id": "peer", "pv": 7, "seen": ["me"]}),
    ],
)
def test_a_message_beyond_a_limit_is_counted_reported_once_and_changes_nothing(
    opcode: str, body: Any
) -> None:
    limits = RoutingLimits(nodes=8, edges=8, addresses_per_router=4, address_characters=60)
    conversation = Conversation(limits)
    conversation.meet({"Mweb": 3})
    before = conversation.knowledge()
    assert [type(output) for output in conversation.hear(opcode, body)] == [Warning]
    assert conversation.hear(opcode, body) == []
    assert conversation.knowledge() == before
    assert conversation.engine.rejected_messages() == 2


def test_no_more_routers_are_learned_than_the_limit_says() -> None:
    conversation = Conversation(RoutingLimits(nodes=8))
    conversation.meet()
    for index in range(100):
        conversation.hear("RA", messages.advertisement_body(f"r{index}", 1, 1, 0))
        conversation.hear("LSR", messages.link_state_request_body(f"q{index}"))
    assert len(conversation.engine.nodes()) == 1 + 8
    conversation.wait(10.0)
    assert [node.router_id for node in conversation.engine.nodes()] == ["me", "peer"]


def test_a_flood_of_new_link_states_does_not_make_a_flood_of_path_computations() -> None:
    conversation = Conversation()
    conversation.meet()
    changes = 0
    for sequence in range(2, 200):
        peers = {f"r{index}": 1 for index in range(200 + sequence % 2)}
        outputs = conversation.hear("LSU", messages.link_state_body("peer", 1, sequence, {"me": 1, **peers}))
        changes += sum(type(output).__name__ == "RoutesChanged" for output in outputs)
    assert changes <= 2


def test_a_warning_holds_no_control_characters_and_is_short() -> None:
    conversation = Conversation()
    body = {"id": "\x1b[2J" + "x" * 400, "pv": 9, "seen": []}
    (warning,) = conversation.hear("HELLO", body)
    assert warning.text.isprintable()
    assert len(warning.text) < 200


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.sampled_from(["peer", "me", "r1", "all", "Mweb"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["me", "peer", "r1", "id", "ls_seq", "peers"]), inner)
    ),
    max_leaves=10,
)
BODIES = st.fixed_dictionaries(
    {"id": st.sampled_from(["peer", "me", "r1", "r2"]) | VALUES},
    optional={
        name: VALUES | st.integers(0, 5)
        for name in (
            "pv",
            "seen",
            "instance",
            "ls",
            "ls_seq",
            "mobile_seq",
            "have_seq",
            "exist",
            "add",
            "del",
        )
    },
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["HELLO", "RA", "LSR", "LSU", "MAR", "MAU", "?"]), BODIES | VALUES),
        max_size=20,
    )
)
def test_whatever_a_neighbour_sends_the_engine_goes_on(traffic: list[tuple[str, Any]]) -> None:
    conversation = Conversation(RoutingLimits(nodes=4))
    conversation.meet({"Mweb": 3})
    for opcode, body in traffic:
        before, refused = conversation.knowledge(), conversation.engine.rejected_messages()
        conversation.hear(opcode, body)
        if conversation.engine.rejected_messages() > refused:
            assert conversation.knowledge() == before
        conversation.now += 0.3
        conversation.engine.tick(conversation.now)
        assert conversation.engine.next_tick(conversation.now) > conversation.now
    conversation.engine.link_lost(1, conversation.now)
    conversation.wait(70.0, hello=False)
    assert [node.router_id for node in conversation.engine.nodes()] == ["me"]
    assert not conversation.engine.has_destination("Mweb")
