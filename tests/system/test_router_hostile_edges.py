"""Edge routers that attack the interior router they are attached to: the router stays up, other edges go on as before."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from skupper_local.amqp import events
from skupper_local.amqp.performatives import REJECTED, RELEASED, Terminus
from skupper_local.amqp.session import Session
from skupper_local.router.attached_edge import DOWNLINK, MAX_ADDRESS_LENGTH, MAX_ADDRESSES, TRACKING
from skupper_local.router.message_head import TCP_STREAM_FLAGS, Annotations, encode_message, tcp_stream_head
from tests.rig.attacker import Attacker
from tests.rig.certificates import Credentials
from tests.rig.management import add_management, entities
from tests.rig.network import Network
from tests.rig.programs import echo_service
from tests.rig.routers import EMBEDDED, RouterProcess
from tests.rig.sockets import connect
from tests.soak.conversation import attach

MEGABYTE = 1 << 20


@dataclass
class Victim:
    """An interior router with an honest edge, over which an echo service is used in both directions all the time."""

    process: RouterProcess
    edge_port: int
    management: int
    credentials: Credentials
    disturbed: list[str]
    attackers: list[Attacker] = field(default_factory=list)

    def attacker(self, router_id: str = "evil") -> Attacker:
        """An edge with a good certificate that has not said yet which one it is."""
        attacker = Attacker(self.edge_port, self.credentials, router_id=router_id)
        self.attackers.append(attacker)
        return attacker

    def edge(self, router_id: str = "evil") -> tuple[Attacker, Session]:
        """One that is attached."""
        attacker = self.attacker(router_id)
        session = attacker.begin()
        link = session.attach_receiver("down", Terminus(router_id, capabilities=(DOWNLINK,)), Terminus())
        attacker.wait_until(lambda: link.established or attacker.closed)
        return attacker, session


def _bystander(ports: list[int], done: threading.Event, disturbed: list[str]) -> None:
    while not done.is_set():
        for port in ports:
            try:
                with connect(port) as client:
                    client.settimeout(10)
                    client.sendall(b"x")
                    if client.recv(1) != b"x":
                        raise ConnectionError("a connection ended")
            except OSError as error:
                disturbed.append(f"{os.environ.get('PYTEST_CURRENT_TEST')}: {error!r}")
                return
        time.sleep(0.02)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with echo_service() as echo, Network(tmp_path_factory.mktemp("hostile-edges")) as network:
        node = network.add("victim", EMBEDDED)
        for name in ("leaf", "twig"):
            network.add(name, EMBEDDED, "edge")
            network.attach(name, "victim")
        network.expose("leaf", "of-leaf", echo)
        network.expose("victim", "of-victim", echo)
        ports = [
            network.consume("victim", "of-leaf"),
            network.consume("leaf", "of-victim"),
            network.consume("twig", "of-leaf"),
        ]
        management = add_management(node)
        network.start()
        credentials = network.client_credentials("attacker")
        assert credentials
        disturbed: list[str] = []
        done = threading.Event()
        bystander = threading.Thread(target=_bystander, args=(ports, done, disturbed))
        bystander.start()
        yield Victim(node.process, node.edge_port, management, credentials, disturbed)
        done.set()
        bystander.join(30)
        assert not bystander.is_alive()
        assert "Traceback" not in node.process.log_text()
        assert network.process("leaf").complaints() == []
        assert network.process("twig").complaints() == []


@pytest.fixture(autouse=True)
def _nobody_else_notices(victim: Victim) -> Iterator[None]:
    before = victim.process.resident_bytes()
    yield
    while victim.attackers:
        victim.attackers.pop().close()
    assert victim.disturbed == []
    assert victim.process.healthy()
    assert victim.process.resident_bytes() - before < 64 * MEGABYTE
    deadline = time.monotonic() + 10
    while _edges(victim) != ["leaf", "twig"]:
        assert time.monotonic() < deadline, "what attackers attached stays"
        time.sleep(0.1)
    addresses = [item["name"] for item in entities(victim.management, "router.address")]
    assert not [name for name in addresses if "flood" in name]


def _edges(victim: Victim) -> list[str]:
    return sorted(
        item["container"] for item in entities(victim.management, "connection") if item["role"] == "edge"
    )


@pytest.mark.parametrize("sender", [False, True], ids=["consumed", "watched"])
def test_a_flood_of_addresses_is_bounded(victim: Victim, sender: bool) -> None:
    before = victim.process.resident_bytes()
    attacker, session = victim.edge()
    refused: list[str] = []

    def on_event(event: events.Event) -> bool:
        if isinstance(event, events.LinkClosed) and event.error is not None:
            refused.append(str(event.error.condition))
        return False

    attacker.on_event = on_event
    wanted = MAX_ADDRESSES + 500
    for number in range(wanted):
        name, terminus = f"link.{number}", Terminus(f"flood.{number}." + "x" * 1000)
        if sender:
            session.attach_sender(name, Terminus(), terminus)
        else:
            session.attach_receiver(name, terminus, Terminus())
        if number % 200 == 0:
            attacker.pump()
    attacker.wait_until(lambda: len(refused) == 500 or attacker.closed, 30)
    assert not attacker.closed, attacker.error
    assert victim.process.resident_bytes() - before < 96 * MEGABYTE
    assert set(refused) == {"qd:no-route-to-dest"}


def test_huge_names_end_the_connection_and_long_ones_are_refused(victim: Victim) -> None:
    attacker, session = victim.edge()
    session.attach_receiver("in", Terminus("flood." + "x" * 50_000), Terminus())
    error = attacker.wait_closed()
    assert error
    assert error.condition == "amqp:resource-limit-exceeded"
    attacker, session = victim.edge()
    long = Terminus("flood." + "x" * MAX_ADDRESS_LENGTH)
    links = [
        session.attach_receiver("in", long, Terminus()),
        session.attach_sender("out", Terminus(), long),
    ]
    attacker.wait_until(lambda: attacker.closed or all(link.closed for link in links))
    assert not attacker.closed


def test_a_handle_that_is_in_use_ends_the_connection(victim: Victim) -> None:
    attacker, session = victim.edge()
    again = attach(session.channel, 0, sender=False, capability=None, address="flood.handle")
    attacker.send_raw(again)
    error = attacker.wait_closed()
    assert error


def test_a_link_name_that_is_in_use_harms_nobody(victim: Victim) -> None:
    attacker, session = victim.edge()
    attacker.pump(0.2)
    # Both ends of the name are the same on each handle.
    for handle in range(50, 150):
        frame = attach(session.channel, 50, sender=False, capability=None, address="flood.same")
        attacker.send_raw(frame.replace(b"\x52\x32", bytes((0x52, handle)), 1))
    attacker.pump(0.5)


def test_a_second_downlink_and_the_id_of_the_router_itself_are_refused(victim: Victim) -> None:
    attacker, session = victim.edge()
    again = session.attach_receiver("again", Terminus("evil", capabilities=(DOWNLINK,)), Terminus())
    other = session.attach_receiver("other", Terminus("leaf", capabilities=(DOWNLINK,)), Terminus())
    attacker.wait_until(lambda: again.closed and other.closed)
    impostor, session = victim.edge("victim")
    impostor.pump(0.5)
    assert "victim" not in {
        item["name"].removeprefix("H") for item in entities(victim.management, "router.address")
    }


def test_who_claims_to_be_another_edge_gets_nothing_that_is_for_it(victim: Victim) -> None:
    for _ in range(5):
        impostor, _ = victim.edge("leaf")
        error = impostor.wait_closed()
        assert error
        assert error.condition == "amqp:not-allowed"
        assert impostor.received == []
    time.sleep(0.5)  # the honest edge's answers come to it all the while


def test_an_edge_that_gives_no_credit_for_what_it_asked_for_holds_up_nobody(victim: Victim) -> None:
    attacker, session = victim.edge()
    attacker.on_event = lambda event: isinstance(event, events.LinkEstablished)
    tracking = session.attach_receiver("tracking", Terminus(TRACKING), Terminus())
    consumed = session.attach_receiver("consumed", Terminus("flood.mine"), Terminus())
    session.attach_sender("watched", Terminus(), Terminus("of-victim"))
    attacker.wait_until(lambda: tracking.established and consumed.established)
    attacker.pump(
        1.0
    )  # connections that would have been its go on to those that serve them, or wait for it alone


def test_what_an_edge_must_not_send_to_is_not_reached(victim: Victim) -> None:
    attacker, session = victim.edge()
    link = session.attach_sender("anything", Terminus(), Terminus())
    attacker.wait_until(lambda: link.credit > 0)
    for to in (
        "amqp:/_topo/0/all/qdrouter",
        "amqp:/_topo/0/all/qdrouter.ma",
        "_local/qdhello",
        "amqp:/_topo/0/victim/temp.guessed",
        "amqp:/_edge/nobody/temp.guessed",
        "amqp:/_topo/0/nowhere/$management",
        "_$qd.edge_addr_tracking",
    ):
        attacker.outcomes.clear()
        link.begin_delivery().send(encode_message(Annotations(), to=to, body={"x": 1}), more=False)
        attacker.wait_until(lambda: attacker.outcomes)
        assert attacker.outcomes[0] in (RELEASED, REJECTED), to
    stream = tcp_stream_head(
        Annotations(TCP_STREAM_FLAGS), "nothing-here", "amqp:/_edge/leaf/temp.guessed", "flow"
    )
    attacker.outcomes.clear()
    link.begin_delivery().send(stream, more=True)
    attacker.wait_until(lambda: attacker.outcomes)
    assert attacker.outcomes == [RELEASED]
    assert not attacker.closed


def test_wrong_frames_end_only_the_connection_they_came_on(victim: Victim) -> None:
    for garbage in (b"\x00\x00\x00\x07\x02\x00\x00\x00", b"\xff" * 64, os.urandom(5000)):
        attacker, _ = victim.edge()
        attacker.send_raw(garbage)
        attacker.wait_closed()
    attacker, session = victim.edge()
    attacker.send_raw(attach(session.channel + 9, 0, sender=True, capability=None, address="flood.nowhere"))
    assert attacker.wait_closed()


def test_a_mesh_that_is_claimed_does_not_cut_off_those_that_are_in_it(victim: Victim) -> None:
    attacker, session = victim.edge()
    link = session.attach_sender("mesh", Terminus(), Terminus("_$qd.mesh_discovery"))
    attacker.wait_until(lambda: link.credit > 0)
    for mesh in ("", "x" * 65, "x" * 15, "\x00"):
        message = encode_message(Annotations(), to=None, application_properties={"meshid": mesh})
        link.begin_delivery().send(message, more=False)
        link.begin_delivery().send(b"\x00\x53\x77no message", more=False)
    attacker.pump(0.5)
    assert not attacker.closed


def test_edges_that_come_and_go_leave_nothing_behind(victim: Victim) -> None:
    files = victim.process.open_files()
    for number in range(40):
        attacker, session = victim.edge(f"evil-{number}")
        session.attach_receiver("in", Terminus("flood.short"), Terminus())
        attacker.pump()
        if number % 2:
            attacker.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )
        attacker.close()
    deadline = time.monotonic() + 10
    while victim.process.open_files() > files + 5:
        assert time.monotonic() < deadline
        time.sleep(0.1)
