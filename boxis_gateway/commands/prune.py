"""`prune`: delete texts and messages past their retention."""

from __future__ import annotations

from contextlib import closing

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.opening import open_store
from boxis_gateway.settings import Settings
from boxis_gateway.store import Pruned, Store, cutoffs_of
from boxis_gateway.zones import utc_now

WAIT_SECONDS = 2  # for readers to release the old state


@click.command()
@click.option("--account", "username", metavar="USERNAME", help="Only this account.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, change nothing.")
@click.option(
    "--compact",
    is_flag=True,
    help="Then vacuum the whole file, so that no free page holds deleted texts. Writers wait.",
)
@with_settings("database_url")
def prune(settings: Settings, username: str | None, dry_run: bool, compact: bool) -> None:
    """Delete messages older than an account's keep_messages_days, texts older than its
    keep_texts_days, and delivery reports without a message for 30 days.

    Messages scheduled for the future stay. Servers and imports go on meanwhile; run it once a
    day.

    \b
    Example:
      boxis-gateway account set anna@example.com keep_texts_days=90 keep_messages_days=730
      boxis-gateway prune --dry-run
      boxis-gateway prune
    """
    with closing(open_store(settings).require_current()) as store:
        _prune(store, settings, username, dry_run)
        if not dry_run:
            _release_space(store, compact)


def _prune(store: Store, settings: Settings, username: str | None, dry_run: bool) -> None:
    now, retention = utc_now(), store.retention
    limited = False
    for account in [store.accounts.get(username)] if username else store.accounts.all():
        limits = cutoffs_of(settings, account, now)
        if any(limits):
            limited = True
            pruned = retention.prune(account, limits, dry_run=dry_run)
            click.echo(f"{account.username}: {_counts(pruned, dry_run)}")
    if not limited:
        click.echo("Nothing to delete: no account has keep_texts_days or keep_messages_days.")
    if not username and (reports := retention.prune_reports(now, dry_run=dry_run)):
        click.echo(f"{reports} delivery reports without message {_deleted(dry_run)}.")


def _counts(pruned: Pruned, dry_run: bool) -> str:
    return f"{pruned.messages} messages and {pruned.texts} texts {_deleted(dry_run)}."


def _deleted(dry_run: bool) -> str:
    return "would be deleted" if dry_run else "deleted"


def _release_space(store: Store, compact: bool) -> None:
    maintenance = store.maintenance
    if compact:
        maintenance.vacuum_full()
    elif not maintenance.can_release_pages:
        click.echo("The file keeps its size: run 'boxis-gateway prune --compact' once.")
    else:
        maintenance.release_free_pages()
    if not maintenance.checkpoint_wal(WAIT_SECONDS):
        click.echo("The file will shrink when its readers have finished.", err=True)


COMMAND = prune
