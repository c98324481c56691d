"""Checks of an installation, each with its remedy.

To add one, write a function of the settings that yields findings, and add it to CHECKS.
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
from boxis_gateway.opening import open_server_store, open_store
from boxis_gateway.settings import Settings, for_account
from boxis_gateway.store import DATABASE_ERRORS, Replicas, describe_error, lock_file, sidecar_files
from boxis_gateway.zones import from_utc_text, utc_now

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)  # a clock before this is wrong
SHORT_CONNECTIONS = 2  # of a process, beside those of streams: for short requests, for writes
CONNECTIONS_REMEDY = (
    "Raise max_connections in postgresql.conf (or the limit of the role or database), or lower "
    "BOXIS_GATEWAY_MAX_PROCESS_STREAMS or the number of workers."
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CLOCK_REMEDY = "Set the clock (timedatectl set-ntp true): clients sign their requests with theirs."


class Severity(Enum):
    """Severity of a finding; only FAIL makes `doctor` end with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """Result of a check, with the remedy if there is something to mend."""

    severity: Severity
    text: str
    remedy: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, in the order in which to mend them."""
    for check in CHECKS:
        yield from check(settings)


def check_server(settings: Settings) -> Iterator[Finding]:
    """Number of processes, and addresses that others can reach."""
    cores = os.cpu_count() or 1
    if settings.workers > 2 * cores:
        text = f"{settings.workers} workers on {cores} cores."
        yield Finding(Severity.WARN, text, f"Set --workers {cores}.")
    if settings.host not in LOOPBACK:
        text = f"The server listens on {settings.host}, without TLS."
        yield Finding(Severity.WARN, text, "Put nginx with TLS in front (examples/nginx.conf).")
    if isinstance(settings.watch_port, int) and settings.watch_host not in LOOPBACK:
        text = f"Metrics and health are open to everybody who reaches {settings.watch_host}."
        yield Finding(
            Severity.WARN, text, "Set --watch-host 127.0.0.1, or block it in the firewall."
        )
    if settings.watch_port == "same":
        text = "Metrics are at the address of the APIs, open to every client."
        yield Finding(Severity.WARN, text, "Set --watch-port 9464, or let nginx refuse /metrics.")


def check_store(settings: Settings) -> Iterator[Finding]:
    """The store exists, is current, whole and writable; every account's options are valid."""
    try:
        store = open_store(settings).require_current()
        store.require_no_transaction_pooler()
        damage = store.find_damage()
        accounts = [] if damage else store.accounts.all()
        store.close()
    except OperatorError as problem:
        yield _failed(problem)
        return
    except DATABASE_ERRORS as problem:
        yield Finding(Severity.FAIL, describe_error(problem), "")
        return
    if damage:
        text = f"The store is damaged: {damage}."
        remedy = (
            "Stop the server, move the store away with its -wal and -shm, and run "
            "'boxis-gateway restore BACKUP'."
        )
        yield Finding(Severity.FAIL, text, remedy)
        return
    yield Finding(Severity.OK, f"The store {store.name} is whole and current.")
    for account in accounts:
        try:
            for_account(settings, account.options)
        except OperatorError as problem:
            remedy = f"boxis-gateway account set {account.username} OPTION=VALUE"
            yield Finding(Severity.FAIL, f"Account {account.username}: {problem}", remedy)
    if not accounts:
        remedy = "Add one with 'boxis-gateway account add'."
        yield Finding(Severity.WARN, "There are no accounts.", remedy)


def _failed(problem: OperatorError) -> Finding:
    """Finding of an error whose first sentence is the problem and the rest the remedy."""
    text, _, remedy = str(problem).removesuffix(".").partition(". ")
    return Finding(Severity.FAIL, f"{text}.", f"{remedy}." if remedy else "")


def check_keys(settings: Settings) -> Iterator[Finding]:
    """The keys decrypt the store, and no free page has user keys in the clear."""
    store = open_store(settings)
    keys = store.vault.keys
    try:
        left = store.require_current().needs_wipe()
    except (OperatorError, *DATABASE_ERRORS):
        return  # check_store reports it
    try:
        store.user_keys.require_open()
        yield Finding(Severity.OK, f"{keys.location} opens the user keys (docs/secrets.md).")
    except OperatorError as problem:
        yield _failed(problem)
    finally:
        store.close()
    if left:
        text = "Free pages of the store may hold user keys in the clear, from an older version."
        yield Finding(Severity.WARN, text, "boxis-gateway migrate")


def check_database(settings: Settings) -> Iterator[Finding]:
    """The database server loses no acknowledged write, grants no needless rights, and has enough
    connections."""
    store = open_store(settings)
    try:
        for text, remedy, is_grave in store.advice():
            yield Finding(Severity.FAIL if is_grave else Severity.WARN, text, remedy)
        limit = store.connection_limit()
        if limit is not None and (needed := needed_connections(settings)) > limit:
            text = f"The server needs up to {needed} connections; the database has {limit}."
            yield Finding(Severity.WARN, text, CONNECTIONS_REMEDY)
    except (OperatorError, *DATABASE_ERRORS):
        return  # check_store reports it
    finally:
        store.close()


def needed_connections(settings: Settings) -> int:
    """Most connections to the database of all server processes: one for each stream, beside those
    for short requests and for writes."""
    return settings.workers * (settings.max_process_streams + SHORT_CONNECTIONS)


def check_replicas(settings: Settings) -> Iterator[Finding]:
    """The replicas can be read from; otherwise the primary answers."""
    if not Replicas.from_setting(settings.replica_urls, settings.replica_lag_seconds).urls:
        return
    try:
        store = open_server_store(settings)
    except OperatorError as problem:
        yield _failed(problem)
        return
    try:
        for name, why in store.require_current().replica_problems():
            yield Finding(Severity.WARN, f"The replica {name} is not used. {why}")
    except (OperatorError, *DATABASE_ERRORS):
        return  # check_store reports it
    finally:
        store.close()


def check_permissions(settings: Settings) -> Iterator[Finding]:
    """Other users can neither read nor replace the store's files; this user can write them."""
    path = open_store(settings).file
    if path is None or _mode(path) is None:
        return  # no file, or check_store reports it
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        text = f"This user cannot write {path} or its folder."
        yield Finding(
            Severity.FAIL, text, f"Run as its owner, or change the owner of both ({path.parent})."
        )
    files = (path, *sidecar_files(path), lock_file(path))
    open_ = [file for file in files if (_mode(file) or 0) & 0o077]
    if open_:
        text = f"{open_[0]} is readable by other users; it holds texts and numbers."
        yield Finding(Severity.WARN, text, f"chmod 600 {path}*")
    else:
        yield Finding(Severity.OK, "Other users cannot read the store's files.")
    if (_mode(path.parent) or 0) & 0o002:
        text = f"Any user can replace files in {path.parent}, the store too."
        yield Finding(Severity.FAIL, text, f"chmod o-w {path.parent}")


def check_key_file(settings: Settings) -> Iterator[Finding]:
    """Other users can neither read nor replace the key file. Its group may read it, since systemd
    and containers hand over secrets so."""
    keys = open_store(settings).vault.keys
    if keys.in_environment or not keys.are_named:
        return
    if (_mode(keys.path) or 0) & 0o037:
        text = f"{keys.path} is readable by other users; it holds the key to the store."
        yield Finding(Severity.FAIL, text, f"chmod 600 {keys.path}; boxis-gateway rotate-secrets")
    if (_mode(keys.path.parent) or 0) & 0o002:
        text = f"Any user can replace files in {keys.path.parent}, the key too."
        yield Finding(Severity.FAIL, text, f"chmod o-w {keys.path.parent}")


def _mode(path: Path) -> int | None:
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    return None


def check_clock(settings: Settings) -> Iterator[Finding]:
    """The clock is not before this release, nor before the newest account."""
    now = utc_now()
    try:
        newest = open_store(settings).require_current().accounts.newest_creation()
    except (OperatorError, *DATABASE_ERRORS):
        newest = None
    if now < RELEASED:
        yield Finding(Severity.FAIL, f"The clock says {now:%Y-%m-%d %H:%M} UTC.", CLOCK_REMEDY)
    elif newest and from_utc_text(newest) > now:
        yield Finding(
            Severity.FAIL,
            f"The store has an account made at {newest} UTC, which is in the future.",
            CLOCK_REMEDY,
        )
    else:
        yield Finding(Severity.OK, f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")


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
