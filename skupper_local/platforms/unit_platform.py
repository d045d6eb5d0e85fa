"""Any platform whose routers are kept by systemd: a unit runs ``skupper-local-run``, and nobody else restarts anything.

What runs is the platform's matter still (a process, a container); when it runs is the unit's. A router that runs while its unit
does not (somebody started the container by hand, or the unit was lost) is reported as not kept, and a start puts that right.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from skupper_local.host import processes
from skupper_local.namespace.paths import NamespacePaths, data_home
from skupper_local.platforms.face import (
    Placement,
    Platform,
    RouterExit,
    RouterNotStartedError,
    RouterReport,
    RouterSpec,
    own_platform,
)
from skupper_local.platforms.linux.run_directory import (
    RunDirectory,
    forget,
    read_history,
    read_label,
    read_process,
    write_label,
    write_process,
)
from skupper_local.systemd.manager import Manager, UnitState
from skupper_local.systemd.units import (
    SiteUnit,
    install_unit,
    installed_unit,
    remove_unit,
    require_ours,
    runner_command,
    unit_name,
)

_QUEUED_SECONDS = 5.0
_POLL_SECONDS = 0.02
_LAST_WORDS = 5
_SAME_END_SECONDS = 2.0
"""The manager's times are whole seconds, and it sees the end of the program a moment after the program saw the router's."""


class UnitPlatform:
    """See :class:`skupper_local.platforms.face.Platform`. ``manager`` is given by tests only."""

    def __init__(
        self,
        placement: Placement,
        *,
        manager: Manager | None = None,
    ) -> None:
        self.name = placement.platform
        self._placement = placement
        self._manager = manager or Manager()
        self._inner: Platform = own_platform(placement)

    @property
    def _in_container(self) -> bool:
        return self.name != "linux"

    def start(self, spec: RouterSpec) -> None:
        """See the face. Raises RouterNotStartedError, what the engine raises, and the errors of ``systemd``.

        A container is started here and adopted by the unit: what the engine has against it is told to the person at once.
        """
        unit = unit_name(spec.namespace)
        require_ours(installed_unit(spec.namespace, self._manager), spec.home)
        if self._without_unit(spec.home):
            self._inner.stop(spec.home)  # what runs without the unit would be in its way
        if install_unit(self._unit(spec), self._manager):
            self._manager.reload()
        state = self._manager.state(unit)
        if state.enabled != "enabled":
            self._manager.enable(unit)
        directory = RunDirectory(str(spec.home))
        forget(directory.failures, directory.history)
        if self._in_container:
            self._start_container(spec, unit, kept=state.kept)
        self._manager.start_again(unit, failed=state.active == "failed")
        self._wait_until_begun(spec, unit, state)

    def _start_container(self, spec: RouterSpec, unit: str, *, kept: bool) -> None:
        """With its unit at rest: otherwise both would make the container anew at the same time."""
        if kept:
            self._manager.stop(unit)
        try:
            self._inner.start(spec)
            router = processes.find(self._inner.inspect(spec.home).pid)
        except BaseException:
            if kept:
                self._manager.start_again(unit)
            raise
        directory = RunDirectory(str(spec.home))
        directory.make()
        write_process(directory.router, router)
        write_label(directory.label, spec.label)

    def _without_unit(self, home: Path) -> bool:
        """A supervisor of ours, or a container that the engine keeps, from a time before systemd kept this router."""
        if self._in_container:
            return self._inner.inspect(home).kept
        supervisor = read_process(RunDirectory(str(home)).supervisor)
        return supervisor is not None and supervisor.pid != self._manager.state(unit_name(home.name)).main_pid

    def _unit(self, spec: RouterSpec) -> SiteUnit:
        home = NamespacePaths.of(spec.namespace, spec.home.parent.parent)
        environment: dict[str, str] = {}
        if data_home({}, uid=self._manager.uid) != home.data_home:
            environment["XDG_DATA_HOME"] = str(home.data_home.parent)
        if spec.site_id:
            environment["SKUPPER_SITE_ID"] = spec.site_id
        return SiteUnit(
            namespace=spec.namespace,
            home=spec.home,
            platform=self.name,
            command=runner_command(spec.namespace),
            engine=self.name if self._in_container else "",
            writable=(home.data_home,),
            environment=environment,
        )

    def _wait_until_begun(self, spec: RouterSpec, unit: str, before: UnitState) -> None:
        """Until the manager has taken the job up: a look before that would find a router that has ended."""
        deadline = time.monotonic() + _QUEUED_SECONDS
        while time.monotonic() < deadline:
            state = self._manager.state(unit)
            if state.active == "failed":
                break
            if state.kept and (state.main_pid != before.main_pid or state.restarts > 0) and state.main_pid:
                return
            time.sleep(_POLL_SECONDS)
        state = self._manager.state(unit)
        if state.kept:
            return
        raise RouterNotStartedError(
            f"The unit {unit} was not started",
            why="\n".join((state.text or state.result or state.active, *self._words(spec.home.name))),
            next_step=f"look at it: {self._manager.words} status {unit}; skupper-local system check says more",
        )

    def stop(self, home: Path) -> bool:
        unit = unit_name(home.name)
        ran = False
        if self._is_ours(home):
            state = self._manager.state(unit)
            ran = state.kept or state.active == "deactivating"
            if state.enabled == "enabled":
                self._manager.disable(unit)
            if ran:
                self._manager.stop(unit)
        return self._inner.stop(home) or ran

    def remove(self, home: Path) -> bool:
        stopped = self.stop(home)
        removed = self._inner.remove(home)
        if remove_unit(home.name, home, self._manager):
            self._manager.reload()
            self._manager.forget_failure(unit_name(home.name))
            removed = True
        return stopped or removed

    def inspect(self, home: Path) -> RouterReport:
        state = self._manager.state(unit_name(home.name)) if self._is_ours(home) else None
        found = self._container_report(home) if self._in_container else self._process_report(home)
        if state is None:
            return replace(found, kept=False)
        return replace(
            found,
            kept=state.kept,
            keeper_pid=state.main_pid,
            restarts=state.restarts,
            last_exit=self._last_exit(home, state, found),
        )

    def _container_report(self, home: Path) -> RouterReport:
        return self._inner.inspect(home)

    def _process_report(self, home: Path) -> RouterReport:
        directory = RunDirectory(str(home))
        router = read_process(directory.router)
        if router is None:
            return RouterReport(running=False, kept=False)
        return RouterReport(
            running=True,
            kept=False,
            pid=router.pid,
            label=read_label(directory.label),
            since=processes.started_at(router),
        )

    def _last_exit(self, home: Path, state: UnitState, found: RouterReport) -> RouterExit | None:
        """How it ended last: what the runner saw, else what the manager did; a clean stop is no news."""
        if found.running and not state.restarts:
            return None
        seen = read_history(RunDirectory(str(home)).history).last_exit
        if seen and seen.at >= state.ended - _SAME_END_SECONDS:
            return RouterExit(
                at=seen.at, how=seen.how or _how_it_ended(state), ran=seen.ran, reason=seen.reason
            )
        if not state.ended:
            return found.last_exit
        return RouterExit(
            at=state.ended,
            how=_how_it_ended(state),
            ran=0.0,
            reason=next(reversed(self._words(home.name)), ""),
        )

    def refresh(self, home: Path) -> bool:
        return self._inner.refresh(home)

    def log_place(self, home: Path) -> str:
        places = (
            self._inner.log_place(home) if self._in_container else "",
            f"{self._manager.journal_words} -u {unit_name(home.name)}",
        )
        return "; ".join(filter(None, places))

    def log(self, home: Path, count: int) -> list[str]:
        if not self._in_container:
            return self._manager.journal(unit_name(home.name), count)
        lines = self._inner.log(home, count)
        # A container that never came to be has no log; then the reason stands in the journal.
        return lines or self._manager.journal(unit_name(home.name), count)

    def follow(self, home: Path) -> Iterator[str]:
        if self._in_container:
            return self._inner.follow(home)
        return self._manager.follow(unit_name(home.name))

    def _words(self, namespace: str) -> list[str]:
        lines = self._manager.journal(unit_name(namespace), 4 * _LAST_WORDS)
        return [line for line in lines if "skupper-local-run: " in line][-_LAST_WORDS:]

    def _is_ours(self, home: Path) -> bool:
        found = installed_unit(home.name, self._manager)
        return found is not None and os.path.realpath(found.home or "/") == os.path.realpath(home)


def _how_it_ended(state: UnitState) -> str:
    """How the program of a unit ended, as the manager has it."""
    return f"{'signal' if state.exit_code in ('killed', 'dumped') else 'exit status'} {state.exit_status}"
