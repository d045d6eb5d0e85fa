"""Sites that the reference made, or took back: what is kept when they become ours, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import read_choices
from skupper_local.operations import status
from skupper_local.operations.adoption import adopted_hosts
from skupper_local.operations.create import create_listener, create_site
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.errors import SiteNotStartedError
from skupper_local.operations.generate_link import generate_link
from skupper_local.operations.preparation import Prepared, choose, install, prepare
from skupper_local.operations.router_choice import RouterChoice
from skupper_local.operations.target import Target
from skupper_local.pki.certificates import hosts_of
from skupper_local.resources import kind_of
from skupper_local.site.state import SiteState, assemble

EMBEDDED = RouterChoice("embedded")
OTHER_PORT = 50_671


@pytest.fixture
def west(tmp_path: Path) -> Target:
    """A site with link access whose files are there as if it had been started."""
    target = Target(NamespacePaths.of("west", tmp_path))
    create_site(target, "west", enable_link_access=True)
    create_listener(target, "backend", 8080, host="127.0.0.1")
    made(target)
    return target


def declared(target: Target) -> SiteState:
    return assemble(
        read_declarations(target.paths.input_resources).require(), namespace=target.namespace
    ).require()


def made(target: Target, *, adopting: bool = False) -> Prepared:
    with lock_namespace(target.paths, command="test") as held:
        state = declared(target)
        hosts = adopted_hosts(target.paths, state) if adopting else {}
        choices = choose(held.paths, state, EMBEDDED, adopting=adopting)
        prepared = prepare(target.paths, state, choices, platform="linux", added_hosts=hosts)
        install(held, prepared, platform="linux")
    return prepared


def the_reference_moves_the_port(target: Target) -> None:
    text = target.paths.router_config.read_text()
    port = str(read_choices(target.paths).ports["west/inter-router"])
    assert port in text
    target.paths.router_config.write_text(text.replace(port, str(OTHER_PORT)))


def test_the_ports_that_the_reference_wrote_last_are_kept_when_a_site_is_taken_back(west: Target) -> None:
    the_reference_moves_the_port(west)
    made(west, adopting=True)
    assert read_choices(west.paths).ports["west/inter-router"] == OTHER_PORT


def test_a_configuration_that_somebody_edited_moves_no_port_of_our_own_site(west: Target) -> None:
    before = read_choices(west.paths).ports
    the_reference_moves_the_port(west)
    made(west)
    assert read_choices(west.paths).ports == before


def test_a_link_to_a_host_that_only_the_former_certificate_named_stays_valid(west: Target) -> None:
    with lock_namespace(west.paths, command="test") as held:
        choices = read_choices(west.paths)
        hosts = {"west": ("0.0.0.0", "old.example.org")}
        former = prepare(west.paths, declared(west), choices, platform="linux", added_hosts=hosts)
        install(held, former, platform="linux")
        transaction = held.transaction()
        transaction.write(west.paths.choices, choices.encode())  # the reference records no hosts
        transaction.commit()
    prepared = made(west, adopting=True)
    names = hosts_of(prepared.certificates["west"]["tls.crt"])
    assert {"0.0.0.0", "old.example.org", "localhost"} <= set(names)
    assert (west.paths.runtime_links / "link-west-0.0.0.0.yaml").is_file()


def test_status_names_the_router_of_the_reference_and_not_what_was_chosen_before(west: Target) -> None:
    west.paths.choices.unlink()  # now nothing says that the site was ever ours
    text = west.paths.router_config.read_text()
    west.paths.router_config.write_text(text.replace('"id": "west-', '"id": "west-1795426473-'))
    view = status.view_system(west, seconds=0.2)
    assert view.where.placement.keeper == "reference"
    assert view.program == "skrouterd"
    assert view.router_id.startswith("west-1795426473-")


def test_no_link_is_made_for_a_router_that_would_not_trust_it(west: Target) -> None:
    west.paths.choices.unlink()
    with pytest.raises(SiteNotStartedError, match="still run by the reference") as refused:
        generate_link(west)
    assert "system reload -n west" in refused.value.next_step


def test_what_the_reference_reads_is_no_status_before_there_is_a_router(west: Target) -> None:
    found = {
        kind_of(item): item.status.get("status")
        for item in read_declarations(west.paths.runtime_resources).resources
    }
    assert found["Site"] == found["Listener"] == "Pending"
