"""`verify`: verify a store or a backup."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings
from boxis_gateway.store import Verified, verify_file
from boxis_gateway.store import verify as verify_store
from boxis_gateway.zones import utc_now


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@with_settings("database_url")
@click.pass_context
def verify(ctx: click.Context, settings: Settings, file: Path | None) -> None:
    """Check the store or the backup FILE: every page, and that the tables agree. For the pages of a
    store in PostgreSQL use pg_amcheck.

    Read-only, safe beside a server. Ends with 1 if something is wrong.

    \b
    Example:
      boxis-gateway verify /var/backups/boxis-gateway/2026-11-21.db
    """
    name, result = _verified(settings, file)
    for table, count in result.rows.items():
        click.echo(f"{table:16} {count:12}")
    if not result.is_current:
        click.echo("It is of an older version: its tables were not compared.")
    for finding in result.findings:
        click.echo(f"FAIL  {printable(str(finding))}")
    if result.findings:
        ctx.exit(1)
    click.echo(f"{printable(name)} is whole.")


def _verified(settings: Settings, file: Path | None) -> tuple[str, Verified]:
    if file:
        return str(file), verify_file(file, utc_now(), at_rest=True)
    with closing(open_store(settings).require_not_newer()) as store:
        return store.name, verify_store(store, utc_now())


COMMAND = verify
