"""A list of small checks of an installation, each of which says what to do.

To add one, write a function of the settings that yields findings, and put it into CHECKS.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from boxis_gateway.errors import OperatorError
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import DATABASE_ERRORS, Replicas, Store, describe_error, sidecar_files
from boxis_gateway.zones import from_utc_text, utc_now

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)  # a clock before this is wrong
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CLOCK_REMEDY = "Set the clock (timedatectl set-ntp true): clients sign their requests with theirs."


class Level(Enum):
    """How bad a finding is; only FAIL makes `doctor` end with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """What a check found, and the remedy if there is something to mend."""

    level: Level
    text: str
    remedy: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, in the order in which they should be mended."""
    for check in CHECKS:
        yield from check(settings)


def check_server(settings: Settings) -> Iterator[Finding]:
    """More processes than cores only wait for each other."""
    cores = os.cpu_count() or 1
    if settings.workers > 2 * cores:
        text = f"{settings.workers} workers on {cores} cores."
        yield Finding(Level.WARN, text, f"Set --workers {cores}.")
    if settings.host not in LOOPBACK:
        text = f"The server listens on {settings.host}, without TLS."
        yield Finding(Level.WARN, text, "Put nginx with TLS in front (examples/nginx.conf).")
    if isinstance(settings.watch_port, int) and settings.watch_host not in LOOPBACK:
        text = f"Metrics and health are at {settings.watch_host} for whoever reaches it."
        yield Finding(Level.WARN, text, "Set --watch-host 127.0.0.1, or close it by a firewall.")
    if settings.watch_port == "same":
        text = "Metrics are at the address of the doors, for every client."
        yield Finding(Level.WARN, text, "Set --watch-port 9464, or have nginx refuse /metrics.")


def check_store(settings: Settings) -> Iterator[Finding]:
    """That the store is there, of this version, whole and writable."""
    try:
        store = Store(settings.database_url).require_current()
        store.require_no_transaction_pooler()
        damage = store.find_damage()
        accounts = [] if damage else store.accounts.all()
        store.close()
    except OperatorError as problem:
        yield _failed(problem)
        return
    except DATABASE_ERRORS as problem:
        yield Finding(Level.FAIL, describe_error(problem), "")
        return
    if damage:
        text = f"The store is damaged: {damage}."
        remedy = (
            "Stop the server, move the store away with its -wal and -shm, and run "
            "'boxis-gateway restore BACKUP'."
        )
        yield Finding(Level.FAIL, text, remedy)
        return
    yield Finding(Level.OK, f"The store {store.name} is whole and current.")
    for account in accounts:
        try:
            for_account(settings, account.options)
        except OperatorError as problem:
            remedy = f"boxis-gateway account set {account.username} OPTION=VALUE"
            yield Finding(Level.FAIL, f"Account {account.username}: {problem}", remedy)
    if not accounts:
        remedy = "Add one with 'boxis-gateway account add'."
        yield Finding(Level.WARN, "There are no accounts.", remedy)


def _failed(problem: OperatorError) -> Finding:
    """What has a sentence for what is wrong, and others for what to do."""
    text, _, remedy = str(problem).removesuffix(".").partition(". ")
    return Finding(Level.FAIL, f"{text}.", f"{remedy}." if remedy else "")


def check_keys(settings: Settings) -> Iterator[Finding]:
    """That the keys are at hand and open the store, and that nothing is left in the clear."""
    store = Store(settings.database_url)
    keys = store.vault.keys
    try:
        left = store.require_current().needs_wipe()
    except (OperatorError, *DATABASE_ERRORS):
        return  # check_store has said it
    try:
        store.user_keys.require_open()
        yield Finding(Level.OK, f"{keys.place} opens the user keys (docs/secrets.md).")
    except OperatorError as problem:
        yield _failed(problem)
    finally:
        store.close()
    if left:
        text = "Free pages of the store may have user keys in the clear, from an older version."
        yield Finding(Level.WARN, text, "boxis-gateway migrate")


def check_database(settings: Settings) -> Iterator[Finding]:
    """That the server of the store loses nothing that was acknowledged, nor lets us do all."""
    store = Store(settings.database_url)
    try:
        for text, remedy, is_grave in store.advice():
            yield Finding(Level.FAIL if is_grave else Level.WARN, text, remedy)
    except (OperatorError, *DATABASE_ERRORS):
        return  # check_store has said it
    finally:
        store.close()


def check_replicas(settings: Settings) -> Iterator[Finding]:
    """That replicas can be read from. What they don't answer, the store's own server does."""
    replicas = Replicas.named(settings.replica_urls, settings.replica_lag_seconds)
    if not replicas.urls:
        return
    try:
        store = Store(settings.database_url, replicas=replicas)
    except OperatorError as problem:
        yield _failed(problem)
        return
    try:
        for name, why in store.require_current().replica_problems():
            yield Finding(Level.WARN, f"The replica {name} is not read from. {why}")
    except (OperatorError, *DATABASE_ERRORS):
        return  # check_store has said it
    finally:
        store.close()


def check_permissions(settings: Settings) -> Iterator[Finding]:
    """That others cannot read the store nor put files into its place, and that we can write."""
    path = Store(settings.database_url).file
    if path is None or _mode(path) is None:
        return  # it is in no file, or check_store has said it
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        text = f"{path} or its folder cannot be written by this user."
        yield Finding(Level.FAIL, text, f"Run as its owner, or chown both ({path.parent}).")
    open_ = [file for file in (path, *sidecar_files(path)) if (_mode(file) or 0) & 0o077]
    if open_:
        text = f"{open_[0]} can be read by other users; it holds texts and numbers."
        yield Finding(Level.WARN, text, f"chmod 600 {path}*")
    else:
        yield Finding(Level.OK, "The store's files are closed to other users.")
    if (_mode(path.parent) or 0) & 0o002:
        text = f"Any user can put files into {path.parent}, in place of the store too."
        yield Finding(Level.FAIL, text, f"chmod o-w {path.parent}")


def check_key_file(settings: Settings) -> Iterator[Finding]:
    """That nobody else can read the key, nor replace it. Its group may read it: that is how
    systemd and containers hand over a secret."""
    keys = Store(settings.database_url).vault.keys
    if keys.in_environment or not keys.are_named:
        return
    if (_mode(keys.path) or 0) & 0o037:
        text = f"{keys.path} is open to other users; it has the key to the store."
        yield Finding(Level.FAIL, text, f"chmod 600 {keys.path}; boxis-gateway rotate-secrets")
    if (_mode(keys.path.parent) or 0) & 0o002:
        text = f"Any user can put files into {keys.path.parent}, in place of the key too."
        yield Finding(Level.FAIL, text, f"chmod o-w {keys.path.parent}")


def _mode(path: Path) -> int | None:
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    return None


def check_clock(settings: Settings) -> Iterator[Finding]:
    """That the clock is not before this release, nor before what the store has seen."""
    now = utc_now()
    try:
        seen = Store(settings.database_url).require_current().accounts.newest_creation()
    except (OperatorError, *DATABASE_ERRORS):
        seen = None
    if now < RELEASED:
        yield Finding(Level.FAIL, f"The clock says {now:%Y-%m-%d %H:%M} UTC.", CLOCK_REMEDY)
    elif seen and from_utc_text(seen) > now:
        yield Finding(Level.FAIL, f"The store has seen {seen} UTC, after now.", CLOCK_REMEDY)
    else:
        yield Finding(Level.OK, f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")


CHECKS: tuple[Check, ...] = (
    check_server,
    check_store,
    check_keys,
    check_database,
    check_replicas,
    check_permissions,
    check_key_file,
    check_clock,
)
