"""`init`: make the store."""

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store


@click.command()
@with_settings("database_url")
def init(settings: Settings) -> None:
    """Make the store and its tables; harmless if they are there.

    \b
    Example:
      boxis-gateway init --database-url sqlite:////var/lib/boxis-gateway/store.db
    """
    store = Store(settings.database_url)
    store.create()
    store.migrate()
    store.close()
    click.echo(f"The store {store.path} is ready.")


COMMAND = init
