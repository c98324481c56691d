"""`erase`: erase a phone number from the store (GDPR, article 17)."""

from __future__ import annotations

import sys

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.errors import ConfigurationError, StoreError
from boxis_gateway.sms.numbers import ERASED_NUMBER, to_recipient
from boxis_gateway.store import ErasureCounts, Store
from boxis_gateway.zones import utc_now


@click.command()
@click.option(
    "--number",
    "numbers",
    metavar="NUMBER",
    multiple=True,
    required=True,
    help="Number with its country code, or - to read numbers from stdin, one a line. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be erased, change nothing.")
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    type=click.IntRange(0, 86_400),
    default=60,
    help="Time-out for readers to release the old state. [default: 60]",
)
@with_store
def erase(store: Store, numbers: tuple[str, ...], dry_run: bool, wait_seconds: int) -> None:
    """Erase a person's number: from messages, texts, senders and phone books.

    The messages stay as rows, to or from 0, so that credits, prices and counts stay the same.
    Imports skip the number from now on. At the end the file is vacuumed, so that no free page holds
    the number; other writers wait meanwhile (docs/retention.md has figures). If it was stopped, run
    the same command again.

    \b
    Example:
      boxis-gateway erase --number +48514151563 --dry-run
      boxis-gateway erase --number +48514151563
    """
    for number in _checked(numbers):
        found = store.erasure.erase(number, utc_now(), dry_run=dry_run)
        _report(store, number, found, "would be " if dry_run else "")
    if not dry_run:
        store.maintenance.vacuum_full()
        if not store.maintenance.checkpoint_wal(wait_seconds):
            raise StoreError(
                f"The number is erased, but {store.name}-wal still has it: a reader keeps the old "
                "state. Run the same command again later, or with the server stopped."
            )


def _checked(numbers: tuple[str, ...]) -> list[str]:
    lines = [line for word in numbers for line in (sys.stdin if word == "-" else [word])]
    recipients = [to_recipient(line.strip()) for line in lines]
    if not recipients or not {None, ERASED_NUMBER}.isdisjoint(recipients):
        raise ConfigurationError(
            "Give each number with its country code, such as +48 600 100 200; not a short code."
        )
    return [number for number in recipients if number]


def _report(store: Store, number: str, found: ErasureCounts, would: str) -> None:
    if any(vars(found).values()):
        click.echo(
            f"{number}: {found.messages} messages {would}without the number, {found.texts} texts "
            f"{would}removed, {found.mentions} other texts {would}masked, {found.entries} entries "
            f"of phone books, groups and sender names {would}removed."
        )
    else:
        click.echo(f"{number}: nothing found.")
    for kind, name in store.erasure.names_with(number):
        click.echo(f"Not changed, since it is a log-in name: {kind} {name}")


COMMAND = erase
