"""Whole sets of declarations, random ones and the reference's own: read, derived, rendered, judged, written and read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.entities import ENTITY_TYPES, decode_configuration, encode_configuration
from skupper_local.pki.certificates import hosts_of, load_certificates
from skupper_local.pki.credentials import CredentialsSource
from skupper_local.pki.errors import SuppliedCredentialsIncompleteError
from skupper_local.pki.issue import CredentialsFound, IssuedCredentials, issue_certificates
from skupper_local.resources import InvalidResourcesError, decode_documents, encode_documents
from skupper_local.site.configuration import router_configuration
from skupper_local.site.derive import active_resources, derive
from skupper_local.site.links import static_link_files
from skupper_local.site.model import SiteModel
from skupper_local.site.observed import observe
from skupper_local.site.state import assemble
from skupper_local.site.status import with_statuses

from .samples import (
    LINK,
    NOW,
    SECRET,
    SITE_ID,
    access,
    connector,
    document,
    facts_for,
    listener,
    model_of,
    site,
)

# Names and ports come from few, so that they meet.
NAMES = ("a", "b", "c", "west", "web", "link-a")
names = st.sampled_from(NAMES)
issuers = st.sampled_from([*NAMES, "skupper-site-ca", "skupper-service-ca"])
ports = st.one_of(st.integers(1, 40), st.sampled_from([5671, 8080, 45671, 55671, 65535]))
hosts = st.sampled_from(["0.0.0.0", "127.0.0.1", "::", "::1", "10.0.0.1", "localhost", "box.example"])
keys = st.sampled_from(["k", "echo:9090", "a/b", "é", "x" * 253])
settings_of_site = st.sampled_from(
    [{}, {"router-logging": "SERVER:debug"}, {"routerDataConnections": "auto"}, {"unknown": "x"}]
)


def optional(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


strategies = st.one_of(
    st.lists(keys, min_size=1, max_size=3, unique=True).map(lambda keys: {"priority": {"routingKeys": keys}}),
    st.dictionaries(keys, st.integers(1, 9), min_size=1, max_size=3).map(
        lambda weights: {"weighted": {"routingKeys": weights}}
    ),
)
endpoints = st.lists(
    st.builds(
        lambda name, host, port: {"name": name, "host": host, "port": str(port)},
        st.sampled_from(["inter-router", "edge"]),
        hosts,
        ports,
    ),
    min_size=1,
    max_size=2,
)
specs: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "Listener": st.builds(
        lambda base, more: {**base, **more},
        st.fixed_dictionaries({"host": hosts, "port": ports, "routingKey": keys}),
        optional(tlsCredentials=names, observer=st.sampled_from(["auto", "none", "http1"])),
    ),
    "Connector": st.builds(
        lambda base, more: {**base, **more},
        st.fixed_dictionaries({"host": hosts, "port": ports, "routingKey": keys}),
        optional(tlsCredentials=names, useClientCert=st.booleans(), verifyHostname=st.booleans()),
    ),
    "MultiKeyListener": st.builds(
        lambda base, more: {**base, **more},
        st.fixed_dictionaries({"host": hosts, "port": ports, "strategy": strategies}),
        optional(tlsCredentials=names),
    ),
    "Link": st.builds(
        lambda base, more: {**base, **more},
        st.fixed_dictionaries({"endpoints": endpoints, "tlsCredentials": names}),
        optional(cost=st.integers(0, 5), settings=st.just({"proxy-configuration": "proxy"})),
    ),
    "RouterAccess": st.builds(
        lambda base, more: {**base, **more},
        st.fixed_dictionaries(
            {
                "roles": st.lists(
                    st.builds(
                        lambda name, port: {"name": name, **({"port": port} if port else {})},
                        st.sampled_from(["inter-router", "edge"]),
                        st.one_of(st.just(0), ports),
                    ),
                    min_size=1,
                    max_size=2,
                    unique_by=lambda role: role["name"],
                )
            }
        ),
        optional(
            tlsCredentials=names,
            issuer=issuers,
            bindHost=hosts,
            subjectAlternativeNames=st.lists(hosts, max_size=2),
        ),
    ),
    "Certificate": st.one_of(
        st.just({"subject": "A", "signing": True}),
        st.fixed_dictionaries(
            {"subject": keys, "ca": issuers, "server": st.just(True), "hosts": st.lists(hosts, max_size=2)}
        ),
        st.fixed_dictionaries({"subject": keys, "ca": issuers, "client": st.just(True)}),
    ),
    "AccessGrant": optional(redemptionsAllowed=st.integers(0, 3)),
}
sites = optional(
    edge=st.booleans(), linkAccess=st.sampled_from(["none", "default"]), settings=settings_of_site
)


@st.composite
def declaration_sets(draw: st.DrawFn) -> str:
    """A site and up to eight resources, the Secrets of links and proxies among them most of the time."""
    texts = [site(**draw(sites))]
    chosen = st.tuples(st.sampled_from(sorted(specs)), names)
    for kind, name in draw(st.lists(chosen, max_size=8, unique=True)):
        texts += [document(kind, name, **draw(specs[kind]))]
    missing = draw(st.sets(names, max_size=1))
    texts += [SECRET.replace("link-go-east", name) for name in NAMES if name not in missing]
    if draw(st.booleans()):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "proxy"}}
        texts.append(f"\n---\n{json.dumps({**secret, 'stringData': {'host': 'p', 'port': '3128'}})}\n")
    return "".join(texts)


@given(declaration_sets(), st.sampled_from(["embedded", "skrouterd", "image"]), st.randoms())
@settings(deadline=None, max_examples=200)
def test_any_set_is_rendered_whole_or_refused_in_its_place(text: str, router: str, random: Any) -> None:
    resources = list(decode_documents(text, "site.yaml").require())
    again = decode_documents(encode_documents(resources), "-").require()
    assert list(again) == resources
    assembled = assemble(resources, namespace="west")
    problems = assembled.problems
    if assembled.state is not None:
        try:
            model = derive(assembled.state, facts_for(assembled.state, router_kind=router))
        except InvalidResourcesError as error:
            problems = error.problems
        else:
            check_rendering(model)
            random.shuffle(resources)
            shuffled = assemble(resources, namespace="west").require()
            same = derive(shuffled, facts_for(shuffled, router_kind=router))
            assert router_configuration(same) == router_configuration(model)
            assert same.certificates == model.certificates
            return
    assert problems
    for problem in problems:
        assert problem.source == "site.yaml"
        assert problem.line > 0
        assert problem.subject
        assert problem.rule


def check_rendering(model: SiteModel) -> None:
    """What must hold of every rendering."""
    configuration = router_configuration(model)
    assert decode_configuration(encode_configuration(configuration)) == configuration
    taken: set[tuple[str, str]] = set()
    by_name: dict[str, str] = {}
    for entity in configuration:
        known = ENTITY_TYPES[entity.type].attributes
        assert entity.attributes.keys() <= known.keys()
        assert all(entity.attributes.get(item.name) is not None for item in known.values() if item.required)
        key = (
            entity.type,
            entity.name or str(entity.attributes.get("prefix") or entity.attributes.get("module")),
        )
        assert key not in taken
        taken.add(key)
        if entity.name and entity.type not in ("site", "router"):
            assert by_name.setdefault(entity.name, entity.type) == entity.type
    profiles = {entity.name for entity in configuration if entity.type == "sslProfile"}
    used = {
        str(entity.attributes["sslProfile"]) for entity in configuration if "sslProfile" in entity.attributes
    }
    assert used == profiles
    files = {wanted.name for wanted in model.certificates if wanted.issuer} | {
        copy.profile for copy in model.copies
    }
    assert profiles <= files
    active = active_resources(model)
    titles = [resource.title for resource in active]
    assert len(titles) == len(set(titles))
    for observed in (None, observe({})):
        for resource in with_statuses(active, observed, site_id=SITE_ID, now=NOW):
            assert resource.status.get("status", "") in ("", "Pending", "Error", "Ready")
    assert decode_documents(encode_documents(active), "-").problems == ()


# The reference's own vectors (reference-engine, appendix C).

AT = datetime(2026, 11, 23, tzinfo=UTC)
REFERENCE = (
    site()
    + access("link-access-one", bindHost="127.0.0.1", subjectAlternativeNames=["localhost"])
    + listener("one", 1, tlsCredentials="listener-one-credentials")
    + listener("two", 2, tlsCredentials="listener-two-credentials")
    + connector("one", tlsCredentials="connector-one-credentials")
    + LINK
    + SECRET
)


def issued_for(model: SiteModel, supplied: CredentialsFound | None = None) -> IssuedCredentials:
    return issue_certificates(model.certificates, CredentialsFound(), AT, supplied=supplied)


def test_static_links_are_made_for_the_bound_host_and_the_declared_names() -> None:
    model = model_of(REFERENCE)
    (accepting,) = model.link_accesses
    credentials = issued_for(model).certificates[accepting.client_credentials].files()
    assert sorted(static_link_files(model, accepting, credentials)) == [
        "link-link-access-one-127.0.0.1.yaml",
        "link-link-access-one-localhost.yaml",
    ]


def test_a_supplied_server_certificate_decides_for_which_hosts_and_is_taken_to_the_byte() -> None:
    """The reference adds 127.0.0.1, under which that certificate does not verify; a link of ours always does."""
    named = model_of(
        site() + access("link-access-one", subjectAlternativeNames=["10.0.0.1", "10.0.0.2", "fake.domain"])
    )
    made = issued_for(named)
    files = made.certificates["link-access-one"].files()
    supplied = CredentialsFound(certificates={"link-access-one": CredentialsSource("input", files)})
    model = model_of(REFERENCE, supplied_hosts={"link-access-one": hosts_of(files["tls.crt"])})
    (accepting,) = model.link_accesses
    again = issued_for(model, supplied)
    assert again.certificates["link-access-one"].files() == files
    links = static_link_files(model, accepting, again.certificates[accepting.client_credentials].files())
    assert {"10.0.0.1", "10.0.0.2", "fake.domain"} <= {
        name.removeprefix("link-link-access-one-").removesuffix(".yaml") for name in links
    }


def test_bridges_and_link_access_have_the_certificates_of_the_reference() -> None:
    by_issuer: dict[str, list[str]] = {}
    for wanted in model_of(REFERENCE).certificates:
        by_issuer.setdefault(wanted.issuer or wanted.name, []).append(wanted.name)
    assert sorted(by_issuer["skupper-service-ca"]) == [
        "connector-one-credentials",
        "listener-one-credentials",
        "listener-two-credentials",
        "skupper-service-ca",
    ]
    assert sorted(by_issuer["skupper-site-ca"]) == [
        "client-link-access-one",
        "link-access-one",
        "skupper-site-ca",
    ]


def test_a_ca_names_itself_and_no_host() -> None:
    ca = load_certificates(issued_for(model_of(REFERENCE)).issuers["skupper-site-ca"].certificate)[0]
    assert ca.subject == ca.issuer
    assert ca.subject.rfc4514_string() == "CN=skupper-site-ca"
    assert hosts_of(issued_for(model_of(REFERENCE)).issuers["skupper-site-ca"].certificate) == ()


def test_an_empty_secret_of_a_ca_is_an_error_that_names_it_and_the_file() -> None:
    empty = CredentialsFound(issuers={"skupper-site-ca": CredentialsSource("Secret skupper-site-ca", {})})
    with pytest.raises(SuppliedCredentialsIncompleteError) as raised:
        issued_for(model_of(REFERENCE), empty)
    assert "Secret skupper-site-ca" in raised.value.what
    assert "tls.crt" in raised.value.why
