"""`export`: write messages to a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import IO

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.commands.shown import printable
from boxis_gateway.exporters import EXPORTERS, Exporter
from boxis_gateway.model import Status
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.store import Criteria, Row, Store, open_target

MONTH = re.compile(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])", re.ASCII)


def _month(ctx: click.Context, param: click.Parameter, month: str) -> str:
    if month and not MONTH.fullmatch(month):
        raise click.BadParameter(f"{month!r} is not a month such as 2026-11.", ctx, param)
    return month


def _number(ctx: click.Context, param: click.Parameter, number: str | None) -> str | None:
    if number is None:
        return None
    recipient = to_recipient(number.strip())
    if recipient is None:
        raise click.BadParameter("expected a phone number.", ctx, param)
    return recipient


@click.command("export")
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True)
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(EXPORTERS)),
    help="[default: by the ending of FILE, else csv]",
)
@click.option("--customer", metavar="NAME", help="Only this customer, by name or id.")
@click.option(
    "--account",
    "usernames",
    metavar="USERNAME",
    multiple=True,
    help="Only this account. Repeatable.",
)
@click.option(
    "--from-month",
    "first_month",
    metavar="YYYY-MM",
    default="",
    callback=_month,
    help="First month of creation, UTC.",
)
@click.option(
    "--to-month",
    "last_month",
    metavar="YYYY-MM",
    default="",
    callback=_month,
    help="Last month of creation.",
)
@click.option("--sender", metavar="SENDER", help="An exact number, or a name in any case.")
@click.option("--recipient", metavar="NUMBER", callback=_number, help="An exact number.")
@click.option("--text", metavar="TEXT", help="Part of the text, in any case.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice([status.value for status in Status]),
    multiple=True,
    help="Only this status. Repeatable.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@with_store
def export(
    store: Store,
    file: Path | None,
    format_name: str | None,
    customer: str | None,
    usernames: tuple[str, ...],
    first_month: str,
    last_month: str,
    sender: str | None,
    recipient: str | None,
    text: str | None,
    statuses: tuple[str, ...],
    force: bool,
) -> None:
    """Write messages to FILE or to stdout: a row for each recipient, oldest first.

    Conditions are combined by AND. FILE appears only when it is complete, readable for you alone;
    'import --account-field account' reads csv and jsonl back.

    \b
    Examples:
      boxis-gateway export messages.csv --customer "Anna's shop" --from-month 2026-11
      boxis-gateway export --format jsonl --status failed | jq .recipient
    """
    to_stdout = file is None or str(file) == "-"
    exporter = EXPORTERS[format_name or _format_of(file)]
    if to_stdout and not exporter.IS_TEXT:
        raise click.UsageError(f"{exporter.NAME} cannot go to stdout: give FILE.")
    criteria = Criteria(first_month, last_month, recipient, sender, text)
    accounts = _accounts(store, customer, usernames)
    with (
        closing(store.exports.rows(accounts, criteria, statuses)) as rows,
        _stdout() if file is None or to_stdout else _opened(store, file, force) as target,
    ):
        count = _write(target, exporter, rows)
    where = "" if to_stdout else f" to {printable(str(file))}"
    click.echo(f"{count} messages exported{where}.", err=True)


def _format_of(file: Path | None) -> str:
    ending = file.suffix[1:].lower() if file else ""
    return ending if ending in EXPORTERS else next(iter(EXPORTERS))


def _accounts(store: Store, customer: str | None, usernames: Sequence[str]) -> dict[int, str]:
    """Ids and user names of the accounts to export. Raises StoreError."""
    owner = store.customers.get(customer) if customer is not None else None
    accounts = store.exports.accounts(owner.id if owner else None)
    named = {store.accounts.get(username).id for username in usernames}
    return {key: name for key, name in accounts.items() if key in named or not usernames}


def _write(target: IO[bytes], exporter: Exporter, batches: Iterable[Sequence[Row]]) -> int:
    """Write the file and count its rows."""
    count = 0

    def counted() -> Iterator[Sequence[Row]]:
        nonlocal count
        for rows in batches:
            count += len(rows)
            yield rows

    for piece in exporter.encode(counted()):
        target.write(piece)
    return count


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    with open(sys.stdout.fileno(), "wb", closefd=False) as target:
        yield target


def _opened(store: Store, file: Path, force: bool) -> AbstractContextManager[IO[bytes]]:
    return open_target(file, store.own_files(), replace=force)


COMMAND = export
