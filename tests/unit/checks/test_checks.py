"""The doctor's checks, each seen failing for the reason that it is there for."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skupper_local.checks import engine, machine, services, site
from skupper_local.checks.model import Group, Result, State, Subject
from skupper_local.checks.run import GROUPS, examine
from skupper_local.host.machine import Room
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.pki.certificates import BACK_DATED
from skupper_local.platforms.face import RouterReport

NAMESPACE = "west"


@pytest.fixture
def paths(tmp_path: Path) -> NamespacePaths:
    return NamespacePaths.of(NAMESPACE, tmp_path / "skupper")


@pytest.fixture
def declared(paths: NamespacePaths) -> NamespacePaths:
    """A namespace with a declaration in it."""
    paths.input_resources.mkdir(parents=True)
    text = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata:\n  name: west\n"
    (paths.input_resources / "Site-west.yaml").write_text(text)
    return paths


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[Path]:
    """A socket at which somebody accepts and never answers."""
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(16)
        yield path


def subject(paths: NamespacePaths, platform: str = "linux", endpoint: str = "", **further: object) -> Subject:
    return Subject(paths, platform, os.getuid(), endpoint=endpoint, **further)  # type: ignore[arg-type]


def found(results: Iterator[Result], code: str) -> Result:
    return next(result for result in results if result.code == code)


def configure(paths: NamespacePaths, *entities: tuple[str, dict[str, object]]) -> None:
    paths.router_config.parent.mkdir(parents=True, exist_ok=True)
    paths.router_config.write_text(json.dumps(entities))


def require_help(result: Result) -> None:
    """Whoever reads it knows why and what to do."""
    assert result.cause
    assert result.fix


# The groups.


def test_codes_are_unique_words_with_hyphens() -> None:
    codes = [code for group in GROUPS for code in group.codes]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("-", "").isalpha() and code == code.lower() for code in codes)


def test_a_check_answers_with_the_codes_of_its_group_only(declared: NamespacePaths) -> None:
    known = {group.name: group.codes for group in GROUPS}
    findings = examine(subject(declared)).findings
    assert [item for item in findings if item.result.code not in known[item.group]] == []
    assert {item.group for item in findings} == set(known)


def test_a_check_that_never_ends_costs_its_own_result_only(
    paths: NamespacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def hangs(subject: Subject) -> Iterator[Result]:
        over.wait(20)
        yield from ()

    def works(subject: Subject) -> Iterator[Result]:
        yield Result("works", State.OK, "it works")

    def stumbles(subject: Subject) -> Iterator[Result]:
        yield Result("works", State.OK, "first")
        raise ValueError("a mistake")

    groups = (Group("one", ("hangs",), (hangs,)), Group("two", ("works",), (works, stumbles)))
    monkeypatch.setattr("skupper_local.checks.run.GROUPS", groups)
    began = time.monotonic()
    examination = examine(subject(paths), seconds=0.3)
    over.set()
    assert time.monotonic() - began < 2
    states = [(item.group, item.result.state) for item in examination.findings]
    assert states == [
        ("one", State.FAILED),
        ("two", State.OK),
        ("two", State.OK),
        ("two", State.FAILED),
    ]
    assert not examination.passed


# The machine.


def test_a_full_disk_fails_and_a_scarce_one_warns(
    paths: NamespacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, state in ((1 << 20, State.FAILED), (100 << 20, State.WARNING), (9 << 30, State.OK)):
        room = Room("/data", free, 10_000)
        monkeypatch.setattr("skupper_local.host.machine.room_at", lambda path, room=room: room)
        assert found(machine.room(subject(paths)), "disk-space").state is state


def test_a_data_directory_that_others_can_look_into_is_named(declared: NamespacePaths) -> None:
    declared.data_home.chmod(0o755)
    result = found(machine.data_directory(subject(declared)), "data-directory")
    assert result.state is State.WARNING
    assert result.fix == f"chmod 700 {declared.data_home}"
    declared.data_home.chmod(0o700)
    assert found(machine.data_directory(subject(declared)), "data-directory").state is State.OK


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
def test_what_another_user_left_in_the_data_directory_is_named_with_the_way_to_get_it_back(
    declared: NamespacePaths,
) -> None:
    for directory in (declared.data_home, declared.input_resources):
        directory.chmod(0o700)
    os.chown(declared.input_resources, 65_534, -1)
    result = found(machine.data_directory(subject(declared)), "data-directory")
    assert result.state is State.FAILED
    assert result.what.startswith(f"{declared.input_resources} belongs to ")
    assert result.fix == f"as root: chown -R 0 {declared.input_resources}"


def test_a_data_directory_of_somebody_else_fails(declared: NamespacePaths) -> None:
    other = Subject(declared, "linux", os.getuid() + 1)
    result = found(machine.data_directory(other), "data-directory")
    assert result.state is State.FAILED
    require_help(result)


def test_a_clock_of_long_ago_fails(paths: NamespacePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    result = found(machine.clock(subject(paths)), "clock")
    assert result.state is State.FAILED
    assert "1970-01-02" in result.what
    require_help(result)


# The engine.


def test_a_missing_socket_says_how_to_get_one(paths: NamespacePaths, tmp_path: Path) -> None:
    results = list(engine.engine(subject(paths, "podman", f"unix://{tmp_path}/none.sock")))
    assert results[0].code == "engine-socket"
    assert results[0].state is State.FAILED
    require_help(results[0])
    assert {result.state for result in results[1:]} == {State.SKIPPED}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket; tests/system has an ordinary user")
def test_a_socket_that_may_not_be_opened_fails(paths: NamespacePaths, socket_path: Path) -> None:
    socket_path.chmod(0)
    result = found(engine.engine(subject(paths, "docker", f"unix://{socket_path}")), "engine-socket")
    assert result.state is State.FAILED
    require_help(result)


# Services.


def test_lingering_matters_to_ordinary_users_on_machines_with_systemd(
    paths: NamespacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = Subject(paths, "linux", 54_321)
    for there, state in ((True, State.WARNING), (False, State.SKIPPED)):
        monkeypatch.setattr(services, "systemd_is_running", lambda there=there: there)
        assert found(services.lingering(nobody), "lingering").state is state
    assert found(services.lingering(Subject(paths, "linux", 0)), "lingering").state is State.SKIPPED


def test_a_unit_whose_program_moved_fails(
    declared: NamespacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "units"
    directory.mkdir()
    monkeypatch.setattr("skupper_local.systemd.manager.Manager.unit_directory", lambda self: directory)
    program = tmp_path / "skupper-local-run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = f"[Service]\nX-SkupperLocalHome={declared.home}\nExecStart={program} west\n"
    (directory / "skupper-west.service").write_text(unit)
    with_unit = subject(declared, keeper="systemd")
    assert {result.state for result in services.units(with_unit)} == {State.OK}
    program.rename(tmp_path / "elsewhere")
    result = found(services.units(with_unit), "unit-program")
    assert result.state is State.FAILED
    assert str(program) in result.what
    assert "skupper-local system start -n west" in result.fix


def test_a_site_that_lost_its_unit_or_has_somebody_elses_fails(
    declared: NamespacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skupper_local.systemd.manager.Manager.unit_directory", lambda self: tmp_path)
    kept = subject(declared, keeper="systemd")
    assert found(services.units(kept), "unit-installed").state is State.FAILED
    (tmp_path / "skupper-west.service").write_text("[Service]\nExecStart=/bin/true\n")
    result = found(services.units(kept), "unit-installed")
    assert result.state is State.FAILED
    assert "not this site's" in result.what


# The site.


def test_a_port_that_somebody_else_holds_is_named_with_its_holder(declared: NamespacePaths) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        configure(declared, ("tcpListener", {"host": "127.0.0.1", "port": str(port), "name": "listener/x"}))
        result = found(site.router_answers(subject(declared)), "ports")
        assert result.state is State.FAILED
        assert str(port) in result.what
        assert f"process {os.getpid()}" in result.cause
        require_help(result)
    assert found(site.router_answers(subject(declared)), "ports").state is State.OK


def test_the_ports_of_a_router_that_hangs_are_not_somebody_elses(
    declared: NamespacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging:
        def inspect(self, home: Path) -> RouterReport:
            assert home == declared.home
            return RouterReport(running=True, kept=True, pid=os.getpid())

    monkeypatch.setattr("skupper_local.platforms.face.platform_at", lambda placement: Hanging())
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = str(held.getsockname()[1])
        configure(declared, ("tcpListener", {"host": "127.0.0.1", "port": port, "name": "listener/x"}))
        assert found(site.router_answers(subject(declared)), "ports").what == "its ports are its own"


def test_a_host_of_a_link_that_does_not_resolve_fails(declared: NamespacePaths) -> None:
    configure(declared, ("connector", {"host": "no-such-host.invalid", "port": "55671"}))
    result = found(site.links(subject(declared)), "link-host-resolves")
    assert result.state is State.FAILED
    assert "no-such-host.invalid" in result.what
    require_help(result)


def test_a_host_of_a_link_that_refuses_fails(declared: NamespacePaths) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        configure(declared, ("connector", {"host": "127.0.0.1", "port": str(port)}))
        result = found(site.links(subject(declared)), "link-host-reachable")
        assert result.state is State.FAILED
        assert "refused" in result.cause
        require_help(result)
        free.listen()
        assert found(site.links(subject(declared)), "link-host-reachable").state is State.OK


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (timedelta(days=-3, hours=-1), State.FAILED),
        (timedelta(days=2, hours=1), State.FAILED),
        (timedelta(days=20, hours=1), State.WARNING),
        (timedelta(days=400), State.OK),
    ],
)
def test_a_certificate_that_ends_soon_is_named_with_its_days(
    declared: NamespacePaths, left: timedelta, state: State
) -> None:
    directory = declared.runtime_certs / "skupper-local-server"
    directory.mkdir(parents=True)
    (directory / "tls.crt").write_bytes(certificate(datetime.now(UTC) + left))
    result = found(site.certificates(subject(declared)), "certificate-days")
    assert result.state is state
    if state is not State.OK:
        assert "skupper-local-server" in result.what
        assert str(abs(int(left / timedelta(days=1)))) in result.what
        require_help(result)


def certificate(end: datetime) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "west")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=500) - BACK_DATED)
        .not_valid_after(end)
    )
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def test_a_key_that_others_can_read_fails() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        paths = NamespacePaths.of(NAMESPACE, Path(place) / "skupper")
        key = paths.runtime_certs / "west" / "tls.key"
        key.parent.mkdir(parents=True)
        paths.input_resources.mkdir(parents=True)
        for path in (Path(place), *Path(place).rglob("*")):
            path.chmod(0o755)
        key.write_text("secret")
        key.chmod(0o600)
        assert found(site.permissions(subject(paths)), "permissions").state is State.OK
        key.chmod(0o644)
        result = found(site.permissions(subject(paths)), "permissions")
        assert result.state is State.FAILED
        assert str(key) in result.what
        require_help(result)
        paths.data_home.chmod(0o700)  # nobody gets that far
        assert found(site.permissions(subject(paths)), "permissions").state is State.OK


def test_declarations_that_cannot_be_read_fail(declared: NamespacePaths) -> None:
    (declared.input_resources / "Listener-a.yaml").write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata:\n  name: a\nspec:\n  port: 99999\n"
    )
    result = found(site.declarations(subject(declared)), "declarations")
    assert result.state is State.FAILED
    require_help(result)


def test_a_router_program_that_is_gone_fails(declared: NamespacePaths, tmp_path: Path) -> None:
    gone = subject(declared, program=f"{tmp_path}/skrouterd")
    result = found(site.router_program(gone), "router-program")
    assert result.state is State.FAILED
    require_help(result)


def test_before_there_is_a_site_only_the_machine_is_looked_at(declared: NamespacePaths) -> None:
    findings = examine(subject(declared, pre=True)).findings
    looked_at = {
        item.result.code
        for item in findings
        if item.group == "site" and item.result.state is not State.SKIPPED
    }
    assert looked_at <= {"router-program"}
