"""`history`: an account's messages, for a person to look at."""

from __future__ import annotations

from datetime import datetime

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.model import credit_text
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone

HEADINGS = ("date", "sender", "recipient", "parts", "credit", "type", "status")
FORMATS = {10: "%Y-%m-%d", 16: "%Y-%m-%d %H:%M", 19: "%Y-%m-%d %H:%M:%S"}  # by length
LAST_OF = {10: " 23:59:59", 16: ":59", 19: ""}  # by what a date of that length leaves out


@click.command()
@click.argument("name")
@click.option("--from", "first", metavar="DATE", help="First yyyy-mm-dd [hh:mm[:ss]].")
@click.option("--to", "last", metavar="DATE", help="Last; a day or minute is meant to its end.")
@click.option("--limit", type=click.IntRange(1), default=50, help="At most. [default: 50]")
@with_settings("database_url")
def history(settings: Settings, name: str, first: str | None, last: str | None, limit: int) -> None:
    """Show the newest messages of the account NAME, refused ones too, in the account's zone.

    \b
    Example:
      boxis-gateway history anna@example.com --from '2026-11-01' --limit 20
    """
    store = Store(settings.database_url).require_current()
    account = store.accounts.get(name)
    zone = find_zone(for_account(settings, account.options).timezone)
    start, end = zone.instants(
        _date(first) if first else None, _date(last + LAST_OF.get(len(last), "")) if last else None
    )
    found = store.messages.recent(account.id, start, end, limit)
    store.close()
    dates = zone.local_texts([message.sent_at for message in found])
    rows = [
        (
            date,
            _printable(message.sender),
            _printable(message.recipient),
            str(message.parts),
            credit_text(message.credit_thousandths),
            message.kind,
            message.status,
        )
        for date, message in zip(dates, found, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())


def _date(text: str) -> datetime:
    try:
        return datetime.strptime(text, FORMATS[len(text)])
    except (KeyError, ValueError):
        raise click.UsageError(f"{text!r} is not a date like yyyy-mm-dd [hh:mm[:ss]].") from None


def _printable(text: str) -> str:
    """The text with what would move a terminal's cursor made visible."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


COMMAND = history
