"""`import`: messages from a file into an account's history."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from boxis_gateway.commands.options import named_values, with_settings
from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.kannel_log import ACCOUNT_FIELDS
from boxis_gateway.importers.lines import ReadOptions
from boxis_gateway.importing import Accounts, Summary, run_import
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--account", "username", metavar="USERNAME", help="Whose messages they are.")
@click.option(
    "--format", "format_name", type=click.Choice(list(IMPORTERS)), help="Recognised if not given."
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
@click.option(
    "--rejects",
    "rejects_path",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Where bad lines are listed. [default: FILE.rejects.csv]",
)
@click.option(
    "--account-field",
    type=click.Choice(ACCOUNT_FIELDS),
    help="kannel: this field names the account; --account takes lines without.",
)
@click.option(
    "--map",
    "account_names",
    metavar="VALUE=USERNAME",
    multiple=True,
    callback=named_values,
    help="With --account-field: this value means that account. Repeatable.",
)
@with_settings("database_url", "timezone")
def import_messages(
    settings: Settings,
    file: Path,
    username: str | None,
    format_name: str | None,
    dry_run: bool,
    rejects_path: Path | None,
    account_field: str | None,
    account_names: dict[str, str],
) -> None:
    """Import the messages of FILE. Importing the same again adds nothing.

    Dates without an offset are in --timezone. CSV files have a header, JSON lines have keys:
    recipient, sender, date and, if they are there, text, parts, credit, type, sms_id, status,
    status_date, price, whole_sale, cost, invoiced_at.

    \b
    Examples:
      boxis-gateway import access.log --account anna@example.com --timezone Europe/Warsaw
      boxis-gateway import access.log --account-field BINF --map cust42=anna@example.com
      boxis-gateway import messages.csv --account anna@example.com --dry-run
    """
    if username is None and account_field is None:
        raise click.UsageError("Whose messages are they? Give --account or --account-field.")
    store = Store(settings.database_url).require_current()
    default = store.accounts.get(username) if username else None
    for name in account_names.values():
        store.accounts.get(name)
    rejects_path = rejects_path or _beside(file)
    if rejects_path.exists() and file.exists() and rejects_path.samefile(file):
        raise click.UsageError("--rejects would overwrite the file that is imported.")
    _warn_of_zone(settings, default)
    with _progress(file) as progress:
        summary = run_import(
            file,
            Accounts(store, default, account_names),
            ReadOptions(find_zone(settings.timezone), account_field),
            format_name=format_name,
            rejects_path=rejects_path,
            dry_run=dry_run,
            progress=progress,
        )
    store.close()
    click.echo(_told(summary, settings.timezone, dry_run))
    if summary.bad and not dry_run:
        click.echo(f"The bad lines are listed in {rejects_path}.", err=True)


def _beside(file: Path) -> Path:
    """Where the bad lines go: beside the file, or here if that folder may not be written."""
    folder = file.parent if os.access(file.parent, os.W_OK) else Path()
    return folder / f"{file.name or 'import'}.rejects.csv"


def _warn_of_zone(settings: Settings, account: Account | None) -> None:
    zone = account.options.get("timezone", settings.timezone) if account else settings.timezone
    given = click.get_current_context().params.get("timezone")
    if given is None and zone != settings.timezone:
        click.echo(
            f"Dates without an offset are read in {settings.timezone}, while the account's zone is "
            f"{zone}. If that is not what the file has, stop (Ctrl-C) and give --timezone.",
            err=True,
        )


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty() or not file.is_file():
        yield lambda octets: None
        return
    with click.progressbar(length=file.stat().st_size, label="Importing", file=sys.stderr) as bar:
        yield bar.update


def _told(summary: Summary, timezone: str, dry_run: bool) -> str:
    counts = [
        f"{summary.added} {'would be added' if dry_run else 'added'}",
        f"{summary.known} already there",
        f"{summary.bad} bad lines",
    ]
    if summary.refused:
        counts.append(f"{summary.refused} refused by the SMSC and not in the history")
    counts += [f"{count} × {what} passed over" for what, count in summary.other.items()]
    return f"{summary.format}, dates in {timezone}: {', '.join(counts)}."


COMMAND = import_messages
