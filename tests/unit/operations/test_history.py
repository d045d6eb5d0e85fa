"""Generations of the declarations, and going back to one. Nothing runs here; with a router it is a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.namespace.history import MOST, list_generations, record_generation
from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.create import create_connector, create_listener, create_site
from skupper_local.operations.declarations import versioned_files
from skupper_local.operations.delete import delete_declaration
from skupper_local.operations.history import GenerationUnknownError, rollback, view_history
from skupper_local.operations.target import Target
from skupper_local.resources import InvalidResourcesError

HOST = "127.0.0.1"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {tls.key: eA==}\n"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    target = Target(NamespacePaths.of("west", tmp_path), "linux")
    create_site(target, "west")
    return target


def taken_up(target: Target, at: float = 0.0) -> None:
    """What a start or a reload does with the declarations of this moment."""
    with lock_namespace(target.paths, command="test") as held:
        transaction = held.transaction()
        record_generation(transaction, target.paths, versioned_files(target.paths), at)
        transaction.commit()


def test_each_change_that_is_taken_up_makes_a_generation(target: Target) -> None:
    taken_up(target, 1.0)
    taken_up(target, 2.0)
    create_listener(target, "a", 8080, host=HOST)
    taken_up(target, 3.0)
    create_listener(target, "a", 8081, host=HOST, force=True)
    taken_up(target, 4.0)
    delete_declaration(target, "Listener", "a")
    create_connector(target, "c", 1, host="db")
    taken_up(target, 5.0)
    rows = view_history(target)
    assert [(row.number, row.at, row.current) for row in rows] == [
        (4, 5.0, True),
        (3, 4.0, False),
        (2, 3.0, False),
        (1, 1.0, False),
    ]
    assert [row.changes for row in rows] == [
        ("+ Connector c", "- Listener a"),
        ("~ Listener a",),
        ("+ Listener a",),
        ("+ Site west",),
    ]


def test_a_rollback_restores_the_very_files_and_can_be_taken_back(target: Target) -> None:
    taken_up(target)
    before = versioned_files(target.paths)
    create_listener(target, "a", 8080, host=HOST)
    after = versioned_files(target.paths)
    taken_up(target)
    rolled = rollback(target)
    assert (rolled.number, rolled.changes, rolled.outcome) == (1, ("- Listener a",), None)
    assert versioned_files(target.paths) == before
    assert rollback(target).number == 2
    assert versioned_files(target.paths) == after


def test_declarations_that_were_never_taken_up_are_what_a_rollback_discards_first(target: Target) -> None:
    taken_up(target)
    create_listener(target, "a", 8080, host=HOST)
    rolled = rollback(target)
    assert (rolled.number, rolled.changes) == (1, ("- Listener a",))


def test_keys_have_no_history_and_are_left_alone(target: Target) -> None:
    taken_up(target)
    secret = target.paths.input_resources / "mine.yaml"
    secret.write_text(SECRET)
    create_listener(target, "a", 8080, host=HOST)
    taken_up(target)
    assert not any("eA==" in path.read_text() for path in target.paths.history.iterdir())
    rollback(target)
    assert secret.read_text() == SECRET


def test_a_generation_that_would_not_make_a_site_is_refused_and_nothing_changes(target: Target) -> None:
    link = "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: l}\nspec: {tlsCredentials: key, "
    link += "endpoints: [{name: inter-router, host: h, port: '1'}]}\n"
    (target.paths.input_resources / "Link-l.yaml").write_text(link.replace("spec: {", "spec: {colour: red, "))
    taken_up(target)
    (target.paths.input_resources / "Link-l.yaml").unlink()
    taken_up(target)
    before = versioned_files(target.paths)
    with pytest.raises(InvalidResourcesError, match="key") as refused:
        rollback(target, 1)
    assert any("colour" in warning for warning in refused.value.warnings)
    assert versioned_files(target.paths) == before


def test_an_unknown_generation_is_refused_with_those_there_are(target: Target) -> None:
    with pytest.raises(GenerationUnknownError):
        rollback(target)
    taken_up(target)
    with pytest.raises(GenerationUnknownError) as refused:
        rollback(target, 7)
    assert refused.value.why == "there are: 1"


def test_a_damaged_generation_costs_itself_only(target: Target) -> None:
    for number in range(3):
        create_listener(target, f"a{number}", 8080 + number, host=HOST)
        taken_up(target)
    (target.paths.history / "000002.json").write_text("{")
    assert [row.number for row in view_history(target)] == [3, 1]
    assert rollback(target).number == 1


def test_only_so_many_generations_are_kept(target: Target) -> None:
    for number in range(MOST + 5):
        create_listener(target, "a", 1000 + number, host=HOST, force=True)
        taken_up(target)
    assert list_generations(target.paths) == tuple(range(6, MOST + 6))
