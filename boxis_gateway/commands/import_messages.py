"""`import`: import messages from a file or a server."""

from __future__ import annotations

import functools
import os
import signal
import sys
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event

import click

from boxis_gateway.commands.options import named_values, with_settings
from boxis_gateway.commands.shown import printable
from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importing import AccountMap, Follower, Summary, follow_with_retry, run_import
from boxis_gateway.model import Account
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings, find_sources
from boxis_gateway.zones import find_zone

ACCOUNT_FIELDS = tuple(
    dict.fromkeys(name for one in IMPORTERS.values() for name in one.ACCOUNT_FIELDS)
)


@click.command("import")
@click.argument("source", metavar="FILE_OR_URL")
@click.option("--account", "username", metavar="USERNAME", help="Owner of the messages.")
@click.option(
    "--format", "format_name", type=click.Choice(list(IMPORTERS)), help="Detected by default."
)
@click.option(
    "--follow", is_flag=True, help="kannel, jasmin: follow the log as it grows, like tail -F."
)
@click.option("--dry-run", is_flag=True, help="Show what would happen, change nothing.")
@click.option(
    "--rejects",
    "rejects_path",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="File for rejected lines. [default: FILE.rejects.csv]",
)
@click.option(
    "--account-field",
    type=click.Choice(ACCOUNT_FIELDS),
    help="Field or column that names the account; lines without it go to --account.",
)
@click.option(
    "--map",
    "account_names",
    metavar="VALUE=USERNAME",
    multiple=True,
    callback=named_values,
    help="With --account-field: the account of this value. Repeatable.",
)
@click.option("--sender", metavar="SENDER", help="Sender for messages without one.")
@click.option("--source-user", metavar="NAME", help="For a URL: the user name on that server.")
@click.option(
    "--source-secret",
    metavar="SECRET",
    envvar="BOXIS_GATEWAY_SOURCE_SECRET",
    show_envvar=True,
    help="For a URL: the user key, password or token on that server. Use the environment variable: "
    "every user can list a process's arguments.",
)
@click.option(
    "--since",
    metavar="DATE",
    callback=lambda ctx, param, text: _a_date(text),
    help="For a URL: first date, such as 2015-01-01.",
)
@with_settings("database_url", "timezone")
def import_messages(
    settings: Settings,
    source: str,
    username: str | None,
    format_name: str | None,
    follow: bool,
    dry_run: bool,
    rejects_path: Path | None,
    account_field: str | None,
    account_names: dict[str, str],
    sender: str | None,
    source_user: str | None,
    source_secret: str | None,
    since: str | None,
) -> None:
    """Import the messages of a file or a URL. Importing them again adds nothing.

    Dates without an offset are in --timezone. Columns (CSV) or keys (JSON lines): recipient,
    sender and date; optional are text, parts, credit, type, sms_id, status, status_date, price,
    whole_sale, cost, invoiced_at. Files of 'export' work too.

    \b
    Examples:
      boxis-gateway import access.log --account anna@example.com --timezone Europe/Warsaw
      boxis-gateway import access.log --account-field BINF --map cust42=anna@example.com
      boxis-gateway import access.log --account anna@example.com --timezone UTC --follow
      boxis-gateway import messages.csv --account anna@example.com --dry-run
      boxis-gateway import export.jsonl --account-field account
      boxis-gateway import https://api.boxis.net/ --format boxis --source-user anna@example.com \\
          --account anna@example.com --timezone Europe/Warsaw
    """
    if follow and dry_run:
        raise click.UsageError("--follow and --dry-run exclude each other.")
    if username is None and account_field is None:
        raise click.UsageError("Name the owner of the messages: give --account or --account-field.")
    location: Path | str = source if "://" in source else Path(source)
    if since and isinstance(location, Path):
        raise click.UsageError("--since is for a URL; a file is always read from its beginning.")
    store = open_store(settings).require_current()
    default = store.accounts.get(username) if username else None
    for name in account_names.values():
        store.accounts.get(name)
    rejects_path = rejects_path or _beside(location)
    if _same_file(location, rejects_path):
        raise click.UsageError("--rejects names the file that is imported. Name another.")
    zone_given = _zone_is_given()
    if not zone_given:
        _warn_of_zone(settings, default)
    options = ReadOptions(
        find_zone(settings.timezone),
        account_field,
        sender,
        zone_given=zone_given,
        username=source_user,
        secret=source_secret,
        since=since,
    )
    accounts = AccountMap(store, default, account_names, account_field is not None, settings)
    if follow:
        summary = _follow(location, accounts, options, format_name, rejects_path)
    else:
        with _progress(location) as progress:
            summary = run_import(
                location,
                accounts,
                options,
                format_name=format_name,
                rejects_path=rejects_path,
                dry_run=dry_run,
                progress=progress,
            )
    store.close()
    click.echo(_report(summary, settings.timezone, dry_run))
    if summary.bad and not dry_run:
        click.echo(f"Rejected lines: {printable(str(rejects_path))}.", err=True)


def _follow(
    location: Path | str,
    accounts: AccountMap,
    options: ReadOptions,
    format_name: str | None,
    rejects_path: Path,
) -> Summary:
    """Follow a log until SIGTERM or SIGINT."""
    if isinstance(location, str):
        raise click.UsageError("--follow is for files, not for URLs.")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread: the handler may interrupt `wait`, which holds the lock that `set` takes.
        signal.signal(number, lambda *_: start_new_thread(stop.set, ()))

    def notify(text: str) -> None:
        click.echo(printable(text), err=True)

    start = functools.partial(
        Follower,
        location,
        accounts,
        options,
        stop=stop,
        notify=notify,
        format_name=format_name,
        rejects_path=rejects_path,
    )
    return follow_with_retry(start, stop, notify)


def _a_date(text: str | None) -> str | None:
    try:
        return str(datetime.fromisoformat(text).replace(tzinfo=None)) if text else None
    except ValueError:
        raise click.BadParameter("expected a date such as 2015-01-01.") from None


def _same_file(location: Path | str, other: Path) -> bool:
    if isinstance(location, str):
        return False
    return location.exists() and other.exists() and other.samefile(location)


def _beside(location: Path | str) -> Path:
    """Default file for rejects: beside the source, or here if that folder is not writable."""
    if isinstance(location, str):
        return Path("import.rejects.csv")
    folder = location.parent if os.access(location.parent, os.W_OK) else Path()
    return folder / f"{location.name or 'import'}.rejects.csv"


def _zone_is_given() -> bool:
    """True if the operator set the zone, by option or environment."""
    given = {"timezone": click.get_current_context().params.get("timezone")}
    return "timezone" in find_sources(given)


def _warn_of_zone(settings: Settings, account: Account | None) -> None:
    zone = account.options.get("timezone", settings.timezone) if account else settings.timezone
    if zone != settings.timezone:
        click.echo(
            f"Dates without an offset are taken as {settings.timezone}, but the account's zone is "
            f"{zone}. If that is wrong for this file, stop (Ctrl-C) and give --timezone.",
            err=True,
        )


@contextmanager
def _progress(location: Path | str) -> Iterator[Callable[[int], object]]:
    """A progress bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty() or isinstance(location, str) or not location.is_file():
        yield lambda octets: None
        return
    with click.progressbar(
        length=location.stat().st_size, label="Importing", file=sys.stderr
    ) as bar:
        yield bar.update


def _report(summary: Summary, timezone: str, dry_run: bool) -> str:
    counts = [
        f"{summary.added} {'would be added' if dry_run else 'added'}",
        f"{summary.known} already there",
        f"{summary.bad} rejected lines",
    ]
    if summary.changed:
        counts.append(f"{summary.changed} with a new status")
    if summary.reports:
        waiting = f" ({summary.reports_waiting} wait for their message)"
        counts.append(
            f"{summary.reports} delivery reports{waiting if summary.reports_waiting else ''}"
        )
    if summary.refused:
        counts.append(f"{summary.refused} refused by the SMSC, not in the history")
    counts += [f"{count} × {what} skipped" for what, count in summary.other.items()]
    text = f"{summary.format}, dates in {timezone}: {', '.join(counts)}. {summary.read} lines read."
    reasons = "".join(
        f"\n  rejected: {count} × {why}" for why, count in summary.reasons.most_common(10)
    )
    return text + reasons


COMMAND = import_messages
