"""What the user supplied is taken, what still fits is kept, the rest is made; and the result works in a TLS handshake."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skupper_local.pki.certificates import (
    build_leaf,
    describe,
    encode_certificates,
    hosts_of,
    load_certificates,
)
from skupper_local.pki.credentials import Credentials, CredentialsSource
from skupper_local.pki.errors import (
    IssuerDamagedError,
    IssuerExpiredError,
    IssuerMissingError,
    SuppliedCredentialsIncompleteError,
    SuppliedCredentialsInvalidError,
)
from skupper_local.pki.issue import CredentialsFound, IssuedCredentials, Outcome, issue_certificates
from skupper_local.pki.keys import PrivateKey, generate_leaf_key, load_key
from skupper_local.site.certificates import CertificateWanted, Purpose

# Handshakes below use the clock of this machine.
NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)

CA = CertificateWanted("skupper-site-ca", Purpose.CA, "skupper-site-ca")
SERVER = CertificateWanted(
    "west", Purpose.SERVER, "west", ("10.0.0.1", "::1", "west.example"), CA.name, (CA.name,)
)
CLIENT = CertificateWanted("client-west", Purpose.CLIENT, "client-west", (), CA.name, (CA.name,))
SITE = (CA, SERVER, CLIENT)


def sources(credentials: dict[str, Credentials], where: str) -> dict[str, CredentialsSource]:
    return {name: CredentialsSource(f"{where}/{name}", item.files()) for name, item in credentials.items()}


def on_disk(issued: IssuedCredentials) -> CredentialsFound:
    return CredentialsFound(
        sources(dict(issued.issuers), "/runtime/issuers"),
        sources(dict(issued.certificates), "/runtime/certs"),
    )


def outcomes(issued: IssuedCredentials) -> dict[str, Outcome]:
    return {decision.name: decision.outcome for decision in issued.decisions}


def supplied_certificate(name: str, files: dict[str, bytes]) -> CredentialsFound:
    return CredentialsFound(certificates={name: CredentialsSource(f"/input/certs/{name}", files)})


def supplied_issuer(name: str, files: dict[str, bytes]) -> CredentialsFound:
    return CredentialsFound(issuers={name: CredentialsSource(f"/input/issuers/{name}", files)})


@pytest.fixture(scope="module")
def first() -> IssuedCredentials:
    return issue_certificates(SITE, CredentialsFound(), NOW)


def certificate(credentials: Credentials) -> x509.Certificate:
    return load_certificates(credentials.certificate)[0]


def handshake(directory: Path, server: Credentials, client: Credentials, host: str) -> None:
    """A mutual TLS handshake in memory, as strict as the newest Python: raises :class:`ssl.SSLError` when it fails."""
    contexts = []
    for role, credentials in ((ssl.PROTOCOL_TLS_SERVER, server), (ssl.PROTOCOL_TLS_CLIENT, client)):
        files = directory / str(int(role))
        files.mkdir(exist_ok=True)
        for name, content in credentials.files().items():
            (files / name).write_bytes(content)
        context = ssl.SSLContext(role)
        context.load_cert_chain(files / "tls.crt", files / "tls.key")
        context.load_verify_locations(files / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        contexts.append(context)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        contexts[0].wrap_bio(to_server, to_client, server_side=True),
        contexts[1].wrap_bio(to_client, to_server, server_hostname=host),
    ]
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    for end in ends:
        end.do_handshake()


@pytest.mark.parametrize("host", SERVER.hosts)
def test_server_and_client_accept_each_other_under_every_name_of_the_server(
    first: IssuedCredentials, tmp_path: Path, host: str
) -> None:
    handshake(tmp_path, first.certificates["west"], first.certificates["client-west"], host)


def test_a_host_that_is_not_in_the_certificate_is_not_accepted(
    first: IssuedCredentials, tmp_path: Path
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, first.certificates["west"], first.certificates["client-west"], "east.example")


def test_a_client_certificate_cannot_pose_as_a_server(first: IssuedCredentials, tmp_path: Path) -> None:
    client = first.certificates["client-west"]
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(tmp_path, client, client, "client-west")


def test_each_certificate_has_least_power(first: IssuedCredentials) -> None:
    ca, server, client = (
        describe(item.certificate, NOW)
        for item in (first.issuers[CA.name], first.certificates["west"], first.certificates["client-west"])
    )
    assert (ca.is_ca, ca.usages, ca.dns_names) == (True, (), ())
    assert (server.is_ca, server.usages) == (False, ("serverAuth",))
    assert (client.is_ca, client.usages, client.dns_names, client.ip_addresses) == (
        False,
        ("clientAuth",),
        (),
        (),
    )
    constraints = certificate(first.issuers[CA.name]).extensions.get_extension_for_class(
        x509.BasicConstraints
    )
    assert constraints.critical
    assert constraints.value.path_length == 0


def test_an_address_is_both_an_ip_name_and_a_dns_name(first: IssuedCredentials) -> None:
    server = describe(first.certificates["west"].certificate, NOW)
    assert server.ip_addresses == ("10.0.0.1", "::1")
    assert server.dns_names == ("10.0.0.1", "::1", "west.example")


def test_keys_have_the_forms_that_the_reference_can_read(first: IssuedCredentials) -> None:
    assert first.issuers[CA.name].key.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert first.certificates["west"].key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert describe(first.issuers[CA.name].certificate, NOW).key == "RSA 2048"
    assert describe(first.certificates["west"].certificate, NOW).key == "EC secp256r1"


def test_a_clock_that_is_slow_accepts_a_new_certificate(first: IssuedCredentials) -> None:
    for item in (*first.issuers.values(), *first.certificates.values()):
        assert describe(item.certificate, NOW).not_before <= NOW - timedelta(hours=23)


def test_what_still_fits_is_kept_to_the_byte(first: IssuedCredentials) -> None:
    second = issue_certificates(SITE, on_disk(first), NOW + YEAR)
    assert second.issuers == first.issuers
    assert second.certificates == first.certificates
    assert set(outcomes(second).values()) == {Outcome.KEPT}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (replace(SERVER, hosts=("10.0.0.1", "::1", "west.example", "new.example")), "hosts"),
        (replace(SERVER, hosts=("10.0.0.1",)), "hosts"),
        (replace(SERVER, subject="other"), "subject"),
        (replace(SERVER, purpose=Purpose.CLIENT, hosts=()), "client"),
    ],
)
def test_what_no_longer_fits_is_replaced_and_says_why(
    first: IssuedCredentials, changed: CertificateWanted, reason: str
) -> None:
    second = issue_certificates((CA, changed, CLIENT), on_disk(first), NOW)
    decision = next(decision for decision in second.decisions if decision.name == "west")
    assert decision.outcome is Outcome.REPLACED
    assert reason in decision.reason
    assert second.certificates["west"].key != first.certificates["west"].key
    assert second.certificates["client-west"] == first.certificates["client-west"]


def test_the_order_of_hosts_does_not_matter(first: IssuedCredentials) -> None:
    reordered = replace(SERVER, hosts=tuple(reversed(SERVER.hosts)))
    assert (
        issue_certificates((CA, reordered), on_disk(first), NOW).certificates["west"]
        == first.certificates["west"]
    )


def test_another_issuer_of_the_same_name_replaces_its_leaves(first: IssuedCredentials) -> None:
    found = replace(on_disk(first), issuers={})
    second = issue_certificates(SITE, found, NOW)
    assert outcomes(second) == {
        CA.name: Outcome.MADE,
        "west": Outcome.REPLACED,
        "client-west": Outcome.REPLACED,
    }


@pytest.mark.parametrize("damage", ["missing key", "other key", "no certificate", "rubbish"])
def test_a_damaged_leaf_is_replaced(first: IssuedCredentials, damage: str) -> None:
    files = first.certificates["west"].files()
    if damage == "missing key":
        del files["tls.key"]
    elif damage == "other key":
        files["tls.key"] = first.certificates["client-west"].key
    else:
        files["tls.crt"] = b"" if damage == "no certificate" else files["tls.crt"].replace(b"M", b"N")
    found = on_disk(first)
    found = replace(found, certificates={**found.certificates, "west": CredentialsSource("/x", files)})
    second = issue_certificates(SITE, found, NOW)
    assert outcomes(second)["west"] is Outcome.REPLACED
    assert (
        load_key(second.certificates["west"].key).public_key()
        == certificate(second.certificates["west"]).public_key()
    )


def test_a_changed_set_of_trusted_cas_changes_ca_crt_alone(first: IssuedCredentials) -> None:
    link_ca = CertificateWanted("link-one-ca", Purpose.CA, "link-one-ca")
    wanted = (CA, link_ca, replace(SERVER, trust=(CA.name, link_ca.name)))
    second = issue_certificates(wanted, on_disk(first), NOW)
    before, after = first.certificates["west"], second.certificates["west"]
    assert (after.certificate, after.key) == (before.certificate, before.key)
    assert after.trust == first.issuers[CA.name].certificate + second.issuers["link-one-ca"].certificate
    third = issue_certificates((CA, SERVER), on_disk(second), NOW)
    assert third.certificates["west"] == before


def test_a_revoked_link_ca_is_not_trusted_any_more(first: IssuedCredentials, tmp_path: Path) -> None:
    link_ca = CertificateWanted("link-one-ca", Purpose.CA, "link-one-ca")
    link = CertificateWanted("link-one", Purpose.CLIENT, "link-one", (), link_ca.name, (CA.name,))
    both = replace(SERVER, trust=(CA.name, link_ca.name))
    second = issue_certificates((CA, link_ca, both, link), on_disk(first), NOW)
    handshake(tmp_path, second.certificates["west"], second.certificates["link-one"], "west.example")
    third = issue_certificates((CA, SERVER), on_disk(second), NOW)
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, third.certificates["west"], second.certificates["link-one"], "west.example")


def test_a_ca_that_exists_may_be_named_without_being_wanted(first: IssuedCredentials) -> None:
    second = issue_certificates((SERVER,), on_disk(first), NOW)
    assert second.certificates["west"] == first.certificates["west"]
    assert second.issuers == {CA.name: first.issuers[CA.name]}


def test_a_leaf_is_renewed_in_the_last_third_of_its_life(first: IssuedCredentials) -> None:
    assert outcomes(issue_certificates(SITE, on_disk(first), NOW + 3 * YEAR))["west"] is Outcome.KEPT
    later = issue_certificates(SITE, on_disk(first), NOW + 3.5 * YEAR)
    assert outcomes(later) == {CA.name: Outcome.KEPT, "west": Outcome.RENEWED, "client-west": Outcome.RENEWED}
    assert describe(later.certificates["west"].certificate, NOW + 3.5 * YEAR).days_left > 1800


def test_a_ca_is_renewed_with_its_key_and_old_and_new_accept_each_other(
    first: IssuedCredentials, tmp_path: Path
) -> None:
    later = NOW + 7 * YEAR
    second = issue_certificates(SITE, on_disk(first), later)
    assert outcomes(second)[CA.name] is Outcome.RENEWED
    assert second.issuers[CA.name].key == first.issuers[CA.name].key
    old, new = certificate(first.issuers[CA.name]), certificate(second.issuers[CA.name])
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    # What another site holds, and what was made before, verifies with either certificate of the CA.
    certificate(first.certificates["client-west"]).verify_directly_issued_by(new)
    certificate(second.certificates["west"]).verify_directly_issued_by(old)


def test_no_leaf_outlives_its_ca_and_none_is_renewed_in_vain() -> None:
    ca, key = private_ca(end=NOW + timedelta(days=90))
    supplied = supplied_issuer(CA.name, files(ca, key, ca))
    first = issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied)
    assert certificate(first.certificates["west"]).not_valid_after_utc == ca.not_valid_after_utc
    second = issue_certificates(SITE, on_disk(first), NOW + timedelta(days=80), supplied=supplied)
    assert second.certificates == first.certificates


def test_a_certificate_from_the_future_is_made_anew(first: IssuedCredentials) -> None:
    """The clock was years ahead when the site was made."""
    second = issue_certificates(SITE, on_disk(first), NOW - 4 * YEAR)
    assert outcomes(second) == {
        CA.name: Outcome.RENEWED,
        "west": Outcome.RENEWED,
        "client-west": Outcome.RENEWED,
    }


@pytest.mark.parametrize("file", ["ca.crt", "tls.crt", "tls.key"])
@pytest.mark.parametrize("damage", ["missing", "rubbish"])
def test_a_ca_on_disk_that_cannot_be_used_is_never_replaced_by_another(
    first: IssuedCredentials, file: str, damage: str
) -> None:
    content = first.issuers[CA.name].files()
    if damage == "missing":
        del content[file]
    else:
        content[file] = b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"
    found = CredentialsFound(
        issuers={CA.name: CredentialsSource("/runtime/issuers/skupper-site-ca", content)}
    )
    with pytest.raises(IssuerDamagedError) as caught:
        issue_certificates(SITE, found, NOW)
    assert f"/runtime/issuers/skupper-site-ca/{file}" in caught.value.why


# What the user supplies.


def private_ca(
    *,
    end: datetime = NOW + YEAR,
    key: PrivateKey | None = None,
    signer: tuple[x509.Certificate, PrivateKey] | None = None,
    ca: bool = True,
) -> tuple[x509.Certificate, PrivateKey]:
    """A CA as another tool would make it: by itself or below another one."""
    key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"private {'intermediate' if signer else 'root'}")]
    )
    issuer, issuer_key = signer or (None, key)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - YEAR)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else SHA256())
    )
    return made, key


def files(
    own: x509.Certificate, key: PrivateKey, *trust: x509.Certificate, pkcs8: bool = False
) -> dict[str, bytes]:
    traditional = not pkcs8 and not isinstance(key, ed25519.Ed25519PrivateKey)
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    return {
        "tls.crt": encode_certificates((own,)),
        "tls.key": key.private_bytes(Encoding.PEM, form, NoEncryption()),
        "ca.crt": encode_certificates(trust),
    }


@pytest.mark.parametrize("pkcs8", [False, True])
@pytest.mark.parametrize("kind", ["RSA", "EC", "Ed25519"])
def test_a_supplied_ca_signs_whatever_its_key(tmp_path: Path, kind: str, pkcs8: bool) -> None:
    keys: dict[str, PrivateKey] = {
        "RSA": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "EC": ec.generate_private_key(ec.SECP384R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    ca, key = private_ca(key=keys[kind])
    content = files(ca, key, ca, pkcs8=pkcs8)
    issued = issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied_issuer(CA.name, content))
    assert issued.issuers[CA.name].files() == content
    handshake(tmp_path, issued.certificates["west"], issued.certificates["client-west"], "west.example")


def test_a_supplied_intermediate_ca_makes_chains_that_verify_from_the_root(tmp_path: Path) -> None:
    root, root_key = private_ca()
    ca, key = private_ca(signer=(root, root_key))
    supplied = supplied_issuer(CA.name, files(ca, key, root))
    issued = issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied)
    assert len(load_certificates(issued.certificates["west"].certificate)) == 2
    assert issued.certificates["west"].trust == encode_certificates((root,))
    handshake(tmp_path, issued.certificates["west"], issued.certificates["client-west"], "west.example")
    again = issue_certificates(SITE, on_disk(issued), NOW, supplied=supplied)
    assert again.certificates == issued.certificates


def test_a_supplied_ca_replaces_the_generated_one(first: IssuedCredentials) -> None:
    ca, key = private_ca()
    second = issue_certificates(
        SITE, on_disk(first), NOW, supplied=supplied_issuer(CA.name, files(ca, key, ca))
    )
    assert outcomes(second) == {
        CA.name: Outcome.SUPPLIED,
        "west": Outcome.REPLACED,
        "client-west": Outcome.REPLACED,
    }


def test_a_supplied_certificate_is_taken_as_it_is(first: IssuedCredentials) -> None:
    ca, key = private_ca()
    leaf_key = generate_leaf_key()
    leaf = build_leaf("w", leaf_key, ExtendedKeyUsageOID.SERVER_AUTH, ("w.example",), ca, key, NOW)
    content = {**files(leaf, leaf_key, ca), "notes.txt": b"from the company CA"}
    second = issue_certificates(SITE, on_disk(first), NOW, supplied=supplied_certificate("west", content))
    assert second.certificates["west"].files() == content
    assert outcomes(second)["west"] is Outcome.SUPPLIED
    assert second.warnings == ()


def supplied_server(*, end: datetime = NOW + YEAR) -> tuple[dict[str, bytes], x509.Certificate, PrivateKey]:
    """A server's set as a company's CA would make it, that CA, and its key."""
    ca, key = private_ca(end=end)
    leaf_key = generate_leaf_key()
    leaf = build_leaf("w", leaf_key, ExtendedKeyUsageOID.SERVER_AUTH, ("w.example",), ca, key, NOW)
    return files(leaf, leaf_key, ca), ca, key


def test_an_expired_supplied_certificate_is_an_error() -> None:
    content, _, _ = supplied_server(end=NOW + timedelta(days=10))
    supplied = supplied_certificate("west", content)
    with pytest.raises(SuppliedCredentialsInvalidError, match=r"/input/certs/west/tls\.crt") as caught:
        issue_certificates(SITE, CredentialsFound(), NOW + timedelta(days=11), supplied=supplied)
    assert "expired" in caught.value.why


def test_the_end_of_what_was_supplied_is_told_in_time() -> None:
    content, ca, key = supplied_server(end=NOW + timedelta(days=20))
    issuer = supplied_issuer("company", files(ca, key, ca)).issuers
    supplied = CredentialsFound(issuer, supplied_certificate("west", content).certificates)
    wanted = (*SITE, replace(CLIENT, name="c", issuer="company", trust=("company",)))
    warnings = issue_certificates(wanted, CredentialsFound(), NOW, supplied=supplied).warnings
    assert sorted(warning.split(" expires at ")[0] for warning in warnings) == [
        "/input/certs/west/tls.crt",
        "/input/issuers/company/tls.crt",
    ]


LINK_CA = CertificateWanted("link-issuer-a", Purpose.CA, "link-issuer-a")
LINK_CLIENT = CertificateWanted(
    "link-client-a", Purpose.CLIENT, "link-client-a", (), LINK_CA.name, (CA.name,), peer="west"
)


def test_a_generated_link_works_with_a_supplied_server_certificate(tmp_path: Path) -> None:
    content, _, _ = supplied_server()
    server = replace(SERVER, trust=(CA.name, LINK_CA.name))
    supplied = supplied_certificate("west", content)
    issued = issue_certificates(
        (CA, LINK_CA, server, LINK_CLIENT), CredentialsFound(), NOW, supplied=supplied
    )
    west = issued.certificates["west"]
    assert (west.certificate, west.key) == (content["tls.crt"], content["tls.key"])
    assert west.trust.startswith(content["ca.crt"])
    handshake(tmp_path, west, issued.certificates["link-client-a"], "w.example")


def test_a_client_that_a_supplied_server_does_not_accept_is_named() -> None:
    content, ca, key = supplied_server()
    wanted = (CA, SERVER, replace(CLIENT, peer="west"))
    supplied = supplied_certificate("west", content)
    issued = issue_certificates(wanted, CredentialsFound(), NOW, supplied=supplied)
    assert issued.certificates["west"].files() == content
    (warning,) = issued.warnings
    assert "client-west is not accepted there" in warning
    both = CredentialsFound(supplied_issuer(CA.name, files(ca, key, ca)).issuers, supplied.certificates)
    assert issue_certificates(wanted, CredentialsFound(), NOW, supplied=both).warnings == ()


def test_who_shows_no_certificate_needs_only_the_ca() -> None:
    ca, _ = private_ca()
    supplied = supplied_certificate("client-west", {"ca.crt": encode_certificates((ca,))})
    wanted = (CA, SERVER, replace(CLIENT, trust_only=True))
    issued = issue_certificates(wanted, CredentialsFound(), NOW, supplied=supplied)
    assert issued.certificates["client-west"].files() == {"ca.crt": encode_certificates((ca,))}
    with pytest.raises(SuppliedCredentialsIncompleteError):
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied)
    rubbish = supplied_certificate("client-west", {"ca.crt": b"rubbish"})
    with pytest.raises(SuppliedCredentialsInvalidError, match=r"ca\.crt"):
        issue_certificates(wanted, CredentialsFound(), NOW, supplied=rubbish)


def test_a_supplied_directory_that_nothing_names_is_named(first: IssuedCredentials) -> None:
    content = first.certificates["west"].files()
    supplied = CredentialsFound(
        supplied_issuer("other", first.issuers[CA.name].files()).issuers,
        supplied_certificate("wset", content).certificates,
    )
    issued = issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied)
    assert [warning.split(" is used by nothing")[0] for warning in issued.warnings] == [
        "/input/certs/wset",
        "/input/issuers/other",
    ]
    assert outcomes(issued)["wset"] is Outcome.UNUSED


def test_an_intermediate_ca_without_its_root_is_refused() -> None:
    root, root_key = private_ca()
    ca, key = private_ca(signer=(root, root_key))
    for trust in ((ca,), (private_ca()[0],)):
        supplied = supplied_issuer(CA.name, files(ca, key, *trust))
        with pytest.raises(SuppliedCredentialsInvalidError, match=r"/input/issuers/skupper-site-ca/ca\.crt"):
            issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied)


def test_the_hosts_of_a_certificate_are_its_addresses_and_names() -> None:
    content, _, _ = supplied_server()
    assert hosts_of(content["tls.crt"]) == ("w.example",)
    assert hosts_of(content["ca.crt"]) == ()
    assert hosts_of(b"rubbish") == ()


@pytest.mark.parametrize("missing", [("tls.key",), ("ca.crt",), ("tls.crt", "ca.crt")])
@pytest.mark.parametrize("supply", [supplied_certificate, supplied_issuer])
def test_half_of_a_supplied_pair_is_an_error_that_names_the_rest(
    first: IssuedCredentials, missing: Sequence[str], supply: object
) -> None:
    name = "west" if supply is supplied_certificate else CA.name
    content = {**first.certificates["west"].files(), **dict.fromkeys(missing, b"")}
    with pytest.raises(SuppliedCredentialsIncompleteError) as caught:
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=supply(name, content))  # type: ignore[operator]
    assert all(file in caught.value.why for file in missing)
    assert f"/{name}" in caught.value.what


def test_supplied_parts_that_do_not_belong_together_are_an_error_that_names_the_file(
    first: IssuedCredentials,
) -> None:
    content = {**first.certificates["west"].files(), "tls.key": first.certificates["client-west"].key}
    with pytest.raises(SuppliedCredentialsInvalidError, match=r"/input/certs/west/tls\.key") as caught:
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied_certificate("west", content))
    assert b"PRIVATE" not in str(caught.value).encode()


def test_a_supplied_key_with_a_passphrase_is_an_error_that_says_so(first: IssuedCredentials) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    key = load_pem_private_key(first.certificates["west"].key, None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    content = {**first.certificates["west"].files(), "tls.key": locked}
    with pytest.raises(SuppliedCredentialsInvalidError, match="passphrase"):
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied_certificate("west", content))


def test_a_supplied_rsa_key_that_no_tls_library_takes_is_refused() -> None:
    ca, ca_key = private_ca()
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    leaf = build_leaf("w", short, ExtendedKeyUsageOID.SERVER_AUTH, ("w.example",), ca, ca_key, NOW)
    supplied = supplied_certificate("west", files(leaf, short, ca))
    with pytest.raises(SuppliedCredentialsInvalidError, match=r"/input/certs/west/tls\.key") as caught:
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied)
    assert "1024" in caught.value.why


def test_a_supplied_set_whose_cas_have_all_expired_is_refused() -> None:
    content, ca, _ = supplied_server()
    old, _ = private_ca(end=NOW - timedelta(days=1))
    expired = supplied_certificate("west", {**content, "ca.crt": encode_certificates((old,))})
    with pytest.raises(SuppliedCredentialsInvalidError, match=r"/input/certs/west/ca\.crt"):
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=expired)
    either = supplied_certificate("west", {**content, "ca.crt": encode_certificates((old, ca))})
    assert issue_certificates(SITE, CredentialsFound(), NOW, supplied=either).warnings == ()


def test_a_supplied_server_certificate_that_no_ca_beside_it_vouches_for_is_told() -> None:
    root, root_key = private_ca()
    middle, middle_key = private_ca(signer=(root, root_key))
    key = generate_leaf_key()
    leaf = build_leaf("w", key, ExtendedKeyUsageOID.SERVER_AUTH, ("w.example",), middle, middle_key, NOW)
    alone = files(leaf, key, root)
    chain = {**alone, "tls.crt": encode_certificates((leaf, middle))}
    (warning, *_) = issue_certificates(
        SITE, CredentialsFound(), NOW, supplied=supplied_certificate("west", alone)
    ).warnings
    assert warning.startswith("/input/certs/west/tls.crt does not lead to a CA in ca.crt")
    good = issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied_certificate("west", chain))
    assert not [found for found in good.warnings if "does not lead" in found]


def test_a_supplied_certificate_for_another_use_is_refused(first: IssuedCredentials) -> None:
    content = first.certificates["client-west"].files()
    with pytest.raises(SuppliedCredentialsInvalidError, match="server"):
        issue_certificates(SITE, CredentialsFound(), NOW, supplied=supplied_certificate("west", content))


def test_a_supplied_ca_that_is_no_ca_or_has_expired_is_refused() -> None:
    ca, key = private_ca(ca=False)
    with pytest.raises(SuppliedCredentialsInvalidError, match="CA"):
        issue_certificates(
            SITE, CredentialsFound(), NOW, supplied=supplied_issuer(CA.name, files(ca, key, ca))
        )
    ca, key = private_ca(end=NOW - timedelta(days=1))
    with pytest.raises(IssuerExpiredError, match="/input/issuers/skupper-site-ca"):
        issue_certificates(
            SITE, CredentialsFound(), NOW, supplied=supplied_issuer(CA.name, files(ca, key, ca))
        )


def test_all_supplied_sets_that_cannot_be_used_are_told_together(first: IssuedCredentials) -> None:
    west, client = first.certificates["west"].files(), first.certificates["client-west"].files()
    supplied = CredentialsFound(
        supplied_issuer("company", {"ca.crt": b"", "tls.crt": b"", "tls.key": b""}).issuers,
        {
            **supplied_certificate("west", {**west, "tls.key": client["tls.key"]}).certificates,
            **supplied_certificate("client-west", {}).certificates,
        },
    )
    wanted = (
        *SITE,
        replace(SERVER, name="a", issuer="company"),
        replace(SERVER, name="b", issuer="company"),
    )
    with pytest.raises(SuppliedCredentialsInvalidError, match="3 sets") as caught:
        issue_certificates(wanted, CredentialsFound(), NOW, supplied=supplied)
    told = caught.value.why.split("\n")
    assert [("company" in line, "client-west" in line, "west/tls.key" in line) for line in sorted(told)] == [
        (False, False, True),
        (True, False, False),
        (False, True, False),
    ]
    assert caught.value.exit_status == 2


def test_a_certificate_of_an_unknown_ca_is_an_error_that_says_where_to_put_it() -> None:
    with pytest.raises(IssuerMissingError) as caught:
        issue_certificates((replace(SERVER, issuer="company", trust=()),), CredentialsFound(), NOW)
    assert "input/issuers/company" in caught.value.next_step


def test_an_adopted_namespace_of_the_reference_keeps_its_ca_and_gets_leaves_of_least_power() -> None:
    """The reference's certificates: CA and leaf with both usages, keys RSA in PKCS#1 (reference-engine 4.1)."""
    ca, key = private_ca(end=NOW + 5 * YEAR)
    leaf_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "west")]))
        .issuer_name(ca.subject)
        .public_key(leaf_key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + 5 * YEAR)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .sign(key, SHA256())
        if isinstance(key, rsa.RSAPrivateKey)
        else None
    )
    assert leaf is not None
    found = CredentialsFound(
        {CA.name: CredentialsSource("/i", files(ca, key, ca))},
        {"west": CredentialsSource("/c", files(leaf, leaf_key, ca))},
    )
    issued = issue_certificates(SITE, found, NOW)
    assert issued.issuers[CA.name].files() == files(ca, key, ca)
    assert describe(issued.certificates["west"].certificate, NOW).usages == ("serverAuth",)


def test_secrets_do_not_show_when_credentials_are_printed(first: IssuedCredentials) -> None:
    text = repr(first) + repr(on_disk(first))
    assert "PRIVATE" not in text
