"""`audit`: the audit log of administrative changes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import first_moment, last_moment, printable, show_table
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings
from boxis_gateway.store import AuditRecord
from boxis_gateway.zones import Zone, find_zone

HEADINGS = ("date", "who", "origin", "what", "subject", "details")


@click.command()
@click.option("--since", metavar="DATE", help="First yyyy-mm-dd [hh:mm[:ss]], in --timezone.")
@click.option("--until", metavar="DATE", help="Last, to the end of the day or minute.")
@click.option("--who", metavar="NAME", default="", help="Only actors whose name contains this.")
@click.option("--what", metavar="WHAT", default="", help="Only this action: account, account.key …")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="jsonl: one object a line, times in UTC.",
)
@with_settings("database_url", "timezone")
def audit(
    settings: Settings,
    since: str | None,
    until: str | None,
    who: str,
    what: str,
    format_name: str,
) -> None:
    """Show administrative changes, oldest first: when, who, from where, what.

    \b
    Example:
      boxis-gateway audit --since 2026-11-01 --what employee
    """
    zone = find_zone(settings.timezone)
    span = zone.utc_range(first_moment(since), last_moment(until))
    with closing(open_store(settings).require_current()) as store:
        entries = (
            entry
            for entry in store.audit.entries(*span)
            if who.casefold() in entry.who.casefold() and _matches(what, entry)
        )
        if format_name == "jsonl":
            _show_lines(entries)
        else:
            _show_table(list(entries), zone)


def _matches(what: str, entry: AuditRecord) -> bool:
    return not what or f"{entry.what}.".startswith(f"{what}.")


def _show_table(entries: list[AuditRecord], zone: Zone) -> None:
    dates = zone.to_local([entry.at for entry in entries])
    rows = [
        (date, *map(printable, (entry.who, entry.origin, entry.what, entry.subject, _words(entry))))
        for date, entry in zip(dates, entries, strict=True)
    ]
    show_table(HEADINGS, rows)


def _words(entry: AuditRecord) -> str:
    """Details as `name=value`."""
    details = json.loads(entry.details)
    return " ".join(f"{name}={value}" for name, value in details.items())


def _show_lines(entries: Iterable[AuditRecord]) -> None:
    for entry in entries:
        line = {**entry._asdict(), "at": f"{entry.at.replace(' ', 'T')}Z"}
        click.echo(json.dumps({**line, "details": json.loads(entry.details)}))


COMMAND = audit
