"""What ``system units`` prints."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from skupper_local.cli.documents import print_documents
from skupper_local.cli.tables import say_table
from skupper_local.cli.terminal import say, talk, warn

if TYPE_CHECKING:
    from skupper_local.operations.target import Target
    from skupper_local.operations.units import UnitView

_UNITS = ("UNIT", "NAMESPACE", "MADE BY", "AT BOOT", "STATE", "RESTARTS", "FILE")
_MAKERS = {"ours": "skupper-local", "the reference's": "skupper"}


def show_units(namespace: str, output: str) -> None:
    """The table of units: all of this user's, or one namespace's."""
    from skupper_local.operations.units import view_units

    view = view_units(namespace)
    if view.obstacle:
        warn(f"how the units are is not known: {view.obstacle}")
    if output:
        print_documents([_document(unit) for unit in view.units], output)
    elif view.units:
        say_table(_UNITS, [_row(unit) for unit in view.units])
    for unit in view.units:
        named = os.path.isabs(unit.installed.program)  # a bare name is looked up by systemd in its own path
        if not unit.installed.program_is_there and (named or not unit.installed.program):
            warn(
                f"{unit.installed.name} runs {unit.installed.program or 'nothing'}, which is not there; "
                f"to write it anew: skupper-local system start -n {unit.namespace}"
            )
    if not view.units and not output:
        talk(f"No units of sites in {view.directory}")


def show_unit_file(target: Target, output: str) -> None:
    """The text of one unit."""
    from skupper_local.operations.units import unit_file

    path, text = unit_file(target.namespace)
    _print_files([(path, text)], output)


def show_quadlet(target: Target, output: str) -> None:
    """The files for Quadlet."""
    from skupper_local.operations.units import quadlet

    found = quadlet(target)
    _print_files(found.files.items(), output)
    if not output:
        talk(
            f"To use this: skupper-local system stop -n {target.namespace}, save each in {found.directory}, then "
            f"{found.manager} daemon-reload and {found.manager} start {found.unit}"
        )


def _print_files(files: Iterable[tuple[str, str]], output: str) -> None:
    if output:
        print_documents([{"name": name, "text": text} for name, text in files], output)
        return
    for name, text in files:
        say(f"# {name}\n{text}")


def _row(unit: UnitView) -> tuple[object, ...]:
    state = unit.state
    return (
        unit.installed.name,
        unit.namespace,
        _MAKERS.get(unit.installed.ownership, unit.installed.ownership),
        (state.enabled or "unknown") if state else "unknown",
        f"{state.active} ({state.sub})" if state else "unknown",
        state.restarts if state else "",
        unit.installed.path,
    )


def _document(unit: UnitView) -> Mapping[str, Any]:
    from datetime import UTC, datetime

    installed, state = unit.installed, unit.state
    document: dict[str, Any] = {
        "name": installed.name,
        "namespace": unit.namespace,
        "madeBy": _MAKERS.get(installed.ownership, installed.ownership),
        "path": str(installed.path),
        "home": installed.home,
        "program": installed.program,
        "programPresent": installed.program_is_there,
    }
    if state:
        document |= {
            "enabled": state.enabled,
            "active": state.active,
            "sub": state.sub,
            "result": state.result,
            "mainPid": state.main_pid,
            "restarts": state.restarts,
            "status": state.text,
        }
        if state.since:
            document["since"] = datetime.fromtimestamp(state.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return document
