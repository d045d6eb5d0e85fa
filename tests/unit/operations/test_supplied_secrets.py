"""What the Secret of a link holds is looked at before a site starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from skupper_local.namespace.resource_files import CredentialFiles
from skupper_local.operations.supplied_secrets import problems_of_link_secrets, problems_of_supplied
from skupper_local.pki.certificates import CLIENT_AUTH, SERVER_AUTH, build_ca, build_leaf, encode_certificates
from skupper_local.pki.keys import encode_key, generate_leaf_key
from skupper_local.resources import (
    Connector,
    Endpoint,
    Link,
    Listener,
    Metadata,
    Secret,
    decode_documents,
    encode_documents,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CA_KEY, KEY = generate_leaf_key(), generate_leaf_key()
CA = build_ca("skupper-site-ca", CA_KEY, NOW)
CLIENT = encode_certificates((build_leaf("link", KEY, CLIENT_AUTH, (), CA, CA_KEY, NOW),))
SERVER = encode_certificates((build_leaf("link", KEY, SERVER_AUTH, ("a",), CA, CA_KEY, NOW),))
GOOD = {"ca.crt": encode_certificates((CA,)), "tls.crt": CLIENT, "tls.key": encode_key(KEY)}
LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
LINK = Link(
    metadata=Metadata(name="east"),
    tls_credentials="east",
    endpoints=(Endpoint(name="inter-router", host="h", port=1),),
)


def problems(files: dict[str, bytes], now: datetime = NOW, name: str = "east") -> list[tuple[str, int, str]]:
    """Field, line and rule, of a Secret read from a text."""
    text = encode_documents((LINK, Secret(metadata=Metadata(name=name), data=files)))
    found = problems_of_link_secrets(decode_documents(text, "links.yaml").require(), now)
    assert all(problem.source == "links.yaml" for problem in found)
    lines = text.split("\n")
    assert all(lines[problem.line - 1].strip().startswith(problem.field[5:]) for problem in found)
    return [(problem.field, problem.line, problem.rule) for problem in found]


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("tls.crt", b"junk", "no certificate"),
        ("tls.crt", encode_key(KEY), "no certificate"),
        ("tls.crt", CLIENT[:200], "no certificate"),
        ("tls.crt", SERVER, "client"),
        ("tls.key", b"junk", "no private key"),
        ("tls.key", CLIENT, "no private key"),
        ("tls.key", LOCKED, "passphrase"),
        ("tls.key", encode_key(generate_leaf_key()), "not the key"),
        ("ca.crt", b"junk", "no certificate"),
    ],
    ids=lambda value: value.decode(errors="replace")[:20] if isinstance(value, bytes) else value,
)
def test_credentials_that_cannot_be_used_are_named_at_their_line(file: str, content: bytes, why: str) -> None:
    ((field, line, rule),) = problems({**GOOD, file: content})
    assert field == f"data.{file}"
    assert line > 0
    assert "Link east" in rule
    assert why in rule


def test_an_expired_certificate_is_named() -> None:
    ((field, _, rule),) = problems(GOOD, NOW + timedelta(days=4000))
    assert field == "data.tls.crt"
    assert "expired" in rule


@pytest.mark.parametrize(
    "given",
    [
        lambda: problems(GOOD),
        lambda: problems({**GOOD, "connect.json": b"{}"}),
        lambda: problems({**GOOD, "tls.crt": b"junk"}, name="other"),
        lambda: problems({}),
    ],
    ids=["good", "with more files", "of no link", "what is missing is told elsewhere"],
)
def test_everything_else_is_no_problem_here(given: Callable[[], list[tuple[str, int, str]]]) -> None:
    assert given() == []


def test_a_ca_that_has_expired_is_named_although_the_certificate_is_good() -> None:
    old = build_ca("skupper-site-ca", CA_KEY, NOW - timedelta(days=4000))
    ((field, _, rule),) = problems({**GOOD, "ca.crt": encode_certificates((old,))})
    assert field == "data.ca.crt"
    assert "expired" in rule
    assert problems({**GOOD, "ca.crt": encode_certificates((old, CA))}) == []


def supplied(directory: str, **sets: dict[str, bytes]) -> dict[str, CredentialFiles]:
    return {name: CredentialFiles(Path("/i", directory, name), name, files) for name, files in sets.items()}


def test_every_set_that_is_named_is_looked_at_when_something_else_is_wrong() -> None:
    """A start that is refused for a declaration tells what is wrong with credentials in the same breath."""
    listener = Listener(
        metadata=Metadata(name="l"), routing_key="k", host="h", port=1, tls_credentials="half"
    )
    connector = Connector(
        metadata=Metadata(name="c"), routing_key="k", host="h", port=1, tls_credentials="ca"
    )
    certificates = supplied(
        "certs",
        half={"tls.crt": SERVER, "tls.key": b""},
        ca={"ca.crt": GOOD["ca.crt"]},
        east={},
        nobodys={"tls.key": b"junk"},
    )
    issuers = supplied("issuers", **{"skupper-site-ca": {**GOOD, "tls.key": LOCKED}, "other": {}})
    secret = Secret(metadata=Metadata(name="shop"), data={**GOOD, "tls.key": encode_key(generate_leaf_key())})
    beside = Secret(metadata=Metadata(name="half"), data={})  # files of its name count
    shop = Listener(metadata=Metadata(name="s"), routing_key="k", host="h", port=2, tls_credentials="shop")
    resources = (LINK, listener, connector, shop, secret, beside)
    found = problems_of_supplied(resources, certificates, issuers, NOW)
    assert [str(problem) for problem in found] == [
        "/i/certs/half: ca.crt, tls.key missing or empty",
        "/i/issuers/skupper-site-ca/tls.key: the key is protected by a passphrase",
        "Secret shop: data.tls.key: it is not the key of tls.crt",
    ]
