"""Looking a store in PostgreSQL over: do its tables say the same of each other?

Pages and references are the server's matter (docs/backup.md). What is counted is what verifying.py
counts, in PostgreSQL's words, and what the tables of SQLite see to by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime

from boxis_gateway.sms.numbers import sender_key
from boxis_gateway.store.engines.base import Snapshot
from boxis_gateway.store.engines.errors import translate_errors
from boxis_gateway.store.store import Store
from boxis_gateway.store.tables import TABLES
from boxis_gateway.store.transfer.verify import (
    CHECKS,
    CLOCKS_APART,
    TIMES,
    WRONG_SENDER,
    Verified,
)
from boxis_gateway.zones import utc_text

A_TIME = (
    "^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) "
    "([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{3})?$"
)
LAST_DAY = "CAST(substr({0}, 1, 7) || '-01' AS date) + interval '1 month' - interval '1 day'"
NO_TIME = (
    "{0} IS NOT NULL AND CASE WHEN {0} !~ '" + A_TIME.replace("{", "{{").replace("}", "}}") + "' "
    "THEN true WHEN substr({0}, 9, 2) <= '28' THEN false "
    f"ELSE substr({{0}}, 9, 2) > to_char({LAST_DAY}, 'DD') END"
)
TAKEN = """
    SELECT account_id, submission_id, coalesce(
        string_agg(recipient, chr(10) ORDER BY recipient) FILTER (WHERE status <> 'refused'), ''
    ) AS recipients FROM message GROUP BY 1, 2
"""
LISTED = """
    SELECT string_agg(line, chr(10) ORDER BY line)
    FROM unnest(string_to_array(submission.recipients, chr(10))) AS line
"""
SENDERS_SQL = "SELECT sender, sender_key, count(*) FROM submission_count GROUP BY 1, 2"


def verify_rows(store: Store, now: datetime) -> Verified:
    """Look over one state of the store. Raises StoreError if it cannot be read."""
    store.require_current()
    with translate_errors(), closing(store.database.snapshot()) as snapshot:
        names = [table._meta.table_name for table in TABLES]
        rows = {name: _count(snapshot, f"SELECT count(*) FROM {name}") for name in names}
        return Verified(True, rows, list(_contradictions(snapshot, now)))


def _contradictions(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    tomorrow = utc_text(now + CLOCKS_APART)
    for what, sql in {**CHECKS, **OTHERWISE}.items():
        if what == WRONG_SENDER:
            count = _under_a_wrong_sender(snapshot)
        else:
            count = _count(snapshot, sql, *((tomorrow,) if sql.endswith("> ?") else ()))
        if count:
            yield f"{count} {what}."


def _count(snapshot: Snapshot, sql: str, *parameters: str) -> int:
    ((count,),) = snapshot.walk(sql, parameters)
    return int(count)


def _under_a_wrong_sender(snapshot: Snapshot) -> int:
    senders = snapshot.walk(SENDERS_SQL, ())
    return sum(count for sender, key, count in senders if sender_key(sender) != key)


def _times(table: str, *columns: str) -> str:
    wrong = " OR ".join(NO_TIME.format(column) for column in columns)
    return f"SELECT count(*) FROM {table} WHERE {wrong}"


OTHERWISE: Mapping[str, str] = {
    "accounts have a user key in the clear": """
        SELECT count(*) FROM account WHERE sealed_key NOT LIKE 'gAAAA%'
    """,
    "submissions list other recipients than their messages have": f"""
        SELECT count(*) FROM ({TAKEN}) AS taken JOIN submission
            ON submission.account_id = taken.account_id AND submission.id = taken.submission_id
        WHERE coalesce(submission.recipients, '') <> taken.recipients
            AND coalesce(({LISTED}), '') <> taken.recipients
    """,
    **{f"{table}s have a time that is none": _times(table, *TIMES[table]) for table in TIMES},
    "triggers that keep the audit as it is are missing": """
        SELECT 2 - count(*) FROM pg_trigger
        WHERE tgrelid = CAST('audit_entry' AS regclass) AND NOT tgisinternal AND tgenabled <> 'D'
    """,
    "messages are of no account": """
        SELECT count(*) FROM message WHERE account_id NOT IN (SELECT id FROM account)
    """,
    "ids that clients know are of several messages": """
        SELECT count(*) FROM (
            SELECT account_id, wire_id FROM message WHERE wire_id IS NOT NULL
            GROUP BY 1, 2 HAVING count(*) > 1
        ) AS shared
    """,
}
"""What is counted in other words than those of CHECKS, or not at all in SQLite."""
