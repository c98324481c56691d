"""Findings of `verify`, in stores and in backups."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from boxis_gateway.model import Account
from boxis_gateway.store import Store, back_up, verify, verify_file
from boxis_gateway.zones import utc_now
from tests.store.transfer.conftest import findings, rows, spoil
from tests.support import engines
from tests.support.example_account import NOW, USERNAME, add_messages
from tests.support.paths import IMPORTS
from tests.support.running_server import Gateway
from tests.support.stores import Stores

INVALID_MESSAGES = "2 messages have an invalid"
DAMAGES = {
    "UPDATE message SET submission_id = 1": "2 messages have no submission",
    "DELETE FROM message WHERE sent_at LIKE '%00'": "1 submissions have no message",
    "UPDATE account SET sealed_key = 'by hand'": "1 accounts have an unencrypted user key",
    "UPDATE submission_count SET listed = 3": "submission counts differ from",
    "DELETE FROM submission_count": "1 submission counts differ from",
    "UPDATE submission_count SET sender_key = 'x'": "1 submission counts have a wrong sender key",
    "UPDATE submission SET recipients = '+4581808888'": "2 submissions list other recipients",
    "UPDATE submission SET recipients = NULL": "2 submissions list other recipients",
    "UPDATE submission SET recipients = recipients || '\n' || recipients": "list other",
    "UPDATE message SET sent_at = replace(sent_at, '05-09', '05-32')": INVALID_MESSAGES,
    "UPDATE message SET status_changed_at = '2012-02-30 10:00:00'": INVALID_MESSAGES,
    "UPDATE message SET status_changed_at = '2012-05-09 10:00:00.1'": INVALID_MESSAGES,
    "UPDATE submission SET created_at = created_at || 'Z'": "2 submissions have an invalid time",
}
DAMAGES |= {
    "sqlite": {
        "UPDATE account SET customer_id = 'x'": "1 accounts have no customer",
        "INSERT INTO sender_name VALUES (9, 's', 0)": "1 rows of sender_name refer to missing",
        "UPDATE message SET sent_at = 'x' || id": INVALID_MESSAGES,
        "DROP TRIGGER audit_entry_delete": "1 triggers of the audit",
        "DROP TRIGGER audit_entry_delete; DELETE FROM audit_entry WHERE id = 1": "1 audit entries",
    },
    "postgresql": {
        "UPDATE message SET wire_id = 'x'": "1 wire ids belong to several messages",
        "UPDATE message SET account_id = 9": "2 messages have no account",
        "UPDATE message SET sent_at = replace(sent_at, '05-09', '05-9x')": INVALID_MESSAGES,
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_stays": "1 triggers of the audit",
        "DROP TRIGGER audit_entry_stays ON audit_entry; DELETE FROM audit_entry WHERE id = 1": (
            "1 audit entries are missing"
        ),
    },
}[engines.chosen]


@pytest.mark.parametrize(("sql", "said"), DAMAGES.items(), ids=DAMAGES)
def test_each_kind_of_damage_is_found(
    stores: Stores, store: Store, account: Account, tmp_path: Path, sql: str, said: str
) -> None:
    add_messages(store, account, *rows(2))
    store.audit.record("second")
    assert findings(store) == []
    with closing(stores.foreign_connection(tmp_path / "store.db")) as connection:
        for statement in sql.split("; "):
            connection.execute(statement)
    assert any(said in finding for finding in findings(store)), findings(store)


def test_messages_of_tomorrow_are_found(store: Store, account: Account) -> None:
    add_messages(store, account, {"date": "2032-05-09 10:00:00", "status": "sent", "type": "sent"})
    assert verify(store, NOW).findings == ["1 messages were sent in the future."]


def test_refused_messages_are_no_damage(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    gateway("import", IMPORTS / "kannel-sample.log", "--account", USERNAME, "--timezone", "UTC")
    store = stores.open(tmp_path / "store.db")
    result = gateway("verify")
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, f"{store.name} is whole.")
    assert "message                    13\n" in result.stdout
    store.database.execute_sql("UPDATE message SET submission_id = 1")
    result = gateway("verify")
    assert (result.returncode, result.stdout.splitlines()[-1][:4]) == (1, "FAIL")
    store.close()


def test_backups_can_be_verified(
    store: Store, account: Account, file: Path, gateway: Gateway
) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("DELETE FROM submission")
    result = gateway("verify", file)
    assert result.returncode == 1
    assert "FAIL  2 messages have no submission.\n" in result.stdout
    assert gateway("verify").returncode == 0
    assert gateway("verify", "none.db").stderr.count("\n") == 1


def test_pages_that_are_spoilt_are_found(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(200))
    back_up(store, file)
    spoil(file)
    assert "The file is damaged" in verify_file(file, NOW, at_rest=True).findings[0]


def test_an_index_that_lacks_a_row_is_found(store: Store, account: Account, file: Path) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("PRAGMA writable_schema = ON").fetchall()
        sql = "UPDATE sqlite_master SET sql = sql || ' OR 1' WHERE name = 'submission_wire_id'"
        connection.execute(sql)
    found = verify_file(file, NOW, at_rest=True).findings
    assert "missing from index submission_wire_id" in found[0]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_verify_leaves_no_trace(store: Store, account: Account, file: Path, mode: str) -> None:
    add_messages(store, account, *rows(2))
    back_up(store, file)
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    before = file.read_bytes(), file.stat().st_mtime_ns
    verify_file(file, utc_now(), at_rest=True)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert os.listdir(file.parent) == [file.name]
