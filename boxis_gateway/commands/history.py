"""`history`: an account's messages, for a person to look at."""

from __future__ import annotations

from datetime import datetime

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.model import credit_text
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import Store
from boxis_gateway.zones import EARLIEST, LATEST, find_zone, next_second

HEADINGS = ("date", "sender", "recipient", "parts", "credit", "type", "status")
DATE = click.DateTime(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"])


@click.command()
@click.argument("name")
@click.option("--from", "first", type=DATE, metavar="DATE", help="First date, in its zone.")
@click.option("--to", "last", type=DATE, metavar="DATE", help="Last date, inclusive to the second.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@with_settings("database_url", "timezone")
def history(
    settings: Settings, name: str, first: datetime | None, last: datetime | None, limit: int
) -> None:
    """Show the newest messages of the account NAME, refused ones too, in the account's zone.

    \b
    Example:
      boxis-gateway history anna@example.com --from '2026-11-01' --limit 20
    """
    store = Store(settings.database_url).require_current()
    account = store.accounts.get(name)
    zone = find_zone(for_account(settings, account.options).timezone)
    start = zone.earliest_instant(first) if first else EARLIEST
    end = next_second(zone.latest_instant(last)) if last else LATEST
    found = store.messages.recent(account.id, start, end, limit)
    store.close()
    dates = zone.local_texts(message.sent_at for message in found)
    rows = [
        (
            date,
            message.sender,
            message.recipient,
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
