"""`migrate`: migrate an existing store to this version."""

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings


@click.command()
@with_settings("database_url")
def migrate(settings: Settings) -> None:
    """Migrate the tables of an existing store to this version.

    Run it after an upgrade, before serve. Several at once are safe.

    \b
    Example:
      boxis-gateway migrate --database-url sqlite:////var/lib/boxis-gateway/store.db
    """
    store = open_store(settings)
    applied = store.migrate()
    is_unwiped = store.needs_wipe()
    store.close()
    click.echo(f"Applied: {', '.join(applied)}." if applied else "The store is current.")
    if is_unwiped:
        click.echo(
            "Free pages of the file still hold user keys in the clear: a reader keeps the old "
            "state, or the disk has no room for a vacuum. Run this again.",
            err=True,
        )


COMMAND = migrate
