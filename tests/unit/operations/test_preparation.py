"""What is chosen once, what is kept, and what ends up on disk."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from skupper_local.entities import decode_configuration
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices, DesiredState, read_choices, read_desired_state
from skupper_local.operations.create import create_listener, create_site
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.errors import PortInUseError
from skupper_local.operations.ports import require_free, sockets_of
from skupper_local.operations.preparation import (
    Prepared,
    choose,
    install,
    prepare,
    read_configuration,
    reserve_ports,
)
from skupper_local.operations.router_choice import choose_local_router
from skupper_local.operations.target import Target
from skupper_local.site.state import SiteState, assemble
from tests.rig.ports import free_port

HOST = "127.0.0.1"
SITE_ID = "0af1cd3e-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def _no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUPPER_ROUTER", "embedded")


def declared(target: Target) -> SiteState:
    resources = read_declarations(target.paths.input_resources).require()
    return assemble(resources, namespace=target.namespace).require()


def made(target: Target, *, router: str = "") -> Prepared:
    with lock_namespace(target.paths, command="test") as held:
        state = declared(target)
        chosen = choose_local_router(target.paths, read_choices(target.paths), router)
        prepared = prepare(target.paths, state, choose(held.paths, state, chosen), platform="linux")
        install(held, prepared, platform="linux", desired=DesiredState.RUNNING)
    return prepared


def site(home: Path, name: str) -> Target:
    target = Target(NamespacePaths.of(name, home))
    create_site(target, name, enable_link_access=True)
    return target


def tree(paths: NamespacePaths) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in paths.home.rglob("*") if path.is_file()}


def test_preparing_again_changes_not_one_byte(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    first = made(west)
    before = tree(west.paths)
    second = made(west)
    assert tree(west.paths) == before
    assert second.configuration_digest == first.configuration_digest
    assert second.credentials_digest == first.credentials_digest


def test_a_new_listener_changes_the_configuration_and_no_credentials(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    first = made(west)
    create_listener(west, "backend", 8080, host=HOST)
    second = made(west)
    assert second.configuration_digest != first.configuration_digest
    assert second.credentials_digest == first.credentials_digest


def test_another_router_program_is_another_configuration(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    first = made(west)
    second = made(west, router="/bin/sh")
    assert second.program == "/bin/sh"
    assert second.configuration_digest != first.configuration_digest


def test_the_router_chosen_at_the_first_start_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    west = site(tmp_path, "west")
    assert made(west).program == "embedded"
    monkeypatch.setenv("SKUPPER_ROUTER", "/bin/sh")
    assert made(west).program == "embedded"


def test_sites_of_one_user_never_choose_the_same_port(tmp_path: Path) -> None:
    chosen = [port for name in ("a", "b", "c") for port in made(site(tmp_path, name)).choices.ports.values()]
    assert len(chosen) == len(set(chosen)) == 9


def run_by_the_reference(west: Target) -> dict[str, int]:
    """A namespace as the reference leaves it (reference-engine 3.2); returns the ports it uses."""
    local, inter_router, edge = free_port(), free_port(), free_port()
    metadata = json.dumps({"id": SITE_ID, "version": "2", "platform": "linux"})
    entities = [
        ["router", {"id": "west-1753277107-482913577", "mode": "interior", "metadata": metadata}],
        ["listener", {"name": "skupper-local-normal", "role": "normal", "host": HOST, "port": local}],
        ["listener", {"name": "west-inter-router", "role": "inter-router", "port": inter_router}],
        ["listener", {"name": "west-edge", "role": "edge", "port": edge}],
    ]
    west.paths.runtime_router.mkdir(parents=True)
    west.paths.router_config.write_text(json.dumps(entities))
    return {"skupper-local/normal": local, "west/inter-router": inter_router, "west/edge": edge}


def test_identity_and_ports_of_a_namespace_of_the_reference_are_taken_over(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    ports = run_by_the_reference(west)
    choices = made(west).choices
    assert choices.site_id == SITE_ID
    assert choices.ports == ports


def test_a_port_of_a_link_access_is_kept_even_when_somebody_else_has_it(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    ports = run_by_the_reference(west)
    with (
        socket.create_server(("", ports["west/inter-router"])),
        socket.create_server((HOST, ports["skupper-local/normal"])),
    ):
        chosen = made(west).choices.ports
    assert chosen["west/inter-router"] == ports["west/inter-router"]
    assert chosen["skupper-local/normal"] != ports["skupper-local/normal"]


def test_a_port_that_no_router_was_told_to_listen_on_gives_way(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    state = declared(west)
    with lock_namespace(west.paths, command="test") as held:
        chosen = choose_local_router(west.paths, read_choices(west.paths))
        reserve_ports(held, choose(west.paths, state, chosen))
    port = read_choices(west.paths).ports["west/inter-router"]
    with socket.create_server(("", port)):
        again = choose(west.paths, state, chosen)
    assert again.ports["west/inter-router"] > port
    assert choose(west.paths, state, chosen).ports == read_choices(west.paths).ports


def test_what_was_chosen_and_wanted_is_recorded(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    prepared = made(west)
    assert read_choices(west.paths) == prepared.choices
    assert prepared.choices != Choices()
    assert read_desired_state(west.paths) is DesiredState.RUNNING
    assert west.paths.platform.read_text() == "platform: linux\n"
    assert read_configuration(west.paths) == prepared.configuration
    assert decode_configuration(west.paths.router_config.read_bytes()) == list(prepared.configuration)


def test_every_certificate_file_the_configuration_names_is_there(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    prepared = made(west)
    named = [
        Path(str(value))
        for entity in prepared.configuration
        if entity.type == "sslProfile"
        for key, value in entity.attributes.items()
        if key.endswith("File")
    ]
    assert named
    assert all(path.is_file() for path in named)


def test_ports_that_are_taken_are_all_named_and_those_of_our_own_router_are_not(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as two:
        taken = [one.getsockname()[1], two.getsockname()[1]]
        for port in taken:
            create_listener(west, f"l{port}", port, host=HOST)
        configuration = made(west).configuration
        with pytest.raises(PortInUseError) as caught:
            require_free(sockets_of(configuration), ())
        assert all(str(port) in caught.value.why for port in taken)
        require_free(sockets_of(configuration), sockets_of(configuration))
    assert len(sockets_of(configuration)) == 5


def test_an_address_of_another_machine_is_not_said_to_be_in_use(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    create_listener(west, "l", 18099, host="192.0.2.77")
    with pytest.raises(PortInUseError) as caught:
        require_free(sockets_of(made(west).configuration), ())
    assert "address of this machine" in caught.value.next_step


def test_links_are_offered_under_the_hosts_of_a_supplied_server_certificate(tmp_path: Path) -> None:
    west = site(tmp_path, "west")
    made(west)
    source, supplied = west.paths.runtime_certs / "west", west.paths.input_certs / "west"
    supplied.mkdir(parents=True)
    for file in source.iterdir():
        (supplied / file.name).write_bytes(file.read_bytes())
    again = made(west)
    (access,) = again.model.link_accesses
    assert access.supplied
    assert access.hosts
    assert again.certificates["west"] == {file.name: file.read_bytes() for file in source.iterdir()}
