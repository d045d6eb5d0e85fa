"""``runtime/resources`` tells the reference's program, which asks no router, how the site was when a command ended."""

from __future__ import annotations

from skupper_local.resources import decode_documents
from tests.rig.machine import Machine, http_server
from tests.rig.ports import HOST, free_port


def written(machine: Machine, name: str) -> tuple[str, str]:
    """Status and message of a runtime resource."""
    file = machine.home("west") / f"runtime/resources/{name}.yaml"
    status = decode_documents(file.read_text(), str(file)).resources[0].status
    return str(status["status"]), str(status["message"])


def test_start_reload_and_stop_write_down_what_the_router_says(machine: Machine) -> None:
    machine.ok("site create west --enable-link-access -n west")
    machine.ok(f"listener create backend {free_port()} --host {HOST} -n west")
    machine.ok("system start -n west")
    assert written(machine, "Site-west") == ("Ready", "OK")
    assert written(machine, "Listener-backend") == ("Pending", "No matching connectors")
    machine.ok(f"link generate --host {HOST} -n west")
    assert written(machine, "Site-west") == ("Ready", "OK")
    with http_server(b"here") as server:
        machine.ok(f"connector create backend {server} --host {HOST} -n west")
        machine.ok("system reload -n west")
        assert written(machine, "Site-west") == ("Ready", "OK")
        machine.ok("system reload -n west")
        assert written(machine, "Connector-backend") == ("Ready", "OK")
    machine.ok("system reload -n west")
    refused = f"cannot connect to {HOST}:{server}: connection refused"
    assert written(machine, "Connector-backend") == ("Pending", refused)
    machine.ok("system stop -n west")
    assert written(machine, "Site-west") == ("Pending", "stopped by its user")
    assert written(machine, "Connector-backend") == ("Pending", "stopped by its user")
