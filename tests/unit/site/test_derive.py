"""From declared state and facts to accesses, credentials and active resources."""

from __future__ import annotations

import pytest

from skupper_local.resources import Certificate, InvalidResourcesError, RouterAccess, Site, kind_of
from skupper_local.site.certificates import CertificateWanted, CredentialsCopy, Purpose
from skupper_local.site.derive import active_resources, derive, ports_wanted
from skupper_local.site.model import Access, PortWanted, SiteModel

from .samples import (
    LINK,
    SECRET,
    SITE_ID,
    WEST,
    access,
    connector,
    facts_for,
    listener,
    model_of,
    site,
    state_of,
)

LINKED = site(linkAccess="default")


def certificate(model: SiteModel, name: str) -> CertificateWanted:
    (wanted,) = [wanted for wanted in model.certificates if wanted.name == name]
    return wanted


def link_access(model: SiteModel) -> Access:
    (found,) = model.link_accesses
    return found


# Ports.


def test_every_site_wants_a_port_for_its_own_tools() -> None:
    assert ports_wanted(state_of(site())) == (
        PortWanted("skupper-local/normal", 5671, "127.0.0.1", frozenset()),
    )


def test_a_site_that_accepts_links_wants_one_for_each_role_and_avoids_those_declared() -> None:
    wanted = ports_wanted(state_of(LINKED + listener("a", 55671) + access("other", "edge")))
    assert [(port.key, port.first, port.host) for port in wanted] == [
        ("skupper-local/normal", 5671, "127.0.0.1"),
        ("west/inter-router", 55671, ""),
        ("west/edge", 45671, ""),
    ]
    assert all(port.avoid == {55671, 45671} for port in wanted)


def test_a_declared_access_named_like_the_site_takes_the_place_of_the_automatic_one() -> None:
    text = LINKED + access("west", "inter-router")
    assert [port.key for port in ports_wanted(state_of(text))] == ["skupper-local/normal"]
    assert dict(link_access(model_of(text)).ports) == {"inter-router": 55671}


def test_ports_are_those_that_were_chosen() -> None:
    ports = {"skupper-local/normal": 5672, "west/inter-router": 55680, "west/edge": 45699}
    model = model_of(LINKED, ports=ports)
    assert model.management_port == 5672
    assert dict(link_access(model).ports) == {"inter-router": 55680, "edge": 45699}


def test_a_listener_declared_later_on_a_chosen_port_is_refused() -> None:
    state = state_of(
        LINKED + listener("a", 5671) + listener("b", 55680, host="10.0.0.1") + access("c", "edge")
    )
    ports = {"skupper-local/normal": 5671, "west/inter-router": 55680, "west/edge": 45671}
    with pytest.raises(InvalidResourcesError) as raised:
        derive(state, facts_for(state, ports=ports))
    assert [problem.subject for problem in raised.value.problems] == [
        "Listener a",
        "Listener b",
        "RouterAccess c",
    ]
    assert "RouterAccess skupper-local (normal)" in raised.value.problems[0].rule


# Identity.


def test_the_router_s_id_stays_the_same_and_the_mode_follows_the_site() -> None:
    assert model_of(site()).router_id == "west-6c1b0c6e"
    assert model_of(site()).mode == "interior"
    edge = model_of(site(edge=True), router_kind="skrouterd")
    assert (edge.mode, edge.link_role) == ("edge", "edge")


def test_what_the_embedded_router_cannot_do_is_refused_with_entity_and_reason() -> None:
    for text, field in (
        (site(edge=True), "spec.edge"),
        (site() + listener("a", observer="http1"), "spec.observer"),
    ):
        with pytest.raises(InvalidResourcesError) as raised:
            model_of(text)
        (problem,) = raised.value.problems
        assert problem.field == field
        assert "embedded router" in problem.rule
        assert model_of(text, router_kind="skrouterd")


# Names in the server certificate.


def test_an_automatic_access_names_what_a_remote_can_use_and_the_loopback() -> None:
    assert link_access(model_of(LINKED)).hosts == (
        "box.example",
        "192.168.1.5",
        "2001:db8::5",
        "127.0.0.1",
        "localhost",
    )


def test_a_host_name_that_leads_to_the_loopback_only_comes_last() -> None:
    model = model_of(LINKED, hostname_addresses=("127.0.1.1",))
    assert link_access(model).hosts[0] == "192.168.1.5"
    assert link_access(model).hosts[-1] == "box.example"


def test_a_machine_without_network_names_the_loopback() -> None:
    model = model_of(LINKED, addresses=(), hostname="", hostname_addresses=())
    assert link_access(model).hosts == ("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("spec", "hosts"),
    [
        ({"bindHost": "127.0.0.1"}, ("127.0.0.1", "localhost")),
        ({"bindHost": "10.9.9.9"}, ("10.9.9.9",)),
        ({"bindHost": "192.168.1.5"}, ("box.example", "192.168.1.5")),
        ({"bindHost": "10.9.9.9", "subjectAlternativeNames": ["a.example"]}, ("a.example", "10.9.9.9")),
        (
            {"subjectAlternativeNames": ["a.example", "0.0.0.0", "::"]},
            ("a.example", "127.0.0.1", "localhost"),
        ),
        (
            {"bindHost": "0.0.0.0"},
            ("box.example", "192.168.1.5", "2001:db8::5", "127.0.0.1", "localhost"),
        ),
    ],
)
def test_a_declared_access_names_what_was_written_and_where_it_is_bound(
    spec: dict[str, object], hosts: tuple[str, ...]
) -> None:
    assert link_access(model_of(site() + access("a", **spec))).hosts == hosts


def test_hosts_asked_for_before_are_kept() -> None:
    model = model_of(LINKED, added_hosts={"west": ("vpn.example",), "other": ("x",)})
    assert "vpn.example" in link_access(model).hosts
    assert "x" not in link_access(model).hosts
    assert certificate(model, "west").hosts == link_access(model).hosts


# Credentials.


def test_a_site_without_links_wants_credentials_for_its_own_tools_only() -> None:
    model = model_of(site() + listener("a") + connector("b"))
    assert [(wanted.name, wanted.purpose) for wanted in model.certificates] == [
        ("skupper-local-ca", Purpose.CA),
        ("skupper-local-server", Purpose.SERVER),
        ("skupper-local-client", Purpose.CLIENT),
    ]
    assert certificate(model, "skupper-local-server").hosts == ("127.0.0.1", "localhost")


def test_no_certificate_has_two_purposes_and_clients_name_no_host() -> None:
    text = (
        WEST
        + listener("tls", 8443, tlsCredentials="web")
        + connector("mtls", tlsCredentials="db", useClientCert=True)
    )
    for wanted in model_of(text).certificates:
        assert bool(wanted.hosts) == (wanted.purpose is Purpose.SERVER)
        assert bool(wanted.issuer) == (wanted.purpose is not Purpose.CA)


def test_a_link_access_trusts_its_issuer_and_every_generated_link_that_is_not_revoked() -> None:
    model = model_of(LINKED, link_issuers=("link-issuer-a", "link-issuer-b"))
    server = certificate(model, "west")
    assert (server.subject, server.issuer) == ("west", "skupper-site-ca")
    assert server.trust == ("skupper-site-ca", "link-issuer-a", "link-issuer-b")
    assert certificate(model, "client-west").trust == ("skupper-site-ca",)
    assert certificate(model, "skupper-local-server").trust == ("skupper-local-ca",)


def test_an_access_can_have_an_issuer_and_credentials_of_its_own() -> None:
    model = model_of(site() + access("a", issuer="my-ca", tlsCredentials="my-server"))
    assert certificate(model, "my-server").issuer == "my-ca"
    assert certificate(model, "client-my-server").issuer == "my-ca"
    assert certificate(model, "my-ca").purpose is Purpose.CA
    assert not [wanted for wanted in model.certificates if wanted.name == "skupper-site-ca"]


def test_listeners_with_one_name_for_credentials_share_a_certificate() -> None:
    text = (
        site()
        + listener("a", 1, host="10.0.0.1", tlsCredentials="web")
        + listener("b", 2, tlsCredentials="web")
    )
    web = certificate(model_of(text), "web")
    assert web.hosts == ("10.0.0.1", "box.example", "192.168.1.5", "2001:db8::5", "127.0.0.1", "localhost")
    assert web.used_by == ("Listener a", "Listener b")
    assert web.issuer == "skupper-service-ca"


@pytest.mark.parametrize(
    "text",
    [
        listener("a", tlsCredentials="x") + connector("b", tlsCredentials="x", useClientCert=True),
        access("x") + listener("a", tlsCredentials="x"),
        access("x") + connector("a", tlsCredentials="client-x"),
    ],
    ids=["server and client", "link access and listener", "client of a link access"],
)
def test_credentials_that_cannot_serve_both_users_are_refused(text: str) -> None:
    with pytest.raises(InvalidResourcesError) as raised:
        model_of(site() + text)
    (problem,) = raised.value.problems
    assert problem.field == "spec.tlsCredentials"
    assert "names credentials of" in problem.rule
    assert "signed by" in problem.rule


def test_the_files_of_profiles_that_no_certificate_has_are_named() -> None:
    text = (
        site()
        + LINK
        + SECRET
        + connector("a", tlsCredentials="db")
        + connector("b", tlsCredentials="mine", useClientCert=True)
    )
    assert model_of(text).copies == (
        CredentialsCopy("link-go-east-profile", secret="link-go-east"),
        CredentialsCopy("db-profile", certificate="db"),
    )


def test_a_connector_and_a_link_cannot_use_one_profile() -> None:
    with pytest.raises(InvalidResourcesError, match="name of a link's credentials"):
        model_of(site() + LINK + SECRET + connector("a", tlsCredentials="link-go-east"))


def test_long_names_fit_a_certificate() -> None:
    model = model_of(site("w" * 200, linkAccess="default"))
    assert max(len(wanted.subject) for wanted in model.certificates) == 64
    assert certificate(model, "client-" + "w" * 200)


def test_names_that_the_router_cannot_tell_apart_are_refused() -> None:
    text = LINKED + LINK.replace("name: link-go-east", "name: west") + SECRET
    with pytest.raises(InvalidResourcesError) as raised:
        model_of(text)
    (problem,) = raised.value.problems
    assert (problem.subject, problem.field) == ("Link west", "metadata.name")
    assert "sslProfile" in problem.rule
    assert "connector" in problem.rule


# Active resources.


def test_active_resources_are_the_declared_and_the_generated_ones() -> None:
    model = model_of(LINKED + listener("a", tlsCredentials="web"))
    active = active_resources(model)
    by_kind = {kind_of(resource) for resource in active}
    assert by_kind == {"Site", "Listener", "RouterAccess", "Certificate"}
    (the_site,) = (resource for resource in active if isinstance(resource, Site))
    assert the_site.metadata.uid == SITE_ID
    accesses = {resource.name: resource for resource in active if isinstance(resource, RouterAccess)}
    assert [role.port for role in accesses["west"].roles] == [55671, 45671]
    assert accesses["west"].tls_credentials == "west"
    assert accesses["skupper-local"].roles[0].name == "normal"
    assert {resource.metadata.namespace for resource in active} == {"west"}
    (web,) = (resource for resource in active if isinstance(resource, Certificate) and resource.name == "web")
    assert web.server
    assert web.ca == "skupper-service-ca"


def test_a_declared_access_keeps_what_was_written_and_gets_its_ports() -> None:
    model = model_of(site() + access("a", "edge", subjectAlternativeNames=["x.example"]))
    resource = link_access(model).resource
    assert [role.port for role in resource.roles] == [45671]
    assert resource.subject_alternative_names == ("x.example",)
    assert link_access(model).declared
