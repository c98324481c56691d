"""`restore`: restore a backup."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings
from boxis_gateway.store import Restored
from boxis_gateway.store import restore as restore_store


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a store that has messages.")
@with_settings("database_url")
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Restore the backup FILE over the store, or as a new one.

    A server may go on answering: it switches from the old state to the new one in one transaction.
    Stop imports first. A backup of an older version is migrated.

    \b
    Example:
      boxis-gateway restore /var/backups/boxis-gateway/2026-11-21.db --force
    """
    with closing(open_store(settings)) as store:
        restored = restore_store(store, file, replace=force)
    name, shown = printable(store.name), printable(str(file))
    click.echo(f"The store {name} is restored from {shown}: {restored.messages} messages.")
    if restored.migrations:
        click.echo(f"Applied: {', '.join(restored.migrations)}.")
    _warn(restored, file)


def _warn(restored: Restored, file: Path) -> None:
    click.echo(
        "User keys, passwords and tokens are the backup's, also those replaced or revoked since: "
        "'boxis-gateway audit --since DATE' shows which changes to repeat.",
        err=True,
    )
    if restored.erased_since:
        click.echo(
            f"{restored.erased_since} numbers were erased after {printable(str(file))} was made. "
            "Imports skip them, but the backup's messages with them are here again: run "
            "'boxis-gateway erase --number NUMBER' for each.",
            err=True,
        )
    if restored.forgotten:
        click.echo(
            f"{restored.forgotten} numbers were erased from the replaced store, but the backup has "
            "another secret, so that imports would bring them back: run 'boxis-gateway erase "
            "--number NUMBER' for each before the next import.",
            err=True,
        )


COMMAND = restore
