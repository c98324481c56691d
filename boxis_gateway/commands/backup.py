"""`backup`: copy the store to a file while it is in use."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings
from boxis_gateway.store import back_up


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@with_settings("database_url")
def backup(settings: Settings, file: Path, force: bool) -> None:
    """Back up the store to FILE, which is a store in SQLite itself.

    Servers and imports go on meanwhile. FILE appears only when it is complete and checked.

    \b
    Example:
      boxis-gateway backup /var/backups/boxis-gateway/$(date +%F).db
    """
    with closing(open_store(settings)) as store:
        made = back_up(store, file, replace=force)
    shown = printable(str(file))
    click.echo(f"{shown} is complete and checked: {made.messages} messages, {made.octets} bytes.")


COMMAND = backup
