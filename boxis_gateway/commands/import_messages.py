"""`import`: messages from a file into an account's history."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event

import click

from boxis_gateway.commands.options import named_values, with_settings
from boxis_gateway.importers import IMPORTERS
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importing import AccountMap, Follower, Summary, follow_with_retry, run_import
from boxis_gateway.model import Account
from boxis_gateway.settings import Settings, find_sources
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone

ACCOUNT_FIELDS = tuple(
    dict.fromkeys(name for one in IMPORTERS.values() for name in one.ACCOUNT_FIELDS)
)


@click.command("import")
@click.argument("source", metavar="FILE_OR_URL")
@click.option("--account", "username", metavar="USERNAME", help="Whose messages they are.")
@click.option(
    "--format", "format_name", type=click.Choice(list(IMPORTERS)), help="Recognised if not given."
)
@click.option(
    "--follow", is_flag=True, help="kannel, jasmin: go on as the log grows, until stopped."
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
    help="This field or column names the account; --account takes lines without.",
)
@click.option(
    "--map",
    "account_names",
    metavar="VALUE=USERNAME",
    multiple=True,
    callback=named_values,
    help="With --account-field: this value means that account. Repeatable.",
)
@click.option("--sender", metavar="SENDER", help="Sender of messages whose source names none.")
@click.option("--source-user", metavar="NAME", help="For a URL: the user name there.")
@click.option(
    "--source-secret",
    metavar="SECRET",
    envvar="BOXIS_GATEWAY_SOURCE_SECRET",
    show_envvar=True,
    help="For a URL: the user key, password or token there. Better in the environment, where no "
    "list of processes shows it.",
)
@click.option(
    "--since",
    metavar="DATE",
    callback=lambda ctx, param, text: _a_date(text),
    help="For a URL: where to begin, such as 2015-01-01.",
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
    """Import the messages of a file or a URL. Importing the same again adds nothing.

    Dates without an offset are in --timezone. CSV files have a header, JSON lines have keys:
    recipient, sender, date and, if they are there, text, parts, credit, type, sms_id, status,
    status_date, price, whole_sale, cost, invoiced_at; and those of an export.

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
        raise click.UsageError("--follow and --dry-run don't go together.")
    if username is None and account_field is None:
        raise click.UsageError("Whose messages are they? Give --account or --account-field.")
    place: Path | str = source if "://" in source else Path(source)
    if since and isinstance(place, Path):
        raise click.UsageError("--since is for a URL; a file is read from its beginning.")
    store = Store(settings.database_url).require_current()
    default = store.accounts.get(username) if username else None
    for name in account_names.values():
        store.accounts.get(name)
    rejects_path = rejects_path or _beside(place)
    if _same_file(place, rejects_path):
        raise click.UsageError("--rejects would overwrite the file that is imported.")
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
        summary = _follow(place, accounts, options, format_name, rejects_path)
    else:
        with _progress(place) as progress:
            summary = run_import(
                place,
                accounts,
                options,
                format_name=format_name,
                rejects_path=rejects_path,
                dry_run=dry_run,
                progress=progress,
            )
    store.close()
    click.echo(_told(summary, settings.timezone, dry_run))
    if summary.bad and not dry_run:
        click.echo(f"The bad lines are listed in {rejects_path}.", err=True)


def _follow(
    place: Path | str,
    accounts: AccountMap,
    options: ReadOptions,
    format_name: str | None,
    rejects_path: Path,
) -> Summary:
    """Until SIGTERM or SIGINT."""
    if isinstance(place, str):
        raise click.UsageError("--follow is for files, not for addresses.")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    say = functools.partial(click.echo, err=True)
    start = functools.partial(
        Follower,
        place,
        accounts,
        options,
        stop=stop,
        say=say,
        format_name=format_name,
        rejects_path=rejects_path,
    )
    return follow_with_retry(start, stop, say)


def _a_date(text: str | None) -> str | None:
    try:
        return str(datetime.fromisoformat(text).replace(tzinfo=None)) if text else None
    except ValueError:
        raise click.BadParameter("a date such as 2015-01-01 is needed.") from None


def _same_file(place: Path | str, other: Path) -> bool:
    if isinstance(place, str):
        return False
    return place.exists() and other.exists() and other.samefile(place)


def _beside(place: Path | str) -> Path:
    """Where the bad lines go: beside the file, or here if that folder may not be written."""
    if isinstance(place, str):
        return Path("import.rejects.csv")
    folder = place.parent if os.access(place.parent, os.W_OK) else Path()
    return folder / f"{place.name or 'import'}.rejects.csv"


def _zone_is_given() -> bool:
    """Whether the operator named the zone of dates, by option or environment."""
    given = {"timezone": click.get_current_context().params.get("timezone")}
    return "timezone" in find_sources(given)


def _warn_of_zone(settings: Settings, account: Account | None) -> None:
    zone = account.options.get("timezone", settings.timezone) if account else settings.timezone
    if zone != settings.timezone:
        click.echo(
            f"Dates without an offset are read in {settings.timezone}, while the account's zone is "
            f"{zone}. If that is not what the file has, stop (Ctrl-C) and give --timezone.",
            err=True,
        )


@contextmanager
def _progress(place: Path | str) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty() or isinstance(place, str) or not place.is_file():
        yield lambda octets: None
        return
    with click.progressbar(length=place.stat().st_size, label="Importing", file=sys.stderr) as bar:
        yield bar.update


def _told(summary: Summary, timezone: str, dry_run: bool) -> str:
    counts = [
        f"{summary.added} {'would be added' if dry_run else 'added'}",
        f"{summary.known} already there",
        f"{summary.bad} bad lines",
    ]
    if summary.changed:
        counts.append(f"{summary.changed} of those there have another status now")
    if summary.reports:
        waiting = f" ({summary.reports_waiting} of messages that are not here)"
        counts.append(
            f"{summary.reports} delivery reports{waiting if summary.reports_waiting else ''}"
        )
    if summary.refused:
        counts.append(f"{summary.refused} refused by the SMSC and not in the history")
    counts += [f"{count} × {what} passed over" for what, count in summary.other.items()]
    told = f"{summary.format}, dates in {timezone}: {', '.join(counts)}. {summary.read} lines read."
    bad = "".join(f"\n  bad: {count} × {why}" for why, count in summary.reasons.most_common(10))
    return told + bad


COMMAND = import_messages
