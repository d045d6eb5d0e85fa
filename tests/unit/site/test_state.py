"""The rules between the resources of a namespace."""

from __future__ import annotations

import json

import pytest

from skupper_local.resources import (
    InvalidResourcesError,
    Listener,
    Metadata,
    Resource,
    Site,
    decode_documents,
)
from skupper_local.site.state import Assembled, assemble

from .samples import (
    LINK,
    SECRET,
    WEST,
    access,
    connector,
    document,
    listener,
    multi_key_listener,
    site,
    state_of,
)


def assembled(text: str, namespace: str = "west") -> Assembled:
    return assemble(decode_documents(text, "site.yaml").require(), namespace=namespace)


def problems_of(text: str, namespace: str = "west") -> list[tuple[str, str, str]]:
    """Subject, field and rule of each problem."""
    found = assembled(text, namespace)
    assert (found.state is None) == bool(found.problems)
    return [(problem.subject, problem.field, problem.rule) for problem in found.problems]


def test_a_complete_site_holds_together() -> None:
    state = state_of(WEST)
    assert state.site.name == "west"
    assert list(state.listeners) == ["backend"]
    assert list(state.links) == ["link-go-east"]
    assert {resource.metadata.namespace for resource in state.resources()} == {"west"}
    assert len(state.resources()) == 6


def test_resources_are_sorted_by_name_whatever_their_order() -> None:
    texts = [listener("b", 1), listener("a", 2), listener("c", 3)]
    assert list(state_of(site() + "".join(texts)).listeners) == list(
        state_of(site() + "".join(reversed(texts))).listeners
    )


def test_there_must_be_a_site() -> None:
    assert [rule for _, _, rule in problems_of(listener("a"))] == ["no Site is declared"]


def test_there_can_be_one_site_only() -> None:
    found = assembled(site("west") + site("east"))
    (problem,) = found.problems
    assert problem.subject == "Site east"
    assert "site.yaml:3 declares Site west" in problem.rule
    assert (problem.source, problem.line) == ("site.yaml", 6)


def test_all_resources_share_the_namespace_and_silence_means_the_same() -> None:
    text = site() + listener("a").replace('"name": "a"', '"name": "a", "namespace": "east"')
    ((subject, field, rule),) = problems_of(text)
    assert (subject, field) == ("Listener a", "metadata.namespace")
    assert "must be west" in rule


def test_the_same_resource_twice_is_a_problem_that_names_the_first_place() -> None:
    first = decode_documents(site() + listener("a", 1), "one.yaml").require()
    second = decode_documents(listener("a", 2), "two.yaml").require()
    (problem,) = assemble((*first, *second), namespace="west").problems
    assert (problem.source, problem.field) == ("two.yaml", "metadata.name")
    assert "one.yaml:6" in problem.rule


def test_the_same_name_for_different_kinds_is_fine() -> None:
    assert not problems_of(site("a") + listener("a") + connector("a"))


def test_an_edge_site_accepts_no_links() -> None:
    assert [(subject, field) for subject, field, _ in problems_of(site(edge=True, linkAccess="default"))] == [
        ("Site west", "spec.linkAccess")
    ]
    assert [subject for subject, _, _ in problems_of(site(edge=True) + access("a"))] == ["RouterAccess a"]
    assert not problems_of(site(edge=True, linkAccess="none"))


def test_an_access_has_the_roles_of_links_each_once_and_not_the_local_name() -> None:
    assert [field for _, field, _ in problems_of(site() + access("a", "normal"))] == ["spec.roles[0].name"]
    assert "stands twice" in problems_of(site() + access("a", "edge", "edge"))[0][2]
    assert [field for _, field, _ in problems_of(site() + access("skupper-local"))] == ["metadata.name"]


def test_a_link_needs_its_secret_with_all_files() -> None:
    assert problems_of(site() + LINK) == [
        (
            "Link link-go-east",
            "spec.tlsCredentials",
            "no Secret of that name is declared, and there is no directory input/certs/link-go-east",
        )
    ]
    ((subject, _, rule),) = problems_of(site() + LINK + SECRET.replace("tls.key: a2V5", "tls.key: ''"))
    assert subject == "Secret link-go-east"
    assert "tls.key" in rule
    assert "Link link-go-east" in rule


def test_a_link_that_this_site_cannot_dial_is_refused() -> None:
    text = site() + LINK.replace("name: inter-router", "name: other") + SECRET
    ((subject, field, rule),) = problems_of(text)
    assert (subject, field) == ("Link link-go-east", "spec.endpoints")
    assert "named inter-router" in rule
    assert not problems_of(text.replace('"spec": {}', '"spec": {"edge": true}'))


def through_a_proxy(**data: str) -> str:
    held = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in data.items())
    secret = (
        f"\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: way-out}}\nstringData:\n{held}"
        if data
        else ""
    )
    return site() + LINK + "  settings: {proxy-configuration: way-out}\n" + SECRET + secret


def test_a_link_through_a_proxy_needs_to_know_the_proxy() -> None:
    assert [(subject, field) for subject, field, _ in problems_of(through_a_proxy())] == [
        ("Link link-go-east", "spec.settings.proxy-configuration")
    ]
    assert not problems_of(through_a_proxy(host="proxy.example", port="3128"))
    assert not problems_of(through_a_proxy(host="::1", port="3128", username="me", password="pass word\n"))
    for data, field in (
        ({"host": "a b", "port": "3128"}, "data.host"),
        ({"host": "proxy", "port": "0"}, "data.port"),
        ({"host": "proxy"}, "data.port"),
        ({"host": "proxy", "port": "1", "username": "me"}, "data"),
        ({"host": "proxy", "port": "1", "username": "me", "password": "two\nlines"}, "data"),
        ({"host": "proxy", "port": "1", "username": "a:b", "password": "x"}, "data.username"),
        ({"host": "proxy", "port": "1", "username": "a", "password": "x" * 200}, "data.password"),
    ):
        ((subject, found, rule),) = problems_of(through_a_proxy(**data))
        assert (subject, found) == ("Secret way-out", field)
        assert "two" not in rule


def test_two_listeners_cannot_have_one_host_and_port() -> None:
    ((subject, field, rule),) = problems_of(site() + listener("a") + listener("b"))
    assert (subject, field) == ("Listener b", "spec.port")
    assert "Listener a" in rule


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("0.0.0.0", "127.0.0.1", True),
        ("::", "::1", True),
        ("2001:db8::1", "::", True),
        ("localhost", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("0.0.0.0", "localhost", True),
        ("0.0.0.0", "box", True),
        ("box", "box", True),
        ("box", "other", False),
        ("0.0.0.0", "::1", False),
        ("127.0.0.1", "127.0.0.2", False),
        ("::1", "0:0::1", True),
        ("127.0.0.2", "0.0.0.0", True),
        ("10.0.0.1", "box", False),
    ],
)
def test_listeners_that_cannot_both_be_bound_are_refused(one: str, other: str, clash: bool) -> None:
    for second in (listener("b", host=other), multi_key_listener("b", host=other)):
        found = problems_of(site() + listener("a", host=one) + second)
        assert [(subject.split()[1], field) for subject, field, _ in found] == (
            [("b", "spec.port")] if clash else []
        )


@pytest.mark.parametrize(("one", "other"), [("::", "127.0.0.1"), ("0.0.0.0", "::"), ("10.0.0.1", "::")])
def test_all_of_ipv6_beside_ipv4_is_named_but_not_refused(one: str, other: str) -> None:
    """Routers bind :: for IPv6 alone, engines that publish a port may not."""
    found = assembled(site() + listener("a", host=one) + listener("b", host=other))
    assert found.state
    assert [(warning.subject, warning.field) for warning in found.warnings] == [("Listener b", "spec.port")]


def test_a_listener_cannot_have_the_port_of_a_link_access() -> None:
    text = site() + access("a", bindHost="127.0.0.1") + listener("b", 55671)
    ((subject, _, rule),) = problems_of(text)
    assert subject == "Listener b"
    assert "RouterAccess a" in rule
    assert not problems_of(text.replace("0.0.0.0", "127.0.0.2"))


def test_two_accesses_cannot_share_a_port() -> None:
    ((subject, field, _),) = problems_of(site() + access("a") + access("b", "edge"))
    assert (subject, field) == ("RouterAccess b", "spec.roles[0]")


@pytest.mark.parametrize("name", ["skupper-local-server", "skupper-site-ca"])
def test_credentials_of_the_site_itself_are_nobody_s(name: str) -> None:
    text = (
        site()
        + listener("a", tlsCredentials=name)
        + connector("b", tlsCredentials=name)
        + access("c", tlsCredentials=name)
    )
    assert [subject for subject, _, _ in problems_of(text)] == ["Listener a", "Connector b", "RouterAccess c"]


def test_a_ca_for_another_purpose_cannot_sign_for_links() -> None:
    assert [field for _, field, _ in problems_of(site() + access("a", issuer="skupper-local-ca"))] == [
        "spec.issuer"
    ]
    assert not problems_of(site() + access("a", issuer="skupper-site-ca"))


def test_kinds_not_acted_on_are_kept_and_named() -> None:
    binding = document("AttachedConnectorBinding", "m", connectorNamespace="a", routingKey="k")
    found = assembled(site() + document("Widget", "w") + binding + document("AccessGrant", "g"))
    assert [warning.subject for warning in found.warnings] == [
        "Widget w",
        "AttachedConnectorBinding m",
        "AccessGrant g",
    ]
    assert "not known" in found.warnings[0].rule
    assert "Kubernetes" in found.warnings[1].rule
    assert [other.title for other in found.require().others] == [
        "AccessGrant g",
        "AttachedConnectorBinding m",
        "Widget w",
    ]


def test_a_kind_that_looks_like_another_is_not_told_twice() -> None:
    decoded = decode_documents(site() + document("Listner", "a"), "site.yaml")
    assert len(decoded.warnings) == 1
    assert not assemble(decoded.require(), namespace="west").warnings


def test_every_broken_rule_is_reported_at_once() -> None:
    text = (
        site(edge=True, linkAccess="x")
        + LINK
        + listener("a")
        + listener("b")
        + access("skupper-local", "normal")
    )
    assert len(problems_of(text)) == 6
    with pytest.raises(InvalidResourcesError, match=r"site\.yaml:"):
        assembled(text).require()


def test_what_could_not_be_read_and_what_does_not_fit_are_told_together() -> None:
    broken = decode_documents(site(edge="yes") + SECRET.replace("Y2E=", "'%'"), "b.yaml")
    good = decode_documents(LINK + listener("a") + listener("b"), "a.yaml")
    resources = (*good.resources, *broken.resources)
    found = assemble(resources, namespace="west", broken=broken.problems)
    assert found.state is None
    assert [(problem.source, problem.field) for problem in found.problems] == [
        ("a.yaml", "spec.port"),
        ("b.yaml", "spec.edge"),
        ("b.yaml", "data.ca.crt"),
    ]


def test_resources_made_by_a_program_need_no_origin() -> None:
    resources: list[Resource] = [
        Site(metadata=Metadata(name="a")),
        Listener(metadata=Metadata(name="l"), host="h", port=1, routing_key="k"),
        Listener(metadata=Metadata(name="m"), host="h", port=1, routing_key="k"),
    ]
    (problem,) = assemble(resources, namespace="n").problems
    assert str(problem).startswith(
        "Listener m: spec.port: 1: is the port of Listener l (another declaration)"
    )


def test_thousands_of_listeners_on_one_port_are_judged_in_bounded_time() -> None:
    resources: list[Resource] = [Site(metadata=Metadata(name="a"))]
    resources += [
        Listener(metadata=Metadata(name=f"l{n}"), host=f"10.0.{n // 250}.{n % 250}", port=1, routing_key="k")
        for n in range(8000)
    ]
    assert assemble(resources, namespace="n").state


def test_only_secrets_that_no_link_uses_may_supply_a_certificate() -> None:
    text = WEST + SECRET.replace("link-go-east", "go-west")
    assert list(state_of(text).supplying_secrets()) == ["go-west"]
