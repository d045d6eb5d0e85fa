"""Work grows with what is declared, not with its square.

Counted is what the interpreter does, never the time: the lines of this program that run for a namespace of 20 listeners and 20
connectors, and for four times as many.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import skupper_local
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import read_choices
from skupper_local.operations.apply import Source, apply_sources, delete_sources
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.ports import sockets_of
from skupper_local.operations.preparation import choose, install, prepare, read_configuration
from skupper_local.operations.router_choice import choose_local_router
from skupper_local.operations.target import Target
from skupper_local.resources import Resource
from skupper_local.site.observed import ObservedRouter, observe
from skupper_local.site.plan import plan
from skupper_local.site.services import services
from skupper_local.site.state import assemble
from skupper_local.site.status import link_rows, with_statuses
from tests.rig.ports import free_port

FEW, MANY = 20, 80
MOST = 1.02 * MANY / FEW
"""Hardly more than in proportion. A search through all for each of all, the smallest one there can be, is 1.07 and more."""
OURS = str(Path(skupper_local.__file__).parent)


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of this program run meanwhile; each turn of a loop on one line counts."""
    count = 0

    def line(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(OURS) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def declared(count: int, *, key: str = "key-{}", tls: bool = False, changed: bool = False) -> str:
    """A site with so many listeners and connectors."""
    documents = ["{kind: Site, metadata: {name: west}}"]
    for number in range(count):
        spec = f"port: {20_000 + number + changed}, routingKey: {key.format(number)}"
        spec += f", tlsCredentials: tls-{{}}-{number}" if tls else ""
        documents.append(
            f"{{kind: Listener, metadata: {{name: l{number}}}, spec: {{host: 127.0.5.1, {spec.format('l')}}}}}"
        )
        documents.append(
            f"{{kind: Connector, metadata: {{name: c{number}}}, spec: {{host: 127.0.6.1, {spec.format('c')}}}}}"
        )
    return "\n---\n".join(f"{text[:-1]}, apiVersion: skupper.io/v2alpha1}}" for text in documents)


def target(home: Path, count: int) -> Target:
    return Target(NamespacePaths.of(f"west-{count}", home))


def apply(home: Path, count: int, text: str) -> Callable[[], object]:
    return lambda: apply_sources(target(home, count), (Source("all.yaml", text),))


def growth(work: Callable[[int], Callable[[], object]]) -> float:
    """How much more is done for MANY than for FEW."""
    warm = work(2)
    warm()  # what is imported and compiled once is no work
    few, many = work(FEW), work(MANY)
    return lines_run(many) / lines_run(few)


def test_applying_is_in_proportion_for_new_same_changed_and_deleted_declarations(tmp_path: Path) -> None:
    assert growth(lambda count: apply(tmp_path, count, declared(count))) < MOST
    assert growth(lambda count: apply(tmp_path, count, declared(count))) < MOST
    assert growth(lambda count: apply(tmp_path, count, declared(count, changed=True))) < MOST

    def delete(count: int) -> Callable[[], object]:
        return lambda: delete_sources(target(tmp_path, count), (Source("all.yaml", declared(count)),))

    assert growth(delete) < MOST


@pytest.mark.parametrize(
    ("key", "tls"), [("key-{}", True), ("one", False)], ids=["certificates of their own", "one key"]
)
def test_what_a_start_works_out_and_writes_is_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, tls: bool
) -> None:
    monkeypatch.setenv("SKUPPER_ROUTER", "embedded")
    port = free_port()
    monkeypatch.setattr("skupper_local.host.ports.next_free", lambda *_, **__: port)

    def start(count: int) -> Callable[[], object]:
        paths = target(tmp_path, count).paths
        apply(tmp_path, count, declared(count, key=key, tls=tls))()

        def work() -> None:
            with lock_namespace(paths, command="test") as held:
                resources = read_declarations(paths.input_resources).require()
                state = assemble(resources, namespace=paths.name).require()
                router = choose_local_router(paths, read_choices(paths), "")
                prepared = prepare(paths, state, choose(held.paths, state, router), platform="linux")
                install(held, prepared, platform="linux")
                plan((), prepared.configuration).lines()
                plan(read_configuration(paths), prepared.configuration).lines()
                sockets_of(prepared.configuration)

        return work

    assert growth(start) < MOST
    assert growth(start) < MOST  # a reload, with everything there


@pytest.mark.parametrize("key", ["key-{}", "one"], ids=["keys", "one key"])
def test_judging_what_a_router_says_is_in_proportion(tmp_path: Path, key: str) -> None:
    def judge(count: int) -> Callable[[], object]:
        apply(tmp_path, count, declared(count, key=key))()
        resources = read_declarations(target(tmp_path, count).paths.input_resources).require()
        said = answers(count, key)
        remote = {"east-11112222": answers(count, key)}

        def work() -> None:
            observed = observe(said, remote_routers=remote)
            judged = with_statuses(resources, observed, site_id="s", now="2026-11-23T02:40:00Z")
            assert ready(judged) == 2 * count + 1  # and the site
            link_rows(judged, observed)
            assert found(judged, observed) == (count if key == "key-{}" else 1)

        return work

    assert growth(judge) < MOST


def answers(count: int, key: str) -> dict[str, list[dict[str, Any]]]:
    """What a router says that has everything of :func:`declared`."""
    ends = [{"port": str(20_000 + number), "address": key.format(number)} for number in range(count)]
    return {
        "router": [{"id": "west-6c1b0c6e"}],
        "router.address": [{"name": f"M{end['address']}", "subscriberCount": 1} for end in ends],
        "tcpListener": [
            {"name": f"listener/l{number}", "host": "127.0.5.1", "operStatus": "up", **end}
            for number, end in enumerate(ends)
        ],
        "tcpConnector": [
            {"name": f"connector/c{number}@127.0.6.1", "host": "127.0.6.1", **end}
            for number, end in enumerate(ends)
        ],
    }


def ready(resources: tuple[Resource, ...]) -> int:
    return sum(item.status.get("status") == "Ready" for item in resources)


def found(resources: tuple[Resource, ...], observed: ObservedRouter) -> int:
    return sum(service.status == "Ready" for service in services(resources, observed))
