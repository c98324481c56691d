"""Fragments of the dialects: each means the same in every engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from boxis_gateway.store import Store, wire_id
from boxis_gateway.store.ids import GREATEST_ACCOUNT_ID, GREATEST_ID, LEAST_ID
from tests.support import engines

TEXT = "CAST(? AS text)"


def value(store: Store, expression: str, *parameters: Any) -> Any:
    return store.database.execute_sql(f"SELECT {expression}", parameters).fetchone()[0]


@pytest.mark.parametrize(
    ("expression", "searched", "others"),
    [
        ("CAST(? AS bigint)", GREATEST_ID, [LEAST_ID, 0]),
        (TEXT, "it's", ['"', "ż\n", "{,}", "NULL", ""]),
        (TEXT, "7", ["07", "7.0"]),
    ],
)
def test_a_value_is_found_in_an_array(
    store: Store, expression: str, searched: Any, others: list[Any]
) -> None:
    condition, array = (
        f"{expression} {store.database.dialect.in_array()}",
        store.database.dialect.array,
    )
    assert value(store, condition, searched, array([*others, searched]))
    assert not value(store, condition, searched, array(others))
    assert not value(store, condition, searched, array([]))


def test_an_object_is_a_table_of_its_items(store: Store) -> None:
    sql = (
        f"SELECT key, CAST(value AS bigint) FROM {store.database.dialect.object_items()} ORDER BY 1"
    )
    rows = store.database.execute_sql(sql, (json.dumps({"a": GREATEST_ID, "b": -1}),))
    assert rows.fetchall() == [("a", GREATEST_ID), ("b", -1)]


@pytest.mark.parametrize(("text", "part", "where"), [("żab", "b", 3), ("żab", "B", 0), ("", "", 1)])
def test_a_position_counts_characters(store: Store, text: str, part: str, where: int) -> None:
    assert value(store, store.database.dialect.position(TEXT, TEXT), text, part) == where


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [("AbC", "%b%", True), ("Ż", "ż", False), ("a%", "a!%", True), ("ab", "a!%", False)],
)
def test_like_folds_ascii_alone(store: Store, text: str, pattern: str, matches: bool) -> None:
    store.database.execute_sql("INSERT INTO secret (name, value) VALUES ('text', ?)", (text,))
    like = store.database.dialect.like("value")
    sql = f"SELECT {like} FROM secret WHERE name = 'text'"
    assert bool(store.database.execute_sql(sql, (pattern,)).fetchone()[0]) is matches


def test_a_nul_is_found_where_it_can_be_stored(store: Store) -> None:
    has_nul = store.database.dialect.has_nul("text")
    rows = store.database.execute_sql(
        f"SELECT {has_nul} FROM (SELECT {TEXT} AS text UNION ALL SELECT {TEXT}) AS texts",
        ("a\0b", "ab"),
    )
    assert [bool(found) for (found,) in rows] == [engines.chosen == "sqlite", False]


@pytest.mark.parametrize("number", [0, 1, -1, LEAST_ID, GREATEST_ID])
@pytest.mark.parametrize("account_id", [1, GREATEST_ACCOUNT_ID])
def test_an_id_on_the_wire_is_as_python_writes_it(
    store: Store, number: int, account_id: int
) -> None:
    written = store.database.dialect.wire_id("CAST(? AS bigint)", "CAST(? AS integer)")
    assert value(store, written, number, account_id) == wire_id(number, account_id)


def test_no_trigger_of_the_audit_is_missing(store: Store) -> None:
    missing = store.database.dialect.missing_audit_triggers
    assert store.database.execute_sql(missing).fetchone() == (0,)
    with store.database.atomic(), store.database.without_audit_triggers():
        assert store.database.execute_sql(missing).fetchone()[0] > 0


@pytest.mark.sqlite_only("PostgreSQL has statistics of its tables")
def test_wire_ids_are_looked_up_by_their_index(store: Store) -> None:
    plan = store.database.execute_sql(
        f"EXPLAIN QUERY PLAN {store.additions._duplicates._wire_ids_sql}", (1, '["a"]')
    )
    search = next(detail for *_, detail in plan if "message" in detail)
    assert search.endswith("USING INDEX message_account_id_wire_id (account_id=? AND wire_id=?)")
