"""What a request wants of a site's router, worked out before anything is touched.

:func:`prepare_change` looks at what is there, chooses where the site runs and with which router, pulls the image if that has to
be, and derives everything that will be written. :func:`require_ready` asks what can still stand in the way: a program that
vanished, a port that somebody holds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from skupper_local.entities import Entity
from skupper_local.host import machine
from skupper_local.host.ports import turn_to_choose
from skupper_local.namespace.lock import HeldLock, lock_port_choices
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import Choices, read_choices
from skupper_local.namespace.resource_files import read_credential_directories
from skupper_local.operations.adoption import (
    REFERENCE_KEEPER,
    adopted_hosts,
    adopted_image,
    platform_in_charge,
    reference_spec,
    site_platform,
    takeover_lines,
)
from skupper_local.operations.containers import find_reach, read_reach
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.image import KIND_LABEL, choose_policy
from skupper_local.operations.placement import LINUX, Place, choose_place
from skupper_local.operations.ports import (
    require_apart,
    require_free,
    require_open_files,
    sockets_of,
    sockets_of_others,
    sockets_on_machine,
)
from skupper_local.operations.preparation import (
    Prepared,
    choose,
    prepare,
    read_configuration,
    reserve_ports,
)
from skupper_local.operations.router_change import Former, Wanted
from skupper_local.operations.router_choice import (
    RouterChoice,
    choose_local_router,
    recorded_router,
    refuse_foreign_wishes,
    router_of_image,
    wanted_image,
)
from skupper_local.operations.spelling import no_site
from skupper_local.operations.supplied_secrets import problems_of_link_secrets, problems_of_supplied
from skupper_local.operations.target import Target
from skupper_local.platforms.container import ContainerSpec, container_name
from skupper_local.platforms.engine import (
    ContainerFacts,
    Engine,
    ImageFacts,
    Progress,
    PullProgress,
    engine_of,
)
from skupper_local.platforms.face import SYSTEMD, Placement, RouterReport, RouterSpec, platform_at
from skupper_local.platforms.linux.program import EMBEDDED, require_program
from skupper_local.platforms.record import RouterRecordError, read_router_record
from skupper_local.resources import InvalidResourcesError, Resource, RouterAccess
from skupper_local.site.capabilities import declared_by
from skupper_local.site.state import SiteState, assemble, place_of

_TURN_PATIENCE = 40.0
"""Seconds to wait for another site of this machine that chooses ports: longer than its router may take to answer."""

_NOTHING_RUNS = RouterReport(running=False, kept=False)


def _quiet(_: PullProgress) -> None:
    """Nobody wants to see how far a pull is."""


@dataclass(frozen=True)
class Wishes:
    """What the flags of a request ask for; empty: what is recorded, or what is usual.

    ``newest`` asks for what the image's name stands for now, wherever it is. ``systemd`` is None where nobody said who shall
    keep the router.
    """

    router: str = ""
    image: str = ""
    pull: str = ""
    systemd: bool | None = None
    progress: Progress = _quiet
    newest: bool = False


NO_WISHES = Wishes()


@dataclass(frozen=True)
class PlannedChange:
    """What is there, what shall be there, and what the user should read.

    ``another_router`` says that the router that runs is not the one that shall run, whatever its configuration.
    """

    former: Former
    wanted: Wanted
    place: Place
    another_router: bool
    warnings: tuple[str, ...]

    @property
    def takes_over(self) -> bool:
        """Whether the site was the reference's until now."""
        return self.former.placement is not None and self.former.placement.keeper == REFERENCE_KEEPER


def prepare_change(
    held: HeldLock, target: Target, wishes: Wishes = NO_WISHES, *, to: str = "", dry: bool = False
) -> PlannedChange:
    """Work out a change to the declarations of this moment; ``to`` moves the site to another platform.

    Three things are done on the way: files that others could read are closed to them, the image is pulled, and the ports are
    recorded once nothing refuses them. ``dry`` does none of them, and says in a warning what is not known for that reason.
    """
    paths = held.paths
    policy = choose_policy(wishes.pull, os.environ)
    former = look(paths)
    before = read_choices(paths)
    state, warnings = _declared(held, dry=dry)
    if former.placement and former.placement.keeper == REFERENCE_KEEPER:
        warnings = (*takeover_lines(paths, former.report), *warnings)
        if former.spec and former.spec.container and not to:
            before = replace(before, image=adopted_image(paths, former.placement))
    place = choose_place(
        target,
        before,
        systemd=wishes.systemd,
        running=former.report.running,
        pull=policy,
        image=wishes.image,
        to=to,
    )
    placement = place.placement
    refuse_foreign_wishes(placement.platform, router=wishes.router, image=wishes.image, pull=wishes.pull)
    with _engine_at(placement) as engine:
        there = engine.container(container_name(paths.name)) if engine else None
        provide = _Foreseen(before) if dry else None
        router = _router(paths, before, wishes, policy, engine, there, provide)
        warnings = (*warnings, *(provide.warnings if provide else ()))
        if engine and there:
            former = _with_its_image(former, placement, engine, there)
        held_ports = {socket.port for socket in sockets_of(running_configuration(paths, former))}
        takes_over = former.placement is not None and former.placement.keeper == REFERENCE_KEEPER
        reach = find_reach(
            state.resources(),
            namespace=paths.name,
            platform=placement.platform,
            endpoint=placement.endpoint,
            engine=engine,
            former=read_reach(paths),
        )
        hosts = adopted_hosts(paths, state) if takes_over else {}
        chosen_now = choose(paths, state, router, held_ports=held_ports, adopting=takes_over).ports
        if chosen_now != read_choices(paths).ports and not dry:
            held.hold_along(turn_to_choose(_TURN_PATIENCE))
        with lock_port_choices(held):
            choices = choose(paths, state, router, held_ports=held_ports, adopting=takes_over)
            choices = replace(
                choices, keeper=placement.keeper, keeper_asked=place.asked, endpoint=placement.endpoint
            )
            prepared = prepare(
                paths, state, choices, platform=placement.platform, reach=reach, added_hosts=hosts
            )
            if not dry:
                reserve_ports(held, choices)
        container = _container(paths, prepared, placement, engine)
    if placement.keeper == SYSTEMD and former.placement != placement:
        warnings = (*warnings, *_lingering())
    platform = platform_at(placement)
    wanted = Wanted(placement, platform, prepared, router_spec(paths, prepared, placement, container))
    another = former.placement not in (None, placement) or _is_another(before, router, wishes, there)
    return PlannedChange(former, wanted, place, another, warnings)


def look(paths: NamespacePaths) -> Former:
    """What is there. Raises the errors of an engine that does not answer."""
    placement, platform = platform_in_charge(paths)
    if site_platform(paths) is None:
        return Former(platform, platform.inspect(paths.home), None)
    spec = (
        reference_spec(paths, placement)
        if placement.keeper == REFERENCE_KEEPER
        else _former_spec(paths, placement)
    )
    return Former(platform, platform.inspect(paths.home), placement, spec)


def running_configuration(paths: NamespacePaths, former: Former) -> tuple[Entity, ...]:
    """The configuration of the running router; a router that ended holds no port."""
    return read_configuration(paths) if former.report.running else ()


def router_spec(
    paths: NamespacePaths, prepared: Prepared, placement: Placement, container: ContainerSpec | None
) -> RouterSpec:
    """What the platform is told to run."""
    label = prepared.configuration_digest
    if container:  # by the image's name: what is in it is compared with the container, and may be held
        named = replace(container, image=prepared.router.image)
        label = hashlib.sha256(f"{label} {named.digest}".encode()).hexdigest()
    return RouterSpec(
        paths.name,
        paths.home,
        paths.router_config,
        prepared.model.facts.site_id,
        prepared.program,
        label,
        placement.platform,
        placement.endpoint,
        container,
    )


def require_ready(paths: NamespacePaths, change: PlannedChange) -> None:
    """Raise what can be known to stand in the way before anything is touched."""
    wanted = change.wanted
    if wanted.spec.container is None:
        require_program(wanted.prepared.program)
        if wanted.placement.keeper != SYSTEMD:  # a unit has its own limit
            require_open_files(sockets_of(wanted.prepared.configuration), machine.open_files_limit())
    former = change.former.spec.container if change.former.spec else None
    model = wanted.prepared.model

    def called(entity: Entity) -> str:
        resource = declared_by(model, entity)
        return f"{resource.title} ({place_of(resource, _port_field(resource, entity))})"

    sockets = sockets_on_machine(wanted.prepared.configuration, wanted.spec.container, called=called)
    held = sockets_on_machine(running_configuration(paths, change.former), former)
    require_apart(sockets, held, sockets_of_others(paths))
    require_free(sockets, held)


def _port_field(resource: Resource, entity: Entity) -> str:
    """Where in a declaration stands the port that an entity of the router listens on."""
    if not isinstance(resource, RouterAccess):
        return "spec.port"
    roles = (index for index, role in enumerate(resource.roles) if entity.name.endswith(f"-{role.name}"))
    return f"spec.roles[{next(roles, 0)}].port"


# Parts.


def _declared(held: HeldLock, *, dry: bool) -> tuple[SiteState, tuple[str, ...]]:
    """The declared site, and what the user should read about the declarations."""
    paths = held.paths
    declarations = read_declarations(paths.input_resources)
    if not declarations.problems and not declarations.of_kind("Site"):
        raise no_site(paths)
    directories = read_credential_directories(paths.input_certs)
    assembled = assemble(
        declarations.resources,
        namespace=paths.name,
        broken=declarations.problems,
        supplied={name: item.filled for name, item in directories.items()},
    )
    warnings = [*declarations.warnings, *(str(warning) for warning in assembled.warnings)]
    now = datetime.now(UTC)
    unusable = problems_of_link_secrets(declarations.resources, now, directories)
    if unusable or assembled.state is None:
        issuers = read_credential_directories(paths.input_issuers)
        unusable += problems_of_supplied(declarations.resources, directories, issuers, now)
        together = sorted((*assembled.problems, *unusable), key=lambda item: (item.source, item.line))
        raise InvalidResourcesError(together, what="The declarations do not make a site", warnings=warnings)
    tightened = held.tighten_permissions(dry=dry)
    if tightened:
        others = f" and {len(tightened) - 1} more" if len(tightened) > 1 else ""
        said = "can be read by others" if dry else "could be read by others, and can no longer"
        warnings.append(f"{tightened[0]}{others} {said}")
    return assembled.state, tuple(warnings)


def _lingering() -> tuple[str, ...]:
    from skupper_local.systemd.lingering import lingering_warning

    return tuple(filter(None, (lingering_warning(os.getuid()),)))


@contextmanager
def _engine_at(placement: Placement) -> Iterator[Engine | None]:
    if placement.platform == LINUX:
        yield None
        return
    engine = engine_of(placement.platform, placement.endpoint, os.environ)
    try:
        yield engine
    finally:
        engine.close()


class _Foreseen:
    """Images as they are on this machine, and what a pull would make uncertain."""

    def __init__(self, before: Choices) -> None:
        self._before = before
        self.warnings: list[str] = []

    def image(self, engine: Engine, reference: str, policy: str) -> ImageFacts:
        from skupper_local.platforms.container_platform import PULL_ALWAYS, PULL_NEVER, provide_image

        present = engine.image(reference)
        if policy == PULL_NEVER or (present and policy != PULL_ALWAYS):
            return provide_image(engine, reference, policy, _quiet)
        self.warnings.append(f"image {reference} would be pulled first; what is in it is not known before")
        if present:
            return present
        recorded = recorded_router(self._before)
        kind = recorded.kind if recorded.image == reference else ""
        return ImageFacts("", reference, labels={KIND_LABEL: kind})


def _router(
    paths: NamespacePaths,
    before: Choices,
    wishes: Wishes,
    policy: str,
    engine: Engine | None,
    there: ContainerFacts | None,
    foreseen: _Foreseen | None,
) -> RouterChoice:
    if engine is None:
        return choose_local_router(paths, before, wishes.router)
    from skupper_local.platforms.container_platform import PULL_ALWAYS, provide_image

    image = wanted_image(paths, before, wishes.image)
    if wishes.newest and not wishes.pull:
        present = engine.image(image)
        if present is None or there is None or present.id == there.image_id:  # nothing newer was brought
            policy = PULL_ALWAYS
    elif before.held_image and not wishes.image and not wishes.pull:
        held = engine.image(before.held_image)
        if held:
            return router_of_image(image, held, held=True)
    if foreseen:
        return router_of_image(image, foreseen.image(engine, image, policy))
    return router_of_image(image, provide_image(engine, image, policy, wishes.progress))


def _with_its_image(former: Former, placement: Placement, engine: Engine, there: ContainerFacts) -> Former:
    """What is there, with its image by id where the name stands for another one by now: so it can be put back."""
    spec, same = former.spec, former.placement
    if not spec or not spec.container or not same:
        return former
    if (same.platform, same.endpoint) != (placement.platform, placement.endpoint):
        return former
    present = engine.image(spec.container.image)
    if present and present.id == there.image_id:
        return former
    container = replace(spec.container, image=there.image_id)
    return replace(former, spec=replace(spec, container=container), held_image=there.image_id)


def _container(
    paths: NamespacePaths, prepared: Prepared, placement: Placement, engine: Engine | None
) -> ContainerSpec | None:
    if engine is None:
        return None
    from skupper_local.operations.router_container import container_of

    return container_of(paths, prepared, placement, engine.facts())


def _is_another(before: Choices, router: RouterChoice, wishes: Wishes, there: ContainerFacts | None) -> bool:
    """Whether a router that runs is another one than the one to run: asked for, or its image holds something else by now."""
    if there is None:
        return bool(wishes.router) and recorded_router(before).name != router.name
    return recorded_router(before).name != router.name or there.image_id != router.image_id


def _former_spec(paths: NamespacePaths, placement: Placement) -> RouterSpec | None:
    """What was started: the record, or what the choices tell of a site that was started before there were records."""
    with suppress(RouterRecordError):
        return read_router_record(paths.router_record)
    choices = read_choices(paths)
    if placement.platform != LINUX:
        return None
    return RouterSpec(
        paths.name,
        paths.home,
        paths.router_config,
        choices.site_id,
        recorded_router(choices).program or EMBEDDED,
    )
