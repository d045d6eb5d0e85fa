"""The order of a change, and what is put back when it does not work out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from skupper_local.namespace.lock import HeldLock, lock_namespace
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, read_choices, read_desired_state
from skupper_local.operations import router_change
from skupper_local.operations.applied import read_applied, write_applied
from skupper_local.operations.create import create_site
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.errors import RouterNotReadyError
from skupper_local.operations.preparation import Prepared, choose, prepare, reserve_ports
from skupper_local.operations.router_change import Former, Wanted, put_in_place
from skupper_local.operations.router_choice import RouterChoice
from skupper_local.operations.target import Target
from skupper_local.platforms import readiness
from skupper_local.platforms.container import ContainerSpec
from skupper_local.platforms.face import Placement, RouterNotStartedError, RouterReport, RouterSpec
from skupper_local.platforms.record import read_router_record
from skupper_local.site.state import assemble

RUNS = RouterReport(running=True, kept=True, pid=1, label="former")
NOTHING = RouterReport(running=False, kept=False)
LISTENER = """apiVersion: skupper.io/v2alpha1
kind: Listener
metadata:
  name: backend
spec:
  routingKey: backend
  host: 127.0.0.1
  port: 8080
"""
PODMAN, LINUX = Placement("podman", endpoint="unix:///nowhere"), Placement("linux")


@dataclass
class Played:
    """A platform that writes down what is asked of it; ``sick`` are the images or programs whose router does not start."""

    told: list[str]
    name: str
    sick: tuple[str, ...] = ()
    running: str = ""
    specs: list[RouterSpec] = field(default_factory=list)

    def start(self, spec: RouterSpec) -> None:
        what = spec.container.image if spec.container else spec.program
        self.told.append(f"{self.name} start {what}")
        self.specs.append(spec)
        if what in self.sick:
            raise RouterNotStartedError("It did not start", why="it is sick")
        self.running = what

    def stop(self, home: Path) -> bool:
        self.told.append(f"{self.name} stop")
        ran, self.running = bool(self.running), ""
        return ran

    def remove(self, home: Path) -> bool:
        self.told.append(f"{self.name} remove")
        ran, self.running = bool(self.running), ""
        return ran

    def inspect(self, home: Path) -> RouterReport:
        return RUNS if self.running else NOTHING

    def refresh(self, home: Path) -> bool:
        return True

    def log_place(self, home: Path) -> str:
        return ""

    def log(self, home: Path, count: int) -> list[str]:
        return ["its last words"]

    def follow(self, home: Path) -> Iterator[str]:
        return iter(())


@dataclass
class Stage:
    """One namespace with what was started and what shall be; ``told`` is what both platforms were told, in order."""

    held: HeldLock
    target: Target
    told: list[str]
    podman: Played
    linux: Played

    def prepared(self, router: RouterChoice, platform: str) -> Prepared:
        state = assemble(
            read_declarations(self.target.paths.input_resources).require(), namespace="west"
        ).require()
        choices = choose(self.held.paths, state, router)
        reserve_ports(self.held, choices)
        return prepare(self.target.paths, state, replace(choices, keeper="own"), platform=platform)

    def wanted(self, image: str = "", placement: Placement = PODMAN, label: str = "wanted") -> Wanted:
        kind = RouterChoice("embedded", image=image)
        made = self.prepared(kind, placement.platform)
        return Wanted(placement, self.of(placement), made, self.spec(image, placement, label))

    def of(self, placement: Placement) -> Played:
        return self.podman if placement.platform == "podman" else self.linux

    def spec(self, image: str, placement: Placement, label: str) -> RouterSpec:
        paths = self.target.paths
        container = ContainerSpec("west-skupper-router", image) if image else None
        return RouterSpec(
            "west",
            paths.home,
            paths.router_config,
            "id",
            "embedded",
            label,
            placement.platform,
            placement.endpoint,
            container,
        )

    def former(self, image: str = "", placement: Placement = PODMAN) -> Former:
        """What runs: put in place as a start does it."""
        put_in_place(self.held, Former(None, NOTHING), self.wanted(image, placement, "former"))
        self.told.clear()
        return Former(self.of(placement), RUNS, placement, self.spec(image, placement, "record"))

    def files(self) -> dict[str, bytes]:
        home = self.target.paths.home
        kept = ("runtime", "internal/choices.json", "internal/router.json", "internal/platform.yaml")
        return {
            str(path.relative_to(home)): path.read_bytes()
            for path in home.rglob("*")
            if path.is_file() and str(path.relative_to(home)).startswith(kept)
        }


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    target = Target(NamespacePaths.of("west", tmp_path))
    create_site(target, "west", enable_link_access=True)
    told: list[str] = []
    played = Played(told, "podman", sick=("sick:1",)), Played(told, "linux")

    def ask(paths: NamespacePaths, seconds: float) -> str:
        return "" if any(item.running not in ("", "mute:1") for item in played) else "no answer"

    monkeypatch.setattr(router_change, "ask_whether_ready", ask)
    monkeypatch.setattr(router_change, "ANSWER_SECONDS", 0.2)
    with lock_namespace(target.paths, command="test") as held:
        yield Stage(held, target, told, *played)


def test_files_and_record_are_there_before_the_router_is_told(stage: Stage) -> None:
    seen: list[str] = []
    start = stage.podman.start

    def look(spec: RouterSpec) -> None:
        seen.append(read_router_record(stage.target.paths.router_record).label)
        assert stage.target.paths.router_config.exists()
        start(spec)

    stage.podman.start = look  # type: ignore[method-assign]
    put_in_place(stage.held, Former(None, NOTHING), stage.wanted("good:1"))
    assert seen == ["wanted"]
    assert read_desired_state(stage.target.paths) is DesiredState.RUNNING
    assert read_choices(stage.target.paths).image == "good:1"


def test_a_router_that_does_not_start_gives_way_to_the_former_one_with_its_files_and_its_label(
    stage: Stage,
) -> None:
    former = stage.former("good:1")
    write_applied(stage.target.paths, "read before")
    before = stage.files()
    (stage.target.paths.input_resources / "Listener-backend.yaml").write_text(LISTENER)
    with pytest.raises(RouterNotStartedError, match="the former one runs again"):
        put_in_place(stage.held, former, stage.wanted("sick:1"))
    assert stage.told == ["podman stop", "podman start sick:1", "podman stop", "podman start good:1"]
    assert stage.podman.specs[-1].label == "former", "the label is that of what ran"
    assert stage.files() == before
    assert read_applied(stage.target.paths) == "read before"


def test_a_former_router_that_does_not_come_back_is_said(stage: Stage) -> None:
    former = stage.former("good:1")
    stage.podman.sick = ("sick:1", "good:1")
    with pytest.raises(RouterNotStartedError, match="was put back, but does not run either"):
        put_in_place(stage.held, former, stage.wanted("sick:1"))


def test_a_first_start_that_fails_leaves_nothing_but_identity_ports_and_cas(stage: Stage) -> None:
    with pytest.raises(RouterNotStartedError) as caught:
        put_in_place(stage.held, Former(None, NOTHING), stage.wanted("sick:1"))
    assert "former" not in caught.value.what
    assert stage.told[-1] == "podman remove"
    paths = stage.target.paths
    left = read_choices(paths)
    assert left.site_id
    assert left.ports
    assert (left.image, left.router_kind) == ("", "")
    assert not paths.platform.exists()
    assert not paths.router_record.exists()
    assert not paths.runtime_certs.exists()
    assert paths.runtime_issuers.exists()


def test_a_site_that_was_stopped_stays_so_when_its_start_fails(stage: Stage) -> None:
    former = replace(stage.former("good:1"), report=NOTHING)
    before = stage.files()
    stage.podman.running = ""
    with pytest.raises(RouterNotStartedError):
        put_in_place(stage.held, former, stage.wanted("sick:1"))
    assert stage.podman.running == ""
    assert stage.files() == before


def test_a_move_takes_the_former_router_away_before_the_new_one_starts(stage: Stage) -> None:
    former = stage.former("", LINUX)
    put_in_place(stage.held, former, stage.wanted("good:1"))
    assert stage.told[0] == "linux remove"
    assert stage.told[-1] == "podman start good:1"
    assert stage.target.paths.platform.read_text() == "platform: podman\n"


def test_a_move_that_fails_removes_the_new_one_and_starts_the_former(stage: Stage) -> None:
    former = stage.former("", LINUX)
    before = stage.files()
    with pytest.raises(RouterNotStartedError, match="the former one runs again"):
        put_in_place(stage.held, former, stage.wanted("sick:1"))
    assert stage.told[-2:] == ["podman remove", "linux start embedded"]
    assert stage.files() == before


def test_an_image_whose_name_moved_is_put_back_by_its_id_and_held(stage: Stage) -> None:
    former = stage.former("good:1")
    assert former.spec
    assert former.spec.container
    pinned = replace(former.spec, container=replace(former.spec.container, image="abc"))
    with pytest.raises(RouterNotStartedError):
        put_in_place(stage.held, replace(former, spec=pinned, held_image="abc"), stage.wanted("sick:1"))
    assert stage.podman.running == "abc"
    assert read_choices(stage.target.paths).held_image == "abc"
    record = read_router_record(stage.target.paths.router_record)
    assert record.container
    assert record.container.image == "abc", "whoever keeps it starts what ran, too"


def test_a_router_that_says_nothing_is_not_ready(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = readiness.wait_until_ready
    monkeypatch.setattr(
        router_change,
        "wait_until_ready",
        lambda *positional, **named: wait(*positional, **{**named, "seconds": 0.2}),
    )
    with pytest.raises(RouterNotReadyError) as caught:
        put_in_place(stage.held, Former(None, NOTHING), stage.wanted("mute:1"))
    assert "no answer" in caught.value.why
    assert "its last words" in caught.value.why
    assert "system check" in caught.value.next_step
