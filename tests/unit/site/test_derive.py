"""From declared state and facts to accesses, credentials and active resources."""

from __future__ import annotations

from typing import Any

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
    document,
    facts_for,
    listener,
    model_of,
    multi_key_listener,
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
    edge = model_of(site(edge=True))
    assert (edge.mode, edge.link_role) == ("edge", "edge")


# Names in the server certificate.


def test_an_automatic_access_names_what_a_remote_can_use_and_the_loopback() -> None:
    assert link_access(model_of(LINKED)).hosts == (
        "box.example",
        "192.168.1.5",
        "2001:db8::5",
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "::",
    )


def test_a_host_name_that_leads_to_the_loopback_only_comes_last() -> None:
    model = model_of(LINKED, hostname_addresses=("127.0.1.1",))
    assert link_access(model).hosts[0] == "192.168.1.5"
    assert link_access(model).hosts[-3:] == ("box.example", "0.0.0.0", "::")


def test_a_machine_without_network_names_the_loopback() -> None:
    model = model_of(LINKED, addresses=(), hostname="", hostname_addresses=())
    assert link_access(model).hosts == ("127.0.0.1", "localhost", "0.0.0.0", "::")


@pytest.mark.parametrize(
    ("spec", "hosts"),
    [
        ({"bindHost": "127.0.0.1"}, ("127.0.0.1", "localhost")),
        ({"bindHost": "10.9.9.9"}, ("10.9.9.9",)),
        ({"bindHost": "192.168.1.5"}, ("box.example", "192.168.1.5")),
        ({"bindHost": "10.9.9.9", "subjectAlternativeNames": ["a.example"]}, ("a.example", "10.9.9.9")),
        (
            {"subjectAlternativeNames": ["a.example", "0.0.0.0", "::"]},
            ("a.example", "127.0.0.1", "localhost", "0.0.0.0", "::"),
        ),
        (
            {"bindHost": "0.0.0.0"},
            ("box.example", "192.168.1.5", "2001:db8::5", "127.0.0.1", "localhost", "0.0.0.0"),
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
        access("x") + connector("a", tlsCredentials="client-x", useClientCert=True),
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


def test_a_connector_that_shows_no_certificate_shares_those_of_a_listener() -> None:
    text = site() + listener("a", host="10.0.0.9", tlsCredentials="x") + connector("b", tlsCredentials="x")
    model = model_of(text)
    shared = certificate(model, "x")
    assert (shared.purpose, shared.used_by) == (Purpose.SERVER, ("Listener a", "Connector b"))
    assert not shared.trust_only
    assert CredentialsCopy("x-profile", certificate="x") in model.copies
    own = document("Certificate", "x", subject="x", ca="company", server=True, hosts=["x.example"])
    assert certificate(model_of(site() + connector("b", tlsCredentials="x") + own), "x").issuer == "company"


def test_what_the_user_supplied_may_serve_both_sides() -> None:
    text = listener("a", tlsCredentials="x") + connector("b", tlsCredentials="x", useClientCert=True)
    model = model_of(site() + text, supplied_hosts={"x": ("x.example",)})
    assert certificate(model, "x").used_by == ("Listener a", "Connector b")


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


# Certificates that are declared as such.


def declared(name: str, **spec: Any) -> str:
    return document("Certificate", name, **spec)


def certificate_problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidResourcesError) as raised:
        model_of(text)
    return [(problem.subject, problem.field, problem.rule) for problem in raised.value.problems]


def test_declared_certificates_are_wanted_with_their_ca() -> None:
    text = declared("my-ca", subject="My CA", signing=True)
    text += declared("www", subject="www", ca="my-ca", server=True, hosts=["www.example", "10.0.0.1"])
    text += declared("robot", subject="robot", ca="my-ca", client=True, hosts=["www.example"])
    model = model_of(site() + text)
    ca, www, robot = (certificate(model, name) for name in ("my-ca", "www", "robot"))
    assert (ca.purpose, ca.subject, ca.used_by) == (
        Purpose.CA,
        "My CA",
        ("Certificate robot", "Certificate www", "Certificate my-ca"),
    )
    assert (www.hosts, www.issuer, www.trust) == (("www.example", "10.0.0.1"), "my-ca", ("my-ca",))
    assert (robot.purpose, robot.hosts) == (Purpose.CLIENT, ())
    active = [item for item in active_resources(model) if isinstance(item, Certificate)]
    assert sorted(item.name for item in active) == sorted(wanted.name for wanted in model.certificates)


def test_a_ca_that_nobody_declares_is_not_made() -> None:
    """Its files may be supplied; a slip of the pen must not become a CA."""
    model = model_of(site() + declared("www", subject="www", ca="mine", server=True))
    assert not [wanted for wanted in model.certificates if wanted.name == "mine"]
    secret = document("Secret", "mine", api_version="v1")
    model = model_of(site() + declared("www", subject="www", ca="mine", server=True) + secret)
    assert certificate(model, "mine").purpose is Purpose.CA
    assert certificate(
        model_of(site() + declared("a", subject="a", ca="skupper-site-ca", client=True)), "skupper-site-ca"
    )


def test_a_declared_certificate_takes_the_place_of_a_listener_s() -> None:
    text = site() + listener("a", host="10.0.0.9", tlsCredentials="web")
    text += declared("web", subject="The Web", ca="company", server=True, hosts=["web.example"])
    wanted = certificate(model_of(text), "web")
    assert (wanted.subject, wanted.issuer, wanted.trust) == ("The Web", "company", ("company",))
    assert wanted.hosts == ("10.0.0.9", "web.example")
    assert wanted.used_by == ("Listener a", "Certificate web")


def test_who_links_to_a_site_trusts_the_ca_of_the_access_whatever_is_declared() -> None:
    certificate_of = declared("a", subject="A", ca="skupper-site-ca", server=True, hosts=["a.example"])
    model = model_of(site() + access("a") + certificate_of)
    assert "a.example" in certificate(model, "a").hosts
    assert certificate(model, "a").subject == "A"
    elsewhere = certificate_of.replace("skupper-site-ca", "company")
    ((subject, field, rule),) = certificate_problems(site() + access("a") + elsewhere)
    assert (subject, field) == ("Certificate a", "metadata.name")
    assert "RouterAccess a" in rule
    assert certificate(model_of(site() + access("a", issuer="company") + elsewhere), "a").issuer == "company"


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (
            listener("a", tlsCredentials="x") + declared("x", subject="x", ca="c", client=True),
            "Certificate x",
        ),
        (
            connector("a", tlsCredentials="x", useClientCert=True)
            + declared("x", subject="x", ca="c", server=True),
            "Certificate x",
        ),
        (declared("x", subject="x", signing=True) + listener("a", tlsCredentials="x"), "Certificate x"),
        (
            connector("a", tlsCredentials="x") + declared("x-profile", subject="x", ca="c", client=True),
            "Certificate x-profile",
        ),
        (access("x", issuer="x"), "Site west"),
    ],
    ids=[
        "client for a server",
        "server for a client",
        "CA for a server",
        "directory of a connector",
        "CA and access",
    ],
)
def test_a_declared_certificate_of_another_purpose_is_refused(text: str, subject: str) -> None:
    assert [found for found, _, _ in certificate_problems(site() + text)] == [subject]


def test_a_certificate_whose_ca_is_nowhere_is_refused_at_its_line() -> None:
    text = (
        site()
        + declared("a", subject="a", ca="nowhere", server=True)
        + declared("b", subject="b", ca="company", client=True)
        + declared("c", subject="c", ca="skupper-service-ca", server=True)
        + declared("d", subject="d", ca="nowhere", server=True)
    )
    with pytest.raises(InvalidResourcesError) as raised:
        model_of(text, issuers_there=frozenset({"company"}), supplied_hosts={"d": ("d.example",)})
    (problem,) = raised.value.problems
    assert (problem.subject, problem.field, problem.value) == ("Certificate a", "spec.ca", '"nowhere"')


def test_a_connector_that_shows_no_certificate_needs_none() -> None:
    text = (
        site() + connector("a", tlsCredentials="x") + connector("b", tlsCredentials="y", useClientCert=True)
    )
    model = model_of(text)
    assert certificate(model, "x").trust_only
    assert not certificate(model, "y").trust_only
    both = model_of(text + connector("c", tlsCredentials="x", useClientCert=True))
    assert not certificate(both, "x").trust_only


def test_a_supplied_server_certificate_names_the_hosts_of_its_access() -> None:
    text = site() + access("a", subjectAlternativeNames=["localhost"])
    model = model_of(text, supplied_hosts={"a": ("10.0.0.1", "10.0.0.2", "fake.domain")})
    assert link_access(model).hosts == ("10.0.0.1", "10.0.0.2", "fake.domain")
    assert link_access(model).supplied


def test_a_listener_with_several_keys_has_a_certificate_and_a_port_of_its_own() -> None:
    text = site(linkAccess="default") + multi_key_listener(
        "m", host="10.0.0.9", port=55671, tlsCredentials="web"
    )
    state = state_of(text)
    assert all(55671 in wanted.avoid for wanted in ports_wanted(state))
    taken = {"skupper-local/normal": 5671, "west/inter-router": 55671, "west/edge": 45671}
    with pytest.raises(InvalidResourcesError, match=r"MultiKeyListener m: spec\.port"):
        derive(state, facts_for(state, ports=taken, router_kind="skrouterd"))
    free = facts_for(state, ports={**taken, "west/inter-router": 55672}, router_kind="skrouterd")
    assert certificate(derive(state, free), "web").hosts == ("10.0.0.9",)


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
