"""Looking a store's file over: is it whole, and do its tables say the same of each other?

Nothing is changed. To add a check, add what is counted to CHECKS: 0 is as it should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.schema_version import VERSION
from boxis_gateway.store.engines.sqlite.snapshots import count_of, reading, user_version
from boxis_gateway.store.tables import TABLES
from boxis_gateway.zones import utc_text

MOST_LINES = 10  # of what is said of one kind of damage
CLOCKS_APART = timedelta(days=1)

COUNTED = """
    SELECT account_id, substr(created_at, 1, 7), sender, count(*) FROM submission
    WHERE recipients IS NOT NULL GROUP BY 1, 2, 3
"""
KEPT = """
    SELECT account_id, month, sender, sum(listed) FROM submission_count
    GROUP BY 1, 2, 3 HAVING sum(listed) <> 0
"""
TAKEN = """
    SELECT account_id, submission_id, coalesce(
        group_concat(recipient, char(10)) FILTER (WHERE status <> 'refused'), ''
    ) AS recipients FROM message GROUP BY 1, 2
"""
WRONG_SENDER = "counts of submissions are under a wrong sender"
TIMES = {
    "message": ("sent_at", "status_changed_at"),
    "submission": ("created_at", "scheduled_at", "sent_at", "invoiced_at"),
}
"""Columns that have times."""
NO_TIME = """
    {0} IS NOT NULL AND NOT (
        datetime({0}) IS substr({0}, 1, 19)
        AND (length({0}) = 19 OR substr({0}, 20) GLOB '.[0-9][0-9][0-9]')
    )
"""


class Verified(NamedTuple):
    """The rows of each table, and what is wrong. Of a store of another version than this one only
    the file was looked at, not what its tables say."""

    is_current: bool
    rows: Mapping[str, int]
    findings: list[str]


def verify(path: Path, now: datetime, *, at_rest: bool = False) -> Verified:
    """Look over one state of the file. `at_rest` is of a file that no server uses.

    Raises StoreError if it is no store, of a newer version, or cannot be read."""
    with reading(path, at_rest=at_rest) as connection:
        is_current = user_version(connection) == VERSION
        try:
            findings = list(_damage(connection))
            if findings:
                return Verified(is_current, {}, findings)
            rows = {name: count_of(connection, name) for name in _tables(connection)}
            findings += _orphans(connection)
            if is_current:
                findings += _contradictions(connection, now)
        except apsw.CorruptError as problem:
            return Verified(is_current, {}, [f"The file is damaged: {problem}."])
    return Verified(is_current, rows, findings)


def _damage(connection: apsw.Connection) -> Iterator[str]:
    for (said,) in connection.execute(f"PRAGMA integrity_check({MOST_LINES})"):
        if said != "ok":
            yield f"The file is damaged: {' '.join(said.split())}."


def _tables(connection: apsw.Connection) -> list[str]:
    """Those that are there, in the order of TABLES."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return [name for table in TABLES if (name := table._meta.table_name) in there]


def _orphans(connection: apsw.Connection) -> Iterator[str]:
    sql = 'SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2'
    for table, parent, count in connection.execute(sql):
        yield f"{count} rows of {table} refer to a {parent} that is not there."


def _contradictions(connection: Any, now: datetime) -> Iterator[str]:
    connection.create_scalar_function("sender_key", sender_key, 1, deterministic=True)
    connection.create_scalar_function("in_order", _in_order, 1, deterministic=True)
    for what, sql in CHECKS.items():
        bindings = (utc_text(now + CLOCKS_APART),) if "?" in sql else ()
        count = connection.execute(sql, bindings).get
        if count:
            yield f"{count} {what}."


def _in_order(lines: str) -> str:
    return "\n".join(sorted(lines.split("\n")))


def _times(table: str, *columns: str) -> str:
    wrong = " OR ".join(NO_TIME.format(column) for column in columns)
    return f"SELECT count(*) FROM {table} WHERE {wrong}"


CHECKS: Mapping[str, str] = {
    "messages have no submission": """
        SELECT count(*) FROM message WHERE NOT EXISTS (
            SELECT 1 FROM submission
            WHERE account_id = message.account_id AND id = message.submission_id
        )
    """,
    "submissions have no message": """
        SELECT count(*) FROM (
            SELECT account_id, id FROM submission
            EXCEPT SELECT account_id, submission_id FROM message
        ) AS alone
    """,
    "accounts have no customer": """
        SELECT count(*) FROM account WHERE customer_id NOT IN (SELECT id FROM customer)
    """,
    "accounts have a user key in the clear": """
        SELECT count(*) FROM account WHERE sealed_key NOT GLOB 'gAAAA*'
    """,
    "counts of submissions are not what a count gives": f"""
        SELECT count(*) FROM (
            SELECT 1 FROM (
                SELECT * FROM ({COUNTED}) AS c EXCEPT SELECT * FROM ({KEPT}) AS k
            ) AS counted
            UNION ALL SELECT 1 FROM (
                SELECT * FROM ({KEPT}) AS k EXCEPT SELECT * FROM ({COUNTED}) AS c
            ) AS kept
        ) AS different
    """,
    WRONG_SENDER: """
        SELECT count(*) FROM submission_count WHERE sender_key <> sender_key(sender)
    """,
    "submissions list other recipients than their messages have": f"""
        SELECT count(*) FROM ({TAKEN}) AS taken JOIN submission
            ON submission.account_id = taken.account_id AND submission.id = taken.submission_id
        WHERE coalesce(submission.recipients, '') <> taken.recipients
            AND in_order(coalesce(submission.recipients, '')) <> in_order(taken.recipients)
    """,
    **{f"{table}s have a time that is none": _times(table, *TIMES[table]) for table in TIMES},
    "messages were sent in the future": """
        SELECT count(*) FROM message
        WHERE kind = 'sent' AND status <> 'pending' AND sent_at > ?""",
    "entries of the audit are missing": """
        SELECT coalesce(max(id), 0) - count(*) FROM audit_entry
    """,
    "triggers that keep the audit as it is are missing": """
        SELECT 3 - count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'
    """,
}
"""What is counted, and how. A `?` stands for tomorrow."""
