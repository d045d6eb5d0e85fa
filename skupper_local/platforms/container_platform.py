"""Platforms ``podman`` and ``docker``: the router of a namespace as one container of an engine.

A container is never changed: it bears the digest of the specification it was made for, and one that was made for another
specification, or from another image than the present one of that name, is removed and made anew. A container of the router's
name is touched only if it is ours: it says that it belongs to this application, and has this site's id or this namespace's
directory mounted (so those that the reference made are ours too). Anything else of that name is somebody's, and stays.

What keeps the router running is the engine's restart policy. A stopped container that bears one would come back with the next
boot, so ``stop`` removes it; one that another keeper looks after (policy ``no``) is only stopped, and removed by ``clear`` when
the user wants the site stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from skupper_local.host.processes import HANG_UP, wait_gone
from skupper_local.host.processes import find as find_process
from skupper_local.host.processes import send as send_signal
from skupper_local.platforms.container import (
    APPLICATION,
    CONFIGURATION_TARGET,
    LABEL_APPLICATION,
    LABEL_CONFIGURATION,
    LABEL_SITE_ID,
    LABEL_SPECIFICATION,
    STOP_SECONDS,
    ContainerSpec,
    container_name,
    own_network,
)
from skupper_local.platforms.engine import (
    ContainerFacts,
    ContainerForeignError,
    Engine,
    EngineFailedError,
    ImageFacts,
    ImageMissingError,
    ImagePullError,
    Progress,
    engine_of,
)
from skupper_local.platforms.face import RouterExit, RouterNotStartedError, RouterReport, RouterSpec

PULL_MISSING = "missing"
PULL_ALWAYS = "always"
PULL_NEVER = "never"
PULL_POLICIES = (PULL_MISSING, PULL_ALWAYS, PULL_NEVER)
"""When an image is pulled: if it is not there, every time, or not at all."""

_RESTART_SECONDS = 5.0
"""An engine that restarts a container does it within this time; one that is down for longer stays down."""

_OWN_NETWORK_LABELS = {LABEL_APPLICATION: APPLICATION}

_PUT_ASIDE = "-backup"
"""What the reference's reload adds to the name of the container that it replaces."""

_SIGNALLED = 128
_LAST_WORDS = 5


def provide_image(engine: Engine, reference: str, policy: str, progress: Progress) -> ImageFacts:
    """The image, pulled if ``policy`` asks for it. Raises ImageMissingError and ImagePullError."""
    image = None if policy == PULL_ALWAYS else engine.image(reference)
    if image is not None:
        return image
    if policy == PULL_NEVER:
        raise _missing(engine.name, reference, why="it is not on this machine, and is not to be pulled")
    try:
        return engine.pull(reference, progress)
    except ImagePullError as error:
        if policy == PULL_ALWAYS and engine.image(reference) is not None:
            error.next_step = (
                f"the image that is here is used with --pull {PULL_MISSING}; otherwise: {error.next_step}"
            )
        raise


class ContainerPlatform:
    """See :class:`skupper_local.platforms.face.Platform`; ``name`` is ``podman`` or ``docker``."""

    def __init__(self, name: str, endpoint: str = "", engine: Engine | None = None) -> None:
        self.name = name
        self._endpoint = endpoint
        self._connected = engine

    @property
    def engine(self) -> Engine:
        """The engine, connected to when it is first needed. Raises EngineUnreachableError and EngineRefusedError."""
        if self._connected is None:
            self._connected = engine_of(self.name, self._endpoint)
        return self._connected

    def start(self, spec: RouterSpec) -> None:
        """See the face. Raises what the engine raises, ContainerForeignError and ImageMissingError too."""
        if spec.container is None:
            raise RouterNotStartedError(
                f"The router of namespace {spec.namespace} cannot be started",
                why="nothing says which container it should run in",
                next_step=f"make its configuration anew: skupper-local system reload -n {spec.namespace}",
            )
        wanted = _labelled(spec.container, spec.label)
        found = self.engine.container(wanted.name)
        if found is not None and not _is_ours(found, spec.home, spec.site_id):
            raise _foreign(self.name, found)
        image = self.engine.image(wanted.image)
        if image is None:
            raise _missing(self.name, wanted.image, why=f"{self.name} has no image of that name any more")
        if found is not None and _was_made_for(found, wanted, image) and self._restarted(found):
            return
        if found is not None:
            self._end(found)
        self._create_and_start(wanted)

    def _restarted(self, found: ContainerFacts) -> bool:
        """Whether the container as it is could be started again; one that cannot is made anew."""
        if found.abandoned:
            return False
        try:
            if found.running or found.restarting:
                self.engine.stop(found.name, STOP_SECONDS)
            self.engine.start(found.name)
        except (
            EngineFailedError
        ):  # a state the engine does not get out of, a mount that moved: a new container says which
            return False
        return True

    def _create_and_start(self, wanted: ContainerSpec) -> None:
        if wanted.own_network:
            self.engine.make_network(wanted.network, _OWN_NETWORK_LABELS)
        self.engine.create(wanted)
        try:
            self.engine.start(wanted.name)
        except BaseException:
            self.engine.remove(
                wanted.name
            )  # one that never ran would be tried again by the engine at the next boot
            raise

    def _end(self, container: ContainerFacts) -> None:
        if container.abandoned:  # the engine would wait in vain for word of its end
            router = find_process(container.pid) if container.pid else None
            if router and self.engine.signal(container.name, "TERM"):
                wait_gone(router, STOP_SECONDS)
        elif container.running or container.restarting:
            self.engine.stop(container.name, STOP_SECONDS)
        try:
            self.engine.remove(container.name)
        except EngineFailedError:
            if not container.abandoned:
                raise
            self.engine.remove(
                container.name
            )  # Podman found out by the first attempt that nothing runs any more

    def stop(self, home: Path) -> bool:
        found = self._own(home)
        if found is None:
            return False
        ran = found.running or found.restarting
        if _is_kept_by_engine(found) or found.abandoned:
            self._end(found)
            return True
        return self.engine.stop(found.name, STOP_SECONDS) if ran else False

    def remove(self, home: Path) -> bool:
        found = self._own(home)
        if found is not None:
            self._end(found)
        made = self.engine.remove_network(own_network(home.name), _OWN_NETWORK_LABELS)
        return made or found is not None

    def clear(self, home: Path) -> None:
        """Remove a container that only stands there: the reference's reload fails at one that is stopped already."""
        found = self._own(home)
        if found is not None and not (found.running or found.restarting):
            self._end(found)

    def is_displaced(self, home: Path) -> bool:
        """Whether the reference's program is at work on the site, or has been: a reload of it puts the container aside under
        another name, pulls the image, and makes a container that bears no label of ours. Nobody must come in between.
        """
        found = self._own(home)
        if found is not None:
            return LABEL_CONFIGURATION not in found.labels
        aside = self.engine.container(f"{container_name(home.name)}{_PUT_ASIDE}")
        return aside is not None and _is_ours(aside, home, "")

    def inspect(self, home: Path) -> RouterReport:
        found = self._own(home)
        if found is None:
            return RouterReport(running=False, kept=False)
        coming_back = found.running or found.restarting or time.time() - found.ended < _RESTART_SECONDS
        return RouterReport(
            running=found.running,
            kept=_is_kept_by_engine(found) and coming_back and not found.abandoned,
            pid=found.pid,
            keeper_pid=0 if found.abandoned else found.monitor_pid,
            label=found.labels.get(LABEL_CONFIGURATION, ""),
            since=found.since if found.running else 0.0,
            restarts=found.restarts,
            last_exit=self._last_exit(found),
        )

    def _last_exit(self, found: ContainerFacts) -> RouterExit | None:
        if not found.ended:
            return None
        if found.running:  # what is left of the run before is its end, not how it came
            return RouterExit(found.ended, "the engine started it again", 0.0, "") if found.restarts else None
        words = [line for line in self.engine.log(found.name, _LAST_WORDS) if line.strip()]
        reason = "it used more memory than it may" if found.out_of_memory else found.error
        return RouterExit(
            at=found.ended,
            how=_how_it_ended(found),
            ran=max(found.ended - found.since, 0.0) if found.since else 0.0,
            reason=reason or (words[-1] if words else ""),
        )

    def refresh(self, home: Path) -> bool:
        found = self._own(home)
        if found is None or not found.running:
            return False
        router = find_process(found.pid)
        # Podman 4 and Docker before 23 take any signal that they pass on for a stop, and may not start the container again when
        # it ends; so they are asked only if the process is not ours to signal
        try:
            return router is not None and send_signal(router, HANG_UP)
        except PermissionError:
            return self.engine.signal(found.name, "HUP")

    def log_place(self, home: Path) -> str:
        found = self._own(home)
        return f"{self.name} logs {found.name}" if found else ""

    def log(self, home: Path, count: int) -> list[str]:
        found = self._own(home)
        return self.engine.log(found.name, count) if found else []

    def follow(self, home: Path) -> Iterator[str]:
        found = self._own(home)
        return self.engine.follow(found.name) if found else iter(())

    def _own(self, home: Path) -> ContainerFacts | None:
        """The namespace's container; None when there is none, or one of that name that is not ours."""
        found = self.engine.container(container_name(home.name))
        return found if found is not None and _is_ours(found, home, "") else None


def _labelled(container: ContainerSpec, label: str) -> ContainerSpec:
    labels = {**container.labels, LABEL_CONFIGURATION: label}
    digest = replace(container, labels=labels).digest
    return replace(container, labels={**labels, LABEL_SPECIFICATION: digest})


def _was_made_for(found: ContainerFacts, wanted: ContainerSpec, image: ImageFacts) -> bool:
    return (
        found.labels.get(LABEL_SPECIFICATION) == wanted.labels[LABEL_SPECIFICATION]
        and found.image_id == image.id
    )


def _is_ours(found: ContainerFacts, home: Path, site_id: str) -> bool:
    if found.labels.get(LABEL_APPLICATION) != APPLICATION:
        return False
    if site_id and found.labels.get(LABEL_SITE_ID) == site_id:
        return True
    mounted = found.mounted.get(CONFIGURATION_TARGET, "")
    return bool(mounted) and os.path.realpath(mounted) == os.path.realpath(home / "runtime" / "router")


def _is_kept_by_engine(found: ContainerFacts) -> bool:
    return found.restart_policy not in ("", "no")


def _how_it_ended(found: ContainerFacts) -> str:
    if found.exit_code > _SIGNALLED:
        return f"signal {found.exit_code - _SIGNALLED}"
    return f"exit status {found.exit_code}"


def _foreign(platform: str, found: ContainerFacts) -> ContainerForeignError:
    home = found.mounted.get(CONFIGURATION_TARGET, "")
    other_site = found.labels.get(LABEL_APPLICATION) == APPLICATION
    return ContainerForeignError(
        f"A container named {found.name} is there and is not this site's",
        why=f"it is the router of another site ({found.labels.get(LABEL_SITE_ID, '?')}, files in {home or 'another place'})"
        if other_site
        else f"it was made from {found.image or 'an unknown image'} for something else",
        next_step="use another namespace (-n), or remove that container if nobody needs it: "
        f"{platform} rm -f {found.name}; skupper-local system check explains it",
    )


def _missing(platform: str, reference: str, *, why: str) -> ImageMissingError:
    return ImageMissingError(
        f"Image {reference} is missing",
        why=why,
        next_step=f"pull it ({platform} pull {reference}), or load it from an archive: skupper-local system load-image FILE; "
        "skupper-local system check explains it",
    )
