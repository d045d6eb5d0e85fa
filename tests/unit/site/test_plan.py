"""The difference between the running configuration and the one that is wanted."""

from __future__ import annotations

from skupper_local.entities import Entity
from skupper_local.site.configuration import router_configuration
from skupper_local.site.plan import plan

from .samples import WEST, connector, listener, model_of, site


def configuration(text: str) -> list[Entity]:
    return list(router_configuration(model_of(text)))


def test_the_same_configuration_needs_nothing_whatever_its_order() -> None:
    entities = configuration(WEST)
    found = plan(entities[::-1], entities)
    assert found.empty
    assert not found.restart
    assert found.lines() == ()


def test_a_number_written_as_text_is_the_same() -> None:
    before = [Entity("listener", {"name": "a", "port": "55671", "authenticatePeer": "true"})]
    after = [Entity("listener", {"name": "a", "port": 55671, "authenticatePeer": True})]
    assert plan(before, after).empty


def test_added_removed_and_changed_entities_are_told_apart() -> None:
    before = configuration(site() + listener("kept") + listener("moved", 1) + connector("gone"))
    after = configuration(site() + listener("kept") + listener("moved", 2) + connector("new"))
    found = plan(before, after)
    assert found.restart
    assert found.lines() == (
        "+ tcpConnector connector/new@127.0.0.1",
        "- tcpConnector connector/gone@127.0.0.1",
        "~ tcpListener listener/moved (port: 1 -> 2)",
    )


def test_an_attribute_that_goes_away_is_a_change() -> None:
    before = [Entity("tcpListener", {"name": "a", "observer": "none"})]
    assert plan(before, [Entity("tcpListener", {"name": "a"})]).lines() == (
        "~ tcpListener a (observer: none -> unset)",
    )


def test_a_router_with_another_id_is_changed_and_not_another_one() -> None:
    before = [
        Entity("router", {"id": "west-1753277107-482913577"}),
        Entity("site", {"name": "west-1753277107-482913577"}),
    ]
    after = [Entity("router", {"id": "west-6c1b0c6e"}), Entity("site", {"name": "west" * 20})]
    assert plan(before, after).lines() == (
        "~ router (id: west-1753277107-482913577 -> west-6c1b0c6e)",
        "~ site (name)",
    )


def test_new_files_alone_need_no_restart() -> None:
    entities = configuration(WEST)
    found = plan(entities, entities, reissued=["go-west", "a", "a"])
    assert not found.restart
    assert not found.empty
    assert found.lines() == ("~ sslProfile a (files)", "~ sslProfile go-west (files)")


def test_nothing_running_means_that_everything_is_added() -> None:
    found = plan([], configuration(site()))
    assert found.restart
    assert not found.removed
    assert not found.changed
