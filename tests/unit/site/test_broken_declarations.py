"""Hundreds of broken declarations: each is refused, and where it is broken is said to the line and the field.

Every field of every kind is broken in every way its form and its rule allow; what cannot be made by rule is listed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from skupper_local.resources import InvalidResourcesError, Resource, decode_documents
from skupper_local.resources import rules as value_rules
from skupper_local.resources.nodes import MAX_DEPTH
from skupper_local.resources.problems import Problem
from skupper_local.resources.schema import SPEC_FIELDS, FieldSpec, Form
from skupper_local.site.derive import derive
from skupper_local.site.state import assemble

from .samples import (
    LINK,
    SECRET,
    access,
    connector,
    document,
    facts_for,
    listener,
    multi_key_listener,
    site,
    state_of,
)

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

GOOD: dict[str, dict[str, Any]] = {
    "Site": {
        "linkAccess": "none",
        "edge": False,
        "ha": False,
        "defaultIssuer": "a",
        "serviceAccount": "a",
        "settings": {"x": "y"},
    },
    "Listener": {
        "routingKey": "k",
        "host": "10.0.0.1",
        "port": 8080,
        "tlsCredentials": "a",
        "type": "tcp",
        "observer": "auto",
        "exposePodsByName": False,
        "settings": {"x": "y"},
    },
    "Connector": {
        "routingKey": "k",
        "host": "10.0.0.1",
        "selector": "a=b",
        "port": 8080,
        "tlsCredentials": "a",
        "useClientCert": False,
        "verifyHostname": False,
        "type": "tcp",
        "exposePodsByName": False,
        "includeNotReadyPods": False,
        "settings": {"x": "y"},
    },
    "Link": {
        "endpoints": [{"name": "inter-router", "host": "a", "port": "1"}],
        "tlsCredentials": "a",
        "cost": 1,
        "settings": {"x": "y"},
    },
    "RouterAccess": {
        "roles": [{"name": "edge", "port": 1}],
        "bindHost": "10.0.0.1",
        "tlsCredentials": "a",
        "issuer": "a",
        "subjectAlternativeNames": ["a.example"],
        "generateTlsCredentials": False,
        "accessType": "x",
        "settings": {"x": "y"},
    },
    "MultiKeyListener": {
        "host": "10.0.0.1",
        "port": 8080,
        "strategy": {"priority": {"routingKeys": ["a", "b"]}},
        "tlsCredentials": "a",
        "requireClientCert": False,
        "observer": "auto",
        "settings": {"x": "y"},
    },
    "AccessGrant": {
        "redemptionsAllowed": 1,
        "expirationWindow": "15m",
        "code": "abc",
        "issuer": "a",
        "settings": {"x": "y"},
    },
    "AccessToken": {
        "url": "https://a.example/x",
        "code": "abc",
        "ca": PEM,
        "linkCost": 1,
        "settings": {"x": "y"},
    },
    "Certificate": {
        "subject": "a",
        "ca": "b",
        "hosts": ["a.example"],
        "client": False,
        "server": True,
        "signing": False,
        "settings": {"x": "y"},
    },
    "SecuredAccess": {
        "selector": {"a": "b"},
        "ports": [{"name": "a", "port": 1}],
        "accessType": "x",
        "certificate": "a",
        "issuer": "a",
        "settings": {"x": "y"},
    },
    "AttachedConnector": {
        "siteNamespace": "a",
        "selector": "a=b",
        "port": 1,
        "tlsCredentials": "a",
        "useClientCert": False,
        "type": "tcp",
        "includeNotReadyPods": False,
        "settings": {"x": "y"},
    },
    "AttachedConnectorBinding": {
        "connectorNamespace": "a",
        "routingKey": "k",
        "exposePodsByName": False,
        "settings": {"x": "y"},
    },
}
"""A document of each kind that says something in every field."""

WRONG_FORM: dict[Form, tuple[tuple[Any, str], ...]] = {
    Form.TEXT: ((5, ""), (True, ""), ([1], ""), ({"a": "b"}, "")),
    Form.INTEGER: (("8", ""), (1.5, ""), (True, ""), ([1], "")),
    Form.FLAG: (("true", ""), (1, ""), ([], "")),
    Form.TEXT_MAP: (([1], ""), ("x", ""), ({"k": 1}, ".k"), ({"k": {"a": "b"}}, ".k")),
    Form.TEXT_LIST: (("x", ""), ({"a": "b"}, ""), ([1], "[0]"), (["a", ["b"]], "[1]")),
    Form.ENDPOINTS: (
        ("x", ""),
        ([1], "[0]"),
        ([{"host": "a", "port": "1"}], "[0].name"),
        ([{"name": "edge", "port": "1"}], "[0].host"),
        ([{"name": "edge", "host": "a"}], "[0].port"),
        ([{"name": "edge", "host": "a", "port": "70000"}], "[0].port"),
        ([{"name": "edge", "host": "a b", "port": "1"}], "[0].host"),
    ),
    Form.ROLES: (
        ("x", ""),
        (["edge"], "[0]"),
        ([{"port": 1}], "[0].name"),
        ([{"name": "edge", "port": "1"}], "[0].port"),
        ([{"name": "edge"}, {"name": "inter-router", "port": 65536}], "[1].port"),
    ),
    Form.PORTS: (
        ("x", ""),
        ([1], "[0]"),
        ([{"port": 1}], "[0].name"),
        ([{"name": "a"}], "[0].port"),
        ([{"name": "a", "port": 0}], "[0].port"),
        ([{"name": "a", "port": 1, "targetPort": "x"}], "[0].targetPort"),
    ),
    Form.STRATEGY: (
        ("priority", ""),
        ({}, ""),
        ({"priority": {"routingKeys": ["a"]}, "weighted": {"routingKeys": {"a": 1}}}, ""),
        ({"priority": {"routingKeys": []}}, ".priority.routingKeys"),
        ({"weighted": {"routingKeys": {"a": -1}}}, ".weighted.routingKeys.a"),
    ),
}
"""Values of a wrong form, and where below the field that is said."""

BREAKING: dict[Callable[[Any], str], tuple[Any, ...]] = {
    value_rules.name_rule: ("A", "a_b", "-a", "a.b", "a" * 201),
    value_rules.object_name_rule: ("A", "a_b", "a..b", ".a"),
    value_rules.host_rule: ("a b", "A", "1.2.3.4:5", "fe80::1%eth0", "http://a"),
    value_rules.port_rule: (0, -1, 65536),
    value_rules.routing_key_rule: ("a b", "a\tb", "k" * 254),
    value_rules.observer_rule: ("http3", "AUTO"),
    value_rules.protocol_rule: ("udp", "http"),
    value_rules.cost_rule: (-1, 2**31),
    value_rules.count_rule: (-1, 2**31),
    value_rules.duration_rule: ("soon", "15", "-5m", "15 m"),
    value_rules.grant_url_rule: ("http://a", "a.example", "https://", "https://a b"),
    value_rules.authority_rule: ("x", "-----BEGIN PRIVATE KEY-----"),
    value_rules.code_rule: ("a\u0007b", "x" * 1025),
    value_rules.alternative_name_rule: (),
    value_rules.subject_rule: ("a\tb", "x" * 254),
}
"""Values that break each rule."""


def lines_of(kind: str, spec: dict[str, Any]) -> list[str]:
    """A document with each field of its spec on a line of its own; the first of these is line 5."""
    header = ["apiVersion: skupper.io/v2alpha1", f"kind: {kind}", "metadata: {name: a}", "spec:"]
    return [*header, *(f"  {key}: {json.dumps(value)}" for key, value in spec.items())]


def broken_fields() -> Iterator[tuple[str, str, int, str]]:
    """Title, text, and the line and field that must be named."""
    for kind, known in ((kind, item) for kind, fields in SPEC_FIELDS.items() for item in fields):
        good = GOOD[kind.kind]
        lines = lines_of(kind.kind, good)
        line = 5 + list(good).index(known.key)
        for value, below in broken_values(known):
            lines[line - 1] = f"  {known.key}: {json.dumps(value)}"
            title = f"{kind.kind}.{known.key}={json.dumps(value)[:30]}"
            yield title, "\n".join(lines), line, f"spec.{known.key}{below}"
        if known.required:
            without = [text for number, text in enumerate(lines, 1) if number != line]
            yield f"{kind.kind}.{known.key} missing", "\n".join(without), 4, f"spec.{known.key}"


def broken_values(known: FieldSpec) -> Iterator[tuple[Any, str]]:
    yield from WRONG_FORM[known.form]
    if known.rule is not None and known.form is not Form.TEXT_LIST:
        yield from ((value, "") for value in BREAKING[known.rule])
    if known.rule is not None and known.form is Form.TEXT_LIST:
        yield from ((["a", value], "[1]") for value in ("a/b", "a b", "*.*.a", "", "a..b", "-a"))


FIELDS = list(broken_fields())


def test_there_are_hundreds_of_them_and_the_unbroken_ones_are_good() -> None:
    assert len(FIELDS) > 300
    for kind, spec in GOOD.items():
        assert decode_documents("\n".join(lines_of(kind, spec)), "-").require(), kind


@pytest.mark.parametrize(
    ("text", "line", "field"), [item[1:] for item in FIELDS], ids=[item[0] for item in FIELDS]
)
def test_a_broken_field_is_refused_at_its_line(text: str, line: int, field: str) -> None:
    (problem,) = decode_documents(text, "dir/a.yaml").problems
    assert (problem.source, problem.line, problem.field) == ("dir/a.yaml", line, field)
    assert problem.subject.endswith(" a")
    assert problem.rule
    assert "Traceback" not in str(problem)


HEADER = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: a}\n"

TEXTS: list[tuple[str, str | bytes, int, str]] = [
    ("syntax", HEADER + "spec: {edge: true\n", 5, ""),
    ("tab", HEADER + "spec:\n\tedge: true\n", 5, ""),
    ("alias", HEADER + "spec: {linkAccess: *x}\n", 4, ""),
    ("anchor", HEADER + "spec: &x {edge: true}\n", 4, ""),
    ("tag", HEADER + "spec: !!python/object {}\n", 4, ""),
    ("key twice", HEADER + "spec:\n  edge: true\n  edge: false\n", 6, ""),
    ("document twice over", HEADER + HEADER, 4, ""),
    ("key that is a list", HEADER + "spec: {[a]: b}\n", 4, ""),
    ("depth", "a: " + "[" * (MAX_DEPTH + 5), 1, ""),
    ("not UTF-8", b"apiVersion: v1\nkind: \xff\n", 2, ""),
    ("control character", HEADER + 'spec: {linkAccess: "\x01"}\n', 4, ""),
    ("a list", "- a\n- b\n", 1, ""),
    ("a text", "hello\n", 1, ""),
    ("a number in a list of resources", "kind: List\nitems:\n- 5\n", 3, ""),
    ("a list without items", "apiVersion: v1\nkind: List\n", 1, "items"),
    ("a list of one thing", "apiVersion: v1\nkind: List\nitems: {kind: Site}\n", 3, "items"),
    ("no kind", "apiVersion: v1\nmetadata: {name: a}\n", 1, "kind"),
    ("null kind", "apiVersion: v1\nkind:\nmetadata: {name: a}\n", 2, "kind"),
    ("kind in lower case", "apiVersion: v1\nkind: secret\nmetadata: {name: a}\n", 2, "kind"),
    ("kind with a path", "apiVersion: v1\nkind: ../A\nmetadata: {name: a}\n", 2, "kind"),
    ("no apiVersion", "kind: Site\nmetadata: {name: a}\n", 1, "apiVersion"),
    ("empty apiVersion", "kind: Site\napiVersion: ''\nmetadata: {name: a}\n", 2, "apiVersion"),
    ("apiVersion that is a number", "kind: Site\napiVersion: 2\nmetadata: {name: a}\n", 2, "apiVersion"),
    ("no metadata", "kind: Site\napiVersion: v1\n", 1, "metadata"),
    ("metadata that is a text", HEADER.replace("{name: a}", "a"), 3, "metadata"),
    ("no name", HEADER.replace("{name: a}", "{}"), 3, "metadata.name"),
    ("null name", HEADER.replace("{name: a}", "{name: ~}"), 3, "metadata.name"),
    ("name that is a number", HEADER.replace("{name: a}", "{name: 5}"), 3, "metadata.name"),
    ("name with a dot", HEADER.replace("{name: a}", "{name: a.b}"), 3, "metadata.name"),
    ("name in capitals", HEADER.replace("{name: a}", "{name: A}"), 3, "metadata.name"),
    ("name with a path", HEADER.replace("{name: a}", "{name: ../a}"), 3, "metadata.name"),
    ("empty name", HEADER.replace("{name: a}", "{name: ''}"), 3, "metadata.name"),
    ("namespace", HEADER.replace("}", ", namespace: A}"), 3, "metadata.namespace"),
    ("labels", HEADER.replace("}", ", labels: [a]}"), 3, "metadata.labels"),
    ("label", HEADER.replace("}", ", labels: {a: 1}}"), 3, "metadata.labels.a"),
    ("annotation", HEADER.replace("}", ", annotations: {a: [b]}}"), 3, "metadata.annotations.a"),
    ("spec that is a list", HEADER + "spec: [a]\n", 4, "spec"),
    ("spec that is a text", HEADER + "spec: edge\n", 4, "spec"),
    ("status that is a text", HEADER + "status: good\n", 4, "status"),
    ("edge and ha", HEADER + "spec:\n  ha: true\n  edge: true\n", 5, "spec.ha"),
    (
        "log module",
        HEADER + "spec:\n  settings:\n    router-logging: CORE:info\n",
        6,
        "spec.settings.router-logging",
    ),
    ("log level", HEADER + "spec:\n  settings:\n    routerLogging: loud\n", 6, "spec.settings.routerLogging"),
    (
        "data connections",
        HEADER + "spec:\n  settings:\n    router-data-connection-count: many\n",
        6,
        "spec.settings.router-data-connection-count",
    ),
    ("secret data", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  a: '%'\n", 5, "data.a"),
    ("secret key", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  a/b: ''\n", 5, "data.a/b"),
    ("secret list", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n- a\n", 4, "data"),
    (
        "secret map",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  a: {}\n",
        5,
        "stringData.a",
    ),
    ("secret name", "apiVersion: v1\nkind: Secret\nmetadata: {name: A}\n", 3, "metadata.name"),
    ("map data", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  ..: x\n", 5, "data..."),
    (
        "map bytes",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nbinaryData:\n  a: '%'\n",
        5,
        "binaryData.a",
    ),
    (
        "certificate of no purpose",
        HEADER.replace("Site", "Certificate") + "spec:\n  subject: a\n",
        4,
        "spec",
    ),
    (
        "certificate of two purposes",
        HEADER.replace("Site", "Certificate")
        + "spec:\n  subject: a\n  ca: b\n  client: true\n  server: true\n",
        7,
        "spec.client",
    ),
    (
        "certificate without a CA",
        HEADER.replace("Site", "Certificate") + "spec:\n  subject: a\n  server: true\n",
        4,
        "spec.ca",
    ),
    (
        "client certificates without TLS",
        HEADER.replace("Site", "MultiKeyListener")
        + "spec:\n  host: a\n  port: 1\n  strategy: {priority: {routingKeys: [a]}}\n  requireClientCert: true\n",
        8,
        "spec.requireClientCert",
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "field"), [item[1:] for item in TEXTS], ids=[item[0] for item in TEXTS]
)
def test_a_broken_text_is_refused_at_its_line(text: str | bytes, line: int, field: str) -> None:
    problem = decode_documents(text, "dir/a.yaml").problems[0]
    assert (problem.source, problem.line, problem.field) == ("dir/a.yaml", line, field)


@pytest.mark.parametrize(("text", "line", "field"), [item[1:] for item in FIELDS[::7]])
def test_json_is_refused_at_the_same_places(text: str, line: int, field: str) -> None:
    """The same documents, every field of them in JSON."""
    lines = text.split("\n")
    spec = [f'    "{entry.split(":")[0].strip()}": {entry.split(": ", 1)[1]}' for entry in lines[4:]]
    joined = ",\n".join(spec)
    kind = lines[1].removeprefix("kind: ")
    head = f'{{"apiVersion": "skupper.io/v2alpha1",\n "kind": "{kind}",\n "metadata": {{"name": "a"}},\n "spec": {{\n'
    problem = decode_documents(f"{head}{joined}}}}}\n", "a.json").problems[0]
    assert (problem.source, problem.line, problem.field) == ("a.json", line, field)


# Between resources, and between files.

PROXY = document(
    "Link",
    "b",
    tlsCredentials="link-go-east",
    endpoints=[{"name": "inter-router", "host": "a", "port": "1"}],
    settings={"proxy-configuration": "p"},
)
PROXY_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: p}\nstringData:\n"
TWO_WILD = {"a.yaml": site() + listener("a", host="::"), "b.yaml": listener("b", host="::1")}
TWO_SEVERAL = {"a.yaml": site() + multi_key_listener("a"), "b.yaml": multi_key_listener("b")}
SHOWING = connector("a", tlsCredentials="x", useClientCert=True)
FOR_A_CLIENT = document("Certificate", "x", subject="x", ca="c", client=True)
OTHER_LINK = LINK.replace("inter-router", "x")
CLASHING_LINK = LINK.replace("name: link-go-east", "name: west")

BETWEEN: list[tuple[str, dict[str, str], str, int, str]] = [
    ("no site", {"a.yaml": listener("a")}, "west", 0, ""),
    ("two sites", {"a.yaml": site(), "b.yaml": site("east")}, "b.yaml", 3, ""),
    (
        "twice",
        {"a.yaml": site() + listener("a", 1), "b.yaml": listener("a", 2)},
        "b.yaml",
        3,
        "metadata.name",
    ),
    (
        "another namespace",
        {
            "a.yaml": site(),
            "b.yaml": listener("a").replace('"name": "a"', '"name": "a", "namespace": "east"'),
        },
        "b.yaml",
        3,
        "metadata.namespace",
    ),
    (
        "edge with link access",
        {"a.yaml": site(edge=True, linkAccess="default")},
        "a.yaml",
        3,
        "spec.linkAccess",
    ),
    ("edge with an access", {"a.yaml": site(edge=True), "b.yaml": access("a")}, "b.yaml", 3, ""),
    ("local access", {"a.yaml": site(), "b.yaml": access("skupper-local")}, "b.yaml", 3, "metadata.name"),
    ("normal role", {"a.yaml": site(), "b.yaml": access("a", "normal")}, "b.yaml", 3, "spec.roles[0].name"),
    (
        "role twice",
        {"a.yaml": site(), "b.yaml": access("a", "edge", "edge")},
        "b.yaml",
        3,
        "spec.roles[1].name",
    ),
    (
        "service CA for links",
        {"a.yaml": site() + access("a", issuer="skupper-service-ca")},
        "a.yaml",
        6,
        "spec.issuer",
    ),
    ("link without secret", {"a.yaml": site(), "b.yaml": LINK}, "b.yaml", 8, "spec.tlsCredentials"),
    (
        "link with half a secret",
        {"a.yaml": site() + LINK, "b.yaml": SECRET.replace("tls.key: a2V5", "x: a2V5")},
        "b.yaml",
        7,
        "data",
    ),
    (
        "link of another role",
        {"a.yaml": site() + SECRET, "b.yaml": LINK.replace("inter-router", "x")},
        "b.yaml",
        9,
        "spec.endpoints",
    ),
    (
        "proxy without secret",
        {"a.yaml": site() + SECRET, "b.yaml": PROXY},
        "b.yaml",
        3,
        "spec.settings.proxy-configuration",
    ),
    (
        "proxy without host",
        {
            "a.yaml": site() + SECRET + PROXY,
            "b.yaml": PROXY_SECRET + "  port: '1'\n",
        },
        "b.yaml",
        1,
        "data.host",
    ),
    (
        "proxy without port",
        {
            "a.yaml": site() + SECRET + PROXY,
            "b.yaml": PROXY_SECRET + "  host: a\n  port: x\n",
        },
        "b.yaml",
        6,
        "data.port",
    ),
    ("same port", {"a.yaml": site() + listener("a"), "b.yaml": listener("b")}, "b.yaml", 3, "spec.port"),
    (
        "all addresses",
        {"a.yaml": site() + listener("a"), "b.yaml": listener("b", host="10.0.0.1")},
        "b.yaml",
        3,
        "spec.port",
    ),
    (
        "all of IPv6",
        {"a.yaml": site() + listener("a", host="::"), "b.yaml": listener("b", host="::1")},
        "b.yaml",
        3,
        "spec.port",
    ),
    (
        "several keys",
        {"a.yaml": site() + listener("a"), "b.yaml": multi_key_listener("a")},
        "b.yaml",
        3,
        "spec.port",
    ),
    (
        "twice several keys",
        {"a.yaml": site() + multi_key_listener("a"), "b.yaml": multi_key_listener("b")},
        "b.yaml",
        3,
        "spec.port",
    ),
    (
        "port of an access",
        {"a.yaml": site() + access("a"), "b.yaml": listener("b", 45671)},
        "b.yaml",
        3,
        "spec.port",
    ),
    (
        "two accesses",
        {"a.yaml": site() + access("a"), "b.yaml": access("b", "edge")},
        "b.yaml",
        3,
        "spec.roles[0]",
    ),
    (
        "own credentials of the site",
        {"a.yaml": site(), "b.yaml": listener("a", tlsCredentials="skupper-local-server")},
        "b.yaml",
        3,
        "spec.tlsCredentials",
    ),
    (
        "server and client",
        {
            "a.yaml": site() + listener("a", tlsCredentials="x"),
            "b.yaml": connector("a", tlsCredentials="x", useClientCert=True),
        },
        "b.yaml",
        3,
        "spec.tlsCredentials",
    ),
    (
        "certificate of another purpose",
        {
            "a.yaml": site() + listener("a", tlsCredentials="x"),
            "b.yaml": document("Certificate", "x", subject="x", ca="c", client=True),
        },
        "b.yaml",
        3,
        "metadata.name",
    ),
    (
        "profile of a link",
        {"a.yaml": site() + LINK + SECRET, "b.yaml": connector("a", tlsCredentials="link-go-east")},
        "b.yaml",
        3,
        "spec.tlsCredentials",
    ),
    (
        "name of an access",
        {"a.yaml": site(linkAccess="x") + SECRET, "b.yaml": CLASHING_LINK},
        "b.yaml",
        5,
        "metadata.name",
    ),
    ("observer", {"a.yaml": site(), "b.yaml": listener("a", observer="http2")}, "b.yaml", 3, "spec.observer"),
    (
        "container on linux",
        {"a.yaml": site(settings={"network": "apps"})},
        "a.yaml",
        3,
        "spec.settings.network",
    ),
]


def problems_of(files: dict[str, str]) -> tuple[Problem, ...]:
    """What is wrong with a set of files, whichever stage finds it."""
    resources: list[Resource] = []
    for name, text in files.items():
        resources += decode_documents(text, name).require()
    assembled = assemble(resources, namespace="west")
    if assembled.state is None:
        return assembled.problems
    try:
        derive(assembled.state, facts_for(assembled.state))
    except InvalidResourcesError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("files", "source", "line", "field"), [item[1:] for item in BETWEEN], ids=[item[0] for item in BETWEEN]
)
def test_what_does_not_go_together_is_refused_in_the_file_that_has_it(
    files: dict[str, str], source: str, line: int, field: str
) -> None:
    (problem,) = problems_of(files)
    assert (problem.source, problem.line, problem.field) == (source, line, field)


def test_the_port_that_the_site_chose_is_refused_too() -> None:
    state = state_of(site(linkAccess="default") + listener("a", 55671))
    with pytest.raises(InvalidResourcesError) as raised:
        derive(
            state,
            facts_for(
                state, ports={"skupper-local/normal": 5671, "west/inter-router": 55671, "west/edge": 45671}
            ),
        )
    assert [(problem.subject, problem.field) for problem in raised.value.problems] == [
        ("Listener a", "spec.port")
    ]


def test_all_mistakes_of_all_files_are_told_together() -> None:
    texts = [text for _, text, _, _ in FIELDS[:40]]
    decoded = decode_documents("\n---\n".join(texts), "a.yaml")
    assert len(decoded.problems) == 40
    assert len({problem.line for problem in decoded.problems}) == 40
