"""The router's configuration: equal to the reference's as a set of entities, apart from the listed differences."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skupper_local.site.certificates import CredentialsCopy
from skupper_local.site.configuration import router_configuration
from skupper_local.site.differences import DIFFERENCES

from .samples import (
    LINK,
    SECRET,
    SITE_ID,
    WEST,
    access,
    connector,
    listener,
    model_of,
    multi_key_listener,
    site,
)

Pairs = list[tuple[str, dict[str, Any]]]

# reference-engine 3.4, with the two differences that show in it: the router's id and the name in the site entity.
EXAMPLE: Pairs = [
    (
        "router",
        {
            "id": "west-6c1b0c6e",
            "mode": "interior",
            "helloMaxAgeSeconds": "3",
            "metadata": '{"id":"6c1b0c6e-6f3e-4d3a-9c0e-0d8b6a1f2b11","version":"v2-dev","platform":"podman"}',
        },
    ),
    *(
        (
            "sslProfile",
            {
                "name": name,
                "certFile": f"${{SSL_PROFILE_BASE_PATH}}/runtime/certs/{name}/tls.crt",
                "privateKeyFile": f"${{SSL_PROFILE_BASE_PATH}}/runtime/certs/{name}/tls.key",
                "caCertFile": f"${{SSL_PROFILE_BASE_PATH}}/runtime/certs/{name}/ca.crt",
            },
        )
        for name in ("go-west", "link-go-east-profile", "skupper-local-server")
    ),
    (
        "connector",
        {
            "name": "link-go-east",
            "role": "inter-router",
            "host": "192.168.1.20",
            "port": "55671",
            "cost": 1,
            "sslProfile": "link-go-east-profile",
        },
    ),
    *(
        (
            "listener",
            {
                "name": name,
                "role": role,
                "host": "127.0.0.1",
                "port": port,
                "sslProfile": profile,
                "saslMechanisms": "EXTERNAL",
                "authenticatePeer": True,
            },
        )
        for name, role, port, profile in (
            ("skupper-local-normal", "normal", 5671, "skupper-local-server"),
            ("go-west-inter-router", "inter-router", 55671, "go-west"),
            ("go-west-edge", "edge", 45671, "go-west"),
        )
    ),
    ("address", {"prefix": "mc", "distribution": "multicast"}),
    (
        "tcpConnector",
        {"name": "connector/db@127.0.0.1", "host": "127.0.0.1", "port": "5432", "address": "db-5432"},
    ),
    (
        "tcpListener",
        {"name": "listener/backend", "host": "0.0.0.0", "port": "8080", "address": "backend-8080"},
    ),
    ("log", {"module": "ROUTER_CORE", "enable": "error+"}),
    ("site", {"name": "west", "platform": "podman", "namespace": "west", "version": "v2-dev"}),
]


def rendered(text: str, **facts: Any) -> Pairs:
    return [
        (entity.type, dict(entity.attributes)) for entity in router_configuration(model_of(text, **facts))
    ]


def of_type(pairs: Pairs, kind: str) -> dict[str, dict[str, Any]]:
    return {attributes["name"]: attributes for found, attributes in pairs if found == kind}


def comparable(pairs: Pairs) -> list[str]:
    return sorted(json.dumps(pair, sort_keys=True) for pair in pairs)


def test_the_complete_example_is_rendered_as_the_reference_renders_it() -> None:
    assert comparable(rendered(WEST, platform="podman")) == comparable(EXAMPLE)


def test_groups_stand_in_the_reference_s_order() -> None:
    kinds = list(dict.fromkeys(kind for kind, _ in rendered(WEST)))
    assert kinds == [
        "router",
        "sslProfile",
        "connector",
        "listener",
        "address",
        "tcpConnector",
        "tcpListener",
        "log",
        "site",
    ]


def test_the_same_declarations_in_another_order_render_the_same() -> None:
    parts = [listener("b", 1), listener("a", 2), connector("d"), connector("c")]
    assert rendered(site() + "".join(parts)) == rendered("".join(reversed(parts)) + site())


def test_on_linux_paths_are_absolute() -> None:
    profile = of_type(rendered(WEST), "sslProfile")["go-west"]
    assert (
        profile["certFile"] == "/home/me/.local/share/skupper/namespaces/west/runtime/certs/go-west/tls.crt"
    )


def test_an_edge_site_dials_the_edge_endpoint() -> None:
    pairs = rendered(site(edge=True) + LINK + SECRET, router_kind="skrouterd")
    assert pairs[0][1]["mode"] == "edge"
    assert of_type(pairs, "connector")["link-go-east"]["role"] == "edge"
    assert of_type(pairs, "connector")["link-go-east"]["port"] == "45671"


@pytest.mark.parametrize(("declared", "cost"), [("1", 1), ("0", 1), ("7", 7)])
def test_a_cost_below_one_counts_as_one(declared: str, cost: int) -> None:
    pairs = rendered(site() + LINK.replace("cost: 1", f"cost: {declared}") + SECRET)
    assert of_type(pairs, "connector")["link-go-east"]["cost"] == cost


def test_roles_without_a_port_have_the_usual_one() -> None:
    listeners = of_type(rendered(site() + access("a")), "listener")
    assert listeners["a-inter-router"]["port"] == 55671
    assert listeners["a-edge"]["port"] == 45671
    assert "host" not in listeners["a-edge"]


def test_the_edge_listener_is_kept_for_the_embedded_router() -> None:
    assert "west-edge" in of_type(rendered(site(linkAccess="default"), router_kind="embedded"), "listener")


def test_the_site_has_its_plain_name_unless_skrouterd_would_refuse_it() -> None:
    """skrouterd starts with no two entities of one name, and the credentials of link access have the site's."""
    with_access, without = site(linkAccess="default"), site()

    def named(text: str, kind: str) -> list[str]:
        return list(of_type(rendered(text, router_kind=kind), "site"))

    assert named(with_access, "embedded") == ["west"]
    assert named(without, "skrouterd") == ["west"]
    assert named(with_access, "skrouterd") == [model_of(with_access, router_kind="skrouterd").router_id]


def test_tls_connectors_name_the_profile_that_has_their_files() -> None:
    text = (
        site()
        + connector("a", tlsCredentials="ca")
        + connector("b", tlsCredentials="cb", useClientCert=True, verifyHostname=True)
    )
    pairs = rendered(text)
    connectors, profiles = of_type(pairs, "tcpConnector"), of_type(pairs, "sslProfile")
    assert connectors["connector/a@127.0.0.1"]["sslProfile"] == "ca-profile"
    assert connectors["connector/a@127.0.0.1"]["verifyHostname"] is False
    assert connectors["connector/b@127.0.0.1"]["sslProfile"] == "cb"
    assert connectors["connector/b@127.0.0.1"]["verifyHostname"] is True
    assert set(profiles["ca-profile"]) == {"name", "caCertFile"}
    assert set(profiles["cb"]) == {"name", "certFile", "privateKeyFile", "caCertFile"}


def test_a_tls_listener_names_its_profile_and_an_observer_is_passed_on() -> None:
    pairs = rendered(site() + listener("a", tlsCredentials="web", observer="none"))
    assert of_type(pairs, "tcpListener")["listener/a"]["sslProfile"] == "web"
    assert of_type(pairs, "tcpListener")["listener/a"]["observer"] == "none"
    assert "certFile" in of_type(pairs, "sslProfile")["web"]


def test_the_reference_s_own_state_has_the_reference_s_numbers() -> None:
    """reference-engine, appendix C: two accesses, two TLS listeners, one TLS connector, two links."""
    second = LINK.replace("link-go-east", "link-two") + SECRET.replace("link-go-east", "link-two")
    text = (
        site()
        + access("link-access-one", bindHost="127.0.0.1", subjectAlternativeNames=["localhost"])
        + listener("one", 1, tlsCredentials="listener-one-credentials")
        + listener("two", 2, tlsCredentials="listener-two-credentials")
        + connector("one", tlsCredentials="connector-one-credentials")
        + LINK
        + SECRET
        + second
    )
    pairs = rendered(text)
    kinds = [kind for kind, _ in pairs]
    numbers = {kind: kinds.count(kind) for kind in kinds}
    assert numbers == {
        "router": 1,
        "listener": 3,
        "connector": 2,
        "sslProfile": 7,
        "tcpListener": 2,
        "tcpConnector": 1,
        "address": 1,
        "log": 1,
        "site": 1,
    }
    profiles = of_type(pairs, "sslProfile")
    assert {"link-two-profile", "connector-one-credentials-profile"} <= profiles.keys()


def test_a_listener_with_ranked_keys_counts_down_to_zero() -> None:
    """reference-engine 3.4, the first variant."""
    text = site() + multi_key_listener("mk", "a", "b", host="127.0.0.1", port=7000)
    pairs = rendered(text, router_kind="skrouterd")
    assert [attributes for kind, attributes in pairs if kind == "tcpListener"] == [
        {"name": "multiAddress/mk", "host": "127.0.0.1", "port": "7000", "multiAddressStrategy": "priority"}
    ]
    assert [attributes for kind, attributes in pairs if kind == "listenerAddress"] == [
        {"name": "mk/a", "address": "a", "value": 1, "listener": "multiAddress/mk"},
        {"name": "mk/b", "address": "b", "value": 0, "listener": "multiAddress/mk"},
    ]


def test_a_listener_with_weighted_keys_has_its_weights_and_whatever_else_it_asks_for() -> None:
    weighted = {"weighted": {"routingKeys": {"b": 1, "a": 7}}}
    text = site() + multi_key_listener(
        "mk", strategy=weighted, tlsCredentials="web", requireClientCert=True, observer="http1"
    )
    pairs = rendered(text, router_kind="skrouterd")
    several = of_type(pairs, "tcpListener")["multiAddress/mk"]
    assert "address" not in several
    assert several["multiAddressStrategy"] == "weighted"
    assert (several["sslProfile"], several["authenticatePeer"], several["observer"]) == ("web", True, "http1")
    values = {name: item["value"] for name, item in of_type(pairs, "listenerAddress").items()}
    assert values == {"mk/a": 7, "mk/b": 1}
    assert set(of_type(pairs, "sslProfile")["web"]) == {"name", "certFile", "privateKeyFile", "caCertFile"}


def proxied(**data: str) -> str:
    """A site with a link through a proxy."""
    entries = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in data.items())
    secret = f"\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: way-out}}\nstringData:\n{entries}"
    return site() + LINK + "  settings: {proxy-configuration: way-out}\n" + SECRET + secret


def test_a_link_goes_through_its_proxy_whose_password_stays_in_its_file() -> None:
    text = proxied(host="proxy.example", port="3128", username="me", password="s3cr3t")
    pairs = rendered(text, router_kind="skrouterd")
    assert of_type(pairs, "connector")["link-go-east"]["proxyProfile"] == "way-out-proxy"
    directory = "/home/me/.local/share/skupper/namespaces/west/runtime/certs/way-out-proxy"
    assert of_type(pairs, "proxyProfile") == {
        "way-out-proxy": {
            "name": "way-out-proxy",
            "host": "proxy.example",
            "port": "3128",
            "username": "me",
            "password": f"file:{directory}/password",
        }
    }
    assert "s3cr3t" not in json.dumps(pairs)
    model = model_of(text, router_kind="skrouterd")
    assert CredentialsCopy("way-out-proxy", secret="way-out") in model.copies
    assert "way-out" not in model.state.supplying_secrets()


def test_a_proxy_that_asks_for_nobody_has_no_password_file() -> None:
    (profile,) = of_type(
        rendered(proxied(host="::1", port="1"), router_kind="image"), "proxyProfile"
    ).values()
    assert profile == {"name": "way-out-proxy", "host": "::1", "port": "1"}


def test_the_settings_of_a_site_reach_its_router() -> None:
    text = site(settings={"router-logging": "SERVER:info,DEFAULT:error", "router-data-connection-count": "4"})
    pairs = rendered(text)
    assert pairs[0][1]["dataConnectionCount"] == "4"
    assert [attributes for kind, attributes in pairs if kind == "log"] == [
        {"module": "DEFAULT", "enable": "error+"},
        {"module": "SERVER", "enable": "info+"},
    ]


@pytest.mark.parametrize("observer", ["auto", "none", "http1", "http2"])
def test_every_observer_is_passed_on(observer: str) -> None:
    pairs = rendered(site() + listener("a", observer=observer), router_kind="skrouterd")
    assert of_type(pairs, "tcpListener")["listener/a"]["observer"] == observer


def test_an_edge_site_renders_no_access_but_its_own() -> None:
    pairs = rendered(site(edge=True) + LINK + SECRET + listener("a"), router_kind="skrouterd")
    assert list(of_type(pairs, "listener")) == ["skupper-local-normal"]


def test_hostile_names_and_paths_travel_unharmed() -> None:
    home = "/home/a b/%h $HOME/'\"/west"
    key = "a\\b<&>\"'${x}%n"
    pairs = rendered(site() + listener("a", key=key), home=home)
    assert of_type(pairs, "tcpListener")["listener/a"]["address"] == key
    assert of_type(pairs, "sslProfile")["skupper-local-server"]["caCertFile"].startswith(
        f"{home}/runtime/certs/"
    )
    assert json.loads(pairs[0][1]["metadata"])["id"] == SITE_ID


def test_the_differences_are_named_once_with_reasons() -> None:
    names = [difference.name for difference in DIFFERENCES]
    assert len(set(names)) == len(names)
    assert {"router-id", "site-name"} <= set(names)
    assert all(difference.what and difference.why for difference in DIFFERENCES)
