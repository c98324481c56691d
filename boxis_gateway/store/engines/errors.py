"""What a store cannot do at the moment, told from bugs: a word for it, and a line with the remedy.

To tell another fault, add SQLite's error to REASONS, or PostgreSQL's code to
SERVER_REASONS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import apsw
from peewee import DatabaseError, IntegrityError, InterfaceError

from boxis_gateway.errors import StoreError, Unavailable

DATABASE_ERRORS = (DatabaseError, InterfaceError)
REMEDIES = {
    "42501": "Let its user own the database and its tables.",
    "25006": "Name the server that takes writes: this one is a replica, or set to read only.",
    "22P05": "Make a database with 'createdb --encoding=UTF8 --template=template0'.",
    "53100": "Make room on its disk.",
    "55P03": "Somebody else is writing: try again when that is done.",
    "40": "Try again.",
    "57014": "Try again.",
}
"""What to do about an error of PostgreSQL's, by code or class of codes."""

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
def translate_faults() -> Iterator[None]:
    """Turn what the store cannot do at the moment into Unavailable. A bug stays what it is."""
    try:
        yield
    except FAULTS as problem:
        raise_unavailable(problem)


def raise_unavailable(problem: Exception) -> NoReturn:
    """Raises Unavailable in place of the fault, or the problem itself if it is a bug."""
    reason = fault_reason(problem)
    if not reason:
        raise problem
    told = str(problem) if isinstance(problem, StoreError) else describe_error(problem)
    raise Unavailable(reason, told) from problem


def is_unreachable(problem: BaseException) -> bool:
    """Whether the store's server cannot be reached at the moment, and may be by and by."""
    return fault_reason(problem) == UNREACHABLE


def fault_reason(problem: BaseException) -> str:
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


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what the database cannot do (open, lock, write) into a StoreError with the remedy."""
    try:
        yield
    except IntegrityError:
        raise  # never the machine's fault
    except DATABASE_ERRORS as problem:
        raise StoreError(describe_error(problem)) from None


def describe_error(problem: BaseException) -> str:
    """What the database cannot do, in one line with the remedy."""
    # A failed rollback hides what went before it: a full disk, say.
    cause = problem.__context__
    while cause:
        problem = cause if isinstance(cause, DATABASE_ERRORS) else problem
        cause = cause.__context__
    if said := _said_by_server(problem):
        return f"The store cannot be used: {said}"
    if "locked" in str(problem):
        return f"The store is in use by another process ({problem}). Try again when it is done."
    return (
        f"The store cannot be used: {problem}. Check that it is a SQLite file that this user may "
        "read and write, on a disk with room; 'boxis-gateway doctor' looks closer."
    )


def _said_by_server(problem: BaseException) -> str:
    """The first line of what PostgreSQL, or its driver, says, and the remedy; further lines may
    show rows."""
    cause: BaseException | None = problem
    while cause:
        if hasattr(cause, "sqlstate"):
            lines = str(cause).strip().splitlines()
            line = lines[0].rstrip(".") if lines else type(cause).__name__
            return f"{line}. {_remedy(cause.sqlstate or '')}"
        cause = cause.__context__
    return ""


def _remedy(code: str) -> str:
    rest = "Check that its server runs and lets us in."
    return REMEDIES.get(code) or REMEDIES.get(code[:2], rest)
