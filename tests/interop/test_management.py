"""Our management client asking real routers, its own and one elsewhere, with the credentials of a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.management import RouterManagement
from skupper_local.management.errors import ManagementRequestError, RouterTlsError
from skupper_local.site.observed import OBSERVED_TYPES, REMOTE_TYPES, observe
from tests.rig.certificates import Authority
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.routers import EMBEDDED, Program

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]

PAIRS = ["theirs asked about ours", "ours asked about theirs", "theirs asked about theirs"]


def start_network(network: Network, pair: str, reference: Program, echo_port: int) -> tuple[int, Path]:
    """West dials east and is asked: returns the port of west's local listener and the credentials for it."""
    programs = {"theirs": reference, "ours": EMBEDDED}
    network.add("east", programs[pair.split()[-1]])
    west = network.add("west", programs[pair.split()[0]])
    network.link("west", "east")
    network.expose("east", "echo", echo_port)
    network.consume("west", "echo")
    port = free_port()
    authority = Authority(network.directory / "local", "local-ca")
    west.configuration.listen(port, authority.server("local-server"), role="normal", name="local")
    client = authority.client("local-client")
    network.start()
    return port, client.certificate.parent


@pytest.mark.parametrize("pair", PAIRS)
def test_a_router_tells_its_state_and_reaches_the_routers_elsewhere(
    network: Network, reference: Program, echo_port: int, pair: str
) -> None:
    port, credentials = start_network(network, pair, reference, echo_port)
    with RouterManagement.connect(HOST, port, credentials=credentials, seconds=20) as router:
        assert router.router_id == "west"
        answers = router.query_all(OBSERVED_TYPES)
        # There is no tcpConnector and no listener with several keys; before 3.5 skrouterd does not know the latter's type.
        assert {name for name in OBSERVED_TYPES if answers.get(name)} == set(OBSERVED_TYPES) - {
            "io.skupper.router.tcpConnector",
            "io.skupper.router.listenerAddress",
        }
        remote = router.query_routers(["east", "nowhere"], REMOTE_TYPES, seconds=5)
        with pytest.raises(ManagementRequestError) as absent:
            router.read("tcpListener", "absent")
        assert absent.value.status == 404
        (listener,) = router.query("tcpListener")
        assert router.read("tcpListener", listener["name"])["operStatus"] == "up"
    seen = observe(answers, remote_routers=remote)
    assert seen.router_id == "west"
    assert seen.nodes == {"east"}
    assert seen.remote_routers["east"].connector_keys == {"echo"}
    assert seen.destinations["echo"] > 0
    assert next(iter(seen.connectors.values())).up
    assert not [line for line in network.process("east").complaints() if "AGENT" not in line]


@pytest.mark.parametrize("asked", ["theirs", "ours"])
def test_a_stranger_at_the_local_listener_is_turned_away_for_its_certificate(
    network: Network, reference: Program, echo_port: int, asked: str, tmp_path: Path
) -> None:
    port, credentials = start_network(network, f"{asked} asked about theirs", reference, echo_port)
    stranger = Authority(tmp_path / "stranger").client("stranger").certificate.parent
    (stranger / "ca.crt").write_bytes((credentials / "ca.crt").read_bytes())
    with pytest.raises(RouterTlsError):
        RouterManagement.connect(HOST, port, credentials=stranger, seconds=10)
    with RouterManagement.connect(HOST, port, credentials=credentials, seconds=10) as router:
        assert router.query("router", ["id"]) == [{"id": "west"}]
