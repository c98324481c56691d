"""`copy`: copy a store to another engine or machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings
from boxis_gateway.store import copy as copy_store

ROWS_SHOWN = 10_000  # between two lines of a terminal


@click.command()
@click.argument("from_url")
@click.argument("to_url")
@with_settings()
def copy(settings: Settings, from_url: str, to_url: str) -> None:
    """Copy the store FROM_URL to TO_URL, which is empty or does not exist, and compare the two.

    FROM_URL is only read; servers and imports may go on. Run the same command again to resume a
    copy that was stopped, and once more after the last writer stopped: it ends with 0 when both
    stores have the same rows. TO_URL needs the keys of FROM_URL (docs/moving-to-postgresql.md).

    \b
    Example:
      export BOXIS_GATEWAY_SECRET_KEY_FILE=/var/lib/boxis-gateway/store.db.key
      boxis-gateway copy sqlite:////var/lib/boxis-gateway/store.db postgresql:///boxis
    """
    source, target = open_store(settings, from_url), open_store(settings, to_url)
    try:
        with _progress() as progress:
            copied = copy_store(source, target, progress)
    finally:
        source.close()
        target.close()
    if copied.was_there:
        click.echo(f"Nothing to copy: {printable(target.name)} is complete.")
    click.echo(
        f"Verified: both stores have the same {copied.rows} rows in {copied.tables} tables, "
        f"{copied.messages} of them messages."
    )


@contextmanager
def _progress() -> Iterator[Callable[[int], object]]:
    """Progress on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    done = 0

    def show(rows: int) -> None:
        nonlocal done
        before, done = done, done + rows
        if before // ROWS_SHOWN != done // ROWS_SHOWN:
            click.echo(f"\r{done} rows compared or copied", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("", err=True)


COMMAND = copy
