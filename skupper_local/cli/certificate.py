"""``skupper-local certificate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from skupper_local.cli import completing
from skupper_local.cli.commands import LazyGroup, SiteCommand, output_option, target_of

if TYPE_CHECKING:
    from datetime import datetime

    from skupper_local.operations.certificates import CertificateRow

_HEADINGS = ("NAME", "USE", "STATUS", "DAYS LEFT", "ISSUER", "HOSTS")
_HOSTS_SHOWN = 2


@click.group(cls=LazyGroup)
def certificate() -> None:
    """See the certificates of the site.

    They are made by a start and renewed by a reload.

    \b
    Begin with:
      skupper-local certificate status
    """


@certificate.command(cls=SiteCommand)
@click.argument("name", required=False, shell_complete=completing.certificates)
@output_option()
@click.pass_context
def status(context: click.Context, name: str | None, output: str | None) -> None:
    """Show every certificate: use, issuer, host names, days left.

    \b
    Examples:
      skupper-local certificate status
      skupper-local certificate status west -o yaml
    """
    from skupper_local.cli.tables import say_table
    from skupper_local.cli.terminal import say, talk
    from skupper_local.operations.certificates import view_certificates

    target = target_of(context)
    rows = view_certificates(target, name or "")
    if output:
        from skupper_local.cli.documents import print_documents

        print_documents([{"certificates": [_document(row) for row in rows]}], output)
        return
    if not rows:
        talk(
            f"There are no certificates yet: they are made by skupper-local system start -n {target.namespace}"
        )
        return
    if name:
        say("\n\n".join(_details(row) for row in rows))
        return
    say_table(_HEADINGS, [_cells(row) for row in rows])
    for row in rows:
        if row.message:
            talk(f"{row.name}: {row.message}")


def _cells(row: CertificateRow) -> tuple[object, ...]:
    days = "" if row.days_left is None else row.days_left
    return (row.name, row.use, row.state, days, row.issuer, _hosts(row))


def _hosts(row: CertificateRow) -> str:
    more = len(row.hosts) - _HOSTS_SHOWN
    return ", ".join(row.hosts[:_HOSTS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _details(row: CertificateRow) -> str:
    lines: list[tuple[str, object]] = [
        ("Name", row.name),
        ("Use", row.use),
        ("Status", f"{row.state}: {row.message}" if row.message else row.state),
        ("Subject", row.subject),
        ("Issuer", row.issuer),
        ("Hosts", ", ".join(row.hosts) or "none"),
        ("Valid", f"{_day(row.not_before)} to {_day(row.not_after)}" if row.not_after else "unknown"),
        ("Days left", "unknown" if row.days_left is None else row.days_left),
        ("Key", row.key),
        ("Serial", row.serial),
        ("Used by", ", ".join(row.used_by) or "nothing in the router"),
        ("Supplied", "by the user" if row.supplied else "made by this program"),
        ("Directory", row.path),
    ]
    return "\n".join(f"{label + ':':<11}{value}" for label, value in lines)


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else "unknown"


def _document(row: CertificateRow) -> dict[str, Any]:
    """The stable fields of ``-o json|yaml``; what is not known is left out."""
    fields = {
        "name": row.name,
        "use": row.use,
        "status": row.state,
        "message": row.message,
        "subject": row.subject,
        "issuer": row.issuer,
        "hosts": list(row.hosts),
        "key": row.key,
        "serial": row.serial,
        "notBefore": row.not_before.isoformat() if row.not_before else "",
        "notAfter": row.not_after.isoformat() if row.not_after else "",
        "usedBy": list(row.used_by),
        "directory": str(row.path),
    }
    document: dict[str, Any] = {key: value for key, value in fields.items() if value}
    document["supplied"] = row.supplied
    if row.days_left is not None:
        document["daysLeft"] = row.days_left
    return document
