from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.entities import ENTITY_TYPES, Entity
from skupper_local.errors import InvalidRequestError
from skupper_local.router.configuration import (
    AddressSettings,
    LogSettings,
    RouterConfiguration,
    SiteSettings,
    load_configuration,
    make_configuration,
)
from skupper_local.router.errors import RouterConfigurationError, RouterConfigurationUnreadableError

ROUTER = Entity("router", {"id": "west", "mode": "interior"})


def configured(*entities: Entity | tuple[str, dict[str, Any]]) -> RouterConfiguration:
    """A configuration of a good router and these entities."""
    return make_configuration(
        [ROUTER, *(Entity(*item) if isinstance(item, tuple) else item for item in entities)]
    )


def problems(*entities: tuple[str, dict[str, Any]], router: dict[str, Any] | None = None) -> list[str]:
    """What is found wrong with these entities beside a good router (or the one that is given)."""
    first = ROUTER if router is None else Entity("router", router)
    with pytest.raises(RouterConfigurationError) as caught:
        make_configuration([first, *(Entity(*item) for item in entities)])
    return [str(problem) for problem in caught.value.problems]


def only_problem(*entities: tuple[str, dict[str, Any]], router: dict[str, Any] | None = None) -> str:
    found = problems(*entities, router=router)
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def credentials(tmp_path: Path) -> dict[str, str]:
    """An sslProfile whose three files can be read."""
    for file in ("tls.crt", "tls.key", "ca.crt"):
        (tmp_path / file).write_text("PEM")
    return {
        "name": "profile",
        "certFile": str(tmp_path / "tls.crt"),
        "privateKeyFile": str(tmp_path / "tls.key"),
        "caCertFile": str(tmp_path / "ca.crt"),
    }


# What is read.


def test_the_configuration_of_a_site_is_read_from_its_file(
    tmp_path: Path, credentials: dict[str, str]
) -> None:
    file = tmp_path / "skrouterd.json"
    metadata = '{"id":"6c1b","version":"v2","platform":"linux"}'
    file.write_text(
        json.dumps(
            [
                [
                    "router",
                    {"id": "west-1", "mode": "interior", "helloMaxAgeSeconds": "3", "metadata": metadata},
                ],
                ["sslProfile", credentials],
                [
                    "connector",
                    {
                        "name": "link-go-east",
                        "role": "inter-router",
                        "host": "192.168.1.20",
                        "port": "55671",
                        "cost": 2,
                        "sslProfile": "profile",
                    },
                ],
                [
                    "listener",
                    {
                        "name": "go-west-inter-router",
                        "role": "inter-router",
                        "host": "127.0.0.1",
                        "port": 55671,
                        "sslProfile": "profile",
                        "saslMechanisms": "EXTERNAL",
                        "authenticatePeer": True,
                    },
                ],
                ["address", {"prefix": "mc", "distribution": "multicast"}],
                ["tcpConnector", {"name": "connector/db@h", "host": "h", "port": "5432", "address": "db"}],
                [
                    "tcpListener",
                    {"name": "listener/backend", "host": "0.0.0.0", "port": "8080", "address": "b"},
                ],
                ["log", {"module": "ROUTER_CORE", "enable": "error+"}],
                ["site", {"name": "west", "platform": "linux", "namespace": "w", "version": "v2"}],
            ]
        )
    )
    read = load_configuration(file)
    assert (read.router.id, read.router.mode, read.router.metadata) == ("west-1", "interior", metadata)
    assert (read.router.hello_interval, read.router.hello_max_age) == (1, 3)
    profile = read.ssl_profiles["profile"]
    assert (profile.cert_file, profile.private_key_file, profile.ca_cert_file) == (
        credentials["certFile"],
        credentials["privateKeyFile"],
        credentials["caCertFile"],
    )
    connector = read.connectors[0]
    assert (connector.host, connector.port, connector.cost) == ("192.168.1.20", 55671, 2)
    assert (connector.ssl_profile, connector.verify_hostname) == ("profile", True)
    listener = read.listeners[0]
    assert (listener.host, listener.port, listener.role) == ("127.0.0.1", 55671, "inter-router")
    assert listener.sasl_mechanisms == ("EXTERNAL",)
    assert listener.authenticate_peer
    assert not listener.http
    assert listener.idle_timeout_seconds == 16
    assert read.addresses == (AddressSettings("mc", None, "multicast"),)
    assert (read.tcp_connectors[0].port, read.tcp_connectors[0].address) == (5432, "db")
    assert (read.tcp_listeners[0].port, read.tcp_listeners[0].observer) == (8080, "auto")
    assert read.logs == (LogSettings("ROUTER_CORE", "error+"),)
    assert read.site == SiteSettings("west", None, None, "linux", "w", "v2")
    assert read.warnings == ()


def test_values_may_be_text_or_their_own_type() -> None:
    for port in (9090, "9090"):
        for truth in (True, "yes", "TRUE", "on", 1):
            read = configured(
                ("listener", {"port": port, "http": truth, "healthz": "off", "websockets": "no", "cost": "7"})
            )
            listener = read.listeners[0]
            assert (listener.port, listener.http, listener.healthz, listener.cost) == (9090, True, False, 7)


@pytest.mark.parametrize(("service", "port"), [("amqp", 5672), ("amqps", 5671), ("http", 80)])
def test_a_port_may_be_the_name_of_a_service(service: str, port: int) -> None:
    assert configured(("listener", {"port": service})).listeners[0].port == port


def test_what_is_absent_or_null_has_the_reference_default() -> None:
    read = configured(
        ("listener", {"cost": None}),
        ("connector", {"role": "inter-router"}),
        ("tcpConnector", {"port": 1, "address": "a"}),
    )
    listener, connector = read.listeners[0], read.connectors[0]
    assert (listener.host, listener.port, listener.role, listener.cost) == ("", 5672, "normal", 1)
    assert (listener.max_frame_size, listener.max_session_frames, listener.link_capacity) == (
        None,
        None,
        None,
    )
    assert (connector.host, connector.port, connector.verify_hostname) == ("127.0.0.1", 5672, True)
    assert (read.tcp_connectors[0].host, read.tcp_connectors[0].verify_hostname) == ("127.0.0.1", True)


def test_an_entity_without_a_name_is_called_after_its_socket() -> None:
    assert configured(("listener", {"host": "::1", "port": "amqp"})).listeners[0].name == "listener/::1:5672"


def test_names_may_be_hyphenated_and_types_long() -> None:
    read = configured(
        ("tcp-listener", {"name": "a", "port": 1, "address": "a", "site-id": "s"}),
        ("io.skupper.router.tcpListener", {"name": "b", "port": 2, "address": "b"}),
    )
    assert [(item.name, item.site_id) for item in read.tcp_listeners] == [("a", "s"), ("b", None)]


def test_a_router_without_an_id_gets_one() -> None:
    ids = {make_configuration([Entity("router", {"mode": "interior"})]).router.id for _ in range(3)}
    assert len(ids) == 3


def test_http_as_the_reference_asks_for_it_on_kubernetes_is_served() -> None:
    read = configured(
        (
            "listener",
            {
                "name": "@9090",
                "role": "normal",
                "port": 9090,
                "http": True,
                "httpRootDir": "disabled",
                "websockets": False,
                "healthz": True,
                "metrics": True,
            },
        )
    )
    assert read.listeners[0].http
    assert read.warnings == ()


def test_a_listener_for_edge_routers_is_read_without_a_warning() -> None:
    read = configured(("listener", {"name": "go-west-edge", "role": "edge", "port": 45671}))
    assert read.listeners[0].role == "edge"
    assert read.warnings == ()


def test_an_edge_router_dials_with_role_edge() -> None:
    edge = Entity("router", {"id": "leaf", "mode": "edge"})
    read = make_configuration([edge, Entity("connector", {"role": "edge", "host": "h", "port": 45671})])
    assert (read.router.mode, read.connectors[0].role) == ("edge", "edge")


@pytest.mark.parametrize(
    ("mode", "kind", "role", "reason"),
    [
        ("edge", "connector", "inter-router", "links with role edge only"),
        ("edge", "listener", "inter-router", "accepts no other routers"),
        ("edge", "listener", "edge", "accepts no other routers"),
        ("interior", "connector", "edge", "needs a router of mode edge"),
    ],
)
def test_roles_fit_the_mode_of_the_router(mode: str, kind: str, role: str, reason: str) -> None:
    found = only_problem((kind, {"role": role, "host": "h", "port": 1}), router={"id": "a", "mode": mode})
    assert ": role: " in found
    assert reason in found


def test_the_addresses_of_a_listener_with_a_strategy_are_read_in_their_order() -> None:
    read = configured(
        ("listenerAddress", {"name": "m/b", "address": "b", "value": 0, "listener": "m"}),
        ("listenerAddress", {"name": "m/a", "address": "a", "value": "7", "listener": "m"}),
        ("tcpListener", {"name": "m", "port": 1, "multiAddressStrategy": "weighted"}),
        ("tcpListener", {"name": "one", "port": 2, "address": "a"}),
    )
    several, one = read.tcp_listeners
    assert several.strategy == "weighted"
    assert [(item.address, item.value) for item in several.addresses] == [("b", 0), ("a", 7)]
    assert (one.strategy, one.addresses) == ("none", ())
    assert read.warnings == ()


def test_an_address_beside_a_strategy_is_warned_of() -> None:
    [warning] = configured(
        ("tcpListener", {"name": "m", "port": 1, "multiAddressStrategy": "priority", "address": "a"})
    ).warnings
    assert warning.startswith("tcpListener m: address has no effect")


@pytest.mark.parametrize(
    ("listener", "reason"),
    [("nobody", "there is no tcpListener nobody"), ("one", "tcpListener one has no multiAddressStrategy")],
)
def test_an_address_belongs_to_a_listener_with_a_strategy(listener: str, reason: str) -> None:
    assert reason in only_problem(
        ("tcpListener", {"name": "one", "port": 1, "address": "a"}),
        ("listenerAddress", {"name": "x", "address": "a", "value": 1, "listener": listener}),
    )


def test_a_connector_may_go_through_a_proxy_whose_password_is_not_shown() -> None:
    read = configured(
        ("proxyProfile", {"name": "p", "host": "h", "port": "3128", "username": "u", "password": "hunter2"}),
        ("connector", {"role": "inter-router", "host": "x", "port": 1, "proxyProfile": "p"}),
    )
    assert read.connectors[0].proxy_profile == "p"
    profile = read.proxy_profiles["p"]
    assert (profile.host, profile.port, profile.username, profile.password) == ("h", 3128, "u", "hunter2")
    assert "hunter2" not in repr(read)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"port": 1}, "host: is empty"),
        ({"host": "h"}, "port: is missing"),
        ({"host": "h", "port": 1, "username": "a:b"}, "user name"),
        ({"host": "h", "port": 1, "username": "a\r\nX: y"}, "user name"),
        ({"host": "h", "port": 1, "password": "hunter2"}, "username: is missing"),
        ({"host": "h", "port": 1, "username": "u", "password": "env:X"}, "use file:PATH"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(attributes: dict[str, Any], reason: str) -> None:
    found = only_problem(("proxyProfile", {"name": "p", **attributes}))
    assert reason in found
    assert "hunter2" not in found


def test_a_proxy_that_is_used_must_be_there() -> None:
    assert "there is no proxyProfile p" in only_problem(
        ("connector", {"role": "inter-router", "host": "h", "port": 1, "proxyProfile": "p"})
    )


@pytest.mark.parametrize("observer", ["none", "auto"])
def test_a_listener_that_needs_no_observer_is_accepted(observer: str) -> None:
    assert configured(("tcpListener", {"port": 1, "address": "a", "observer": observer})).tcp_listeners


def test_what_asks_only_for_speed_is_warned_of() -> None:
    read = make_configuration(
        [Entity("router", {"id": "a", "mode": "interior", "workerThreads": 8, "dataConnectionCount": "2"})]
    )
    assert [warning.split(" has no effect")[0] for warning in read.warnings] == [
        "router (entity 1): workerThreads",
        "router (entity 1): dataConnectionCount",
    ]


def test_the_level_of_a_part_that_only_skrouterd_has_is_warned_of() -> None:
    levels = [("log", {"module": module, "enable": "debug+"}) for module in ("DEFAULT", "TCP_ADAPTOR")]
    [warning] = configured(*levels).warnings
    assert "TCP_ADAPTOR" in warning or "entity 3" in warning
    assert "has no effect" in warning


# What is refused.


def test_all_problems_are_reported_at_once_with_entity_attribute_and_reason() -> None:
    found = problems(
        ("listener", {"name": "a", "port": "x", "hots": "h"}),
        ("tcpListener", {"name": "b", "port": 70000, "address": "k", "observer": "http2"}),
        ("nonsense", {}),
        router={"id": "a|b", "mode": "standalone"},
    )
    assert found == [
        "router (entity 1): id: contains |, which a router id cannot",
        "router (entity 1): mode: mode standalone (the default) is not supported by the embedded router; use interior or edge",
        "listener a: port: 'x' is neither a port number nor the name of a service",
        "listener a: 'hots': is not an attribute of listener; is host meant?",
        "tcpListener b: port: 70000 is not in the range 1 to 65535",
        "tcpListener b: observer: observing http2 is not supported by the embedded router",
        "nonsense (entity 4): this type of entity is not known",
    ]


def test_the_error_is_an_invalid_request_that_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("[]")
    with pytest.raises(InvalidRequestError) as caught:
        load_configuration(file)
    assert str(file) in caught.value.what
    assert caught.value.why == "router: there is none"
    assert (caught.value.code, caught.value.exit_status) == ("router-configuration-invalid", 2)


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("{", "line 1"), ("{}", "not a list")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, why: str) -> None:
    file = tmp_path / "r.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RouterConfigurationUnreadableError, match=why) as caught:
        load_configuration(file)
    assert str(file) in caught.value.what


@pytest.mark.parametrize(
    ("kind", "attributes", "place", "reason"),
    [
        ("listener", {"authenticatePeer": "maybe"}, "authenticatePeer", "neither true nor false"),
        ("listener", {"http": 2}, "http", "neither true nor false"),
        ("listener", {"cost": 0}, "cost", "0 is not in the range 1 to"),
        ("listener", {"cost": 1.5}, "cost", "not an integer"),
        ("listener", {"cost": True}, "cost", "not an integer"),
        ("listener", {"cost": "9" * 30}, "cost", "not an integer"),
        ("listener", {"idleTimeoutSeconds": -1}, "idleTimeoutSeconds", "not in the range"),
        ("listener", {"port": 0}, "port", "not in the range 1 to 65535"),
        ("listener", {"port": ""}, "port", "neither a port number"),
        ("listener", {"port": [1]}, "port", "a list is neither"),
        ("listener", {"host": {"a": 1}}, "host", "a map is not a text"),
        ("listener", {"host": "a b"}, "host", "neither a name nor an address"),
        ("listener", {"host": "a\x00b"}, "host", "NUL"),
        ("listener", {"host": "h" * 256}, "host", "neither a name nor an address"),
        ("listener", {"role": "Normal"}, "role", "not one of normal, inter-router"),
        ("listener", {"maxFrameSize": 511}, "maxFrameSize", "511 is not in the range 512 to"),
        ("listener", {"maxFrameSize": 2**30}, "maxFrameSize", "not in the range"),
        ("listener", {"maxSessionFrames": 1}, "maxSessionFrames", "too small"),
        ("listener", {"openProperties": "x"}, "openProperties", "is not a map"),
        ("listener", {"max-sessions": 32768, "maxSessions": 32768}, "maxSessions", "given twice"),
        ("connector", {"role": "inter-router", "host": ""}, "host", "is empty"),
        ("tcpListener", {"address": "a"}, "port", "is missing"),
        ("tcpListener", {"port": 1}, "address", "is missing"),
        ("tcpListener", {"port": 1, "address": ""}, "address", "is missing"),
        ("tcpConnector", {"port": 1}, "address", "is missing"),
        ("tcpConnector", {"port": 1, "address": ""}, "address", "is empty"),
        ("tcpConnector", {"port": 1, "address": "a" * 9000}, "address", "longer than"),
        ("tcpConnector", {"port": 1, "address": "a", "host": ""}, "host", "is empty"),
        ("sslProfile", {}, "name", "is missing"),
        ("sslProfile", {"name": "a", "certFile": "/c"}, "privateKeyFile", "go together"),
        ("sslProfile", {"name": "a", "privateKeyFile": "/c"}, "certFile", "go together"),
        ("sslProfile", {"name": "a", "protocols": "TLSv1.1"}, "protocols", "not one of TLSv1.2, TLSv1.3"),
        ("sslProfile", {"name": "a", "ciphers": "ROT13"}, "ciphers", "ROT13"),
        ("sslProfile", {"name": "a", "oldestValidOrdinal": 2, "ordinal": 1}, "oldestValidOrdinal", "larger"),
        ("address", {"distribution": "balanced"}, "prefix", "one of prefix and pattern"),
        ("address", {"prefix": "a", "pattern": "b"}, "prefix", "no place beside"),
        ("log", {"enable": "info+"}, "module", "is missing"),
        ("log", {"module": "ROUTER", "enable": "loud"}, "enable", "not one of none"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    kind: str, attributes: dict[str, Any], place: str, reason: str
) -> None:
    found = only_problem((kind, attributes))
    assert found.startswith(kind)
    assert f": {place}: " in found
    assert reason in found


@pytest.mark.parametrize(
    ("router", "place", "reason"),
    [
        ({"id": "a/b", "mode": "interior"}, "id", "contains /"),
        ({"id": "a\nb", "mode": "interior"}, "id", "cannot be printed"),
        ({"id": "a" * 513, "mode": "interior"}, "id", "longer than 512"),
        ({"id": "a"}, "mode", "standalone"),
        ({"id": "a", "mode": "interior", "helloMaxAgeSeconds": 1}, "helloMaxAgeSeconds", "not larger"),
        (
            {"id": "a", "mode": "interior", "dataConnectionCount": "many"},
            "dataConnectionCount",
            "neither auto",
        ),
        ({"id": "a", "mode": "interior", "vanId": "x"}, "vanId", "not supported"),
        (
            {"id": "a", "mode": "interior", "defaultDistribution": "closest"},
            "defaultDistribution",
            "balanced",
        ),
        ({"id": "a", "mode": "interior", "dropTcpConnections": False}, "dropTcpConnections", "not supported"),
    ],
)
def test_a_router_that_cannot_be_run_is_refused(router: dict[str, Any], place: str, reason: str) -> None:
    found = only_problem(router=router)
    assert f": {place}: " in found
    assert reason in found


@pytest.mark.parametrize(
    ("kind", "attributes", "reason"),
    [
        ("listener", {"role": "route-container"}, "role route-container is not supported"),
        ("listener", {"role": "inter-network"}, "role inter-network is not supported"),
        ("listener", {"role": "inter-edge"}, "role inter-edge is not supported"),
        ("listener", {"saslMechanisms": "ANONYMOUS PLAIN"}, "PLAIN is not supported"),
        ("listener", {"http": True, "websockets": True}, "AMQP over WebSockets is not supported"),
        ("listener", {"httpRootDir": "/srv", "websockets": False}, "serving files is not supported"),
        ("listener", {"http": True, "websockets": False, "role": "inter-router"}, "has role normal"),
        ("listener", {"http": True, "websockets": False, "sslProfile": "p"}, "TLS or authentication"),
        ("listener", {"maxSessions": 4}, "maxSessions: is not supported"),
        ("listener", {"stripAnnotations": "no"}, "stripAnnotations: is not supported"),
        ("listener", {"openProperties": {"a": 1}}, "openProperties: is not supported"),
        ("listener", {"socketAddressFamily": "IPv6"}, "socketAddressFamily: is not supported"),
        (
            "listener",
            {"initialHandshakeTimeoutSeconds": 5},
            "initialHandshakeTimeoutSeconds: is not supported",
        ),
        ("connector", {}, "role normal is not supported"),
        ("connector", {"role": "inter-router", "saslPassword": "hunter2"}, "by password is not supported"),
        ("tcpListener", {"port": 1, "address": "a", "observer": "http1"}, "observing http1 is not supported"),
        ("tcpListener", {"port": 1, "address": "a", "backlog": 9}, "backlog: is not supported"),
        ("sslProfile", {"name": "p", "password": "hunter2"}, "with a password is not supported"),
        ("sslProfile", {"name": "p", "uidFormat": "n"}, "uidFormat: is not supported"),
        ("address", {"prefix": "a", "distribution": "closest"}, "closest is not supported"),
        ("address", {"prefix": "mc"}, "for this address; it is multicast"),
        ("address", {"prefix": "a", "priority": 9}, "priority: is not supported"),
        ("log", {"module": "ROUTER", "outputFile": "/tmp/log"}, "outputFile: is not supported"),
        ("vhost", {"hostname": "x"}, "not supported"),
        ("network", {"networkId": "x"}, "not supported"),
    ],
)
def test_what_the_router_cannot_do_is_refused_and_never_ignored(
    kind: str, attributes: dict[str, Any], reason: str
) -> None:
    found = only_problem((kind, attributes))
    assert found.startswith(kind)
    assert reason in found
    assert "hunter2" not in found


def test_what_stands_at_the_value_the_router_acts_on_is_accepted() -> None:
    defaults = {
        kind: {name: item.default for name, item in known.attributes.items() if item.default is not None}
        for kind, known in ENTITY_TYPES.items()
    }
    defaults["listener"]["websockets"] = False
    assert configured(
        ("listener", defaults["listener"]),
        ("connector", {**defaults["connector"], "role": "inter-router"}),
        ("tcpListener", {**defaults["tcpListener"], "port": 1, "address": "a"}),
        ("tcpConnector", {**defaults["tcpConnector"], "port": 1, "address": "a"}),
        ("address", {**defaults["address"], "prefix": "a", "priority": 4}),
        (
            "log",
            {"module": "ROUTER", "enable": "info+,debug", "outputFile": "stderr", "includeTimestamp": True},
        ),
    ).listeners
    make_configuration([Entity("router", {**defaults["router"], "mode": "interior"})])


# What entities are to each other.


def test_names_are_unique_across_all_types() -> None:
    found = only_problem(
        ("tcpListener", {"name": "same", "port": 1, "address": "a"}), ("sslProfile", {"name": "same"})
    )
    assert "is the name of another" in found


def test_the_site_may_be_called_like_anything_else() -> None:
    assert configured(("site", {"name": "west"}), ("sslProfile", {"name": "west"})).site is not None


def test_there_is_one_router_one_site_and_one_of_each_log_and_address() -> None:
    assert only_problem(("router", {"id": "b", "mode": "interior"})) == "router: there is more than one"
    assert only_problem(("site", {"name": "a"}), ("site", {"name": "b"})) == "site: there is more than one"
    assert "named by another log too" in only_problem(*[("log", {"module": "ROUTER", "enable": "info"})] * 2)
    assert "named by another address too" in only_problem(*[("address", {"prefix": "a"})] * 2)


def test_a_profile_that_is_used_must_be_there() -> None:
    assert "there is no sslProfile gone" in only_problem(("listener", {"sslProfile": "gone"}))


@pytest.mark.parametrize(
    ("kind", "attributes", "missing"),
    [
        ("listener", {}, "certFile"),
        ("tcpListener", {"port": 1, "address": "a"}, "certFile"),
        ("connector", {"role": "inter-router"}, "caCertFile"),
        ("tcpConnector", {"port": 1, "address": "a"}, "caCertFile"),
    ],
)
def test_a_profile_must_hold_what_its_user_needs(kind: str, attributes: dict[str, Any], missing: str) -> None:
    found = problems((kind, {**attributes, "sslProfile": "p"}), ("sslProfile", {"name": "p"}))
    assert f"sslProfile p has no {missing}" in found[0]


def test_a_listener_that_knows_peers_by_certificate_needs_their_ca(credentials: dict[str, str]) -> None:
    del credentials["caCertFile"]
    listener = {"sslProfile": "profile", "saslMechanisms": "EXTERNAL", "authenticatePeer": True}
    assert "has no caCertFile" in only_problem(("sslProfile", credentials), ("listener", listener))
    listener = {"sslProfile": "profile"}
    assert configured(("sslProfile", credentials), ("listener", listener)).listeners


def test_authentication_needs_certificates(credentials: dict[str, str]) -> None:
    assert "needs an sslProfile" in only_problem(("listener", {"authenticatePeer": True}))
    assert "needs an sslProfile" in only_problem(("listener", {"requireSsl": True}))
    assert "needs an sslProfile" in only_problem(("listener", {"saslMechanisms": "EXTERNAL"}))
    unknown = ("listener", {"sslProfile": "profile", "authenticatePeer": True})
    assert "needs saslMechanisms EXTERNAL" in only_problem(("sslProfile", credentials), unknown)
    listening = ("tcpListener", {"port": 1, "address": "a", "authenticatePeer": True})
    assert "needs an sslProfile" in only_problem(listening)


def test_certificate_files_in_use_must_be_readable(credentials: dict[str, str]) -> None:
    Path(credentials["certFile"]).unlink()
    Path(credentials["caCertFile"]).write_text("")
    connector = ("connector", {"role": "inter-router", "sslProfile": "profile"})
    found = problems(("sslProfile", credentials), connector, ("listener", {"sslProfile": "profile"}))
    assert found == [
        f"sslProfile profile: certFile: {credentials['certFile']}: No such file or directory",
        f"sslProfile profile: caCertFile: {credentials['caCertFile']}: the file is empty",
    ]


def test_certificate_files_that_nobody_uses_are_not_looked_at(credentials: dict[str, str]) -> None:
    Path(credentials["caCertFile"]).unlink()
    assert configured(("sslProfile", credentials), ("listener", {"sslProfile": "profile"})).listeners


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.sampled_from(list(ENTITY_TYPES.values())).flatmap(
            lambda known: st.builds(
                Entity,
                st.just(known.name),
                st.dictionaries(
                    st.sampled_from(list(known.attributes)) | st.text(max_size=5), _ANY, max_size=8
                ),
            )
        ),
        max_size=6,
    )
)
def test_any_values_make_a_configuration_or_a_list_of_problems(entities: list[Entity]) -> None:
    try:
        read = make_configuration(entities)
    except RouterConfigurationError as error:
        found = error.problems
    else:
        assert read.router.mode == "interior"
        return
    assert found
    assert all(problem.reason for problem in found)
