"""What is declared by commands, carried by real routers: listeners of several keys, edge sites, credentials in directories."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import urllib.request
from pathlib import Path

import yaml

from tests.rig.machine import Machine, eventually, http_server
from tests.rig.ports import HOST, free_port


def answer(port: int) -> bytes:
    """What an HTTP server behind a port of this machine says; nothing while nobody listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/", timeout=5) as response:
            return bytes(response.read())
    except OSError:
        return b""


def seen(machine: Machine, namespace: str) -> dict[str, str]:
    """The services a site sees, with their states."""
    found = json.loads(machine.ok(f"service status -n {namespace} -o json"))["services"]
    return {service["routingKey"]: service["status"] for service in found}


def linked(machine: Machine, tmp_path: Path, *, edge: bool = False) -> None:
    """West accepts links, east makes one."""
    machine.ok("site create west --enable-link-access -n west")
    machine.ok("system start -n west")
    link = tmp_path / "link.yaml"
    link.write_text(machine.ok(f"link generate --host {HOST} -n west"))
    machine.ok(f"site create east {'--edge ' if edge else ''}-n east")
    machine.ok(f"up -f {link} -n east --wait ready")


def test_a_listener_of_several_keys_prefers_the_first_and_fails_over(
    machine: Machine, tmp_path: Path
) -> None:
    linked(machine, tmp_path)
    port = free_port()
    with http_server(b"second") as second:
        with http_server(b"first") as first:
            machine.ok(f"connector create first {first} --host {HOST} -n west")
            machine.ok(f"connector create second {second} --host {HOST} -n east")
            machine.ok(f"listener create both {port} --host {HOST} --routing-keys first,second -n east")
            for namespace in ("west", "east"):
                machine.ok(f"system reload -n {namespace}")
            eventually(lambda: answer(port) == b"first")
            shown = json.loads(machine.ok("listener status both -n east -o json"))
            assert shown["status"]["status"] == "Ready"
        machine.ok("connector delete first -n west")
        machine.ok("system reload -n west")
        eventually(lambda: answer(port) == b"second")


def test_a_weighted_listener_uses_every_key(machine: Machine) -> None:
    port = free_port()
    with http_server(b"one") as one, http_server(b"two") as two:
        machine.ok("site create west")
        machine.ok(f"connector create one {one} --host {HOST}")
        machine.ok(f"connector create two {two} --host {HOST}")
        machine.ok(f"listener create both {port} --host {HOST} --routing-keys one=1,two=1")
        machine.ok("system start")
        eventually(lambda: answer(port) in (b"one", b"two"))
        assert {answer(port) for _ in range(40)} == {b"one", b"two"}


def test_an_edge_site_serves_and_uses_services(machine: Machine, tmp_path: Path) -> None:
    linked(machine, tmp_path, edge=True)
    at_edge, at_interior = free_port(), free_port()
    with http_server(b"behind the edge") as edge_server, http_server(b"inside") as interior_server:
        machine.ok(f"expose {edge_server} --as outer --host {HOST} -n east")
        machine.ok(f"expose {interior_server} --as inner --host {HOST} -n west")
        machine.ok(f"reach outer {at_interior} -n west --wait ready")
        machine.ok(f"reach inner {at_edge} -n east --wait ready")
        eventually(lambda: answer(at_interior) == b"behind the edge")
        eventually(lambda: answer(at_edge) == b"inside")
        # A third site, linked to the interior one only, sees what the edge site has, and the edge site what all have.
        machine.ok("site create north -n north")
        machine.ok(f"reach outer {free_port()} -n north")
        machine.ok(
            "system apply -f - -n north", text=machine.ok(f"link generate --host {HOST} --name north -n west")
        )
        machine.ok("system start -n north --wait ready")
        for namespace in ("north", "west", "east"):
            eventually(lambda: seen(machine, namespace) == {"inner": "Ready", "outer": "Ready"})  # noqa: B023
            shown = machine.ok(f"service status outer -n {namespace}")
            assert "north" in shown
            assert "east" in shown
        assert "Status: Ready" in machine.ok("connector status outer -n east")
    ran = machine.run("listener create x 1 --host 127.0.0.1 -n east")
    assert ran.returncode == 0
    ran = machine.run("site update --enable-link-access -n east")
    assert ran.returncode == 2
    assert "edge" in ran.stderr


def test_the_credentials_of_a_link_may_lie_in_a_directory(machine: Machine, tmp_path: Path) -> None:
    machine.ok("site create west --enable-link-access -n west")
    machine.ok("system start -n west")
    documents = list(yaml.safe_load_all(machine.ok(f"link generate --host {HOST} -n west")))
    secret = next(item for item in documents if item["kind"] == "Secret")
    bare = machine.ok(f"link generate --host {HOST} --tls-credentials mine -n west")
    assert "PRIVATE" not in bare
    assert [item["kind"] for item in yaml.safe_load_all(bare)] == ["Link"]
    (tmp_path / "link.yaml").write_text(bare)
    machine.ok("site create east -n east")
    machine.ok(f"system apply -f {tmp_path}/link.yaml -n east")
    refused = machine.run("system start -n east")
    assert refused.returncode == 2
    assert "input/certs/mine" in refused.stderr
    directory = machine.home("east") / "input" / "certs" / "mine"
    directory.mkdir(parents=True)
    for name, value in secret["data"].items():
        (directory / name).write_bytes(base64.b64decode(value))
    (directory / "tls.key").chmod(0o600)
    key = (directory / "tls.key").read_bytes()
    (directory / "tls.key").write_bytes(b"no key")
    refused = machine.run("system start -n east")
    assert refused.returncode == 2
    assert f"{directory}/tls.key" in refused.stderr
    (directory / "tls.key").write_bytes(key)
    started = machine.run("up --wait ready -n east")
    assert started.returncode == 0, started.stderr
    assert "used by nothing" not in started.stderr
    machine.ok("system reload -n east")
    shutil.rmtree(directory)
    refused = machine.run("system reload -n east")
    assert refused.returncode == 2
    shown = json.loads(machine.ok("link status -n east -o json"))
    assert shown["status"]["status"] == "Ready"


def test_two_sites_of_one_machine_do_not_have_one_listener(machine: Machine) -> None:
    port = free_port()
    for namespace in ("west", "east"):
        machine.ok(f"site create {namespace} -n {namespace}")
        machine.ok(f"listener create backend {port} --host {HOST} -n {namespace}")
    machine.ok("system start -n west")
    warned = machine.run(f"listener create third {port} --host {HOST} -n third")
    assert warned.returncode == 0
    assert "it is the port of listener backend of namespace west" in warned.stderr
    ran = machine.run("system start -n east")
    assert ran.returncode == 1
    assert f"Listener-backend.yaml:8): {HOST}:{port}: listener backend of namespace west" in ran.stderr
    assert "skupper-local system stop -n west" in ran.stderr
    machine.ok("system stop -n west")
    machine.ok("system start -n east")


def test_what_cannot_take_effect_is_not_left_declared(machine: Machine, tmp_path: Path) -> None:
    machine.ok("site create west")
    machine.ok(f"listener create both {free_port()} --host {HOST} --routing-keys a,b")
    machine.ok("system start")
    declared = machine.home("default") / "input" / "resources"
    before = {path.name: path.read_bytes() for path in declared.iterdir()}
    with socket.create_server((HOST, 0)) as holder:
        taken = holder.getsockname()[1]
        ran = machine.run(f"reach nobody {taken}")
        assert ran.returncode == 1
        assert "port-in-use" in ran.stderr
        assert f"Listener-nobody.yaml:8): {HOST}:{taken}" in ran.stderr
    assert {path.name: path.read_bytes() for path in declared.iterdir()} == before
    (tmp_path / "more.yaml").write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: one}\n"
        "spec: {tlsCredentials: key, endpoints: [{name: inter-router, host: h, port: '1'}]}\n"
    )
    assert machine.run(f"up -f {tmp_path}/more.yaml").returncode == 2
    assert {path.name: path.read_bytes() for path in declared.iterdir()} == before
    machine.ok("reach nobody --wait none")


def test_a_declaring_command_that_waits_brings_it_into_effect(machine: Machine) -> None:
    port = free_port()
    machine.ok("site create west")
    early = machine.run(f"listener create early {free_port()} --host {HOST} --wait ready")
    assert early.returncode == 0
    assert "does not run" in early.stderr
    machine.ok("system start")
    with http_server(b"hello") as server:
        machine.ok(f"connector create backend {server} --host {HOST} --wait configured")
        waited = machine.run(f"listener create backend {port} --host {HOST} --wait ready")
        assert waited.returncode == 0, waited.stderr
        assert "system reload" not in waited.stderr
        assert answer(port) == b"hello"
        never = machine.run("listener update backend --routing-key nobody --wait ready --timeout 1")
        assert never.returncode == 1
        assert "not ready after 1 s: Listener backend" in never.stderr
        machine.ok("listener update backend --routing-key backend --wait ready")
        with socket.create_server((HOST, 0)) as holder:
            refused = machine.run(f"listener update backend --port {holder.getsockname()[1]} --wait ready")
        assert refused.returncode == 1
        assert "port-in-use" in refused.stderr
        assert answer(port) == b"hello"
        assert (
            f"port: {port}"
            in (machine.home("default") / "input" / "resources" / "Listener-backend.yaml").read_text()
        )
        machine.ok("listener delete backend --wait configured")
        assert answer(port) == b""


def tree(directory: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file with its content, its rights and when it was written."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_a_dry_run_tells_what_a_reload_then_does_and_writes_nothing(machine: Machine) -> None:
    first, second = free_port(), free_port()
    machine.ok("site create west --enable-link-access")
    machine.ok(f"listener create backend {first} --host {HOST}")
    before = tree(machine.home("default"))
    said = machine.ok("system reload --dry-run")
    assert "would be started; nothing was changed" in said
    assert "skrouterd.json" in said
    assert tree(machine.home("default")) == before
    machine.ok("system start")
    (router,) = machine.routers("default")
    before = tree(machine.home("default"))
    said = machine.ok("system reload --dry-run")
    assert "would run on: nothing has changed for its router" in said
    assert len(said.splitlines()) == 1, said
    machine.ok(f"listener update backend --port {second}")
    (machine.home("default") / "runtime" / "links").chmod(0o700)
    before = tree(machine.home("default"))
    foreseen = json.loads(machine.ok("system reload --dry-run -o json"))
    assert foreseen["router"] == "restarted"
    assert any(f"{second}" in line for line in foreseen["configuration"])
    assert tree(machine.home("default")) == before
    assert machine.routers("default") == [router]
    machine.ok("system reload")
    after = tree(machine.home("default"))
    changed = {
        path
        for path in before.keys() | after.keys()
        if before.get(path, (b"",))[0] != after.get(path, (b"",))[0]
    }
    told = {item["path"] for item in foreseen["files"]}
    kept = {
        path for path in changed if "/internal/" in path or "/runtime/resources/" in path or "/run/" in path
    }
    assert told - changed <= kept | told & {path for path in after if "/runtime/resources/" in path}
    assert changed - told <= kept
    with socket.create_server((HOST, 0)) as holder:
        machine.ok(f"listener update backend --port {holder.getsockname()[1]}")
        ran = machine.run("system reload --dry-run")
    assert ran.returncode == 1
    assert "port-in-use" in ran.stderr
    assert machine.run("system reload --dry-run --wait ready").returncode == 2
