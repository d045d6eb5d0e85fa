"""Reading declarations: what is right becomes typed, what is wrong is named with its place, and hostile input stays cheap."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.resources import (
    AccessRole,
    AccessToken,
    ConfigMap,
    Connector,
    Endpoint,
    InvalidResourcesError,
    Link,
    Listener,
    Metadata,
    MultiKeyListener,
    OtherResource,
    RouterAccess,
    Secret,
    Site,
    decode_documents,
    encode_resource,
    kept_because,
)
from skupper_local.resources.router_settings import logging_wanted

LISTENER = """\
apiVersion: skupper.io/v2alpha1
kind: Listener
metadata:
  name: backend
spec:
  host: 0.0.0.0
  port: 8080
  routingKey: backend-8080
"""


def decoded_one(text: str | bytes) -> object:
    (resource,) = decode_documents(text, "file.yaml").require()
    return resource


def rules_broken(text: str | bytes) -> list[tuple[int, str, str]]:
    """Line, field and rule of each problem."""
    found = decode_documents(text, "file.yaml").problems
    assert all(problem.source == "file.yaml" for problem in found)
    return [(problem.line, problem.field, problem.rule) for problem in found]


def with_spec(kind: str, spec: str, name: str = "a") -> str:
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    return f"apiVersion: skupper.io/v2alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{lines}"


# What is right.


def test_a_listener_is_read_with_its_fields() -> None:
    listener = decoded_one(LISTENER)
    assert isinstance(listener, Listener)
    assert (listener.name, listener.host, listener.port) == ("backend", "0.0.0.0", 8080)
    assert listener.routing_key == "backend-8080"
    assert listener.title == "Listener backend"


def test_every_kind_we_act_on_is_typed() -> None:
    text = "---\n".join(
        (
            with_spec("Site", "linkAccess: default\nedge: false"),
            LISTENER,
            with_spec(
                "Connector",
                "host: 127.0.0.1\nport: 5432\nroutingKey: db\nuseClientCert: yes\ntlsCredentials: c",
            ),
            with_spec(
                "Link",
                "tlsCredentials: s\ncost: 7\nendpoints:\n- {name: inter-router, host: A.example, port: '55671', group: g}",
            ),
            with_spec(
                "RouterAccess", "roles: [{name: inter-router, port: 1}, {name: edge}]\nbindHost: 127.0.0.1"
            ),
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: t\ndata: {ca.crt: aGk=}\nstringData: {note: hello}\n",
        )
    )
    site, listener, connector, link, access, secret = decode_documents(text, "-").require()
    assert isinstance(site, Site)
    assert site.accepts_links
    assert isinstance(listener, Listener)
    assert isinstance(connector, Connector)
    assert connector.use_client_cert
    assert isinstance(link, Link)
    assert link.endpoint_for("inter-router") == Endpoint(
        name="inter-router", host="A.example", port=55671, group="g"
    )
    assert link.endpoint_for("edge") is None
    assert link.cost == 7
    assert isinstance(access, RouterAccess)
    assert access.roles == (AccessRole(name="inter-router", port=1), AccessRole(name="edge"))
    assert isinstance(secret, Secret)
    assert secret.data == {"ca.crt": b"hi", "note": b"hello"}


def test_json_is_accepted() -> None:
    document: dict[str, Any] = {
        "apiVersion": "skupper.io/v2alpha1",
        "kind": "Connector",
        "metadata": {"name": "db", "annotations": {"note": "é 😀 \\ud83d/ \\"}},
        "spec": {"host": "::1", "port": 5432, "routingKey": "db", "verifyHostname": True},
    }
    slashes = json.dumps(document).replace("/", "\\/")
    for text in (json.dumps(document), json.dumps(document, indent="\t", ensure_ascii=False), slashes):
        connector = decoded_one(text)
        assert isinstance(connector, Connector)
        assert connector.verify_hostname
        assert connector.metadata.annotations == document["metadata"]["annotations"]


def test_lists_are_expanded_and_empty_documents_skipped() -> None:
    item = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c.d"},
            "data": {"flag": "false", "n": "1"},
        }
    )
    text = f"---\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- {item}\n- {{kind: List, items: [{item}]}}\n---\n"
    first, second = decode_documents(text, "-").require()
    assert first == second
    assert isinstance(first, ConfigMap)
    assert first.data == {"flag": "false", "n": "1"}


def test_other_kinds_are_kept_whole() -> None:
    text = "apiVersion: apps/v9\nkind: Widget\nmetadata: {name: w, generation: 3}\n"
    text += "spec: {n: 0, off: false, x: null}\nstatus: {a: 1}"
    widget = decoded_one(text)
    assert isinstance(widget, OtherResource)
    assert (widget.other_kind, widget.other_api_version, widget.title) == ("Widget", "apps/v9", "Widget w")
    assert widget.body == {"spec": {"n": 0, "off": False, "x": None}}
    assert widget.status == {"a": 1}
    assert widget.metadata.unknown == {"generation": 3}


def test_a_known_kind_of_another_version_is_another_kind() -> None:
    assert isinstance(decoded_one(LISTENER.replace("v2alpha1", "v3")), OtherResource)


def test_unknown_fields_are_kept_and_named() -> None:
    decoded = decode_documents(LISTENER + "  routingkey: x\nextra: {deep: [1]}\n", "file.yaml")
    (listener,) = decoded.require()
    assert listener.unknown_spec == {"routingkey": "x"}
    assert listener.unknown == {"extra": {"deep": [1]}}
    warning, beside = decoded.warnings
    assert (warning.line, warning.field) == (9, "spec.routingkey")
    assert "did you mean routingKey?" in warning.rule
    assert (beside.line, beside.field) == (10, "extra")


def test_fields_without_effect_are_named() -> None:
    decoded = decode_documents(with_spec("Site", "ha: true\nsettings: {router-loging: debug}"), "file.yaml")
    assert [warning.field for warning in decoded.warnings] == [
        "spec.ha",
        "spec.settings.router-loging",
    ]
    assert decoded.require()


# What is wrong.


def test_every_problem_is_reported_with_line_field_value_and_rule() -> None:
    text = with_spec("Listener", "host: Upper\nport: 70000\ntype: udp\nobserver: maybe", name="Bad_Name")
    decoded = decode_documents(text, "file.yaml")
    assert [(problem.line, problem.field, problem.value) for problem in decoded.problems] == [
        (3, "metadata.name", '"Bad_Name"'),
        (4, "spec.routingKey", ""),
        (5, "spec.host", '"Upper"'),
        (6, "spec.port", "70000"),
        (7, "spec.type", '"udp"'),
        (8, "spec.observer", '"maybe"'),
    ]
    assert str(decoded.problems[3]) == (
        "file.yaml:6: Listener Bad_Name: spec.port: 70000: must be a port from 1 to 65535"
    )
    with pytest.raises(InvalidResourcesError) as raised:
        decoded.require()
    assert raised.value.problems == decoded.problems
    assert raised.value.exit_status == 2


@pytest.mark.parametrize(
    ("spec", "field", "rule"),
    [
        ("host: a\nport: '8080'\nroutingKey: k", "spec.port", "must be a whole number; leave out the quotes"),
        ("host: a\nport: 80.5\nroutingKey: k", "spec.port", "must be a whole number"),
        ("host: a\nport: true\nroutingKey: k", "spec.port", "must be a whole number"),
        ("host: a\nport: 0\nroutingKey: k", "spec.port", "must be a port from 1 to 65535"),
        ("host: a\nport: -1\nroutingKey: k", "spec.port", "must be a port from 1 to 65535"),
        ("host: a\nport: 1\nroutingKey: 8080", "spec.routingKey", "must be text; put it in quotes"),
        ("host: a\nport: 1\nroutingKey: ''", "spec.routingKey", "is missing"),
        ("host: a\nport: 1\nroutingKey: 'a b'", "spec.routingKey", "must be printable and hold no space"),
        ("host: ''\nport: 1\nroutingKey: k", "spec.host", "is missing"),
        (
            "host: 'a;b'\nport: 1\nroutingKey: k",
            "spec.host",
            "must be an IP address or a lower-case host name",
        ),
        (
            "host: fe80::1%eth0\nport: 1\nroutingKey: k",
            "spec.host",
            "must be an IP address or a lower-case host name",
        ),
        ("host: [a]\nport: 1\nroutingKey: k", "spec.host", "must be text"),
        (
            "host: a\nport: 1\nroutingKey: k\nexposePodsByName: 1",
            "spec.exposePodsByName",
            "must be true or false",
        ),
        ("host: a\nport: 1\nroutingKey: k\nsettings: [a]", "spec.settings", "must be a map of text to text"),
        (
            "host: a\nport: 1\nroutingKey: k\nsettings: {a: 1}",
            "spec.settings.a",
            "must be text; put it in quotes",
        ),
    ],
)
def test_a_value_that_breaks_its_rule_is_named(spec: str, field: str, rule: str) -> None:
    ((_, found, broken),) = rules_broken(with_spec("Listener", spec))
    assert (found, broken) == (field, rule)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "a.b-c.d", "localhost", "7", "::ffff:1.2.3.4"])
def test_the_reference_s_hosts_are_accepted(host: str) -> None:
    assert not rules_broken(with_spec("Listener", f"host: '{host}'\nport: 1\nroutingKey: k"))


@pytest.mark.parametrize("host", ["10.0.0.256", "192.168.1", "1.2.3.4.5", "010.0.0.1"])
def test_a_mistyped_address_is_no_host(host: str) -> None:
    ((_, field, rule),) = rules_broken(with_spec("Listener", f"host: '{host}'\nport: 1\nroutingKey: k"))
    assert (field, rule.partition(":")[0]) == ("spec.host", "is not an IP address")
    text = with_spec("Link", f"tlsCredentials: a\nendpoints:\n- {{name: edge, host: {host}, port: '1'}}")
    assert [field for _, field, _ in rules_broken(text)] == ["spec.endpoints[0].host"]


@pytest.mark.parametrize("name", ["a.b", "-a", "a-", "A", "a_b", "a/b", "..", "a\\nb", "é", "a" * 201])
def test_names_that_cannot_be_names_are_refused(name: str) -> None:
    text = LISTENER.replace("name: backend", f'name: "{name}"')
    assert [field for _, field, _ in rules_broken(text)] == ["metadata.name"]


@pytest.mark.parametrize("kind", ["../../etc/passwd", "listener", "A B", ""])
def test_kinds_that_cannot_be_file_names_are_refused(kind: str) -> None:
    assert "kind" in [
        field for _, field, _ in rules_broken(f"apiVersion: v1\nkind: '{kind}'\nmetadata: {{name: a}}\n")
    ]


@pytest.mark.parametrize("name", ["../x", "a/b", "A"])
def test_names_of_other_kinds_cannot_leave_their_directory(name: str) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: '{name}'}}\n"
    assert [field for _, field, _ in rules_broken(text)] == ["metadata.name"]


@pytest.mark.parametrize(
    "spec",
    [
        "selector: 'app=x'",
        "selector: 'app==x, tier=a.b_c'",
        "settings: {container: web_1}",
        "settings: {workload: compose/web}",
    ],
)
def test_a_connector_that_names_containers_needs_no_host(spec: str) -> None:
    decoded = decode_documents(with_spec("Connector", f"{spec}\nport: 1\nroutingKey: k"), "file.yaml")
    assert not decoded.problems
    assert not decoded.warnings


@pytest.mark.parametrize(
    ("spec", "field", "rule"),
    [
        ("", "spec.host", "is missing"),
        ("settings: {other: x}", "spec.host", "is missing"),
        ("host: h\nsettings: {container: web}", "spec.settings.container", "excludes spec.host"),
        ("selector: a=b\nsettings: {workload: compose/web}", "spec.settings.workload", "excludes"),
        ("settings: {container: web, workload: compose/web}", "spec.settings.container", "excludes"),
        ("settings: {container: '-x'}", "spec.settings.container", "name of a container"),
        ("settings: {workload: deployment/web}", "spec.settings.workload", "compose/SERVICE"),
        ("selector: app", "spec.selector", "labels with their values"),
        ("selector: 'app in (a,b)'", "spec.selector", "labels with their values"),
    ],
)
def test_how_a_connector_names_its_server_is_checked(spec: str, field: str, rule: str) -> None:
    ((_, found, broken),) = rules_broken(with_spec("Connector", f"{spec}\nport: 1\nroutingKey: k"))
    assert found == field
    assert rule in broken


def test_a_host_counts_before_a_selector_which_the_reference_ignores_too() -> None:
    decoded = decode_documents(
        with_spec("Connector", "host: h\nselector: app in (x)\nport: 1\nroutingKey: k"), "file.yaml"
    )
    assert not decoded.problems
    assert [warning.field for warning in decoded.warnings] == ["spec.selector"]


@pytest.mark.parametrize(
    ("setting", "good"),
    [
        ("cpus: '0.5'", True),
        ("cpus: '0'", False),
        ("cpus: '-1'", False),
        ("cpus: nan", False),
        ("cpus: 1e3", False),
        ("memory: 256m", True),
        ("memory: 1G", True),
        ("memory: '6291456'", True),
        ("memory: 1m", False),
        ("memory: 1.5g", False),
        ("memory: much", False),
        ("network: my_net.1-x", True),
        ("network: host", True),
        ("network: none", False),
        ("network: 'container:x'", False),
        ("network: 'a b'", False),
    ],
)
def test_the_settings_of_a_site_s_container_are_checked(setting: str, good: bool) -> None:
    broken = rules_broken(with_spec("Site", f"settings: {{{setting}}}"))
    assert [field for _, field, _ in broken] == ([] if good else [f"spec.settings.{setting.split(':')[0]}"])


def test_links_name_what_is_wrong_with_their_endpoints() -> None:
    text = with_spec(
        "Link",
        "tlsCredentials: s\nsettings: {a: b}\nendpoints:\n- {name: edge, host: a, port: 0}\n- {host: 'a b'}\n- 1",
    )
    assert [(line, field) for line, field, _ in rules_broken(text)] == [
        (8, "spec.endpoints[0].port"),
        (9, "spec.endpoints[1].name"),
        (9, "spec.endpoints[1].host"),
        (9, "spec.endpoints[1].port"),
        (10, "spec.endpoints[2]"),
    ]


def multi_key(strategy: str, more: str = "") -> str:
    return with_spec("MultiKeyListener", f"host: 127.0.0.1\nport: 8080\nstrategy: {strategy}\n{more}")


def test_a_listener_of_several_keys_keeps_their_order_and_counts_down() -> None:
    listener = decoded_one(multi_key("{priority: {routingKeys: [b, a, c]}}"))
    assert isinstance(listener, MultiKeyListener)
    strategy = listener.strategy
    assert (strategy.name, strategy.routing_keys, strategy.values) == ("priority", ("b", "a", "c"), (2, 1, 0))


def test_a_listener_of_weighted_keys_has_their_weights() -> None:
    listener = decoded_one(multi_key("{weighted: {routingKeys: {b: 3, 8080: 1}}, priority: null}"))
    assert isinstance(listener, MultiKeyListener)
    strategy = listener.strategy
    assert (strategy.name, strategy.routing_keys, strategy.values) == ("weighted", ("8080", "b"), (1, 3))


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ("{}", "spec.strategy"),
        ("[a]", "spec.strategy"),
        ("{priority: {routingKeys: [a]}, weighted: {routingKeys: {a: 1}}}", "spec.strategy"),
        ("{priority: [a]}", "spec.strategy.priority"),
        ("{priority: {}}", "spec.strategy.priority.routingKeys"),
        ("{priority: {routingKeys: []}}", "spec.strategy.priority.routingKeys"),
        ("{priority: {routingKeys: {a: 1}}}", "spec.strategy.priority.routingKeys"),
        ("{priority: {routingKeys: [a, '']}}", "spec.strategy.priority.routingKeys[1]"),
        ("{priority: {routingKeys: [a, a]}}", "spec.strategy.priority.routingKeys[1]"),
        ("{weighted: {routingKeys: [a]}}", "spec.strategy.weighted.routingKeys"),
        ("{weighted: {routingKeys: {a: 0}}}", "spec.strategy.weighted.routingKeys.a"),
        ("{weighted: {routingKeys: {a: null}}}", "spec.strategy.weighted.routingKeys.a"),
        ("{weighted: {routingKeys: {a: '1'}}}", "spec.strategy.weighted.routingKeys.a"),
        ("{weighted: {routingKeys: {'a b': 1}}}", "spec.strategy.weighted.routingKeys"),
    ],
)
def test_a_wrong_strategy_is_refused_where_it_is_wrong(strategy: str, field: str) -> None:
    assert [(line, found) for line, found, _ in rules_broken(multi_key(strategy))] == [(7, field)]


def test_no_more_keys_than_there_can_be() -> None:
    keys = ", ".join(f"k{number}" for number in range(257))
    ((_, field, rule),) = rules_broken(multi_key(f"{{priority: {{routingKeys: [{keys}]}}}}"))
    assert field == "spec.strategy.priority.routingKeys"
    assert "at most 256" in rule


def test_certificates_of_clients_need_tls_on_the_listener() -> None:
    assert [
        field
        for _, field, _ in rules_broken(
            multi_key("{priority: {routingKeys: [a]}}", "requireClientCert: true")
        )
    ] == ["spec.requireClientCert"]


def test_what_a_strategy_holds_besides_is_kept_and_named() -> None:
    text = multi_key("{weighted: {routingKeys: {a: 1}, sticky: true}, fallback: x}")
    decoded = decode_documents(text, "-")
    assert sorted(warning.field for warning in decoded.warnings) == [
        "spec.strategy.fallback",
        "spec.strategy.weighted.sticky",
    ]
    assert decode_documents(encode_resource(decoded.require()[0]), "-").require() == decoded.resources


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("debug", {"DEFAULT": "debug+"}),
        ("ROUTER_CORE:error,SERVER:info+", {"ROUTER_CORE": "error+", "SERVER": "info+"}),
        ("trace, HTTP:none", {"DEFAULT": "debug+", "HTTP": "none"}),
        ("notice+", {"DEFAULT": "info+"}),
    ],
)
def test_the_router_s_log_is_a_setting_of_the_site(text: str, levels: dict[str, str]) -> None:
    for key in ("router-logging", "routerLogging"):
        site = decoded_one(with_spec("Site", f"settings: {{{key}: '{text}'}}"))
        assert isinstance(site, Site)
        assert logging_wanted(site) == levels


@pytest.mark.parametrize("text", ["loud", "CORE:info", "info,debug", "a:b:c", ",", "none+", "SERVER:"])
def test_a_log_that_no_router_knows_is_refused(text: str) -> None:
    ((line, field, _),) = rules_broken(with_spec("Site", f"settings: {{router-logging: '{text}'}}"))
    assert (line, field) == (5, "spec.settings.router-logging")


def test_data_connections_are_counted_or_automatic() -> None:
    for text, good in (("auto", True), ("2", True), ("-1", False), ("many", False), ("257", False)):
        problems = rules_broken(with_spec("Site", f"settings: {{routerDataConnections: '{text}'}}"))
        assert bool(problems) is not good


def test_a_certificate_has_one_purpose_and_a_signer() -> None:
    assert not rules_broken(with_spec("Certificate", "subject: a\nsigning: true"))
    assert not rules_broken(
        with_spec("Certificate", "subject: a\nca: b\nserver: true\nhosts: ['*.a', '::1']")
    )
    for spec, field in (
        ("subject: a", "spec"),
        ("subject: a\nserver: true", "spec.ca"),
        ("subject: a\nca: b\nserver: true\nclient: true", "spec.client"),
        ("subject: a\nsigning: true\nserver: true", "spec.server"),
        ("signing: true", "spec.subject"),
        ("subject: a\nca: b\nserver: true\nhosts: ['a b']", "spec.hosts[0]"),
    ):
        assert [found for _, found, _ in rules_broken(with_spec("Certificate", spec))] == [field]


def test_no_message_ever_shows_the_code_of_a_grant_or_token() -> None:
    text = with_spec("AccessToken", "url: http://a\ncode: 12345678\nca: x") + "---\n"
    text += with_spec("AccessGrant", "code: 'wr\u0007ong-secret'".replace("\u0007", "\t"))
    decoded = decode_documents(text, "-")
    assert [problem.field for problem in decoded.problems] == [
        "spec.url",
        "spec.code",
        "spec.ca",
        "spec.code",
    ]
    assert "12345678" not in str(decoded.problems)
    assert "secret" not in str(decoded.problems)
    token = AccessToken(metadata=Metadata(name="a"), url="https://a", code="s3cr3t", ca="c")
    assert "s3cr3t" not in repr(token)


def test_kinds_that_need_kubernetes_are_typed_and_say_so() -> None:
    text = "---\n".join(
        (
            with_spec("AttachedConnector", "siteNamespace: a\nselector: app=b\nport: 1"),
            with_spec("AttachedConnectorBinding", "connectorNamespace: a\nroutingKey: b"),
            with_spec("SecuredAccess", "selector: {app: b}\nports: [{name: a, port: 1, targetPort: 2}]"),
        )
    )
    for resource in decode_documents(text, "-").require():
        assert "Kubernetes" in kept_because(resource)
    bad = with_spec("AttachedConnector", "siteNamespace: A\nport: 70000")
    assert [field for _, field, _ in rules_broken(bad)] == [
        "spec.selector",
        "spec.siteNamespace",
        "spec.port",
    ]


@pytest.mark.parametrize(
    ("api_version", "kind", "meant"),
    [
        ("skupper.io/v2alpha1", "Listner", "kind: Listener"),
        ("skupper.io/v2alpha1", "AccessTokens", "kind: AccessToken"),
        ("skupper.io/v1", "Site", "apiVersion: skupper.io/v2alpha1"),
        ("v1", "Connector", "apiVersion: skupper.io/v2alpha1"),
        ("v1", "Secrets", "kind: Secret"),
        ("v1", "Service", ""),
        ("cert-manager.io/v1", "Certificate", ""),
        ("skupper.io/v2alpha1", "Widget", ""),
    ],
)
def test_an_unknown_kind_that_looks_like_a_known_one_is_named(
    api_version: str, kind: str, meant: str
) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n"
    decoded = decode_documents(text, "-")
    assert isinstance(decoded.require()[0], OtherResource)
    assert [meant in warning.rule and warning.line == 2 for warning in decoded.warnings] == (
        [True] if meant else []
    )


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("kind: Listener\nmetadata: {name: a}", ["apiVersion"]),
        ("apiVersion: 2\nkind: Listener\nmetadata: {name: a}", ["apiVersion"]),
        ("apiVersion: skupper.io/v2alpha1\nkind: listener\nmetadata: {name: a}", ["kind"]),
        ("apiVersion: skupper.io/v2alpha1\nkind: Listener", ["metadata"]),
        ("apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {}", ["metadata.name"]),
        ("apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: A}", ["metadata.name"]),
        ("kind: listener", ["kind", "apiVersion", "metadata"]),
    ],
)
def test_a_broken_header_hides_no_later_mistake(header: str, fields: list[str]) -> None:
    text = f"{header}\nspec: {{host: a b, port: 0, routingKey: k}}\n"
    assert [field for _, field, _ in rules_broken(text)] == [*fields, "spec.host", "spec.port"]


def test_an_edge_site_cannot_be_highly_available() -> None:
    assert [(line, field) for line, field, _ in rules_broken(with_spec("Site", "edge: true\nha: true"))] == [
        (6, "spec.ha")
    ]


def test_the_good_resources_are_returned_beside_the_problems() -> None:
    decoded = decode_documents(LISTENER.replace("8080\n", "0\n", 1) + "---\n" + LISTENER, "file.yaml")
    assert len(decoded.resources) == 1
    assert len(decoded.problems) == 1


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("a: 1\nb: [", 2, "is not valid YAML"),
        ("a: &x 1\nb: *x\n", 1, "anchors are not accepted"),
        ("a: 1\nb: *x\n", 2, "aliases are not accepted"),
        ("a: 1\na: 2\n", 2, "stands twice in the same map"),
        ("a: !!python/object:os.system 1\n", 1, "tags are not accepted"),
        ("? [a]\n: 1\n", 1, "a key must be text"),
        ("just text\n", 1, "must be a resource"),
        ("a: 1\nb: \x01\n", 2, "is not valid YAML"),
        ("- 1\n", 1, "must be a resource"),
    ],
)
def test_text_that_is_no_resource_is_named_with_its_line(text: str, line: int, rule: str) -> None:
    assert any(found == line and broken.startswith(rule) for found, _, broken in rules_broken(text))


def test_bytes_that_are_not_utf8_are_named_with_their_line() -> None:
    assert rules_broken(b"a: 1\nb: \xff\n") == [(2, "", "must be UTF-8 text")]
    assert not rules_broken(b"\xef\xbb\xbf" + LISTENER.encode())


# Hostile input.


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "- " * 100_000 + "x",
        "{a: " * 50_000,
        "a: " + "[]\n---\na: " * 20_000,
        "x" * (8 * 1024 * 1024 + 1),
        "&a [" + "*a," * 100_000 + "]",
        "".join(f"a: {number}\n" for number in range(50_000)),
    ],
    ids=["flow", "block", "maps", "documents", "size", "aliases", "duplicates"],
)
def test_a_hostile_file_is_refused_in_bounded_time_with_bounded_output(text: str) -> None:
    began = time.process_time()
    decoded = decode_documents(text, "file.yaml")
    assert decoded.problems
    assert len(decoded.problems) <= 500
    assert (len(decoded.problems) == 500) == decoded.problems[-1].rule.startswith("has more problems")
    assert time.process_time() - began < 20


def test_messages_hold_neither_control_characters_nor_long_values() -> None:
    text = LISTENER.replace("0.0.0.0", '"\\e[31m' + "x" * 500 + '"')
    (problem,) = decode_documents(text, "file.yaml").problems
    assert str(problem).isprintable()
    assert len(str(problem)) < 250


def test_a_key_of_a_map_is_as_harmless_in_a_message_as_a_value() -> None:
    text = LISTENER.replace("name: backend", 'name: backend\n  labels: {"\\e[31m\\n' + "x" * 500 + '": 1}')
    (problem,) = decode_documents(text, "file.yaml").problems
    assert problem.rule == "must be text; put it in quotes"
    assert str(problem).isprintable()
    assert len(str(problem)) < 300


def test_the_pure_python_parser_stands_in_for_the_fast_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    fast = decode_documents(LISTENER + "  port: 1\n", "file.yaml")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert decode_documents(LISTENER + "  port: 1\n", "file.yaml") == fast
    assert decode_documents(LISTENER, "file.yaml").require()
    assert decode_documents("[" * 100_000, "file.yaml").problems


def test_secrets_never_appear_in_messages_or_repr() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {tls.key: 'hunter2!', ../x: aGk=, n: [hunter2]}\n"
    decoded = decode_documents(text, "file.yaml")
    assert [problem.field for problem in decoded.problems] == ["data.tls.key", "data.../x", "data.n"]
    assert "hunter2" not in str(decoded)
    good = decoded_one(text.replace("'hunter2!'", "aHVudGVyMg==").replace(", ../x: aGk=, n: [hunter2]", ""))
    assert isinstance(good, Secret)
    assert good.data == {"tls.key": b"hunter2"}
    assert "hunter2" not in repr(good)


@given(st.text(alphabet=st.sampled_from("ab:-{}[]&*!|>'\"%@#?, \n\t0~<=.é\x00"), max_size=80))
@settings(deadline=None, max_examples=200)
def test_no_text_makes_the_decoder_fail(text: str) -> None:
    decoded = decode_documents(text, "file.yaml")
    assert all(problem.rule for problem in decoded.problems)


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=100)
def test_no_bytes_make_the_decoder_fail(data: bytes) -> None:
    decode_documents(data, "file.yaml")


def test_two_hundred_listeners_are_read_within_a_fraction_of_a_second() -> None:
    decode_documents(LISTENER, "warm-up")
    began = time.process_time()
    for number in range(200):
        decode_documents(LISTENER.replace("backend", f"backend-{number}"), "file.yaml").require()
    assert time.process_time() - began < 2  # some 30 ms; the bound only catches a change of order


def test_a_mistyped_setting_is_kept_and_answered_with_the_one_that_was_meant() -> None:
    text = (
        "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n"
        "spec:\n  settings:\n    router-data-connections: '3'\n"
    )
    decoded = decode_documents(text, "site.yaml")
    assert decoded.problems == ()
    (warning,) = decoded.warnings
    assert (warning.line, warning.field) == (6, "spec.settings.router-data-connections")
    assert warning.rule.endswith("(did you mean routerDataConnections?)")


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_an_entry_that_is_a_number_or_a_truth_value_is_not_taken_for_text(kind: str) -> None:
    """Kubernetes refuses it, and the reference would pass the whole file over in silence."""
    path = "stringData" if kind == "Secret" else "data"
    text = (
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n{path}:\n  port: 3128\n  on: true\n  none:\n"
    )
    assert rules_broken(text) == [
        (5, f"{path}.port", "must be text; put it in quotes"),
        (6, f"{path}.on", "must be text; put it in quotes"),
    ]


def test_an_entry_of_a_secret_stands_where_its_plain_text_does() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  k: YQ==\nstringData:\n  k: b\n"
    (secret,) = decode_documents(text, "a.yaml").require()
    assert isinstance(secret, Secret)
    assert secret.data == {"k": b"b"}
    assert secret.origin is not None
    assert secret.origin.line_of("data.k") == 7


def test_a_spec_that_says_nothing_lacks_its_fields_where_it_stands() -> None:
    text = "apiVersion: skupper.io/v2alpha1\nkind: AttachedConnectorBinding\nmetadata: {name: a}\nspec:\n"
    assert [line for line, _, _ in rules_broken(text)] == [4, 4]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("\tname: a", "a tab stands where YAML wants spaces"),
        ("  name: @a", "a value that begins with @ must stand in quotes"),
        ("  name: `a`", "a value that begins with ` must stand in quotes"),
    ],
)
def test_what_the_parser_calls_no_token_is_told_in_words(line: str, rule: str) -> None:
    (problem,) = decode_documents(f"kind: Site\nmetadata:\n{line}\n", "a.yaml").problems
    assert (problem.line, problem.rule) == (3, f"is not valid YAML: {rule}")


def test_problems_are_told_in_the_order_of_their_lines() -> None:
    text = "kind: Site\napiVersion: skupper.io/v2alpha1\nmetadata: {name: A}\n---\nkind: 5\n---\na: [\n"
    lines = [problem.line for problem in decode_documents(text, "a.yaml").problems]
    assert lines == sorted(lines)
    assert lines[0] == 3
    assert len(lines) > 3


def test_a_key_stands_in_one_of_the_two_maps_of_a_configmap() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: x\nbinaryData:\n  k: YQ==\n"
    (problem,) = decode_documents(text, "a.yaml").problems
    assert (problem.line, problem.field, problem.rule) == (7, "binaryData.k", "is a key of data as well")
