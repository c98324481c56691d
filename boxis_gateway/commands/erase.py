"""`erase`: remove a person from the store."""

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
    help="With its country code; or - to read numbers from stdin, one a line. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be erased, change nothing.")
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    type=click.IntRange(0, 86_400),
    default=60,
    help="How long those who read may hold up the end. [default: 60]",
)
@with_store
def erase(store: Store, numbers: tuple[str, ...], dry_run: bool, wait_seconds: int) -> None:
    """Remove the person with this number: from messages, texts, senders and phone books.

    The messages stay as rows, to or from 0, so that credits, prices and counts remain what they
    were. Imports bring the number back no more. At the end the file is written anew, so that
    nothing of the number stands in it; other writers wait meanwhile (docs/retention.md says how
    long). What was stopped is finished by the same call.

    \b
    Example:
      boxis-gateway erase --number +48514151563 --dry-run
      boxis-gateway erase --number +48514151563
    """
    for number in _checked(numbers):
        if dry_run:
            _tell(store, number, store.erasure.would_erase(number), "would be ")
        else:
            _tell(store, number, store.erasure.erase(number, utc_now()), "")
    if not dry_run:
        store.maintenance.vacuum_full()
        if not store.maintenance.checkpoint_wal(wait_seconds):
            raise StoreError(
                "Nobody finds the number any more, but somebody still reads from the store as it "
                f"was, so that {store.name}-wal holds what was erased. Run the same again when "
                "they are done, or stop the server and run it then."
            )


def _checked(numbers: tuple[str, ...]) -> list[str]:
    lines = [line for one in numbers for line in (sys.stdin if one == "-" else [one])]
    found = [to_recipient(line.strip()) for line in lines]
    if not found or not {None, ERASED_NUMBER}.isdisjoint(found):
        raise ConfigurationError(
            "A number has its country code, such as +48 600 100 200; short codes have none."
        )
    return [number for number in found if number]


def _tell(store: Store, number: str, found: ErasureCounts, would: str) -> None:
    if any(vars(found).values()):
        click.echo(
            f"{number}: {found.messages} messages {would}without the number, {found.texts} texts "
            f"{would}removed, {found.mentions} other texts {would}masked, {found.entries} entries "
            f"of phone books, groups and sender names {would}removed."
        )
    else:
        click.echo(f"{number}: nothing found.")
    for kind, name in store.erasure.names_with(number):
        click.echo(f"Not changed, as people log in with it: {kind} {name}")


COMMAND = erase
