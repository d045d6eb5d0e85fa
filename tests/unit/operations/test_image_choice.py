"""Which image, when it is pulled, and which router a site runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices
from skupper_local.operations.image import (
    ImageChoiceInvalidError,
    choose_image,
    choose_policy,
    kind_of_image,
    repository_of,
)
from skupper_local.operations.router_choice import (
    choose_local_router,
    recorded_router,
    refuse_foreign_wishes,
    router_of_image,
    wanted_image,
)
from skupper_local.platforms.engine import ImageFacts
from skupper_local.platforms.linux.program import RouterChoiceInvalidError

PINNED = "quay.io/skupper/skupper-router:3.5.1"
VARIABLES = {
    "SKUPPER_ROUTER_IMAGE": "other/router:2",
    "SKUPPER_IMAGE_REGISTRY": "registry.local:5000/skupper/",
}


def started(home: Path) -> NamespacePaths:
    paths = NamespacePaths.of("west", home)
    paths.runtime_router.mkdir(parents=True)
    paths.router_config.write_text("[]")
    return paths


def test_the_image_is_the_one_asked_for_then_the_recorded_one_then_that_of_the_variables() -> None:
    assert choose_image("a:1", "b:1", VARIABLES) == "a:1"
    assert choose_image("", "b:1", VARIABLES) == "b:1"
    assert choose_image("", "", VARIABLES) == "other/router:2"
    registry = {"SKUPPER_IMAGE_REGISTRY": VARIABLES["SKUPPER_IMAGE_REGISTRY"]}
    assert choose_image("", "", registry) == "registry.local:5000/skupper/skupper-router:3.5.1"
    assert choose_image("", "", {}) == PINNED


@pytest.mark.parametrize("name", ["-x", "a b", "a\nb", "x" * 600])
def test_what_cannot_be_an_image_is_refused_wherever_it_stands(name: str) -> None:
    with pytest.raises(ImageChoiceInvalidError):
        choose_image(name, "", {})
    with pytest.raises(ImageChoiceInvalidError):
        choose_image("", "", {"SKUPPER_ROUTER_IMAGE": name})


@pytest.mark.parametrize(
    ("flag", "variable", "policy"),
    [
        ("", "", "missing"),
        ("never", "Always", "never"),
        ("", "Always", "always"),
        ("", "IfNotPresent", "missing"),
        ("", "Never", "never"),
    ],
)
def test_the_rule_for_pulling_is_the_flag_or_the_variable_in_the_words_of_kubernetes(
    flag: str, variable: str, policy: str
) -> None:
    environ = {"SKUPPER_ROUTER_IMAGE_PULL_POLICY": variable} if variable else {}
    assert choose_policy(flag, environ) == policy


def test_a_rule_that_is_none_is_an_error_that_says_where_it_stands() -> None:
    with pytest.raises(ImageChoiceInvalidError) as caught:
        choose_policy("", {"SKUPPER_ROUTER_IMAGE_PULL_POLICY": "Sometimes"})
    assert "SKUPPER_ROUTER_IMAGE_PULL_POLICY" in caught.value.why


def test_only_our_own_image_is_taken_for_the_embedded_router() -> None:
    ours = ImageFacts("1", "x", labels={"skupper-local/router": "embedded"})
    assert kind_of_image(ours) == "embedded"
    assert kind_of_image(ImageFacts("1", PINNED)) == "skrouterd"


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        (PINNED, "quay.io/skupper/skupper-router"),
        ("localhost:5000/router", "localhost:5000/router"),
        ("localhost:5000/router:1", "localhost:5000/router"),
        ("router@sha256:00", "router"),
        ("a/router:1@sha256:00", "a/router"),
    ],
)
def test_the_repository_of_an_image_is_its_name_without_tag_and_digest(
    reference: str, repository: str
) -> None:
    assert repository_of(reference) == repository


def test_the_recorded_image_counts_from_the_first_configuration_on(tmp_path: Path) -> None:
    choices = Choices(image="b:1")
    assert wanted_image(NamespacePaths.of("west", tmp_path), choices, environ={}) == PINNED
    assert wanted_image(started(tmp_path), choices, environ=VARIABLES) == "b:1"


def test_a_site_that_comes_from_an_engine_chooses_its_program_anew(tmp_path: Path) -> None:
    choices = Choices(router_kind="skrouterd", image=PINNED)
    chosen = choose_local_router(started(tmp_path), choices, environ={"SKUPPER_ROUTER": "embedded"})
    assert (chosen.kind, chosen.image) == ("embedded", "")


def test_a_held_image_survives_the_record_and_is_what_the_container_is_made_from() -> None:
    chosen = router_of_image("router:1", ImageFacts("abc", "router:1"), held=True)
    read = recorded_router(chosen.recorded_in(Choices()))
    assert (read.image, read.container_image, read.name) == ("router:1", "abc", "router:1")
    free = router_of_image("router:1", ImageFacts("abc", "router:1"))
    assert recorded_router(free.recorded_in(chosen.recorded_in(Choices()))).container_image == "router:1"


def test_a_wish_that_means_nothing_on_the_platform_is_refused() -> None:
    with pytest.raises(ImageChoiceInvalidError):
        refuse_foreign_wishes("linux", router="", image="a:1", pull="")
    with pytest.raises(ImageChoiceInvalidError):
        refuse_foreign_wishes("linux", router="", image="", pull="always")
    with pytest.raises(RouterChoiceInvalidError):
        refuse_foreign_wishes("docker", router="embedded", image="", pull="")
    refuse_foreign_wishes("podman", router="", image="a:1", pull="never")
    refuse_foreign_wishes("linux", router="embedded", image="", pull="")
