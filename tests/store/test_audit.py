"""The audit: every change, who made it, and nothing that is secret."""

from __future__ import annotations

import gzip
import inspect
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
import requests
from flask.testing import FlaskClient

from boxis_gateway.app import create_app
from boxis_gateway.commands import cli, operator
from boxis_gateway.errors import OperatorError
from boxis_gateway.importers.reading.lines import ReadOptions
from boxis_gateway.levels import Level, State
from boxis_gateway.model import Account, Employee, NewMessage
from boxis_gateway.passwords import hash_password
from boxis_gateway.rest_api.auth import token_digest
from boxis_gateway.rest_api.resources import RESOURCES
from boxis_gateway.settings import Settings
from boxis_gateway.store import AuditRecord, Cutoffs, Store, acting_as, back_up, restore
from boxis_gateway.store.engines.schema_version import MIGRATIONS
from boxis_gateway.zones import find_zone
from tests.commands.test_commands import all_commands
from tests.support.engines import statements
from tests.support.example_account import NOW, USERNAME
from tests.support.importing import import_file
from tests.support.paths import IMPORTS
from tests.support.running_server import Gateway, Serve
from tests.support.stores import Stores, store_at

MADE = sorted(path.stem for path in MIGRATIONS.glob("0*.py"))
SAMPLE = IMPORTS / "kannel-sample.log"
KEY, NEW_KEY, PASSWORD, NEW_PASSWORD = "Key0aaaaaaaa", "Key1bbbbbbbb", "Pass0cccccc", "Pass1dddddd"
NUMBER, TEXT, CONTACT = "48514151563", "a text of a message", "Grandmother"


def entries(store: Store) -> list[AuditRecord]:
    return list(store.audit.entries("", "9"))


def told(store: Store, after: int = 0) -> list[tuple[str, str, Any]]:
    """Action, subject and details of the entries after that id."""
    return [
        (entry.what, entry.subject, json.loads(entry.details))
        for entry in entries(store)
        if entry.id > after
    ]


COMMANDS: list[tuple[str, list[str], list[tuple[str, str, dict[str, Any]]]]] = [
    ("init", [], [("store.init", MADE[-1], {"migrations": len(MADE)})]),
    ("init", [], []),
    ("migrate", [], []),
    ("customer add", ["North"], [("customer.add", "North", {})]),
    (
        "customer add",
        ["Shop", "--reseller", "North"],
        [("customer.add", "Shop", {"reseller": "North"})],
    ),
    (
        "account add",
        [USERNAME, "--user-key", KEY, "--timezone", "UTC", "--sender-name", NUMBER],
        [
            ("customer.add", USERNAME, {}),
            (
                "account.add",
                USERNAME,
                {"customer": USERNAME, "options": {"timezone": "UTC"}, "sender_names": 1},
            ),
        ],
    ),
    ("account disable", [USERNAME], [("account.state", USERNAME, {"enabled": False})]),
    ("account enable", [USERNAME], [("account.state", USERNAME, {"enabled": True})]),
    (
        "account set",
        [USERNAME, "history_key=both", "--sender-name", "HQSMS", "--sender-name", NUMBER],
        [
            ("account.options", USERNAME, {"options": {"history_key": "both"}}),
            ("account.sender_names", USERNAME, {"sender_names": 2}),
        ],
    ),
    ("account rotate-key", [USERNAME, "--user-key", NEW_KEY], [("account.key", USERNAME, {})]),
    (
        "employee add",
        ["rip@example.com", "--customer", "Shop", "--password", PASSWORD],
        [("employee.add", "rip@example.com", {"customer": "Shop", "level": "VIEWER"})],
    ),
    (
        "employee set-level",
        ["rip@example.com", "OWNER"],
        [("employee.level", "rip@example.com", {"level": "OWNER"})],
    ),
    (
        "employee set-password",
        ["rip@example.com", "--password", NEW_PASSWORD],
        [("employee.password", "rip@example.com", {})],
    ),
    (
        "employee end-token",
        ["rip@example.com", "all"],
        [("token.clear", "rip@example.com", {"machines": True})],
    ),
    (
        "employee disable",
        ["rip@example.com"],
        [
            ("employee.state", "rip@example.com", {"state": "DISABLED"}),
            ("token.clear", "rip@example.com", {"machines": True}),
        ],
    ),
    (
        "employee enable",
        ["rip@example.com"],
        [("employee.state", "rip@example.com", {"state": "ENABLED"})],
    ),
    (
        "contacts import",
        ["FOLDER/book.csv", "--customer", "Shop"],
        [("contacts.add", "Shop", {"contacts": 1})],
    ),
    (
        "import",
        ["FOLDER/messages.csv", "--account", USERNAME],
        [
            (
                "import.run",
                "messages.csv",
                {
                    "account": USERNAME,
                    "format": "csv",
                    "whole": True,
                    "read": 2,
                    "added": 1,
                    "known": 0,
                    "changed": 0,
                    "reports": 0,
                    "bad": 1,
                },
            )
        ],
    ),
    ("import", ["FOLDER/messages.csv", "--account", USERNAME, "--dry-run"], []),
    ("backup", ["FOLDER/one.db"], [("store.backup", "one.db", {"messages": 1})]),
    (
        "restore",
        ["FOLDER/one.db", "--force"],
        [("store.restore", "one.db", {"messages": 1, "migrations": 0})],
    ),
    (
        "rotate-secrets",
        ["--drop-old"],
        [("secrets.rotate", "user keys", {"accounts": 1, "forgotten": 0, "drop_old": True})],
    ),
    (
        "erase",
        ["--number", "+" + NUMBER],
        [
            ("erase.begin", "", {}),
            ("erase", "", {"messages": 1, "texts": 1, "mentions": 0, "entries": 2}),
        ],
    ),
    ("prune", [], []),
    (
        "account set",
        [USERNAME, "keep_messages_days=9"],
        [("account.options", USERNAME, {"options": {"keep_messages_days": "9"}})],
    ),
    ("prune", [], [("prune", USERNAME, {"messages": 1, "texts": 0})]),
]
"""Each command that changes something, and the entries that it makes; in this order."""

NO_CHANGES = {
    *("account", "account list", "account show", "customer", "customer list", "customer show"),
    *(
        "employee",
        "employee list",
        "employee tokens",
        "contacts",
        "history",
        "export",
        "call",
        "serve",
        "doctor",
    ),
    *("verify", "audit"),
    "copy",  # its entry is in the copy (test_copying.py)
}


def call(store: Store, *words: str) -> None:
    cli.main([*words, "--database-url", store.url], "boxis-gateway", standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "book.csv").write_text(f"number,name\n{NUMBER},{CONTACT}\n")
    lines = ["recipient,sender,date,text", f"{NUMBER},s,2012-05-09 10:00,{TEXT}", "nobody,s,x,x"]
    (tmp_path / "messages.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def changed(stores: Stores, folder: Path) -> Iterator[Store]:
    """A store over which every command of the table has run; each made the entries that it says."""
    store = stores.open(folder / "store.db")
    seen = 0
    for command, words, expected in COMMANDS:
        words = [word.replace("FOLDER", str(folder)) for word in words]
        call(store, *command.split(), *words)
        assert told(store, after=seen) == expected, command
        seen = max(entry.id for entry in entries(store))
    yield store
    store.close()


@pytest.mark.sqlite_only("a restore writes into a file")
def test_every_command_makes_its_documented_entries(changed: Store) -> None:
    commands = {name for name, _ in all_commands()}
    assert {name for name, _, _ in COMMANDS} | NO_CHANGES == commands
    origin = f"command line of {socket.gethostname()}"
    assert {(entry.who, entry.origin) for entry in entries(changed)} == {(operator(), origin)}


@pytest.mark.sqlite_only("a restore writes into a file")
def test_no_entry_of_a_command_holds_a_secret(changed: Store) -> None:
    written = repr(entries(changed))
    secrets = (KEY, NEW_KEY, PASSWORD, NEW_PASSWORD, NUMBER, TEXT, CONTACT, "argon2")
    for secret in secrets:
        assert secret not in written
    for (digest,) in changed.database.execute_sql("SELECT password_hash FROM employee"):
        assert digest not in written


@pytest.fixture
def anna(store: Store) -> Employee:
    customer = store.customers.add("Shop", NOW)
    return store.employees.add(
        customer, "anna@example.com", "Anna", Level.OWNER, hash_password(PASSWORD), NOW
    )


@pytest.fixture
def rest(store: Store, anna: Employee) -> FlaskClient:
    store.tokens.add(anna, token_digest("annas"), NOW)
    store.tokens.add(anna, token_digest("robots"), NOW, machine=True)
    return create_app(store, Settings(), clock=lambda: NOW).test_client()


LOGIN = "/auth/login?username=ANNA@example.com&password=" + PASSWORD
REST: dict[tuple[str, str], tuple[str, str, dict[str, Any]]] = {
    ("POST", "/auth/login"): (LOGIN, "token.login", {"persist": False}),
    ("GET", "/auth/login"): (LOGIN + "&persist=true", "token.login", {"persist": True}),
    ("GET", "/auth/logout"): ("/auth/logout?token=annas", "token.logout", {}),
    ("POST", "/employee/<employee_id>/token"): (
        "/employee/ANNA/token?token=annas",
        "token.add",
        {},
    ),
    ("DELETE", "/employee/<employee_id>/token/<token>"): (
        "/employee/ANNA/token/robots?token=annas",
        "token.end",
        {},
    ),
    ("GET", "/employee/<employee_id>/clearTokens"): (
        "/employee/ANNA/clearTokens?all=true&token=annas",
        "token.clear",
        {"machines": True},
    ),
}
"""Each resource that changes something: how it is asked, and the entry that it makes."""


@pytest.mark.parametrize("which", REST, ids=" ".join)
def test_every_resource_makes_its_documented_entry(
    store: Store, anna: Employee, rest: FlaskClient, which: tuple[str, str]
) -> None:
    url, what, details = REST[which]
    seen = len(entries(store))
    url = url.replace("ANNA/", f"{anna.id}/")
    address = {"REMOTE_ADDR": "192.0.2.7"}
    answer = rest.open(url, method=which[0], environ_overrides=address)
    assert answer.status_code == 200
    assert told(store, after=seen) == [(what, "anna@example.com", details)]
    made = entries(store)[-1]
    assert (made.who, made.origin) == ("anna@example.com", "192.0.2.7")
    for secret in ("annas", "robots", (answer.json or {}).get("token", PASSWORD), PASSWORD):
        assert secret not in made.details
        assert token_digest(secret) not in repr(made)


def test_no_resource_is_missing_from_the_table() -> None:
    changing = {(one.method, one.path) for one in RESOURCES if one.unsafe or one.method != "GET"}
    assert set(REST) == changing


def test_wrong_passwords_are_no_entries(store: Store, rest: FlaskClient) -> None:
    seen = len(entries(store))
    for _ in range(10):
        rest.post(LOGIN + "x")
    assert told(store, after=seen) == []


def test_reading_makes_no_entry(store: Store, rest: FlaskClient) -> None:
    seen = len(entries(store))
    for url in ("/ping", "/sms", "/auth/validateToken"):
        assert rest.get(f"{url}?token=annas").status_code == 200
    assert rest.get("/auth/logout?token=nobodys").status_code == 401
    assert told(store, after=seen) == []


CHANGES: dict[str, Callable[[Store, Account, Employee], object]] = {
    "accounts.add": lambda s, a, e: s.accounts.add("b@example.com", "k", NOW),
    "accounts.set_enabled": lambda s, a, e: s.accounts.set_enabled(a, False),
    "accounts.set_user_key": lambda s, a, e: s.accounts.set_user_key(a, "k"),
    "user_keys.rotate": lambda s, a, e: s.user_keys.rotate(),
    "accounts.set_options": lambda s, a, e: s.accounts.set_options(a, {"history_key": "both"}),
    "accounts.set_sender_names": lambda s, a, e: s.accounts.set_sender_names(a, ["x"]),
    "customers.add": lambda s, a, e: s.customers.add("North", NOW),
    "erasure.erase": lambda s, a, e: s.erasure.erase(NUMBER, NOW),
    "retention.prune": lambda s, a, e: s.retention.prune(a, Cutoffs("9", "9")),
    "contacts.add": lambda s, a, e: s.contacts.add(s.customers.get("Shop"), [(NUMBER, "x", "")]),
    "employees.add": lambda s, a, e: s.employees.add(
        s.customers.get("Shop"), "b@example.com", "B", Level.VIEWER, None, NOW
    ),
    "employees.set_level": lambda s, a, e: s.employees.set_level(e, Level.VIEWER),
    "employees.set_password_hash": lambda s, a, e: s.employees.set_password_hash(e, "h"),
    "employees.set_state": lambda s, a, e: s.employees.set_state(e, State.DISABLED),
    "tokens.add": lambda s, a, e: s.tokens.add(e, "digest", NOW),
    "tokens.end": lambda s, a, e: s.tokens.end(e, token_digest("robots")),
    "tokens.end_by_id": lambda s, a, e: s.tokens.end_by_id(e, token_digest("robots")[:12]),
    "tokens.log_out": lambda s, a, e: s.tokens.log_out(e),
    "tokens.clear": lambda s, a, e: s.tokens.clear(e, machines=False),
}
"""The methods of the store that change something, each called."""

WRITE_WITHOUT_ENTRY = {
    "additions.add": "the run of the import has one entry for all",
    "log_positions.keep": "where to go on in a log; what was read has an entry",
    "delivery_reports.apply": "the run of the import has one entry for all",
    "delivery_reports.apply_waiting": "the run of the import has one entry for all",
    "delivery_reports.delete_waiting": "nobody's doing: they are dropped when they are old",
    "retention.prune_reports": "the same",
    "maintenance.throttled_transaction": "changes nothing",
    "maintenance.enable_secure_delete": "of what has gone already",
    "maintenance.vacuum_full": "the rows are the same",
    "maintenance.release_free_pages": "the rows are the same",
    "maintenance.checkpoint_wal": "the rows are the same",
    "tokens.renew": "use is no change",
    "audit.record": "is the entry",
    "vault.make_key": "changes no row",
    "vault.renew": "the rotation has an entry",
}
READ = {
    *("health.sizes", "health.unready_reason"),
    *("accounts.find", "accounts.find_or_nobody", "accounts.get", "accounts.all"),
    *("accounts.sender_names", "accounts.customer_name", "accounts.newest_creation"),
    *("user_keys.get", "user_keys.seal", "user_keys.require_open"),
    *("vault.open", "vault.opens", "vault.seal", "vault.is_sealed_with_first"),
    *("customers.find", "customers.of_account", "customers.get", "customers.all"),
    *("customers.account_names", "customers.employee_names"),
    *("contacts.names", "contacts.group_names"),
    *("employees.find", "employees.by_id", "employees.get", "employees.all"),
    *("tokens.find", "tokens.all", "audit.entries", "log_positions.find"),
    *("exports.accounts", "exports.rows", "delivery_reports.count_waiting"),
    *("erasure.names_with", "history.read", "history.recent"),
    *("submissions.accounts_of", "submissions.page", "submissions.find"),
}


def test_every_method_of_the_store_is_known_to_change_something_or_not(store: Store) -> None:
    """A new one that is missing here fails: put it where it belongs."""
    methods = {
        f"{noun}.{name}"
        for noun, part in vars(store).items()
        if type(part).__module__.startswith("boxis_gateway.store.")
        and noun not in ("database", "_engine", "_servers")
        for name, _ in inspect.getmembers(part, inspect.ismethod)
        if not name.startswith("_")
    }
    assert methods == {*CHANGES, *WRITE_WITHOUT_ENTRY, *READ}


IN_MANY_TRANSACTIONS = {"erasure.erase", "retention.prune"}
"""So that others can write meanwhile; the entry is in the last one."""


@pytest.mark.parametrize("name", sorted({*CHANGES} - IN_MANY_TRANSACTIONS))
def test_a_change_and_its_entry_are_one_transaction(
    store: Store, account: Account, anna: Employee, rest: FlaskClient, name: str
) -> None:
    seen = len(entries(store))
    with statements(store) as ran:
        CHANGES[name](store, account, anna)
    words = [sql.split()[0].upper().rstrip(";") for sql in ran]
    assert (words.count("BEGIN"), words.count("COMMIT")) == (1, 1)
    for place, word in enumerate(words):
        inside = words.index("BEGIN") < place < words.index("COMMIT")
        assert inside or word not in ("INSERT", "UPDATE", "DELETE"), ran[place]
    subjects = {subject for _, subject, _ in told(store, after=seen)}
    assert subjects
    assert all(subjects)


def test_a_change_that_fails_leaves_no_entry(store: Store, account: Account) -> None:
    seen = len(entries(store))
    with pytest.raises(OperatorError):
        store.accounts.add(USERNAME, "k", NOW)
    assert told(store, after=seen) == []


@pytest.mark.sqlite_only("a trigger in SQLite's words")
def test_a_change_without_its_entry_is_not_made(store: Store, account: Account) -> None:
    store.database.execute_sql(
        "CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(Exception, match="full"):
        store.accounts.set_enabled(account, False)
    assert store.accounts.get(USERNAME).enabled


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_entry SET who = 'somebody else'",
        "DELETE FROM audit_entry",
        pytest.param(
            "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
            marks=pytest.mark.sqlite_only("a word of SQLite's"),
        ),
    ],
)
def test_entries_cannot_be_changed(stores: Stores, store: Store, tmp_path: Path, sql: str) -> None:
    before = entries(store)
    assert before
    with pytest.raises(Exception, match="append-only"):
        store.database.execute_sql(sql)
    with (
        pytest.raises(stores.error),
        closing(stores.foreign_connection(tmp_path / "store.db")) as program,
    ):
        program.execute(sql).fetchall()
    assert entries(store) == before


def test_each_thread_has_its_own_actor(store: Store, account: Account) -> None:
    ready = threading.Barrier(4)

    def change(who: str) -> None:
        with acting_as(who, "192.0.2.7"):
            ready.wait()
            store.accounts.set_options(account, {"timezone": "UTC"})
            store.accounts.set_sender_names(account, [who])
        store.close()

    names = ["a", "b", "c", "d"]
    threads = [threading.Thread(target=change, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [entry.who for entry in entries(store) if entry.what != "store.init"][2:]
    assert sorted(made) == sorted(names * 2)
    store.accounts.set_enabled(account, True)
    assert entries(store)[-1].who == "unknown"


def test_sudo_is_recorded_with_both_users(stores: Stores, gateway: Gateway, tmp_path: Path) -> None:
    gateway("init", SUDO_USER="anna")
    store = stores.open(tmp_path / "store.db")
    assert entries(store)[0].who == f"anna as {operator()}"
    store.close()


def test_a_broken_off_import_is_audited(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(many_lines())[:-500])
    options = ReadOptions(find_zone("UTC"))
    with pytest.raises(OperatorError, match="damaged"):
        import_file(store, account, path, options)
    what, subject, details = told(store)[-1]
    assert (what, subject, details["whole"]) == ("import.run", "cut.csv.gz", False)
    stored = store.database.execute_sql("SELECT count(*) FROM message").fetchone()[0]
    assert 0 < details["added"] == stored == details["read"] < 8_000


def many_lines() -> bytes:
    lines = (
        f"{NUMBER},s,2012-05-{n // 1440 + 1:02} {n // 60 % 24:02}:{n % 60:02},{n * n % 997}"
        for n in range(8_000)
    )
    return "\n".join(["recipient,sender,date,text", *lines]).encode()


def test_an_import_is_one_statement_more(store: Store, account: Account) -> None:
    options = ReadOptions(find_zone("Europe/Warsaw"))
    with statements(store) as ran:
        import_file(store, account, SAMPLE, options)
    assert sum("INSERT INTO audit_entry" in sql for sql in ran) == 1


def test_adding_messages_makes_no_entry(store: Store, account: Account) -> None:
    seen = len(entries(store))
    store.additions.add(account.id, [(1, NewMessage("+48514151563", "s", "2012-05-09 10:00:00"))])
    assert told(store, after=seen) == []


def test_the_audit_is_shown(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with acting_as("anna", "192.0.2.7"):
        store.accounts.add(USERNAME, KEY, NOW)
    with acting_as("rip as root", "command line of gw1"):
        store.audit.record("import.run", "a\x1b[2J.csv", added=3)

    def shown(*words: str) -> list[str]:
        call(store, "audit", *words)
        return capsys.readouterr().out.splitlines()

    heading, *lines = shown("--who", "ANNA")
    assert heading.split() == ["date", "who", "origin", "what", "subject", "details"]
    assert [line.split()[2:5] for line in lines] == [
        ["anna", "192.0.2.7", "customer.add"],
        ["anna", "192.0.2.7", "account.add"],
    ]
    assert lines[1].endswith(f"{USERNAME}  customer={USERNAME} options={{}} sender_names=0")
    assert shown("--what", "import")[1].endswith("a\\x1b[2J.csv  added=3")
    [line] = map(json.loads, shown("--what", "account.add", "--format", "jsonl"))
    assert (line["who"], line["details"]["customer"]) == ("anna", USERNAME)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", line["at"])


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--since", "TODAY"), 1),
        (("--until", "TODAY"), 1),
        (("--since", "2999-01-01"), 0),
        (("--until", "2012-05-09 10:00"), 0),
        (("--what", "sto"), 0),
    ],
)
def test_a_part_of_the_audit_is_shown(
    store: Store, words: tuple[str, ...], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    [entry] = store.audit.entries("", "9")
    call(store, "audit", *(word.replace("TODAY", entry.at[:10]) for word in words))
    assert len(capsys.readouterr().out.splitlines()) == count + 1


def test_a_malformed_date_is_reported(store: Store) -> None:
    with pytest.raises(click.UsageError, match="is not a date"):
        call(store, "audit", "--since", "yesterday")


def test_a_server_logs_its_clients(store: Store, anna: Employee, serve: Serve) -> None:
    """The actor is the client, not the user who started the server."""
    store.close()
    server = serve(store)
    login = {"username": anna.username, "password": PASSWORD}
    token = requests.post(f"{server.url}auth/login", data=login, timeout=60).json()["token"]
    requests.get(f"{server.url}auth/logout", params={"token": token}, timeout=60)
    made = [entry[2:5] for entry in entries(store)[-2:]]
    assert made == [
        (anna.username, "127.0.0.1", "token.login"),
        (anna.username, "127.0.0.1", "token.logout"),
    ]


@pytest.mark.sqlite_only("a restore writes into a file")
def test_a_backup_and_a_restore_are_entries(store: Store, tmp_path: Path) -> None:
    with acting_as("anna", "command line of gw1"):
        back_up(store, tmp_path / "one.db")
        restore(store, tmp_path / "one.db")
    made = [(entry.what, entry.who) for entry in entries(store)[-2:]]
    assert made == [("store.backup", "anna"), ("store.restore", "anna")]


TIMES = 25


def test_imports_beside_logins_all_have_their_entries(store: Store, account: Account) -> None:
    """Both hold other locks of the store, and add entries to one audit."""
    customer = store.customers.get(USERNAME)
    anna = store.employees.add(customer, USERNAME, "Anna", Level.OWNER, None, NOW)
    before = len(list(store.audit.entries("", "3")))

    def log_in(number: int) -> None:
        other = store_at(store.url)
        for index in range(TIMES):
            other.tokens.add(anna, token_digest(f"{number} {index}"), NOW)
        other.close()

    def import_messages(number: int) -> None:
        other = store_at(store.url)
        for index in range(TIMES):
            with other.database.write_transaction(account.id):
                other.audit.record("import.run", f"{number} {index}")
        other.close()

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(job, number) for number in (1, 2) for job in (log_in, import_messages)]
        for job in jobs:
            job.result()
    entries = list(store.audit.entries("", "3"))
    assert len(entries) == before + 4 * TIMES
    assert [entry.id for entry in entries] == list(range(1, len(entries) + 1))
