"""`contacts import`: a customer's phone book from a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.errors import ImportFailed
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.store import Store

SENDER_NAME = re.compile(r"[^\d+\W]")  # begins with a letter: not a damaged number


@click.group()
def contacts() -> None:
    """Phone books: names of numbers, and groups.

    \b
    Example:
      boxis-gateway contacts import phonebook.csv --customer "Anna's shop"
    """


@contacts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--customer", metavar="NAME", required=True, help="Owner, by name or id.")
@with_store
def import_(store: Store, file: Path, customer: str) -> None:
    """Import FILE, a CSV with the columns number, name and, optionally, group.

    A number may also be an alphanumeric sender (Voicemail). A known number gets the new name. All
    lines are imported, or none.

    \b
    Example:
      boxis-gateway contacts import phonebook.csv --customer "Anna's shop"
    """
    owner = store.customers.get(customer)
    lines = entries(file)
    count = store.contacts.add(owner, lines)
    click.echo(f"{count} contacts of {owner.name} imported.")
    if erased := len(lines) - count:
        click.echo(f"{erased} skipped: their numbers are erased.")


def entries(file: Path) -> list[tuple[str, str, str]]:
    """(number, name, group) of each line. Raises ImportFailed that names the line."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            content = lines.read()
    except (OSError, UnicodeError) as problem:
        raise ImportFailed(f"{file} cannot be read: {problem}.") from None
    delimiter = max(",;\t", key=content.partition("\n")[0].count)
    table = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(table, [])]
        for name in ("number", "name"):
            if header.count(name) != 1:
                raise ImportFailed(f"{file}: the first line needs exactly one column {name!r}.")
        return [_entry(header, cells, f"{file}, line {table.line_num}") for cells in table if cells]
    except csv.Error as problem:
        raise ImportFailed(f"{file}, line {table.line_num}: {problem}.") from None


def _entry(header: Sequence[str], cells: Sequence[str], place: str) -> tuple[str, str, str]:
    if any(cells[len(header) :]):
        raise ImportFailed(f"{place}: more cells than the first line has.")
    row = dict(zip_longest(header, cells[: len(header)], fillvalue=""))
    number, name = row["number"].strip(), row["name"].strip()
    if not (to_recipient(number) or SENDER_NAME.match(number)) or not name:
        raise ImportFailed(f"{place}: expected a phone number and a name.")
    return number, name, row.get("group", "").strip()


COMMAND = contacts
