"""Importing: nothing lost, nothing doubled, bad lines told."""

from __future__ import annotations

import csv
import gzip
import signal
import stat
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from boxis_gateway.errors import ImportFailed, StoreError
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.importers.reading.repeats import RepeatCounter
from boxis_gateway.importing import AccountMap, Summary, run_import
from boxis_gateway.importing.batch_writer import BATCH
from boxis_gateway.model import Account
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.engines import statements
from tests.support.example_account import NOW, USERNAME
from tests.support.forked_commands import DIE_AT_COMMIT, Forked
from tests.support.importing import import_file
from tests.support.paths import IMPORTS
from tests.support.running_server import GATEWAY, Gateway
from tests.support.stores import Stores
from tests.support.waiting import LIMIT_SECONDS

HEADER = "recipient,sender,date,text\n"
LINE = "48514151563,boxis.net,2012-05-09 10:28:{:02},hello\n"
SAMPLE = IMPORTS / "kannel-sample.log"


def rows(store: Store) -> list[Any]:
    """All that an import makes, in the order of the store."""
    return [
        store.database.execute_sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
        for table in ("message", "submission")
    ]


def counts(summary: Summary) -> tuple[int, int, int]:
    return summary.added, summary.known, summary.bad


def test_importing_again_adds_nothing(store: Store, account: Account) -> None:
    assert counts(import_file(store, account, SAMPLE)) == (13, 0, 0)
    before = rows(store)
    assert counts(import_file(store, account, SAMPLE)) == (0, 13, 0)
    assert rows(store) == before


def test_grown_files_add_only_new_lines(store: Store, account: Account, tmp_path: Path) -> None:
    lines = SAMPLE.read_text().splitlines(keepends=True)
    part = tmp_path / "rotated.log"
    part.write_text("".join(lines[:20]))
    first = import_file(store, account, part).added
    assert counts(import_file(store, account, SAMPLE)) == (13 - first, first, 0)


def test_equal_lines_are_as_many_messages(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER + LINE.format(0) * 3)
    assert counts(import_file(store, account, path)) == (3, 0, 0)
    assert counts(import_file(store, account, path)) == (0, 3, 0)
    path.write_text(HEADER + LINE.format(0) * 4)
    assert counts(import_file(store, account, path)) == (1, 3, 0)


def test_an_id_identifies_a_message(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    columns = "recipient,sender,date,sms_id,status\n48514151563,s,2012-05-09 10:28,{},{}\n"
    for wire_id in ("77", "133655645431563000007320", "SM-x"):
        path.write_text(columns.format(wire_id, "sent"))
        assert counts(import_file(store, account, path)) == (1, 0, 0)
        path.write_text(columns.format(wire_id, "delivered"))
        assert counts(import_file(store, account, path)) == (0, 1, 0)
        assert counts(import_file(store, account, path, ReadOptions(find_zone("Asia/Tokyo")))) == (
            0,
            1,
            0,
        )


def test_a_dry_run_only_reports_the_same(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER + LINE.format(0) * 2 + "bad\n")
    expected = (2, 0, 1)
    rejects = tmp_path / "rejects.csv"
    dry = import_file(store, account, path, dry_run=True, rejects_path=rejects)
    assert counts(dry) == expected
    assert rows(store) == [[], []]
    assert not rejects.exists()
    assert counts(import_file(store, account, path)) == expected
    assert counts(import_file(store, account, path, dry_run=True)) == (0, 2, 1)


def test_bad_lines_are_listed_good_kept(store: Store, account: Account, tmp_path: Path) -> None:
    path, rejects = tmp_path / "m.csv", tmp_path / "rejects.csv"
    path.write_text(HEADER + LINE.format(0) + "nobody,s,2012-05-09 10:00,x\n" + LINE.format(1))
    assert counts(import_file(store, account, path, rejects_path=rejects)) == (2, 0, 1)
    with open(rejects, newline="") as file:
        listed = list(csv.reader(file))
    assert listed == [["number", "reason"], ["3", "recipient is not a phone number"]]
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    path.write_text(HEADER + LINE.format(0))
    import_file(store, account, path, rejects_path=rejects)
    assert not rejects.exists()


def test_refused_messages_are_kept_but_not_shown(store: Store, account: Account) -> None:
    assert import_file(store, account, SAMPLE).refused == 1
    shown = [row for batch in store.history.read(account.id, with_status=False) for row in batch]
    assert len(shown) == 12
    assert len(rows(store)[0]) == 13


def test_the_kannel_log_becomes_its_history(store: Store, account: Account) -> None:
    """Read here by other means: by its columns, with no regular expression."""
    import_file(store, account, SAMPLE, ReadOptions(find_zone("Europe/Warsaw")))
    expected = []
    for line in SAMPLE.read_text().splitlines():
        if " Sent SMS " in line:
            to = line.split("[to:")[1].split("]")[0]
            sender = line.split("[from:")[1].split("]")[0]
            length = int(line.split("[msg:")[1].split(":")[0])
            expected.append((line[:19], sender, to, 2 if length == 300 else 1))
    zone = find_zone("Europe/Warsaw")
    found = [
        (zone.to_local([sent_at])[0], sender, recipient, parts)
        for batch in store.history.read(account.id, with_status=False)
        for sender, recipient, sent_at, parts, _, _ in batch
    ]
    assert found == expected[::-1]


def test_accounts_are_found_by_a_field_of_the_log(store: Store, account: Account) -> None:
    bob = store.accounts.add("bob@example.com", "k", NOW)
    accounts = AccountMap(store, account, {"cust42": "bob@example.com"})
    run_import(SAMPLE, accounts, ReadOptions(find_zone("UTC"), "BINF"))
    found = [len(store.history.recent(one.id, "0", "9999", 100)) for one in (account, bob)]
    assert found == [10, 3]


def test_messages_without_account_are_bad(store: Store, account: Account, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    summary = run_import(
        SAMPLE,
        AccountMap(store, None, {"acct1": USERNAME}),
        ReadOptions(find_zone("UTC"), "ACT"),
        rejects_path=rejects,
    )
    assert counts(summary) == (3, 0, 10)
    assert "the line names no account" in rejects.read_text()
    assert "acct1" not in rejects.read_text()


def test_messages_of_an_unknown_account_are_rejected(store: Store, account: Account) -> None:
    """A slip in --map must not show one customer's messages to another."""
    accounts = AccountMap(store, account, {"cust24": USERNAME})
    summary = run_import(SAMPLE, accounts, ReadOptions(find_zone("UTC"), "BINF"))
    assert counts(summary) == (10, 0, 3)


def test_equal_lines_far_apart_cost_no_memory() -> None:
    repeats = RepeatCounter(kept=10)
    assert [repeats.count(b"a") for _ in range(3)] == [0, 1, 2]
    for n in range(9):
        repeats.count(b"%d" % n)
    assert repeats.count(b"a") == 3
    for n in range(100):
        repeats.count(b"%d" % n)
    assert len(repeats._recent) + len(repeats._older) <= 20


@pytest.mark.parametrize("what", ["missing.csv", "."])
def test_unreadable_files_fail(what: str, store: Store, account: Account, tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=str(tmp_path)):
        import_file(store, account, tmp_path / what)


def test_lines_before_a_truncation_are_kept(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv.gz"
    big_csv(tmp_path / "m.csv", 4_000)  # less than a batch
    whole = gzip.compress((tmp_path / "m.csv").read_bytes())
    path.write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(ImportFailed, match="damaged"):
        import_file(store, account, path)
    kept = len(rows(store)[0])
    assert kept > 3_000
    path.write_bytes(whole)
    assert counts(import_file(store, account, path)) == (4_000 - kept, kept, 0)


def test_endless_lines_do_not_fill_memory(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER + LINE.format(0) + "x" * 3_000_000 + "\n" + LINE.format(1))
    summary = import_file(store, account, path)
    assert summary.added == 2
    assert summary.bad >= 1


def big_csv(path: Path, count: int) -> None:
    with open(path, "w") as file:
        file.write(HEADER)
        for n in range(count):
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_336_000_000 + n // 3))
            file.write(f"4851{n % 10_000_000:07},boxis.net,{moment},text {n % 7}\n")


def test_an_import_that_is_killed_in_each_batch_ends_like_one_that_was_not(
    stores: Stores, tmp_path: Path, gateway: Gateway
) -> None:
    """The import is killed before each commit, then run once more to the end."""
    big_csv(tmp_path / "big.csv", 6 * BATCH)
    stores.make(tmp_path / "store.db").close()
    assert gateway("account", "add", USERNAME).returncode == 0
    stores.copy(tmp_path / "store.db", tmp_path / "straight.db").close()
    words = ("import", tmp_path / "big.csv", "--account", USERNAME)
    straight = stores.url(tmp_path / "straight.db")
    assert gateway(*words, BOXIS_GATEWAY_DATABASE_URL=straight).returncode == 0

    sizes = []
    for commit in range(1, 7):
        killed = gateway(*words, **{DIE_AT_COMMIT: str(commit)})
        assert killed.returncode == -signal.SIGKILL
        with closing(stores.open(tmp_path / "store.db")) as store:
            sizes.append(len(rows(store)[0]))
    assert sizes == sorted(sizes)
    assert {0, 4 * BATCH} <= set(sizes) <= set(range(0, 6 * BATCH, BATCH))
    assert gateway(*words).returncode == 0

    contents = []
    for name in ("store.db", "straight.db"):
        store = stores.open(tmp_path / name)
        contents.append(rows(store))
        store.close()
    assert contents[0] == contents[1]
    assert len(contents[0][0]) == len(contents[0][1]) == 6 * BATCH


def test_imports_at_once_double_nothing(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    big_csv(tmp_path / "big.csv", 20_000)
    stores.make(tmp_path / "store.db").close()
    gateway("account", "add", USERNAME)
    url = stores.url(tmp_path / "store.db")
    words = ["import", tmp_path / "big.csv", "--account", USERNAME, "--database-url", url]
    processes = [
        Forked([*GATEWAY, *map(str, words)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [process.communicate(timeout=LIMIT_SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    added = [int(line.split(": ", 1)[1].split(" added")[0]) for line in said]
    assert sum(added) == 20_000


def test_a_line_too_long_is_one_bad_line(store: Store, account: Account, tmp_path: Path) -> None:
    path, rejects = tmp_path / "m.csv", tmp_path / "r.csv"
    path.write_text(HEADER + "x" * 3_000_000 + "\n" + LINE.format(1) + "bad\n")
    assert counts(import_file(store, account, path, rejects_path=rejects)) == (1, 0, 2)
    assert [row.split(",")[0] for row in rejects.read_text().splitlines()] == ["number", "2", "4"]


def test_an_unwritable_rejects_file_fails(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER + "bad\n")
    with pytest.raises(ImportFailed, match="--rejects"):
        import_file(store, account, path, rejects_path=tmp_path / "none" / "r.csv")


def test_a_missing_account_field_is_named(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER)
    with pytest.raises(ImportFailed, match="csv files have no ACT field"):
        run_import(path, AccountMap(store, account, {}), ReadOptions(find_zone("UTC"), "ACT"))


def test_many_messages_of_one_time(
    stores: Stores, store: Store, account: Account, tmp_path: Path
) -> None:
    """A bulk with minutes only; what is read from the store does not grow with what is there."""
    path = tmp_path / "m.csv"
    lines = (f"4851{n:07},s,2012-05-09 10:00,x\n" for n in range(30_000))
    path.write_text(HEADER + "".join(lines))
    with statements(store) as asked:
        assert counts(import_file(store, account, path)) == (30_000, 0, 0)
    own = {"sqlite": 0, "postgresql": 3}[stores.name]  # of partitions
    asked = [sql for sql in asked if not sql.startswith("SELECT pg_advisory_xact_lock")]
    assert len([sql for sql in asked if sql.startswith("SELECT")]) <= 3 * 6 + own
    assert counts(import_file(store, account, path)) == (0, 30_000, 0)


@pytest.mark.sqlite_only("a limit of pages")
def test_a_full_disk_leaves_whole_batches(store: Store, account: Account, tmp_path: Path) -> None:
    big_csv(tmp_path / "big.csv", 40_000)
    pages = store.database.execute_sql("PRAGMA page_count").fetchone()[0]
    store.database.execute_sql(f"PRAGMA max_page_count = {pages + 800}")
    with pytest.raises(StoreError, match="full"):
        import_file(store, account, tmp_path / "big.csv")
    kept = len(rows(store)[0])
    assert kept
    assert kept % 5000 == 0
    assert len(rows(store)[1]) == kept
    store.database.execute_sql("PRAGMA max_page_count = 1000000")
    assert counts(import_file(store, account, tmp_path / "big.csv")) == (40_000 - kept, kept, 0)
