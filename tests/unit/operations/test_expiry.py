"""Certificates that a router shows and that are over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.expiry import expired_certificates
from skupper_local.resources import AccessRole, Connector, Listener, Metadata, RouterAccess
from tests.unit.operations.test_supplied_secrets import NOW, SERVER


def test_what_is_shown_and_over_is_named_with_its_end(tmp_path: Path) -> None:
    paths = NamespacePaths.of("west", tmp_path)
    for name in ("web", "own", "made", "trust", "broken"):
        (paths.runtime_certs / name).mkdir(parents=True)
        (paths.runtime_certs / name / "tls.crt").write_bytes(b"junk" if name == "broken" else SERVER)
    (paths.input_certs / "own").mkdir(parents=True)
    place = {"routing_key": "k", "host": "h", "port": 1}
    resources = (
        Listener(metadata=Metadata(name="a"), tls_credentials="web", **place),  # type: ignore[arg-type]
        Listener(metadata=Metadata(name="b"), tls_credentials="broken", **place),  # type: ignore[arg-type]
        Listener(metadata=Metadata(name="c"), **place),  # type: ignore[arg-type]
        Connector(metadata=Metadata(name="d"), tls_credentials="trust", **place),  # type: ignore[arg-type]
        RouterAccess(metadata=Metadata(name="own"), roles=(AccessRole(name="edge"),)),
        RouterAccess(metadata=Metadata(name="made"), roles=(AccessRole(name="edge"),)),
    )
    assert expired_certificates(paths, resources, NOW) == {}
    later = expired_certificates(paths, resources, NOW + timedelta(days=4000))
    assert sorted(later) == ["own", "web"]
    assert later["web"].endswith(" UTC")
