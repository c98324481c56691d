"""What a store cannot do at the moment, told from bugs: a word for it, and a line with the remedy.

To tell another fault, add SQLite's error to REASONS, or PostgreSQL's code to
SERVER_REASONS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import apsw

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.store.queries import DATABASE_ERRORS, explained

BUSY, FULL, UNUSABLE, UNREACHABLE = "busy", "full", "unusable", "unreachable"
WORKER = "worker"  # of Citus, behind a coordinator that is well
REASONS: dict[type[BaseException], str] = {
    apsw.BusyError: BUSY,
    apsw.LockedError: BUSY,
    apsw.ProtocolError: BUSY,
    apsw.FullError: FULL,
    apsw.ReadOnlyError: "read-only",
    apsw.CorruptError: "damaged",
    apsw.NotADBError: "damaged",
    apsw.IOError: "disk",
    apsw.CantOpenError: "disk",
    apsw.PermissionsError: "disk",
    StoreError: UNUSABLE,
}
"""SQLite's errors that are no bug of ours, and what they are called in logs and metrics."""

SERVER_REASONS = {
    "55P03": BUSY,  # a lock that was not had in time
    "40P01": BUSY,  # a deadlock
    "40001": BUSY,  # a serialization failure
    "57014": BUSY,  # a query that was cancelled
    "53300": BUSY,  # too many connections
    "53100": FULL,  # the disk
    "25006": "read-only",
    "58": "disk",
    "08006": WORKER,  # a server that says so is there itself
    "XX000": WORKER,  # it was lost at the end of a transaction
    "XX001": "damaged",
    "XX002": "damaged",
    "08": UNREACHABLE,
    "28": UNREACHABLE,  # the server does not let us in
    "3D": UNREACHABLE,  # no such database
    "57P01": UNREACHABLE,  # the server is stopped
    "57P02": UNREACHABLE,
    "57P03": UNREACHABLE,  # the server starts
    "53": BUSY,
}
"""The same of PostgreSQL's errors, by code or by class of codes."""

PASSING = (BUSY, FULL, UNUSABLE, WORKER)
"""With these a connection is as good as before. A new one could not be better and, on a full disk,
may not even be had; and to a file that was replaced there is no other."""


FAULTS = (StoreError, apsw.Error, *DATABASE_ERRORS)
"""What may be one of them."""


@contextmanager
def faults_told() -> Iterator[None]:
    """Turn what the store cannot do at the moment into Unavailable. A bug stays what it is."""
    try:
        yield
    except FAULTS as problem:
        raise_told(problem)


def raise_told(problem: Exception) -> NoReturn:
    """Raises Unavailable in place of the fault, or the problem itself if it is a bug."""
    reason = reason_of(problem)
    if not reason:
        raise problem
    told = str(problem) if isinstance(problem, StoreError) else explained(problem)
    raise Unavailable(reason, told) from problem


def is_away(problem: BaseException) -> bool:
    """Whether the store's server cannot be reached at the moment, and may be by and by."""
    return reason_of(problem) == UNREACHABLE


def reason_of(problem: BaseException) -> str:
    """The word for it, or "" if it is a bug. What came first counts: a rollback that fails hides a
    full disk, say."""
    reason = ""
    cause: BaseException | None = problem
    while cause:
        reason = REASONS.get(type(cause)) or _reason_of_server(cause) or reason
        cause = cause.__context__
    return reason


def _reason_of_server(problem: BaseException) -> str:
    """Of an error of PostgreSQL's, which has a code (PostgreSQL's manual, appendix A), or none if
    there is no server."""
    if not hasattr(problem, "sqlstate"):
        return ""
    code = problem.sqlstate
    if code is None:
        kinds = (kind.__name__ for kind in type(problem).__mro__)
        return UNREACHABLE if "OperationalError" in kinds else ""
    return SERVER_REASONS.get(code) or SERVER_REASONS.get(code[:2], "")
