"""`restore`: the store as it was when a backup was made."""

from __future__ import annotations

from pathlib import Path

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.settings import Settings
from boxis_gateway.store import Restored, Store
from boxis_gateway.store import restore as restore_store


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a store that has messages.")
@with_settings("database_url")
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Bring the store to the state of the backup FILE, or make it if there is none.

    A server may go on answering: it has the old state until it has the new one. Stop imports first.
    A backup of an older version is migrated.

    \b
    Example:
      boxis-gateway restore /var/backups/boxis-gateway/2026-11-21.db --force
    """
    store = Store(settings.database_url)
    try:
        restored = restore_store(store, file, replace=force)
    finally:
        store.close()
    click.echo(f"The store {store.name} is as {file}: {restored.messages} messages.")
    if restored.migrations:
        click.echo(f"Applied: {', '.join(restored.migrations)}.")
    _warn(restored, file)


def _warn(restored: Restored, file: Path) -> None:
    click.echo(
        "User keys, passwords and tokens are those of the backup, those that were replaced or "
        "ended since too: 'boxis-gateway audit --since DATE' shows what to do once more.",
        err=True,
    )
    if restored.erased_since:
        click.echo(
            f"{restored.erased_since} numbers were erased after {file} was made. Imports still "
            "leave them out, but messages of theirs that the backup has are here again: run "
            "'boxis-gateway erase --number NUMBER' for each.",
            err=True,
        )
    if restored.forgotten:
        click.echo(
            f"{restored.forgotten} numbers were erased from the store that was replaced, and this "
            "one cannot know them, as it has a secret of its own: run 'boxis-gateway erase "
            "--number NUMBER' for each, before anything is imported.",
            err=True,
        )


COMMAND = restore
