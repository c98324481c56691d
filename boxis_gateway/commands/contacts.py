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

SENDER_NAME = re.compile(r"[^\d+\W]")  # begins with a letter, so it is no number that was damaged


@click.group()
def contacts() -> None:
    """Names of numbers, and groups of them.

    \b
    Example:
      boxis-gateway contacts import phonebook.csv --customer "Anna's shop"
    """


@contacts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--customer", metavar="NAME", required=True, help="Whose, by name or id.")
@with_store
def import_(store: Store, file: Path, customer: str) -> None:
    """Read FILE, a CSV with the columns number and name, and group if there are any.

    A number may be a sender that is a name (Voicemail). One that is there already gets the new
    name. All lines are taken, or none.

    \b
    Example:
      boxis-gateway contacts import phonebook.csv --customer "Anna's shop"
    """
    owner = store.customers.get(customer)
    read = entries(file)
    count = store.contacts.add(owner, read)
    click.echo(f"{count} contacts of {owner.name} read.")
    if erased := len(read) - count:
        click.echo(f"{erased} passed over, of numbers that were erased.")


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
                raise ImportFailed(f"{file} needs one column {name} in its first line.")
        return [_entry(header, cells, f"{file}, line {table.line_num}") for cells in table if cells]
    except csv.Error as problem:
        raise ImportFailed(f"{file}, line {table.line_num}: {problem}.") from None


def _entry(header: Sequence[str], cells: Sequence[str], place: str) -> tuple[str, str, str]:
    if any(cells[len(header) :]):
        raise ImportFailed(f"{place}: more cells than in the first line.")
    row = dict(zip_longest(header, cells[: len(header)], fillvalue=""))
    number, name = row["number"].strip(), row["name"].strip()
    if not (to_recipient(number) or SENDER_NAME.match(number)) or not name:
        raise ImportFailed(f"{place}: a phone number and a name are needed.")
    return number, name, row.get("group", "").strip()


COMMAND = contacts
