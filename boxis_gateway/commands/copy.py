"""`copy`: a store into another place, of another engine perhaps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from boxis_gateway.store import Store
from boxis_gateway.store import copy as copy_store

ROWS_SHOWN = 10_000  # between two lines of a terminal


@click.command()
@click.argument("from_url")
@click.argument("to_url")
def copy(from_url: str, to_url: str) -> None:
    """Copy the store FROM_URL to TO_URL, which is empty or not there yet, and compare the two.

    Servers and imports at FROM_URL go on meanwhile; it is only read. What was stopped or killed is
    taken up by the same call, which copies what is missing or has changed. It ends with 0 when both
    have the same rows; for that nobody may write any more. The keys of FROM_URL have to be at hand
    for TO_URL too (docs/moving-to-postgresql.md).

    \b
    Example:
      export BOXIS_GATEWAY_SECRET_KEY_FILE=/var/lib/boxis-gateway/store.db.key
      boxis-gateway copy sqlite:////var/lib/boxis-gateway/store.db postgresql:///boxis
    """
    source, target = Store(from_url), Store(to_url)
    try:
        with _progress() as progress:
            copied = copy_store(source, target, progress)
    finally:
        source.close()
        target.close()
    if copied.was_there:
        click.echo(f"Nothing is copied: {target.name} has it all.")
    click.echo(
        f"Verified: {copied.rows} rows in {copied.tables} tables, {copied.messages} messages among "
        "them, are the same on both sides."
    )


@contextmanager
def _progress() -> Iterator[Callable[[int], object]]:
    """How many rows were looked at, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    seen = 0

    def show(rows: int) -> None:
        nonlocal seen
        before, seen = seen, seen + rows
        if before // ROWS_SHOWN != seen // ROWS_SHOWN:
            click.echo(f"\r{seen} rows are compared or copied", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("", err=True)


COMMAND = copy
