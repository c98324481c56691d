"""Consistency checks of a store: its pages and its tables.

Read-only. To add a check, add SQL that counts the wrong rows to COUNTS; or to ROW_CHECKS, if only
Python can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.base import Row
from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.engines.schema_version import VERSION
from boxis_gateway.store.engines.sqlite.dialect import SQLITE
from boxis_gateway.store.engines.sqlite.store_file import count_rows, open_read_only, user_version
from boxis_gateway.store.store import Store
from boxis_gateway.store.tables import TABLES
from boxis_gateway.zones import utc_text

INTEGRITY_LINES = 10  # of SQLite's report
CLOCK_SKEW = timedelta(days=1)
Walk = Callable[[str, Mapping[str, Any]], Iterable[Row]]

COUNTED = """
    SELECT account_id, substr(created_at, 1, 7), sender, count(*) FROM submission
    WHERE recipients IS NOT NULL GROUP BY 1, 2, 3
"""
KEPT = """
    SELECT account_id, month, sender, sum(listed) FROM submission_count
    GROUP BY 1, 2, 3 HAVING sum(listed) <> 0
"""
COUNTS: Mapping[str, str] = {
    "messages have no account": """
        SELECT count(*) FROM message WHERE account_id NOT IN (SELECT id FROM account)
    """,
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
    "accounts have an unencrypted user key": """
        SELECT count(*) FROM account WHERE substr(sealed_key, 1, 5) <> 'gAAAA'
    """,
    "wire ids belong to several messages": """
        SELECT count(*) FROM (
            SELECT account_id, wire_id FROM message WHERE wire_id IS NOT NULL
            GROUP BY 1, 2 HAVING count(*) > 1
        ) AS shared
    """,
    "submission counts differ from the submissions": f"""
        SELECT count(*) FROM (
            SELECT 1 FROM (
                SELECT * FROM ({COUNTED}) AS c EXCEPT SELECT * FROM ({KEPT}) AS k
            ) AS counted
            UNION ALL SELECT 1 FROM (
                SELECT * FROM ({KEPT}) AS k EXCEPT SELECT * FROM ({COUNTED}) AS c
            ) AS kept
        ) AS different
    """,
    "messages were sent in the future": """
        SELECT count(*) FROM message
        WHERE kind = 'sent' AND status <> 'pending' AND sent_at > :tomorrow
    """,
    "audit entries are missing": "SELECT coalesce(max(id), 0) - count(*) FROM audit_entry",
}
"""SQL of every engine, by what it counts."""

RECIPIENTS_SQL = """
    SELECT coalesce(submission.recipients, ''), accepted.recipients
    FROM submission JOIN (
        SELECT account_id, submission_id, coalesce(
            string_agg(recipient, '\n') FILTER (WHERE status <> 'refused'), ''
        ) AS recipients FROM message GROUP BY 1, 2
    ) AS accepted
        ON submission.account_id = accepted.account_id AND submission.id = accepted.submission_id
    WHERE coalesce(submission.recipients, '') <> accepted.recipients
"""


def _has_invalid_time(*times: str | None) -> bool:
    return not all(time is None or _is_time(time) for time in times)


def _is_time(text: str) -> bool:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return False
    return text == time.isoformat(" ", "seconds" if len(text) == 19 else "milliseconds")


ROW_CHECKS: Mapping[str, tuple[str, Callable[..., bool]]] = {
    "submission counts have a wrong sender key": (
        "SELECT sender, sender_key FROM submission_count",
        lambda sender, key: sender_key(sender) != key,
    ),
    "submissions list other recipients than their messages": (
        RECIPIENTS_SQL,
        lambda listed, sent: sorted(listed.split("\n")) != sorted(sent.split("\n")),
    ),
    "messages have an invalid time": (
        "SELECT sent_at, status_changed_at FROM message",
        _has_invalid_time,
    ),
    "submissions have an invalid time": (
        "SELECT created_at, scheduled_at, sent_at, invoiced_at FROM submission",
        _has_invalid_time,
    ),
}
"""Queries, and which of their rows are wrong."""


class Verified(NamedTuple):
    """Rows of each table, and what is wrong. Of a store of another version only the pages and
    references were checked."""

    is_current: bool
    rows: Mapping[str, int]
    findings: list[str]


def verify(store: Store, now: datetime) -> Verified:
    """Check one state of the store. PostgreSQL checks its pages itself (docs/backup.md).

    Raises StoreError if it cannot be read."""
    if store.file:
        return verify_file(store.file, now)
    store.require_current()
    with translate_errors(), closing(store.database.snapshot()) as snapshot:
        rows = {}
        for table in TABLES:
            name = table._meta.table_name
            ((rows[name],),) = snapshot.query(f"SELECT count(*) FROM {name}", ())
        findings = list(_contradictions(snapshot.query, store.database.dialect, now))
    return Verified(True, rows, findings)


def verify_file(path: Path, now: datetime, *, at_rest: bool = False) -> Verified:
    """Check one state of a SQLite file. `at_rest`: no server uses it, so nothing is made beside it.

    Raises StoreError if it is no store, of a newer version, or cannot be read."""
    with open_read_only(path, at_rest=at_rest) as connection:
        is_current = user_version(connection) == VERSION
        try:
            findings = list(_damage(connection))
            if findings:
                return Verified(is_current, {}, findings)
            rows = {name: count_rows(connection, name) for name in _tables(connection)}
            findings += _orphans(connection)
            if is_current:
                findings += _contradictions(connection.execute, SQLITE, now)
        except apsw.CorruptError as problem:
            return Verified(is_current, {}, [f"The file is damaged: {problem}."])
    return Verified(is_current, rows, findings)


def _damage(connection: apsw.Connection) -> Iterator[str]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({INTEGRITY_LINES})"):
        if line != "ok":
            yield f"The file is damaged: {' '.join(line.split())}."


def _tables(connection: apsw.Connection) -> list[str]:
    """The tables of the file, in the order of TABLES."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return [name for table in TABLES if (name := table._meta.table_name) in names]


def _orphans(connection: apsw.Connection) -> Iterator[str]:
    sql = 'SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2'
    for table, parent, count in connection.execute(sql):
        yield f"{count} rows of {table} refer to missing rows of {parent}."


def _contradictions(walk: Walk, dialect: Dialect, now: datetime) -> Iterator[str]:
    parameters = {"tomorrow": utc_text(now + CLOCK_SKEW)}
    missing = {"triggers of the audit are missing": dialect.missing_audit_triggers}
    for finding, sql in {**COUNTS, **missing}.items():
        ((count,),) = walk(sql, parameters)
        if count:
            yield f"{count} {finding}."
    for finding, (sql, is_wrong) in ROW_CHECKS.items():
        if count := sum(starmap(is_wrong, walk(sql, {}))):
            yield f"{count} {finding}."
