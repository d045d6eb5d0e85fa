"""Invitations: which host is offered, and that the documents verify and can be applied."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.resources import Endpoint, Link, decode_documents, encode_documents
from skupper_local.site.certificates import Purpose
from skupper_local.site.links import (
    InvalidInvitationError,
    NoLinkAccessError,
    covers,
    default_host,
    generated_link,
    link_documents,
    offered_hosts,
    static_link_files,
)
from skupper_local.site.model import SiteModel
from skupper_local.site.state import assemble

from .samples import access, document, model_of, site

FILES = {"ca.crt": b"ca", "tls.crt": b"certificate", "tls.key": b"key", "connect.json": b"{}"}
LINKED = site(linkAccess="default")


def default_of(text: str, **facts: Any) -> str:
    model = model_of(text, **facts)
    return default_host(model, model.link_accesses[0])


@pytest.mark.parametrize(
    ("facts", "host"),
    [
        ({}, "box.example"),
        ({"hostname_addresses": ("127.0.1.1",)}, "192.168.1.5"),
        ({"hostname_addresses": ("10.1.1.1",)}, "192.168.1.5"),
        ({"hostname_addresses": (), "addresses": ("fe80::1", "2001:db8::5")}, "2001:db8::5"),
        ({"hostname": "", "hostname_addresses": ()}, "192.168.1.5"),
        ({"addresses": ("fe80::1", "127.0.0.2")}, "127.0.0.1"),
        ({"addresses": (), "hostname_addresses": ("127.0.1.1",)}, "127.0.0.1"),
    ],
)
def test_the_host_offered_is_one_that_a_remote_can_use(facts: dict[str, Any], host: str) -> None:
    assert default_of(LINKED, **facts) == host


@pytest.mark.parametrize(
    ("spec", "host"),
    [
        ({"bindHost": "10.9.9.9"}, "10.9.9.9"),
        ({"bindHost": "127.0.0.1"}, "127.0.0.1"),
        ({"bindHost": "box.example"}, "box.example"),
        ({"bindHost": "0.0.0.0"}, "box.example"),
        ({"subjectAlternativeNames": ["*.example", "localhost", "gate.example"]}, "gate.example"),
        ({"bindHost": "10.9.9.9", "subjectAlternativeNames": ["gate.example"]}, "gate.example"),
    ],
)
def test_a_declared_access_offers_what_was_declared(spec: dict[str, Any], host: str) -> None:
    assert default_of(site() + access("a", **spec)) == host


def test_every_offered_host_verifies_and_can_be_dialled() -> None:
    declared = document(
        "RouterAccess", "a", roles=[{"name": "edge", "port": 1}], subjectAlternativeNames=["*.b", "x.b"]
    )
    model = model_of(LINKED + declared)
    for found in model.link_accesses:
        hosts = offered_hosts(model, found)
        assert hosts[0] == default_host(model, found)
        assert all(covers(found.hosts, host) for host in hosts)
        assert not {"0.0.0.0", "::", "*.b"} & set(hosts)


def test_a_generated_link_is_signed_by_a_ca_of_its_own_and_trusts_the_access_s_issuer() -> None:
    link = generated_link(model_of(LINKED), name="to-east", cost=5)
    assert (link.name, link.host, link.cost, link.verifies) == ("to-east", "box.example", 5, True)
    assert link.issuer.purpose is Purpose.CA
    assert link.client.issuer == link.issuer.name == "link-issuer-to-east"
    assert link.client.trust == ("skupper-site-ca",)
    assert link.client.hosts == ()


def test_a_host_that_the_certificate_does_not_name_does_not_verify_until_it_is_added() -> None:
    assert not generated_link(model_of(LINKED), host="vpn.example").verifies
    model = model_of(LINKED, added_hosts={"west": ("vpn.example",)})
    assert generated_link(model, host="vpn.example").verifies


def test_the_access_can_be_named() -> None:
    model = model_of(site() + access("a", "inter-router") + access("b", "edge"))
    assert generated_link(model, access="b").name == "link-b"
    with pytest.raises(NoLinkAccessError, match="site west has a, b"):
        generated_link(model, access="c")


def test_a_site_that_accepts_no_links_says_how_to_change_that() -> None:
    with pytest.raises(NoLinkAccessError) as raised:
        generated_link(model_of(site()))
    assert "--enable-link-access" in raised.value.next_step


@pytest.mark.parametrize(
    "asked",
    [{"name": "A.b"}, {"host": "a b"}, {"host": "0.0.0.0"}, {"host": "::"}, {"cost": 0}, {"cost": 2**31}],
)
def test_what_cannot_stand_in_a_link_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInvitationError):
        generated_link(model_of(LINKED), **asked)


def documents_of(model: SiteModel, **asked: Any) -> str:
    link = generated_link(model, **asked)
    return encode_documents(
        link_documents(link.access, name=link.name, host=link.host, credentials=FILES, cost=link.cost)
    )


def test_the_documents_are_a_secret_and_a_link_with_both_endpoints() -> None:
    secret, link = link_documents(
        model_of(LINKED).link_accesses[0], name="to-west", host="h", credentials=FILES, cost=3
    )
    assert secret.data == {"ca.crt": b"ca", "tls.crt": b"certificate", "tls.key": b"key"}
    assert (secret.name, secret.type) == ("to-west", "kubernetes.io/tls")
    assert link.endpoints == (
        Endpoint(name="inter-router", host="h", port=55671),
        Endpoint(name="edge", host="h", port=45671),
    )
    assert (link.tls_credentials, link.cost, link.metadata.namespace) == ("to-west", 3, "")


def test_another_site_can_apply_the_documents() -> None:
    text = documents_of(model_of(LINKED))
    decoded = decode_documents(text, "west.yaml")
    assert not decoded.warnings
    other = assemble((*decoded.require(), *decode_documents(site("east"), "-").require()), namespace="east")
    assert other.state
    assert not other.warnings


def test_an_access_for_edge_sites_alone_makes_links_for_edge_sites_alone() -> None:
    _, link = link_documents(
        model_of(site() + access("a", "edge")).link_accesses[0], name="l", host="h", credentials=FILES
    )
    assert [endpoint.name for endpoint in link.endpoints] == ["edge"]


@pytest.mark.parametrize(
    ("spec", "hosts"),
    [
        ({"bindHost": "0.0.0.0", "subjectAlternativeNames": ["my.site"]}, {"0.0.0.0", "my.site"}),
        ({"bindHost": "10.9.9.9", "subjectAlternativeNames": ["my.site"]}, {"10.9.9.9", "my.site"}),
        ({"bindHost": "127.0.0.1"}, {"127.0.0.1", "localhost"}),
        ({"subjectAlternativeNames": ["localhost"]}, {"localhost", "0.0.0.0", "::"}),
    ],
)
def test_static_links_are_for_what_was_declared_and_bound_as_in_the_reference(
    spec: dict[str, object], hosts: set[str]
) -> None:
    model = model_of(site() + access("a", **spec))
    (found,) = model.link_accesses
    files = static_link_files(model, found, FILES)
    assert {name.removeprefix("link-a-").removesuffix(".yaml") for name in files} == hosts
    for host in hosts:
        (_, link) = decode_documents(files[f"link-a-{host}.yaml"], "-").require()
        assert isinstance(link, Link)
        assert {endpoint.host for endpoint in link.endpoints} == {host}
        assert covers(found.hosts, host)


def test_static_links_to_an_access_with_the_user_s_certificate_are_for_its_hosts() -> None:
    text = site() + access("a", bindHost="127.0.0.1", subjectAlternativeNames=["ignored.example"])
    model = model_of(text, supplied_hosts={"a": ("localhost", "10.0.0.1", "fake.domain")})
    files = static_link_files(model, model.link_accesses[0], FILES)
    hosts = {name.removeprefix("link-a-").removesuffix(".yaml") for name in files}
    assert hosts == {"localhost", "10.0.0.1", "fake.domain"}


def test_static_links_have_the_reference_s_names_one_for_each_host() -> None:
    text = site() + access("link-access-one", bindHost="127.0.0.1", subjectAlternativeNames=["localhost"])
    model = model_of(text)
    files = static_link_files(model, model.link_accesses[0], FILES)
    assert sorted(files) == ["link-link-access-one-127.0.0.1.yaml", "link-link-access-one-localhost.yaml"]
    (secret, link) = decode_documents(files["link-link-access-one-localhost.yaml"], "-").require()
    assert secret.name == link.name == "link-link-access-one"


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        (["a.example"], "A.Example", True),
        (["a.example"], "b.example", False),
        (["*.example"], "a.example", True),
        (["*.example"], "a.b.example", False),
        (["*.example"], "example", False),
        (["*.0.0.1"], "127.0.0.1", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["0:0:0:0:0:0:0:1"], "::1", True),
        (["::1"], "::2", False),
        ([], "a", False),
        (["*."], "a", False),
    ],
)
def test_a_name_covers_a_host_as_tls_says(names: list[str], host: str, covered: bool) -> None:
    assert covers(names, host) is covered


@given(st.ip_addresses())
def test_every_address_covers_itself_and_no_name_covers_an_address(address: Any) -> None:
    assert covers([str(address)], str(address))
    assert not covers(["*." + str(address).partition(".")[2]], str(address))


def test_a_link_names_no_host_that_a_supplied_certificate_lacks() -> None:
    model = model_of(LINKED, supplied_hosts={"west": ("10.0.0.1", "*.fake.domain")})
    assert default_host(model, model.link_accesses[0]) == "10.0.0.1"
    assert generated_link(model, host="a.fake.domain").verifies
    with pytest.raises(InvalidInvitationError, match=r"10\.0\.0\.1") as raised:
        generated_link(model, host="box.example")
    assert "supplied" in raised.value.why


def test_the_client_of_a_link_knows_which_server_it_is_for() -> None:
    assert generated_link(model_of(LINKED)).client.peer == "west"
