"""Declarations changed within a text: all that was not told to change stays to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.resources import (
    AccessRole,
    Connector,
    Endpoint,
    Link,
    Listener,
    Resource,
    RouterAccess,
    Site,
    decode_documents,
    document_of,
    edited,
    in_namespace,
)

TEXT = """\
# The web server of the shop.
kind: Listener   # first the kind
apiVersion: skupper.io/v2alpha1
metadata: {name: web}
spec:
  # Where clients connect:
  port: 8080     # as always
  host: '127.0.0.1'
  routingKey: "web"
  future: [1, 2]
  # the end
"""
BESIDE = """\
---
# Another one.
apiVersion: skupper.io/v2alpha1
kind: Connector
metadata: {name: web}
spec: {routingKey: web, host: localhost, port: 8080}
"""


def only(text: str, kind: type[Resource] = Listener) -> Resource:
    (found,) = (item for item in decode_documents(text, "a.yaml").require() if isinstance(item, kind))
    return found


def changed(text: str, kind: type[Resource] = Listener, **values: object) -> str | None:
    present = only(text, kind)
    return edited(text, present, replace(present, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize("around", ["", BESIDE])
def test_one_value_changes_where_it_stands(around: str) -> None:
    assert changed(TEXT + around, port=9090) == TEXT.replace("8080 ", "9090 ") + around
    assert changed(around + "---\n" + TEXT, host="10.0.0.1") == around + "---\n" + TEXT.replace(
        "'127.0.0.1'", "10.0.0.1"
    )


def test_text_that_looks_like_a_number_is_quoted() -> None:
    assert changed(TEXT, routing_key="8080") == TEXT.replace('"web"', '"8080"')


def test_a_new_field_stands_at_the_end_of_its_map_and_one_that_goes_takes_its_line_along() -> None:
    with_tls = changed(TEXT, tls_credentials="shop")
    assert with_tls == TEXT.replace("  # the end", "  tlsCredentials: shop\n  # the end")
    assert with_tls is not None
    assert changed(with_tls, tls_credentials="") == TEXT


def test_a_map_on_one_line_stays_on_it() -> None:
    assert changed(BESIDE, Connector, port=1, host="", selector="a=b") == BESIDE.replace(
        "host: localhost, port: 8080", 'port: 1, "selector": "a=b"'
    )


def test_a_spec_that_is_not_there_or_empty_is_made() -> None:
    bare = "kind: Site # mine\napiVersion: skupper.io/v2alpha1\nmetadata:\n  name: west\n"
    assert changed(bare, Site, link_access="default") == bare + "spec:\n  linkAccess: default\n"
    empty = changed(bare + "spec: {}\n", Site, edge=True)
    assert empty is not None
    assert empty.startswith(bare)
    assert only(empty, Site) == replace(only(bare, Site), edge=True)  # type: ignore[call-arg]


def test_items_of_lists_change_one_by_one_and_else_as_a_whole() -> None:
    text = (
        "apiVersion: skupper.io/v2alpha1\nkind: RouterAccess\nmetadata: {name: a}\nspec:\n  roles: # two\n"
        "  - name: edge # one\n    port: 1\n  - name: inter-router\n    port: 2 # other\n  bindHost: a # x\n"
    )
    roles = (AccessRole(name="edge", port=1), AccessRole(name="inter-router", port=7))
    assert changed(text, RouterAccess, roles=roles) == text.replace("port: 2", "port: 7")
    fewer = changed(text, RouterAccess, roles=roles[:1])
    assert fewer is not None
    assert fewer.endswith("  bindHost: a # x\n")


def test_line_ends_and_a_missing_last_one_are_kept() -> None:
    windows = TEXT.replace("\n", "\r\n")
    assert changed(windows, tls_credentials="x") == windows.replace(
        "  # the end", "  tlsCredentials: x\r\n  # the end"
    )
    short = "kind: Site\napiVersion: skupper.io/v2alpha1\nmetadata: {name: west}"
    assert changed(short, Site, edge=True) == short + "\nspec:\n  edge: true\n"


def test_a_namespace_is_not_written_into_a_text_that_says_none() -> None:
    present = only(TEXT)
    wanted = in_namespace(replace(present, port=1), "west")  # type: ignore[call-arg]
    assert edited(TEXT, present, wanted) == TEXT.replace("8080", "1")


def test_what_is_too_unusual_is_left_to_the_caller() -> None:
    text = TEXT.replace("  port: 8080     # as always\n", "  ? port\n  : 8080\n")
    assert changed(text, port=1) is None
    listed = "apiVersion: v1\nkind: List\nitems:\n- " + TEXT.replace("\n", "\n  ").strip()
    assert changed(listed, port=1) is None


KEYS = st.text(st.sampled_from("abc-1.:#{}[],'\"& é"), min_size=1, max_size=6).filter(
    lambda text: text.isprintable() and " " not in text
)


@settings(max_examples=150, deadline=None)
@given(
    port=st.integers(1, 65535),
    key=KEYS,
    host=st.sampled_from(["a", "127.0.0.1", "::1", "no"]),
    tls=st.sampled_from(["", "x", "on"]),
    labels=st.dictionaries(KEYS, KEYS, max_size=3),
    text=st.sampled_from([TEXT, TEXT + BESIDE, TEXT.replace("spec:\n", "spec: # s\n").replace(" #", "  #")]),
)
def test_whatever_is_changed_is_read_again_as_it_was_meant(
    port: int, key: str, host: str, tls: str, labels: dict[str, str], text: str
) -> None:
    present = only(text)
    metadata = replace(present.metadata, labels=labels)
    wanted = replace(present, port=port, routing_key=key, host=host, tls_credentials=tls, metadata=metadata)  # type: ignore[call-arg]
    result = edited(text, present, wanted)
    assert result is not None
    assert document_of(only(result)) == document_of(wanted)
    for comment in (
        "# The web server of the shop.",
        "# first the kind",
        "# Where clients connect:",
        "# the end",
    ):
        assert comment in result
    assert result.endswith(BESIDE) == text.endswith(BESIDE)


def test_a_link_keeps_its_endpoints_as_they_are_written() -> None:
    text = (
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: a}\nspec:\n  endpoints:\n"
        "  - {name: edge, host: h, port: '1'} # here\n  tlsCredentials: b\n"
    )
    assert changed(text, Link, cost=5) == text + "  cost: 5\n"
    assert changed(text, Link, endpoints=(Endpoint(name="edge", host="h", port=2),)) == text.replace(
        "'1'", '"2"'
    )
