"""What the ``system`` commands print."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from skupper_local.cli.answering import answers, answers_outcome, answers_resources
from skupper_local.cli.declaring import (
    effect_step,
    namespace_flag,
    print_after_deletion,
    reload_step,
    start_step,
)
from skupper_local.cli.documents import print_documents
from skupper_local.cli.failures import EXIT_INTERRUPTED
from skupper_local.cli.terminal import say, talk, warn
from skupper_local.cli.waiting import takes_effect

if TYPE_CHECKING:
    from skupper_local.operations.apply import Applied, TakenBack
    from skupper_local.operations.lifecycle import Foreseen, Outcome
    from skupper_local.operations.status import SystemView
    from skupper_local.operations.target import Target


def print_applied(applied: Applied, target: Target, *, steps: bool = True) -> None:
    """One line an item, and the sum; ``steps`` says what to type next."""
    for text in applied.warnings:
        warn(text)
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    for item in applied.written:
        counts[item.outcome.value] += 1
    if not answers_resources(applied.written):
        for item in applied.written:
            say(f"{item.resource.title} {item.outcome.value}")
        say(f"Custom resources are applied: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    if steps and not takes_effect() and (counts["added"] or counts["changed"]):
        talk(f"next: {effect_step(target) if applied.started else start_step(target)}")


def print_taken_back(taken: TakenBack, target: Target) -> None:
    """One line an item, and what to type next."""
    for text in taken.warnings:
        warn(text)
    if not answers_resources(taken.written, taken.absent):
        for resource in taken.removed:
            say(f"{resource.title} deleted")
        for resource in taken.absent:
            say(f"{resource.title} is not declared")
    if taken.removed and taken.started and not takes_effect():
        print_after_deletion(target)


def print_started(outcome: Outcome, target: Target) -> None:
    """As the reference prints a start, and what to type next."""
    from skupper_local.operations.lifecycle import Deed

    _warn(outcome)
    answered = answers_outcome(outcome)
    if outcome.deed is Deed.UNTOUCHED:
        if not answered:
            say(f'Site "{outcome.site}" is running already in namespace "{outcome.namespace}"')
        if outcome.pending:
            talk(f"next: {reload_step(target)} (declarations have changed since it was started)")
        return
    words = {
        Deed.STARTED: "has been started",
        Deed.TAKEN_OVER: "has been taken over and runs",
        Deed.REPAIRED: "has been put right and runs",
        Deed.RESTARTED: "has been restarted",
    }
    if not answered:
        say(f'Site "{outcome.site}" {words[outcome.deed]} in namespace "{outcome.namespace}"')
        _describe(outcome)
    talk(f"next: skupper-local system status{namespace_flag(target)}")


def print_reloaded(outcome: Outcome, target: Target) -> None:
    """What changed, and what became of the router."""
    from skupper_local.operations.lifecycle import Deed

    _warn(outcome)
    words = {
        Deed.STARTED: "has been started",
        Deed.TAKEN_OVER: "has been taken over and runs",
        Deed.REPAIRED: "has been put right and runs",
        Deed.RESTARTED: "has been restarted with its new configuration",
        Deed.REFRESHED: "runs on, and reads its certificates again",
        Deed.UNTOUCHED: "runs on: nothing has changed for its router",
        Deed.LEFT_STOPPED: "is stopped and stays so; its files are up to date",
    }
    if not answers_outcome(outcome):
        for line in outcome.plan:
            say(f"  {line}")
        say(f'Site "{outcome.site}" {words[outcome.deed]}')
        if outcome.deed in (Deed.STARTED, Deed.REPAIRED, Deed.TAKEN_OVER):
            _describe(outcome)
    if outcome.deed is Deed.LEFT_STOPPED:
        talk(f"next: {start_step(target)}")


def print_foreseen(foreseen: Foreseen) -> None:
    """What a reload would do."""
    from skupper_local.operations.lifecycle import Deed

    outcome = foreseen.outcome
    _warn(outcome)
    files = [{"action": change.action.value, "path": str(change.path)} for change in foreseen.changes]
    if answers_outcome(outcome) and answers(dryRun=True, files=files):
        return
    for line in outcome.plan:
        say(f"  {line}")
    for change in foreseen.changes:
        say(f"  {change.action.value} {change.path}")
    words = {
        Deed.STARTED: "would be started",
        Deed.TAKEN_OVER: "would be taken over and run",
        Deed.REPAIRED: "would be put right and run",
        Deed.RESTARTED: "would be restarted",
        Deed.REFRESHED: "would run on, and read its certificates again",
        Deed.UNTOUCHED: "would run on: nothing has changed for its router",
        Deed.LEFT_STOPPED: "is stopped and would stay so",
    }
    say(f'Site "{outcome.site}" {words[outcome.deed]}; nothing was changed')


def print_upgraded(outcome: Outcome, target: Target) -> None:
    """Which router runs now."""
    from skupper_local.operations.lifecycle import Deed

    _warn(outcome)
    words = {
        Deed.STARTED: "has been started",
        Deed.TAKEN_OVER: "has been taken over and runs",
        Deed.REPAIRED: "has been put right and runs",
        Deed.RESTARTED: "has been upgraded",
        Deed.UNTOUCHED: "is up to date: nothing had to be done",
        Deed.LEFT_STOPPED: "is stopped and stays so; its next start takes the new router",
    }
    if not answers_outcome(outcome):
        say(f'Site "{outcome.site}" {words[outcome.deed]}')
        _describe(outcome)
    if outcome.deed is Deed.LEFT_STOPPED:
        talk(f"next: {start_step(target)}")


def print_migrated(outcome: Outcome, target: Target) -> None:
    """Where the site runs now."""
    from skupper_local.operations.lifecycle import Deed

    _warn(outcome)
    words = {
        Deed.MOVED: f"has been moved to platform {outcome.platform} and runs",
        Deed.UNTOUCHED: f"is on platform {outcome.platform} already",
        Deed.LEFT_STOPPED: f"has been moved to platform {outcome.platform} and is stopped, as it was",
    }
    if not answers_outcome(outcome):
        say(f'Site "{outcome.site}" {words[outcome.deed]}')
        _describe(outcome)
    if outcome.deed is Deed.LEFT_STOPPED:
        talk(f"next: {start_step(target)}")


def print_stopped(outcome: Outcome, target: Target) -> None:
    """That it is down and nothing is lost."""
    from skupper_local.operations.lifecycle import Deed

    was = "was not running" if outcome.deed is Deed.UNTOUCHED else "has been stopped"
    if not answers_outcome(outcome):
        say(f'The router of namespace "{outcome.namespace}" {was}; its declarations and keys are kept')
    if outcome.deed is not Deed.UNTOUCHED:
        talk(f"next: {start_step(target)}")


def print_removed(outcome: Outcome) -> None:
    """As the reference prints a removal."""
    from skupper_local.operations.lifecycle import Deed

    if answers_outcome(outcome):
        return
    if outcome.deed is Deed.UNTOUCHED:
        say(f'There is no namespace "{outcome.namespace}"')
    else:
        say(f'Namespace "{outcome.namespace}" has been removed')


def confirm_teardown(target: Target, context: click.Context) -> bool:
    """Ask; without a terminal there is nobody to ask, and the request is refused."""
    if not target.paths.has_directory():
        return True
    if not sys.stdin.isatty():
        from skupper_local.cli.mistyped import MissingFlagError

        raise MissingFlagError("Nobody can be asked whether to remove everything", "--force", context)
    question = (
        f'Remove namespace "{target.namespace}" with all its declarations and keys ({target.paths.home})?'
    )
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        talk("\nNothing was removed")
        context.exit(EXIT_INTERRUPTED)
    if not agreed:
        talk("Nothing was removed")
    return agreed


def print_raised(applied: Applied | None, outcome: Outcome, target: Target) -> None:
    """What was declared, and what became of the router, of a command that sees to both."""
    from skupper_local.operations.lifecycle import Deed

    if applied:
        print_applied(applied, target, steps=False)
        # The same was said of the file it was taken from; here the place is the namespace's.
        told = {warning.partition(": ")[2] for warning in applied.warnings}
        further = tuple(text for text in outcome.warnings if text.partition(": ")[2] not in told)
        outcome = replace(outcome, warnings=further)
    started = outcome.deed in (Deed.STARTED, Deed.REPAIRED)
    (print_started if started else print_reloaded)(outcome, target)


def show_picture(target: Target) -> None:
    """``system status`` at the end of a command that has said something before."""
    if not answers():
        say()
        show_system(target, "", told=True)
        return
    from skupper_local.operations.status import view_system

    answers(status=_system_document(view_system(target)))


def show_system(target: Target, output: str, *, told: bool = False) -> None:
    """``system status``: one screen. ``told``: what the declarations warn of was said before."""
    from skupper_local.operations.status import view_system

    view = view_system(target)
    for text in () if told else view.warnings:
        warn(text)
    if output:
        print_documents([_system_document(view)], output)
        return
    for label, value in _system_lines(view):
        say(f"{label + ':':<12} {value}")
    step = _next_step(view, target)
    if step:
        talk(f"next: {step}")
        return
    for kind in ("Listener", "Connector", "Link"):
        total, ready = view.count(kind)
        if ready < total:
            talk(f"why not: skupper-local {kind.lower()} status{namespace_flag(target)}")


def _system_lines(view: SystemView) -> list[tuple[str, str]]:
    report = view.report
    state = view.state
    if report.running:
        state += f" since {_moment(report.since)}, process {report.pid}"
    lines = [
        ("Namespace", view.namespace),
        ("Site", view.site or "none declared"),
        ("Status", state),
    ]
    if view.reason:
        lines.append(("Reason", view.reason))
    if report.running and not report.kept:
        lines.append(("Supervisor", "gone: nothing would start the router again"))
    if report.restarts:
        lines.append(("Restarts", str(report.restarts)))
    if report.next_start:
        lines.append(("Next start", _moment(report.next_start)))
    last = report.last_exit
    if last and view.state != "stopped" and (report.restarts or not report.running):
        lines.append(("Last exit", f"{_moment(last.at)}: {last.how}, after {last.ran:.0f} s"))
        words = last.reason.splitlines()
        if words and last.how != "exit status 0":
            lines.append(("Last words", words[-1]))
    lines += _place_lines(view)
    if view.program:
        lines.append(("Router", f"{view.program}{f' ({view.router_id})' if view.router_id else ''}"))
    for kind in ("Listener", "Connector", "Link"):
        total, ready = view.count(kind)
        if total:
            lines.append((f"{kind}s", f"{ready} of {total} ready"))
    incoming = [row for row in view.links if not row.outgoing]
    if incoming:
        lines.append(("Incoming", ", ".join(row.remote_site or row.name for row in incoming)))
    lines.append(("Directory", str(view.home)))
    if view.log:
        lines.append(("Log", view.log))
    return lines


def _place_lines(view: SystemView) -> list[tuple[str, str]]:
    """Where the router runs and who keeps it running."""
    if not view.platform:
        return [("Platform", "chosen at the first start")]
    where = view.where
    lines = [("Platform", view.platform)]
    if not view.program and where.placement.keeper != "reference":
        return lines
    if where.placement.endpoint:
        lines.append(("Endpoint", where.placement.endpoint))
    lines.append(("Kept by", _keeper(view)))
    if where.image:
        version = f" (version {where.image_version})" if where.image_version else ""
        lines.append(("Image", f"{where.image}{version}"))
    if where.container:
        health = f", {where.health}" if where.health else ""
        lines.append(("Container", f"{where.container} ({where.container_id}{health})"))
    if view.network:
        called = f", where containers reach it as {view.name_there}" if view.name_there else ""
        lines.append(("Network", f"{view.network}{called}"))
    return lines


def _keeper(view: SystemView) -> str:
    keeper = view.where.placement.keeper
    if keeper == "own":
        return "supervisor" if view.platform == "linux" else "engine"
    return (
        "systemd" if keeper == "systemd" else "the reference's skupper; system start or reload takes it over"
    )


def _next_step(view: SystemView, target: Target) -> str:
    from skupper_local.namespace.paths import usual_site_name

    if view.state == "absent" or not view.site:
        return f"skupper-local site create {usual_site_name(target.namespace)}{namespace_flag(target)}"
    if view.state in ("not started", "stopped", "down", "not answering") or (
        view.report.running and not view.report.kept
    ):
        return start_step(target)
    if view.state == "unknown":
        return "skupper-local system check"
    if view.state == "restarting":
        return f"skupper-local system logs{namespace_flag(target)}"
    return ""


def _system_document(view: SystemView) -> dict[str, Any]:
    report = view.report
    last = report.last_exit
    document: dict[str, Any] = {
        "namespace": view.namespace,
        "site": view.site,
        "status": view.state,
        "message": view.reason,
        "platform": view.platform,
        "keeper": view.where.placement.keeper
        if view.program or view.where.placement.keeper == "reference"
        else "",
        "endpoint": view.where.placement.endpoint,
        "image": view.where.image,
        "imageVersion": view.where.image_version,
        "container": view.where.container,
        "containerId": view.where.container_id,
        "health": view.where.health,
        "network": view.network,
        "router": view.program,
        "routerId": view.router_id,
        "pid": report.pid,
        "supervised": report.kept,
        "since": _moment(report.since) if report.since else "",
        "restarts": report.restarts,
        "desiredState": view.desired,
        "directory": str(view.home),
        "log": view.log,
    }
    if last:
        document["lastExit"] = {
            "at": _moment(last.at),
            "how": last.how,
            "seconds": round(last.ran, 1),
            "reason": last.reason,
        }
    for kind in ("Listener", "Connector", "Link"):
        total, ready = view.count(kind)
        document[f"{kind.lower()}s"] = {"declared": total, "ready": ready}
    return {key: value for key, value in document.items() if value not in ("", None)}


def _describe(outcome: Outcome) -> None:
    place = outcome.place
    say(f"Platform: {outcome.platform}{f' ({place.platform_reason})' if place else ''}")
    if place:
        say(f"Kept running by: {place.keeper_reason}")
    ready = f" (ready after {outcome.seconds:.1f} s)" if outcome.seconds else ""
    say(f"{'Router' if outcome.platform == 'linux' else 'Image'}: {outcome.program}{ready}")
    if outcome.links:
        say(f"Static links have been defined at: {outcome.links}")
    say(f"Definition is available at: {outcome.home}")


def _warn(outcome: Outcome) -> None:
    for text in outcome.warnings:
        warn(text)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
