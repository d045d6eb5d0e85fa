"""What the chosen router cannot do is said of the declaration that asks for it, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from skupper_local.entities import encode_configuration
from skupper_local.resources import InvalidResourcesError
from skupper_local.router.not_supported import ENTITY_TYPES_NOT_SUPPORTED
from skupper_local.site.configuration import router_configuration

from .samples import LINK, SECRET, WEST, connector, listener, model_of, multi_key_listener, site

PROXY = """
---
apiVersion: v1
kind: Secret
metadata: {name: way-out}
stringData: {host: proxy, port: "3128"}
"""
PROXIED = site() + LINK + "  settings: {proxy-configuration: way-out}\n" + SECRET + PROXY


def refused(text: str, **facts: Any) -> list[tuple[str, str, str]]:
    """Subject, field and rule of what cannot be done."""
    try:
        model_of(text, **facts)
    except InvalidResourcesError as error:
        return [(problem.subject, problem.field, problem.rule) for problem in error.problems]
    return []


def test_everything_can_be_done_by_skrouterd() -> None:
    text = site(edge=True) + LINK + SECRET + multi_key_listener("m") + listener("a", 1, observer="http2")
    for version in ("", "3.5.1", "4.0.0", "UNKNOWN"):
        assert refused(text, router_kind="skrouterd", router_version=version) == []
    assert refused(PROXIED, router_kind="image") == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (site() + multi_key_listener("m", "a", "b"), ("MultiKeyListener m", "spec.strategy")),
        (PROXIED, ("Link link-go-east", "spec.settings.proxy-configuration")),
    ],
)
def test_an_older_skrouterd_is_told_apart(text: str, place: tuple[str, str]) -> None:
    ((subject, field, rule),) = refused(text, router_kind="skrouterd", router_version="3.4.2")
    assert (subject, field) == place
    assert "needs skrouterd 3.5 or later; the site's router is 3.4.2" in rule


def test_what_the_embedded_router_does_not_observe_is_named() -> None:
    ((subject, field, rule),) = refused(site() + listener("a", observer="http1"))
    assert (subject, field) == ("Listener a", "spec.observer")
    assert "embedded router" in rule
    assert "use skrouterd" in rule


@pytest.mark.parametrize(
    ("kind", "text", "place"),
    [
        ("proxyProfile", PROXIED, ("Link link-go-east", "spec.settings.proxy-configuration")),
        ("listenerAddress", site() + multi_key_listener("m"), ("MultiKeyListener m", "spec.strategy")),
    ],
)
def test_the_table_of_the_embedded_router_decides(kind: str, text: str, place: tuple[str, str]) -> None:
    expected = [place] if kind in ENTITY_TYPES_NOT_SUPPORTED else []
    assert [(subject, field) for subject, field, _ in refused(text)] == expected


def test_what_the_site_accepts_for_the_embedded_router_that_one_starts_with() -> None:
    """Rendered and read back by the router itself, without its look at certificate files."""
    from skupper_local.entities import ENTITY_TYPES, decode_configuration
    from skupper_local.router.configuration_rules import check_values
    from skupper_local.router.entity_reader import EntityReader
    from skupper_local.router.errors import ConfigurationProblem
    from skupper_local.router.not_supported import refuse_not_supported

    text = (
        WEST
        + connector("tls", 1, tlsCredentials="c")
        + listener("tls", 2, tlsCredentials="l", observer="auto")
    )
    text = text.replace(
        "metadata: {name: west, namespace: west}",
        "metadata: {name: west, namespace: west}\nspec: {settings: {router-logging: 'HTTP:debug', routerDataConnections: '2'}}",
    )
    problems: list[ConfigurationProblem] = []
    for entity in decode_configuration(encode_configuration(router_configuration(model_of(text)))):
        reader = EntityReader(entity, ENTITY_TYPES[entity.type], entity.name, problems)
        check_values(entity.type, reader)
        refuse_not_supported(entity.type, reader)
    assert problems == []


def test_settings_that_the_embedded_router_takes_and_does_not_act_on_are_warned_of() -> None:
    text = site(settings={"router-data-connection-count": "3", "routerLogging": "TCP_ADAPTOR:debug"})
    assert [(warning.field, warning.rule.partition(":")[0]) for warning in model_of(text).warnings] == [
        ("spec.settings.router-data-connection-count", "has no effect"),
        ("spec.settings.routerLogging", "has no effect"),
    ]
    assert model_of(text, router_kind="skrouterd").warnings == ()
    quiet = site(settings={"router-data-connection-count": "auto", "router-logging": "debug"})
    assert model_of(quiet).warnings == ()
