"""Dialect of PostgreSQL and Citus; parameters as the driver numbers them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from boxis_gateway.store.engines.base import Parameters
from boxis_gateway.store.engines.dialect import Dialect
from boxis_gateway.store.engines.postgresql.citus import ShardMap
from boxis_gateway.store.ids import LEAST_ID

_TOKENS = re.compile(r"'[^']*'|\"[^\"]*\"|::|\?[0-9]*|:[a-z_]+")
END_BY_TIME = "sent_at < ?"
END_BY_KEY = f"(sent_at, id) < (?, {LEAST_ID})"
"""Both end a history at the same message. From a pair of bounds on one column PostgreSQL estimates
so few rows that it may sort them all instead of scanning the key. Workers of Citus plan each query
anew, and can prune later months only by the time."""


class PostgresqlDialect(Dialect):
    """Fragments of PostgreSQL. U+0000 does not occur, see TextDumper."""

    merges_ordered_unions = False
    missing_audit_triggers = """
        SELECT 2 - count(*) FROM pg_trigger
        WHERE tgrelid = CAST('audit_entry' AS regclass)
            AND NOT tgisinternal AND tgenabled <> 'D'
    """

    def __init__(self, shard_map: ShardMap) -> None:
        self._shard_map = shard_map

    @property
    def history_end(self) -> str:
        """Known once there is a connection."""
        return END_BY_TIME if self._shard_map.is_distributed else END_BY_KEY

    def in_array(self, parameter: str = "?") -> str:
        return f"= ANY ({parameter})"

    def array(self, values: Sequence[Any]) -> list[Any]:
        return list(values)

    def index_hint(self, index: str) -> str:
        return ""

    def object_items(self, parameter: str = "?") -> str:
        return f"json_each_text(CAST({parameter} AS json))"

    def position(self, text: str, part: str) -> str:
        return f"strpos({text}, {part})"

    def like(self, text: str, pattern: str = "?") -> str:
        # Folds ASCII alone: texts have the collation C.
        return f"lower({text}) LIKE {pattern} ESCAPE '!'"

    def has_nul(self, text: str) -> str:
        return "FALSE"

    def wire_id(self, submission_id: str, account_id: str) -> str:
        return f"(lpad(to_hex({submission_id}), 16, '0') || lpad(to_hex({account_id}), 8, '0'))"


@lru_cache(maxsize=4096)
def numbered_parameters(sql: str) -> tuple[str, tuple[str, ...]]:
    """The query with `$1`, `$2` … for its parameters, and the names of named ones in that order."""
    names: list[str] = []
    count = 0

    def numbered(match: re.Match[str]) -> str:
        nonlocal count
        token = match[0]
        if token[0] in "'\"" or token == "::":
            return token
        if token[0] == ":":
            if token[1:] not in names:
                names.append(token[1:])
            return f"${names.index(token[1:]) + 1}"
        if token != "?":
            return f"${token[1:]}"
        count += 1
        return f"${count}"

    return _TOKENS.sub(numbered, sql), tuple(names)


def ordered_parameters(names: Sequence[str], parameters: Parameters) -> Sequence[Any]:
    """The parameters in the order of their numbers."""
    if isinstance(parameters, Mapping):
        return [parameters[name] for name in names]
    return parameters
