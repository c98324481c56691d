"""`init`: create the store."""

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings


@click.command()
@with_settings("database_url")
def init(settings: Settings) -> None:
    """Create the store, its tables and its encryption key, unless they exist.

    \b
    Example:
      boxis-gateway init --database-url sqlite:////var/lib/boxis-gateway/store.db
    """
    store = open_store(settings)
    store.create()
    store.migrate()
    store.user_keys.require_open()
    store.close()
    click.echo(f"The store {printable(store.name)} is ready.")
    click.echo(
        f"Its encryption key is in {printable(store.vault.keys.location)}: "
        "keep a copy apart from the store."
    )


COMMAND = init
