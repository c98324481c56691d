"""What a store cannot do at the moment, told from bugs: a word for it, and a line with the remedy.

To tell another fault, add SQLite's error to REASONS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import apsw

from boxis_gateway.errors import StoreError, Unavailable
from boxis_gateway.store.queries import DATABASE_ERRORS, explained

BUSY, FULL, UNUSABLE = "busy", "full", "unusable"
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

PASSING = (BUSY, FULL, UNUSABLE)
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


def reason_of(problem: BaseException) -> str:
    """The word for it, or "" if it is a bug. What came first counts: a rollback that fails hides a
    full disk, say."""
    reason = ""
    cause: BaseException | None = problem
    while cause:
        reason = REASONS.get(type(cause), reason)
        cause = cause.__context__
    return reason
