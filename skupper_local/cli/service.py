"""``skupper-local service``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skupper_local.operations.target import Target
    from skupper_local.site.services import Service, ServiceEnd

_HEADINGS = ("ROUTING-KEY", "STATUS", "LISTENERS", "CONNECTORS", "MESSAGE")
_END_HEADINGS = ("SIDE", "SITE", "NAME", "ADDRESS", "STATUS")


@click.group(cls=LazyGroup)
def service() -> None:
    """See which services the network has.

    A service is a routing key: listeners lead to its connectors.

    \b
    Begin with:
      skupper-local service status
    """


@service.command(cls=SiteCommand)
@click.argument(
    "key", required=False, shell_complete=completing.declared("Listener", "MultiKeyListener", "Connector")
)
@output_option()
@click.pass_context
def status(context: click.Context, key: str | None, output: str | None) -> None:
    """Show each routing key: who listens, who connects, what is missing.

    \b
    Examples:
      skupper-local service status
      skupper-local service status backend
    """
    from skupper_local.cli.tables import say_table
    from skupper_local.cli.terminal import say, talk, warn
    from skupper_local.operations.services import view_services

    target = target_of(context)
    view = view_services(target, key or "")
    for text in view.warnings:
        warn(text)
    if view.reason:
        talk(f"Only what this site declares is shown: {view.reason}")
        talk(f"next: {_step_towards_more(view.reason, target)}")
    site = view.site or "this site"
    if output:
        from skupper_local.cli.documents import print_documents

        print_documents([{"services": [_document(item, site) for item in view.services]}], output)
    elif key:
        (found,) = view.services
        say(f"Routing key: {found.key}")
        say(f"Status: {found.status}")
        if found.message:
            say(f"Message: {found.message}")
        rows = [*_rows("listener", found.listeners, site), *_rows("connector", found.connectors, site)]
        say_table(_END_HEADINGS, rows)
        if found.listeners and not found.connectors:
            talk(f"next, at the site of its server: skupper-local expose 8080 --as {shlex.quote(found.key)}")
        elif found.connectors and not found.listeners:
            talk(f"next, at the site of its clients: skupper-local reach {shlex.quote(found.key)}")
    elif view.services:
        rows = [
            (
                item.key,
                item.status,
                _places(item.listeners, site),
                _places(item.connectors, site),
                item.message,
            )
            for item in view.services
        ]
        say_table(_HEADINGS, rows)
    else:
        talk("There are no services that this site can see")


def _step_towards_more(reason: str, target: Target) -> str:
    """What to type so that the router tells what others have."""
    from skupper_local.cli.declaring import namespace_flag, start_step
    from skupper_local.operations.status import NEVER_STARTED
    from skupper_local.platforms.face import NOT_RUNNING

    if reason in (NEVER_STARTED, NOT_RUNNING):
        return start_step(target)
    return f"skupper-local system status{namespace_flag(target)}"


def _places(ends: Iterable[ServiceEnd], site: str) -> str:
    """The sites where these are, each once, with a count where a site has several."""
    counts: dict[str, int] = {}
    for end in ends:
        counts[end.site or site] = counts.get(end.site or site, 0) + 1
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counts.items()) or "none"


def _rows(side: str, ends: Iterable[ServiceEnd], site: str) -> list[tuple[str, ...]]:
    return [(side, end.site or site, end.name, _address(end), end.status or "unknown") for end in ends]


def _address(end: ServiceEnd) -> str:
    host = f"[{end.host}]" if ":" in end.host else end.host
    return f"{host}:{end.port}"


def _document(item: Service, site: str) -> dict[str, Any]:
    """The stable fields of ``-o json|yaml``."""
    return {
        "routingKey": item.key,
        "status": item.status,
        **({"message": item.message} if item.message else {}),
        "listeners": [_end(end, site) for end in item.listeners],
        "connectors": [_end(end, site) for end in item.connectors],
    }


def _end(end: ServiceEnd, site: str) -> dict[str, str]:
    fields = {
        "site": end.site or site,
        "name": end.name,
        "host": end.host,
        "port": end.port,
        "status": end.status,
        "message": end.message,
    }
    return {key: value for key, value in fields.items() if value}
