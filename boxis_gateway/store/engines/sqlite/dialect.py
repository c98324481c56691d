"""Dialect of SQLite. Lists are JSON: one text of a statement for any length."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from boxis_gateway.store.engines.dialect import Dialect


class SqliteDialect(Dialect):
    """Fragments of SQLite."""

    merges_ordered_unions = True
    history_end = "sent_at < ?"
    missing_audit_triggers = """
        SELECT 3 - count(*) FROM sqlite_master
        WHERE type = 'trigger' AND tbl_name = 'audit_entry'
    """

    def in_array(self, parameter: str = "?") -> str:
        return f"IN (SELECT value FROM json_each({parameter}))"

    def array(self, values: Sequence[Any]) -> str:
        return json.dumps(values)

    def index_hint(self, index: str) -> str:
        return f"INDEXED BY {index}"

    def object_items(self, parameter: str = "?") -> str:
        return f"json_each({parameter})"

    def position(self, text: str, part: str) -> str:
        return f"instr({text}, {part})"

    def like(self, text: str, pattern: str = "?") -> str:
        return f"{text} LIKE {pattern} ESCAPE '!'"

    def has_nul(self, text: str) -> str:
        return f"instr({text}, char(0)) > 0"

    def wire_id(self, submission_id: str, account_id: str) -> str:
        return f"printf('%016x%08x', {submission_id}, {account_id})"


SQLITE = SqliteDialect()
