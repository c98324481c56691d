"""`history`: an account's messages as a table."""

from __future__ import annotations

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import first_moment, last_moment, printable, show_table
from boxis_gateway.model import credit_text
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.zones import find_zone

HEADINGS = ("date", "sender", "recipient", "parts", "credit", "type", "status")


@click.command()
@click.argument("name")
@click.option("--from", "first", metavar="DATE", help="First yyyy-mm-dd [hh:mm[:ss]].")
@click.option("--to", "last", metavar="DATE", help="Last, to the end of the day or minute.")
@click.option(
    "--limit", type=click.IntRange(1), default=50, help="Number of messages. [default: 50]"
)
@with_settings("database_url")
def history(settings: Settings, name: str, first: str | None, last: str | None, limit: int) -> None:
    """Show the newest messages of the account NAME, also refused ones, in the account's zone.

    \b
    Example:
      boxis-gateway history anna@example.com --from '2026-11-01' --limit 20
    """
    store = open_store(settings).require_current()
    account = store.accounts.get(name)
    zone = find_zone(for_account(settings, account.options).timezone)
    start, end = zone.utc_range(first_moment(first), last_moment(last))
    messages = store.history.recent(account.id, start, end, limit)
    store.close()
    dates = zone.to_local([message.sent_at for message in messages])
    rows = [
        (
            date,
            printable(message.sender),
            printable(message.recipient),
            str(message.parts),
            credit_text(message.credit_thousandths),
            message.kind,
            message.status,
        )
        for date, message in zip(dates, messages, strict=True)
    ]
    show_table(HEADINGS, rows)


COMMAND = history
