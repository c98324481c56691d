"""`prune`: remove what accounts keep for some days only, and give the room back."""

from __future__ import annotations

import click

from boxis_gateway.commands.options import with_settings
from boxis_gateway.settings import Settings
from boxis_gateway.store import Pruned, Store, cutoffs_of
from boxis_gateway.zones import utc_now

WAIT_SECONDS = 2  # for those who read


@click.command()
@click.option("--account", "username", metavar="USERNAME", help="Only this account.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, change nothing.")
@click.option(
    "--compact",
    is_flag=True,
    help="Then write the whole file anew: smaller, and nothing removed stands in it. Writers wait.",
)
@with_settings("database_url")
def prune(settings: Settings, username: str | None, dry_run: bool, compact: bool) -> None:
    """Remove messages older than an account's keep_messages_days, texts older than its
    keep_texts_days, and delivery reports that have waited in vain for 30 days.

    Messages that wait for a time to come stay. Servers and imports go on meanwhile; run it once a
    day.

    \b
    Example:
      boxis-gateway account set anna@example.com keep_texts_days=90 keep_messages_days=730
      boxis-gateway prune --dry-run
      boxis-gateway prune
    """
    store = Store(settings.database_url).require_current()
    try:
        _prune(store, settings, username, dry_run)
        if not dry_run:
            _give_back(store, compact)
    finally:
        store.close()


def _prune(store: Store, settings: Settings, username: str | None, dry_run: bool) -> None:
    now, retention = utc_now(), store.retention
    limited = False
    for account in [store.accounts.get(username)] if username else store.accounts.all():
        limits = cutoffs_of(settings, account, now)
        if any(limits):
            limited = True
            remove = retention.would_prune if dry_run else retention.prune
            click.echo(f"{account.username}: {_told(remove(account, limits), dry_run)}")
    if not limited:
        click.echo("Everything is kept: set keep_texts_days or keep_messages_days.")
    if not username:
        forget = retention.would_prune_reports if dry_run else retention.prune_reports
        if reports := forget(now):
            click.echo(f"{reports} delivery reports without message {_removed(dry_run)}.")


def _told(pruned: Pruned, dry_run: bool) -> str:
    return f"{pruned.messages} messages and {pruned.texts} texts {_removed(dry_run)}."


def _removed(dry_run: bool) -> str:
    return "would be removed" if dry_run else "removed"


def _give_back(store: Store, compact: bool) -> None:
    maintenance = store.maintenance
    if compact:
        maintenance.vacuum_full()
    elif not maintenance.can_release_pages:
        click.echo("The file keeps its size until 'boxis-gateway prune --compact' has run once.")
    else:
        maintenance.release_free_pages()
    if not maintenance.checkpoint_wal(WAIT_SECONDS):
        click.echo("The file gets smaller when those who read from it are done.", err=True)


COMMAND = prune
