"""One change of what runs: write the files, start the router with them, wait for its answer, or put everything back.

The order is that of :func:`put_in_place`, for every request that touches a router: start, reload, upgrade, a move to another
platform, taking a site of the reference over. What can fail without touching anything is done first (the image, the program,
the ports); then all files change in one transaction, with the record that tells the router's keeper what to run; then the
router. When that does not work out, files and router are what they were, and the error says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from skupper_local.errors import SkupperLocalError
from skupper_local.namespace.lock import HeldLock
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, read_choices
from skupper_local.namespace.transaction import Change, Transaction
from skupper_local.operations.applied import forget_applied, read_applied, write_applied
from skupper_local.operations.errors import RouterNotReadyError
from skupper_local.operations.preparation import Prepared, installation, runtime_directories
from skupper_local.operations.router import ask_whether_ready
from skupper_local.platforms.face import Placement, Platform, RouterReport, RouterSpec
from skupper_local.platforms.readiness import wait_until_ready
from skupper_local.platforms.record import encode_router_record

LINUX = "linux"

ANSWER_SECONDS = 10.0
"""Seconds for a router that ran before, and may be coming up again, to answer."""

Content = bytes | Mapping[str, bytes] | None


@dataclass(frozen=True)
class Former:
    """What is there before a change: where, how it is, and what it was started with (None where that is not known).

    ``held_image`` is the id of its image where the image's name stands for another one by now.
    """

    platform: Platform | None
    report: RouterReport
    placement: Placement | None = None
    spec: RouterSpec | None = None
    held_image: str = ""

    def let_go(self, home: Path) -> None:
        """Take it away because another placement follows: the router, its container, its unit."""
        if self.platform:
            self.platform.remove(home)


@dataclass(frozen=True)
class Wanted:
    """What shall be there."""

    placement: Placement
    platform: Platform
    prepared: Prepared
    spec: RouterSpec


def put_in_place(held: HeldLock, former: Former, wanted: Wanted) -> float:
    """Write everything and start the router with it. Returns the seconds from its start to its first answer.

    Raises the errors of the transaction, of the platform and RouterNotReadyError, after the former state was put back.
    """
    paths = held.paths
    files = _capture(paths)
    applied = read_applied(paths)
    write_files(held, wanted, desired=DesiredState.RUNNING)
    try:
        if former.placement != wanted.placement:
            former.let_go(paths.home)
        return run(paths, wanted)
    except SkupperLocalError as error:
        runs = _put_back(held, former, wanted, files, applied)
        if not former.report.running:
            raise
        became = "runs again" if runs else "was put back, but does not run either"
        raise type(error)(
            f"{error.what}; the former one {became}", why=error.why, next_step=error.next_step
        ) from error


def write_files(held: HeldLock, wanted: Wanted, *, desired: DesiredState | None = None) -> tuple[Change, ...]:
    """Write all files of the site, and the record of what its keeper runs, in one transaction."""
    return files_of(held, wanted, desired=desired).commit()


def files_of(held: HeldLock, wanted: Wanted, *, desired: DesiredState | None = None) -> Transaction:
    """The transaction of :func:`write_files`."""
    record = {held.paths.router_record: encode_router_record(wanted.spec)}
    platform = wanted.placement.platform
    return installation(held, wanted.prepared, platform=platform, desired=desired, further=record)


def run(paths: NamespacePaths, wanted: Wanted) -> float:
    """Start the router with the files as they are, in place of the one that runs; the seconds it took to answer."""
    forget_applied(paths)
    platform = wanted.platform
    platform.stop(paths.home)
    platform.start(wanted.spec)
    readiness = wait_until_ready(platform, paths.home, ask(paths))
    if not readiness.ready:
        raise RouterNotReadyError(
            f"The router of namespace {paths.name} was started and is not ready",
            why="\n".join((readiness.reason, *readiness.lines)),
            next_step=_where_to_look(paths, wanted.placement),
        )
    write_applied(paths, wanted.prepared.credentials_digest)
    return readiness.seconds


def answers(paths: NamespacePaths, platform: Platform, report: RouterReport) -> bool:
    """Whether a router that ran already answers; it may be coming up just now, after a crash or for a killed command."""
    readiness = wait_until_ready(
        platform, paths.home, ask(paths), seconds=ANSWER_SECONDS, restarts=report.restarts
    )
    return readiness.ready


def ask(paths: NamespacePaths) -> Callable[[float], str]:
    """The question that readiness is about."""
    return lambda seconds: ask_whether_ready(paths, seconds)


def _where_to_look(paths: NamespacePaths, placement: Placement) -> str:
    if placement.platform == LINUX:
        return f"look at its log: skupper-local system logs -n {paths.name}"
    return f"skupper-local system check -n {paths.name} looks at the engine, the image and the ports"


# The former state.


def _capture(paths: NamespacePaths) -> dict[Path, Content]:
    """What a failed change puts back: directories with their files, single files, and None for what is not there.

    CAs are not among them: no CA is ever removed.
    """
    kept: dict[Path, Content] = {}
    for directory in runtime_directories(paths):
        kept[directory] = _files_below(directory) if directory.is_dir() else None
    for file in (paths.choices, paths.platform, paths.desired_state, paths.reach, paths.router_record):
        kept[file] = file.read_bytes() if file.is_file() else None
    return kept


def _files_below(directory: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def _put_back(
    held: HeldLock, former: Former, wanted: Wanted, files: Mapping[Path, Content], applied: str
) -> bool:
    """Whether the former router runs again. Failures on the way are not raised: another error is on its way to the user."""
    paths = held.paths
    moved = former.placement != wanted.placement
    with contextlib.suppress(SkupperLocalError):
        if moved:
            wanted.platform.remove(paths.home)
        else:
            wanted.platform.stop(paths.home)
    if former.held_image and former.spec:
        files = {**files, paths.router_record: encode_router_record(former.spec)}
    with contextlib.suppress(OSError, SkupperLocalError):
        _write_back(held, files)
        if former.held_image:
            choices = replace(read_choices(paths), held_image=former.held_image)
            transaction = held.transaction()
            transaction.write(paths.choices, choices.encode())
            transaction.commit()
    if not former.report.running or not former.platform or not former.spec:
        return False
    try:
        # It gets the label it had, and not that of the record, which may be newer than what ran.
        former.platform.start(replace(former.spec, label=former.report.label))
        ready = wait_until_ready(former.platform, paths.home, ask(paths), seconds=ANSWER_SECONDS).ready
    except SkupperLocalError:
        return False
    if ready:
        write_applied(paths, applied)
    return ready


def _write_back(held: HeldLock, files: Mapping[Path, Content]) -> None:
    directories = runtime_directories(held.paths)
    transaction = held.transaction()
    for path, content in files.items():
        if isinstance(content, bytes):
            transaction.write(path, content)
        elif content is not None:
            transaction.replace_directory(path, content)
        elif path in directories:
            transaction.delete_directory(path)
        else:
            transaction.delete(path)
    transaction.commit()
