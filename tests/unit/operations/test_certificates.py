"""What ``certificate status`` says of the files it finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skupper_local.entities import Entity, encode_configuration
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.certificates import CertificateRow, view_certificates
from skupper_local.operations.errors import NoSiteError, NotDeclaredError
from skupper_local.operations.target import Target
from skupper_local.pki.certificates import CLIENT_AUTH, SERVER_AUTH, build_ca, build_leaf, encode_certificates
from skupper_local.pki.keys import encode_key, generate_leaf_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CA_KEY = generate_leaf_key()
CA = build_ca("skupper-site-ca", CA_KEY, NOW)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(NamespacePaths.of("west", tmp_path))


def store(
    directory: Path, name: str, made_at: datetime = NOW, *, server: bool = True, drop: str = ""
) -> None:
    """A leaf signed by the CA, without the file ``drop``."""
    key = generate_leaf_key()
    usage, hosts = (SERVER_AUTH, ("west.example", "10.0.0.1")) if server else (CLIENT_AUTH, ())
    leaf = build_leaf(name, key, usage, hosts, CA, CA_KEY, made_at)
    files = {
        "ca.crt": encode_certificates([CA]),
        "tls.crt": encode_certificates([leaf]),
        "tls.key": encode_key(key),
    }
    (directory / name).mkdir(parents=True)
    for file, content in files.items():
        if file != drop:
            (directory / name / file).write_bytes(content)


def only(rows: tuple[CertificateRow, ...]) -> CertificateRow:
    (row,) = rows
    return row


def test_a_server_certificate_is_shown_with_its_names_issuer_and_user(target: Target) -> None:
    paths = target.paths
    store(paths.runtime_certs, "west")
    paths.runtime_router.mkdir(parents=True)
    access = Entity("listener", {"name": "west-inter-router", "role": "inter-router", "sslProfile": "west"})
    paths.router_config.write_bytes(encode_configuration([access]))
    row = only(view_certificates(target, now=NOW))
    assert (row.name, row.use, row.state, row.issuer) == ("west", "server", "ok", "skupper-site-ca")
    assert row.hosts == ("west.example", "10.0.0.1")
    assert row.used_by == ("access west-inter-router",)
    assert row.days_left is not None
    assert row.days_left > 100
    assert not row.supplied


def test_cas_come_first(target: Target) -> None:
    store(target.paths.runtime_certs, "a-client", server=False)
    issuers = target.paths.runtime_issuers / "skupper-site-ca"
    issuers.mkdir(parents=True)
    for file in ("ca.crt", "tls.crt"):
        (issuers / file).write_bytes(encode_certificates([CA]))
    (issuers / "tls.key").write_bytes(encode_key(CA_KEY))
    assert [(row.name, row.use) for row in view_certificates(target, now=NOW)] == [
        ("skupper-site-ca", "CA"),
        ("a-client", "client"),
    ]


def test_a_certificate_near_its_end_says_that_it_will_be_made_anew(target: Target) -> None:
    store(target.paths.runtime_certs, "west")
    end = only(view_certificates(target, now=NOW)).not_after
    assert end
    row = only(view_certificates(target, now=end - timedelta(days=2)))
    assert (row.state, row.days_left) == ("renewing", 2)
    expired = only(view_certificates(target, now=end + timedelta(days=2)))
    assert expired.state == "expired"
    assert "system reload" in expired.message


def test_one_that_the_user_supplied_is_not_promised_to_be_made_anew(target: Target) -> None:
    store(target.paths.input_certs, "west")
    end = only(view_certificates(target, now=NOW)).not_after
    assert end
    row = only(view_certificates(target, now=end + timedelta(days=2)))
    assert row.supplied
    assert "replace it" in row.message


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key"])
def test_an_incomplete_set_names_the_missing_file(target: Target, missing: str) -> None:
    store(target.paths.runtime_certs, "west", drop=missing)
    row = only(view_certificates(target, now=NOW))
    assert row.state == "incomplete"
    assert row.message.startswith(f"{missing} is missing")


def test_a_directory_with_a_ca_alone_is_trust(target: Target) -> None:
    directory = target.paths.runtime_certs / "backend-profile"
    directory.mkdir(parents=True)
    (directory / "ca.crt").write_bytes(encode_certificates([CA]))
    row = only(view_certificates(target, now=NOW))
    assert (row.use, row.state, row.subject) == ("trust", "ok", "skupper-site-ca")


def test_what_is_no_certificate_is_said_so_with_the_file(target: Target) -> None:
    directory = target.paths.runtime_certs / "west"
    directory.mkdir(parents=True)
    for file in ("ca.crt", "tls.crt", "tls.key"):
        (directory / file).write_text("nonsense")
    row = only(view_certificates(target, now=NOW))
    assert row.state == "unreadable"
    assert str(directory / "tls.crt") in row.message


def test_a_name_that_is_not_there_and_an_empty_namespace_are_refused(target: Target) -> None:
    with pytest.raises(NoSiteError):
        view_certificates(target, now=NOW)
    store(target.paths.runtime_certs, "west")
    with pytest.raises(NotDeclaredError) as refused:
        view_certificates(target, "wset", now=NOW)
    assert "certificate status" in refused.value.next_step


def test_one_that_came_with_a_link_is_not_promised_to_be_made_anew(target: Target) -> None:
    store(target.paths.runtime_certs, "link-east-profile", server=False)
    target.paths.runtime_router.mkdir(parents=True)
    link = Entity("connector", {"name": "link-east", "sslProfile": "link-east-profile"})
    target.paths.router_config.write_bytes(encode_configuration([link]))
    end = only(view_certificates(target, now=NOW)).not_after
    assert end
    row = only(view_certificates(target, now=end + timedelta(days=2)))
    assert row.supplied
    assert row.state == "expired"
    assert "reload" not in row.message
