"""Writing declarations: in the command line's style, and such that reading gives the same again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.resources import (
    AccessGrant,
    AccessRole,
    AccessToken,
    AttachedConnector,
    AttachedConnectorBinding,
    Certificate,
    ConfigMap,
    Connector,
    Endpoint,
    Link,
    Listener,
    Metadata,
    MultiKeyListener,
    OtherResource,
    Resource,
    RouterAccess,
    Secret,
    SecuredAccess,
    ServicePort,
    Site,
    Strategy,
    decode_documents,
    document_of,
    encode_document,
    encode_documents,
    encode_resource,
    file_name,
    in_namespace,
)


def test_a_listener_is_written_as_the_reference_s_command_line_writes_it() -> None:
    listener = Listener(
        metadata=Metadata(name="backend", namespace="west"), host="0.0.0.0", port=8080, routing_key="8080"
    )
    assert encode_resource(listener) == (
        "apiVersion: skupper.io/v2alpha1\n"
        "kind: Listener\n"
        "metadata:\n"
        "  name: backend\n"
        "  namespace: west\n"
        "spec:\n"
        "  host: 0.0.0.0\n"
        "  port: 8080\n"
        '  routingKey: "8080"\n'
    )


def test_a_link_is_written_with_its_ports_as_text_and_dashes_at_the_parent_s_column() -> None:
    link = Link(
        metadata=Metadata(name="link-west"),
        endpoints=(Endpoint(name="inter-router", host="::1", port=55671),),
        tls_credentials="link-west",
        cost=1,
    )
    assert encode_documents([link]) == (
        "---\n"
        "apiVersion: skupper.io/v2alpha1\n"
        "kind: Link\n"
        "metadata:\n"
        "  name: link-west\n"
        "spec:\n"
        "  cost: 1\n"
        "  endpoints:\n"
        "  - host: ::1\n"
        "    name: inter-router\n"
        '    port: "55671"\n'
        "  tlsCredentials: link-west\n"
    )


def test_empty_values_are_left_out_of_a_status_at_every_level() -> None:
    status = {
        "hasMatchingConnector": False,
        "message": "",
        "conditions": [{"type": "A", "gone": 0}],
        "network": [],
    }
    site = Site(metadata=Metadata(name="a"), status=status)
    assert document_of(site) == {
        "apiVersion": "skupper.io/v2alpha1",
        "kind": "Site",
        "metadata": {"name": "a"},
        "status": {"conditions": [{"type": "A"}]},
    }
    assert "status" not in document_of(site, with_status=False)


def test_the_same_object_written_twice_is_written_out_twice() -> None:
    shared = {"a": ["b"]}
    assert "&" not in encode_document({"one": shared, "two": shared})


AWKWARD = (
    *(
        "1e3",
        "0x1f",
        "0o17",
        "012",
        "1_000",
        "yes",
        "No",
        "y",
        "null",
        "~",
        "",
        "1:30",
        "2026-11-23",
        "-.inf",
        ".5",
        "=",
    ),
    *(
        "a: b",
        "# c",
        "- d",
        "%e",
        "$f",
        "'",
        '"',
        "é",
        "a\nb",
        "a\n",
        "\nb",
        " a",
        "a ",
        "a \nb",
        "2026-11-23T02:40:00Z",
    ),
    *(
        "\u2028",
        "\x85",
        "\t",
        "x" * 300,
        "😀",
        "\x7f",
        "@",
        "`",
        "!x",
        "&x",
        "*x",
        "|",
        ">",
        "?",
        "{",
        "a\r\nb",
        "\ufeff",
    ),
)


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_survives_also_in_another_reader(text: str) -> None:
    written = encode_document({"kept": {"value": text}})
    assert yaml.safe_load(written) == {"kept": {"value": text}}
    site = Site(metadata=Metadata(name="a"), unknown_spec={"value": text})
    (again,) = decode_documents(encode_resource(site), "-").require()
    assert again.unknown_spec == {"value": text}


def test_texts_that_go_reads_as_numbers_or_truth_values_stand_in_double_quotes() -> None:
    for text in ("1e3", "y", "N", "0o17", "8080", "true", "2026-11-23T02:40:00Z"):
        assert encode_document({"a": text}) == f'a: "{text}"\n'
    for text in ("127.0.0.1", "west-1", "a1e3"):
        assert encode_document({"a": text}) == f"a: {text}\n"


def test_certificates_are_written_as_readable_blocks() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert encode_document({"ca": pem}) == (
        "ca: |\n  -----BEGIN CERTIFICATE-----\n  MIIB\n  -----END CERTIFICATE-----\n"
    )


def test_files_are_named_after_kind_and_name() -> None:
    widget = OtherResource(metadata=Metadata(name="a.b"), other_kind="Widget", other_api_version="v1")
    assert file_name(widget) == "Widget-a.b.yaml"
    assert file_name(Site(metadata=Metadata(name="west"))) == "Site-west.yaml"


def test_moving_a_resource_to_a_namespace_changes_nothing_else() -> None:
    site = Site(metadata=Metadata(name="west", uid="u", unknown={"generation": 1}), edge=True)
    moved = in_namespace(site, "n")
    assert moved.metadata.namespace == "n"
    assert in_namespace(moved, "") == site


names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
hosts = st.one_of(
    names.filter(lambda name: "--" not in name),
    st.ip_addresses().map(str).filter(lambda host: "%" not in host),
)
ports = st.integers(1, 65535)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
keys = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=10)
text_maps = st.dictionaries(texts, texts, max_size=3)
values = st.recursive(
    st.one_of(
        texts, st.integers(-(10**12), 10**12), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
unknown = st.dictionaries(st.sampled_from(["x", "newField", "1e3", "é"]), values, max_size=2)
metadata = st.builds(
    Metadata,
    name=names,
    namespace=st.one_of(st.just(""), names),
    uid=texts,
    labels=text_maps,
    annotations=text_maps,
    unknown=unknown,
)
shared: dict[str, Any] = {"metadata": metadata, "unknown": unknown}
typed = {**shared, "unknown_spec": unknown}
no_name = st.just("")
credentials = st.one_of(no_name, names)
resources: st.SearchStrategy[Resource] = st.one_of(
    st.builds(Site, link_access=texts, edge=st.booleans(), settings=text_maps, **typed),
    st.builds(
        Listener,
        host=hosts,
        port=ports,
        routing_key=keys,
        tls_credentials=credentials,
        observer=st.sampled_from(["", "auto", "none", "http1", "http2"]),
        settings=text_maps,
        **typed,
    ),
    st.builds(
        Connector,
        host=hosts,
        port=ports,
        routing_key=keys,
        selector=texts,
        use_client_cert=st.booleans(),
        verify_hostname=st.booleans(),
        **typed,
    ),
    st.builds(
        Link,
        endpoints=st.lists(
            st.builds(Endpoint, name=names, host=hosts, port=ports, group=texts, unknown=unknown),
            min_size=1,
            max_size=3,
        ).map(tuple),
        tls_credentials=names,
        cost=st.integers(0, 100),
        **typed,
    ),
    st.builds(
        RouterAccess,
        roles=st.lists(
            st.builds(AccessRole, name=names, port=st.integers(0, 65535), unknown=unknown),
            min_size=1,
            max_size=3,
        ).map(tuple),
        bind_host=st.one_of(st.just(""), hosts),
        subject_alternative_names=st.lists(hosts, max_size=3).map(tuple),
        **typed,
    ),
    st.builds(
        MultiKeyListener,
        host=hosts,
        port=ports,
        strategy=st.builds(
            lambda weights, weighted, **unknown: (
                Strategy.weighted(weights, **unknown)
                if weighted
                else Strategy(routing_keys=tuple(weights), **unknown)
            ),
            st.dictionaries(keys, st.integers(1, 1000), min_size=1, max_size=4),
            st.booleans(),
            unknown=unknown,
            unknown_inside=unknown,
        ),
        observer=st.sampled_from(["", "auto", "none", "http1", "http2"]),
        settings=text_maps,
        **typed,
    ),
    st.builds(
        AccessGrant,
        redemptions_allowed=st.integers(0, 9),
        expiration_window=st.sampled_from(["", "15m", "1h30m0s", "1.5h", "0"]),
        code=keys,
        issuer=credentials,
        settings=text_maps,
        **typed,
    ),
    st.builds(
        AccessToken,
        url=st.just("https://a.example:9090/x"),
        code=keys,
        ca=st.just("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        link_cost=st.integers(0, 9),
        **typed,
    ),
    st.builds(
        Certificate,
        subject=keys,
        ca=names,
        hosts=st.lists(hosts, max_size=3).map(tuple),
        server=st.just(True),
        settings=text_maps,
        **typed,
    ),
    st.builds(
        SecuredAccess,
        selector=st.dictionaries(names, texts, min_size=1, max_size=2),
        ports=st.lists(
            st.builds(
                ServicePort,
                name=names,
                port=ports,
                target_port=st.integers(0, 65535),
                protocol=texts,
                unknown=unknown,
            ),
            min_size=1,
            max_size=2,
        ).map(tuple),
        certificate=credentials,
        issuer=credentials,
        **typed,
    ),
    st.builds(
        AttachedConnector,
        site_namespace=names,
        selector=keys,
        port=ports,
        use_client_cert=st.booleans(),
        **typed,
    ),
    st.builds(AttachedConnectorBinding, connector_namespace=names, routing_key=keys, **typed),
    st.builds(
        ConfigMap,
        data=st.dictionaries(names, texts, max_size=3),
        binary_data=st.dictionaries(names, st.binary(max_size=20), max_size=3),
        **shared,
    ).filter(lambda resource: not resource.data.keys() & resource.binary_data.keys()),
    st.builds(Secret, type=texts, data=st.dictionaries(names, st.binary(max_size=20), max_size=3), **shared),
    st.builds(
        OtherResource,
        other_kind=st.just("Widget"),
        other_api_version=st.just("example.org/v1"),
        metadata=metadata,
        body=st.dictionaries(st.sampled_from(["spec", "data", "1e3"]), values, max_size=2),
    ),
)


@given(resources)
@settings(deadline=None, max_examples=300)
def test_what_is_written_is_read_back_the_same(resource: Resource) -> None:
    written = encode_resource(resource)
    (again,) = decode_documents(written, "-").require()
    assert again == resource
    assert encode_resource(again) == written
