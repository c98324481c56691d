"""`audit`: who changed what."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import first_moment, last_moment, printable, show_table
from boxis_gateway.settings import Settings
from boxis_gateway.store import Entry, Store
from boxis_gateway.zones import Zone, find_zone

HEADINGS = ("date", "who", "origin", "what", "subject", "details")


@click.command()
@click.option("--since", metavar="DATE", help="First yyyy-mm-dd [hh:mm[:ss]], in --timezone.")
@click.option("--until", metavar="DATE", help="Last; a day or minute is meant to its end.")
@click.option("--who", metavar="NAME", default="", help="Only whose name has this in it.")
@click.option("--what", metavar="WHAT", default="", help="Only this: account, account.key …")
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
    """Show who changed what, when, and from where, the oldest first.

    \b
    Example:
      boxis-gateway audit --since 2026-11-01 --what employee
    """
    zone = find_zone(settings.timezone)
    span = zone.utc_range(first_moment(since), last_moment(until))
    store = Store(settings.database_url).require_current()
    try:
        found = (
            entry
            for entry in store.audit.entries(*span)
            if who.casefold() in entry.who.casefold() and _is(what, entry)
        )
        if format_name == "jsonl":
            _show_lines(found)
        else:
            _show_table(list(found), zone)
    finally:
        store.close()


def _is(what: str, entry: Entry) -> bool:
    return not what or f"{entry.what}.".startswith(f"{what}.")


def _show_table(entries: list[Entry], zone: Zone) -> None:
    dates = zone.to_local([entry.at for entry in entries])
    rows = [
        (date, *map(printable, (entry.who, entry.origin, entry.what, entry.subject, _words(entry))))
        for date, entry in zip(dates, entries, strict=True)
    ]
    show_table(HEADINGS, rows)


def _words(entry: Entry) -> str:
    """Details as `name=value`, as far as there are any."""
    details = json.loads(entry.details)
    return " ".join(f"{name}={value}" for name, value in details.items())


def _show_lines(entries: Iterable[Entry]) -> None:
    for entry in entries:
        line = {**entry._asdict(), "at": f"{entry.at.replace(' ', 'T')}Z"}
        click.echo(json.dumps({**line, "details": json.loads(entry.details)}))


COMMAND = audit
