"""`erase` beside others, and the octets that it leaves in files."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from boxis_gateway.model import NewMessage
from tests.store.privacy.test_erasure import DIGITS, NUMBER, OTHER, add, sums
from tests.support.example_account import NOW, USER_KEY, USERNAME
from tests.support.forked_commands import DIE_AT_COMMIT
from tests.support.importing import import_file
from tests.support.running_server import GATEWAY, Gateway, Serve, start_command
from tests.support.store_checks import another_writer, counted, recounted
from tests.support.stores import Stores

# The command line, and what is left in files.


def octets_beside(path: Path) -> bytes:
    """All that stands in the folder of a store, read by another process: one that closes a file of
    SQLite's loses all the locks that it has on it."""
    files = sorted(path.parent.iterdir())
    assert files
    return subprocess.run(["cat", *files], capture_output=True, check=True).stdout


def holds(content: bytes, *secrets: str) -> list[str]:
    return [
        secret
        for secret in secrets
        if any(secret.encode(code) in content for code in ("utf-8", "utf-16-le", "utf-16-be"))
    ]


def big_csv(path: Path, count: int, first: int = 0) -> Path:
    lines = (
        f"{DIGITS if n % 50 == 0 else 45_000_000_000 + n},"
        f"{'boxis.net' if n % 70 else NUMBER},"
        f"{time.strftime('%F %T', time.gmtime(1_336_000_000 + n // 3))},"
        f"{'secret' if n % 50 == 0 else 'other'} {n}{' 514-151-563' if n % 90 == 1 else ''}\n"
        for n in range(first, first + count)
    )
    path.parent.mkdir(exist_ok=True)
    path.write_text("recipient,sender,date,text\n" + "".join(lines))
    return path


@pytest.mark.sqlite_only("octets of a file")
def test_no_octet_is_left_beside_a_server_and_an_import(
    stores: Stores, tmp_path: Path, serve: Serve
) -> None:
    (tmp_path / "home").mkdir()
    store = stores.make(tmp_path / "home/store.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    import_file(store, account, big_csv(tmp_path / "files/m.csv", 12_000))
    new = big_csv(tmp_path / "files/new.csv", 12_000, first=12_000)
    before = sums(store)
    # What was changed and removed before leaves traces too.
    store.database.execute_sql("UPDATE submission SET text = 'short' WHERE text = 'secret 100'")
    secrets = (DIGITS, "514-151-563", "secret 50", "secret 11950", "secret 100")
    assert holds(octets_beside(store.path), *secrets) == list(secrets)
    server = serve(store)
    rejects = tmp_path / "home/rejects.csv"
    words = ("import", str(new), "--account", USERNAME, "--timezone", "UTC")
    processes = [
        start_command(store, "erase", "--number", NUMBER),
        start_command(store, *words, "--rejects", str(rejects)),
    ]
    with another_writer(store):
        while any(process.poll() is None for process in processes):
            assert "<reciptient>" in server.post(datefrom="2012-05-03 00:00:00").text
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert f"{NUMBER}: " in said[0][0]
    content = octets_beside(store.path)  # with the server still there
    others = [secret for secret in secrets if secret != "514-151-563"]
    assert holds(content, *others, "secret 12000") == []
    old = store.database.execute_sql("SELECT count(*) FROM message WHERE fingerprint IS NULL")
    assert old.fetchone()[0] >= 12_000 // 50
    assert before[0][0][:4] == sums(store)[0][0][:4]
    assert counted(store) == recounted(store)
    _, errors = server.stop()
    assert "locked" not in errors
    assert holds(errors.encode(), *secrets) == []
    store.close()


@pytest.mark.sqlite_only("octets of a file")
def test_a_killed_erase_is_finished_later(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    messages = [
        NewMessage(NUMBER, "boxis.net", f"2012-05-09 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}",
                   f"secret {n}")
        for n in range(8_000)
    ]  # fmt: skip
    store.additions.add(account.id, list(enumerate(messages)))
    before, erased = sums(store), [0]
    nobodies = "SELECT count(*) FROM message WHERE recipient = '0'"
    for _ in range(2):
        process = start_command(store, "erase", "--number", DIGITS, **{DIE_AT_COMMIT: "6"})
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        erased.append(store.database.execute_sql(nobodies).fetchone()[0])
        assert sums(store) == before
        assert counted(store) == recounted(store)
        store.close()
    assert 0 < erased[1] < erased[2] < len(messages)
    assert gateway("erase", "--number", DIGITS).returncode == 0
    assert sums(store) == before
    store.close()
    assert holds(octets_beside(store.path), DIGITS, "secret 7") == []
    assert "nothing found" in gateway("erase", "--number", DIGITS).stdout


@pytest.mark.sqlite_only("octets of a file")
def test_erase_waits_for_old_readers(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add(USERNAME, USER_KEY, NOW)
    import_file(store, account, big_csv(tmp_path / "files/m.csv", 1_000))
    (tmp_path / "files/m.csv").unlink()
    (tmp_path / "files").rmdir()
    history = store.history.read(account.id, with_status=False)
    next(history)
    said = gateway("erase", "--number", NUMBER, "--wait", "0")
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert "Run the same command again" in said.stderr
    assert NUMBER not in said.stderr
    assert "without the number" in said.stdout
    history.close()  # type: ignore[attr-defined]
    assert gateway("erase", "--number", NUMBER, "--wait", "0").returncode == 0
    assert holds(octets_beside(store.path), DIGITS, "secret 50") == []
    store.close()


def test_numbers_as_people_write_them(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    store = stores.make(tmp_path / "store.db")
    account = store.accounts.add(f"{DIGITS}@example.com", USER_KEY, NOW)
    add(store, account, NewMessage(NUMBER, "s", "2012-05-09 10:28:01", "secret"))
    store.close()
    words = ("erase", "--number", "0048 514-151-563", "--number", "7248")
    assert gateway(*words, "--dry-run").stdout == (
        f"{NUMBER}: 1 messages would be without the number, 1 texts would be removed, 0 other "
        "texts would be masked, 0 entries of phone books, groups and sender names would be "
        "removed.\n"
        f"Not changed, since it is a log-in name: account {DIGITS}@example.com\n"
        f"Not changed, since it is a log-in name: customer {DIGITS}@example.com\n"
        "7248: nothing found.\n"
    )
    assert store.database.execute_sql("SELECT count(*) FROM erased_number").fetchone() == (0,)
    store.close()
    done = subprocess.run(
        [*GATEWAY, "erase", "--number", "-"],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": store.url},
        input=f"{DIGITS}\n7248\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 messages without the number, 1 texts removed" in done.stdout
    assert "7248: nothing found." in done.stdout
    assert store.database.execute_sql("SELECT count(*) FROM erased_number").fetchone() == (2,)
    store.close()
    for number in ("Anna", "0"):
        said = gateway("erase", "--number", number)
        assert (said.returncode, said.stderr.count("\n")) == (1, 1)


def test_phone_books_skip_erased_numbers(stores: Stores, tmp_path: Path, gateway: Gateway) -> None:
    store = stores.make(tmp_path / "store.db")
    store.customers.add("shop", NOW)
    store.close()
    gateway("erase", "--number", NUMBER)
    path = tmp_path / "book.csv"
    path.write_text(f"number,name\n{DIGITS},Anna\n{OTHER},Bob\n")
    said = gateway("contacts", "import", path, "--customer", "shop").stdout
    assert said == "1 contacts of shop imported.\n1 skipped: their numbers are erased.\n"
