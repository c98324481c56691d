"""`backup`: a copy of the store, made while it is in use."""

from __future__ import annotations

from pathlib import Path

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store, back_up


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@with_settings("database_url")
def backup(settings: Settings, file: Path, force: bool) -> None:
    """Copy one state of the store to FILE, which is a store itself.

    Servers and imports go on meanwhile. FILE is there when it is whole and checked, or not at all.

    \b
    Example:
      boxis-gateway backup /var/backups/boxis-gateway/$(date +%F).db
    """
    store = Store(settings.database_url)
    try:
        made = back_up(store, file, replace=force)
    finally:
        store.close()
    click.echo(f"{file} is made and checked: {made.messages} messages, {made.octets} bytes.")


COMMAND = backup
