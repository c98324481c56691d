"""`contacts import`: a customer's phone book from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import click

from boxis_gateway.commands.options import with_store
from boxis_gateway.errors import ImportFailed
from boxis_gateway.sms.numbers import to_recipient
from boxis_gateway.store import Store


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

    A number that is there already gets the new name. All lines are taken, or none.

    \b
    Example:
      boxis-gateway contacts import phonebook.csv --customer "Anna's shop"
    """
    owner = store.customers.get(customer)
    count = store.contacts.add(owner, entries(file))
    click.echo(f"{count} contacts of {owner.name} read.")


def entries(file: Path) -> Iterator[tuple[str, str, str]]:
    """(number, name, group) of each line. Raises ImportFailed that names the line."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            if not {"number", "name"} <= set(table.fieldnames or ()):
                raise ImportFailed(f"{file} has no columns number and name in its first line.")
            for row in table:
                number = to_recipient((row["number"] or "").strip())
                name = (row["name"] or "").strip()
                if number is None or not name:
                    raise ImportFailed(
                        f"{file}, line {table.line_num}: a phone number and a name are needed."
                    )
                yield number, name, (row.get("group") or "").strip()
    except (OSError, UnicodeError, csv.Error) as problem:
        raise ImportFailed(f"{file} cannot be read: {problem}.") from None
