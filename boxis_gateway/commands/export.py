"""`export`: write messages to a file."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.errors import OperatorError
from boxis_gateway.exporters import EXPORTERS, Exporter
from boxis_gateway.model import Status
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.store import Criteria, Row, Store

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
        _stdout() if to_stdout else new_file(file or Path()) as target,
    ):
        count = _write(target, exporter, rows)
    click.echo(f"{count} messages exported{'' if to_stdout else f' to {file}'}.", err=True)


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


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file, readable for its owner alone, that replaces `path` when it is complete. Raises
    OperatorError."""
    target, temporary = Path(os.path.realpath(path)), ""
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise OperatorError(f"{path} is not a regular file. Name another one.")
        descriptor, temporary = tempfile.mkstemp(prefix=".export-", dir=target.parent)
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as problem:
        raise OperatorError(
            f"{path} cannot be written: {problem.strerror}. Choose a folder that you may write to, "
            "on a disk with room."
        ) from None
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)


COMMAND = export
