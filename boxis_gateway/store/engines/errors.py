"""Faults of a store, told from bugs: their reasons and remedies.

A reason is one word for logs and metrics. Add a SQLite error to SQLITE_REASONS, or a PostgreSQL
error to SQLSTATES.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import apsw
from peewee import DatabaseError, IntegrityError, InterfaceError

from boxis_gateway.errors import StoreError, Unavailable

DATABASE_ERRORS = (DatabaseError, InterfaceError)
STORE_FAULTS = (StoreError, apsw.Error, *DATABASE_ERRORS)
"""Errors that may be faults of the store; `fault_reason` tells faults from bugs."""

BUSY, FULL, UNUSABLE, UNREACHABLE = "busy", "full", "unusable", "unreachable"
READ_ONLY, DAMAGED, DISK = "read-only", "damaged", "disk"
WORKER = "worker"  # a worker of Citus failed, the coordinator is well
BUG = ""
KEEP_CONNECTION = (BUSY, FULL, UNUSABLE, WORKER)
"""Reasons that leave the connection as good as before. A new one would be no better, and a full
disk may not even allow one."""

SQLITE_REASONS: dict[type[BaseException], str] = {
    apsw.BusyError: BUSY,
    apsw.LockedError: BUSY,
    apsw.ProtocolError: BUSY,
    apsw.FullError: FULL,
    apsw.ReadOnlyError: READ_ONLY,
    apsw.CorruptError: DAMAGED,
    apsw.NotADBError: DAMAGED,
    apsw.IOError: DISK,
    apsw.CantOpenError: DISK,
    apsw.PermissionsError: DISK,
    StoreError: UNUSABLE,
}

TRY_AGAIN = "Try again."
CHECK_SERVER = "Check that its server runs and accepts this user."
SQLSTATES = {
    "08": (UNREACHABLE, CHECK_SERVER),
    "08006": (WORKER, CHECK_SERVER),  # sent by a server, so the server itself is reachable
    "22P05": (BUG, "Make a database with 'createdb --encoding=UTF8 --template=template0'."),
    "25006": (READ_ONLY, "Name the server that takes writes: this one is a replica or read-only."),
    "28": (UNREACHABLE, CHECK_SERVER),  # invalid authorization
    "3D": (UNREACHABLE, CHECK_SERVER),  # no such database
    "40": (BUG, TRY_AGAIN),
    "40001": (BUSY, TRY_AGAIN),  # serialization failure
    "40P01": (BUSY, TRY_AGAIN),  # deadlock
    "42501": (BUG, "Let this user own the database and its tables."),
    "53": (BUSY, CHECK_SERVER),  # too many connections, out of memory
    "53100": (FULL, "Free space on its disk."),
    "55P03": (BUSY, "Another writer holds a lock: try again when it is done."),
    "57014": (BUSY, TRY_AGAIN),  # query canceled
    "57P01": (UNREACHABLE, CHECK_SERVER),  # the server shuts down
    "57P02": (UNREACHABLE, CHECK_SERVER),
    "57P03": (UNREACHABLE, CHECK_SERVER),  # the server starts
    "58": (DISK, CHECK_SERVER),
    "XX000": (WORKER, CHECK_SERVER),  # the worker was lost during a commit
    "XX001": (DAMAGED, CHECK_SERVER),
    "XX002": (DAMAGED, CHECK_SERVER),
}
"""Reason and remedy by SQLSTATE, or by its class (PostgreSQL's manual, appendix A)."""


class TransactionLost(Exception):
    """Transaction that the database has ended, or lets only be rolled back. Nothing of it is
    committed."""


@contextmanager
def translate_faults() -> Iterator[None]:
    """Raise Unavailable for faults of the store. Bugs pass through."""
    try:
        yield
    except STORE_FAULTS as error:
        raise_unavailable(error)


def raise_unavailable(error: Exception) -> NoReturn:
    """Raise Unavailable for a fault of the store, or the error itself if it is a bug."""
    unavailable = as_unavailable(error)
    if unavailable is error:
        raise error
    raise unavailable from error


def as_unavailable(error: Exception) -> Exception:
    """Unavailable for a fault of the store, or the error itself."""
    reason = fault_reason(error)
    return Unavailable(reason, describe_error(error)) if reason else error


def is_unreachable(error: BaseException) -> bool:
    """True if the store's server cannot be reached at the moment."""
    return fault_reason(error) == UNREACHABLE


def fault_reason(error: BaseException) -> str:
    """The reason of a fault, or "" for a bug. The first error of the chain decides: the rollback
    after a full disk fails too."""
    reason = BUG
    for cause in _chain(error):
        reason = SQLITE_REASONS.get(type(cause)) or _server_reason(cause) or reason
    return reason


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and the earlier ones that it hides, the latest first."""
    while error:
        yield error
        error = error.__context__


def _server_reason(error: Any) -> str:
    if not hasattr(error, "sqlstate"):
        return BUG
    if error.sqlstate:
        return _reason_and_remedy(error.sqlstate)[0]
    is_operational = any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)
    return UNREACHABLE if is_operational else BUG  # from the driver: there was no server to send it


def _reason_and_remedy(sqlstate: str) -> tuple[str, str]:
    return SQLSTATES.get(sqlstate) or SQLSTATES.get(sqlstate[:2], (BUG, CHECK_SERVER))


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise StoreError, with the remedy, for what the database cannot do (open, lock, write)."""
    try:
        yield
    except IntegrityError:
        raise  # a bug
    except DATABASE_ERRORS as error:
        raise StoreError(describe_error(error)) from None


def describe_error(error: BaseException) -> str:
    """The error and its remedy in one line."""
    if isinstance(error, StoreError):
        return str(error)
    error = [error, *(cause for cause in _chain(error) if isinstance(cause, DATABASE_ERRORS))][-1]
    for cause in _chain(error):
        if hasattr(cause, "sqlstate"):
            return f"The store cannot be used: {_describe_server_error(cause)}"
    if "locked" in str(error):
        return f"The store is in use by another process ({error}). Try again when it is done."
    return (
        f"The store cannot be used: {error}. Check that it is a SQLite file that this user may "
        "read and write, on a disk with free space; 'boxis-gateway doctor' examines it."
    )


def _describe_server_error(error: Any) -> str:
    """The first line of the server's or driver's message, and the remedy; further lines may show
    rows."""
    lines = str(error).strip().splitlines()
    message = lines[0].rstrip(".") if lines else type(error).__name__
    return f"{message}. {_reason_and_remedy(error.sqlstate or '')[1]}"
