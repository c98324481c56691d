"""The command line, as a person meets it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import click
import pytest

from boxis_gateway.commands import COMMANDS, cli
from boxis_gateway.errors import StoreError
from boxis_gateway.store import DATABASE_ERRORS, describe_error
from tests.support.example_account import NOW, USERNAME
from tests.support.paths import IMPORTS
from tests.support.running_server import GATEWAY, Gateway
from tests.support.stores import Stores, store_at
from tests.support.waiting import LIMIT_SECONDS

SIGNED = ("--username", "a", "--user-key", "k")
SAMPLE = IMPORTS / "kannel-sample.log"
NO_FILE = pytest.mark.sqlite_only("there is no file yet")


def loaded(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found
    return found


def all_commands() -> Iterator[tuple[str, click.Command]]:
    for command in map(loaded, COMMANDS):
        if isinstance(command, click.Group):
            for part in command.commands.values():
                yield f"{command.name} {part.name}", part
        yield str(command.name), command


@pytest.mark.parametrize(("name", "command"), list(all_commands()), ids=str)
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    shown = command.get_help(click.Context(command, info_name=name))
    assert "Example" in shown
    assert "boxis-gateway" in shown
    assert all(option.help for option in command.params if isinstance(option, click.Option)) or (
        name in ("call", "history")
    )


def test_the_first_day(gateway: Gateway) -> None:
    """Init, account, import, history: what the help of the program promises."""
    assert "is ready" in gateway("init").stdout
    added = gateway("account", "add", USERNAME, "--timezone", "Europe/Warsaw")
    assert re.fullmatch(rf"Account {USERNAME} added\.\nuser_key: [A-Za-z0-9]{{24}}\n", added.stdout)
    said = gateway("import", SAMPLE, "--account", USERNAME, "--timezone", "Europe/Warsaw")
    assert said.stdout == (
        "kannel, dates in Europe/Warsaw: 13 added, 0 already there, 0 rejected lines, "
        "4 delivery reports (2 wait for their message), "
        "1 refused by the SMSC, not in the history, 1 × log mark skipped, "
        "2 × Receive SMS skipped, 10 × report of acceptance by the SMSC skipped, "
        "1 × report without message id skipped. 31 lines read.\n"
    )
    assert said.stderr == ""
    table = gateway("history", USERNAME, "--limit", "2").stdout
    assert table.splitlines() == [
        "date                 sender     recipient     parts  credit  type  status",
        "2026-11-21 23:30:10  13013      +48600700800  1      1       sent  sent",
        "2026-11-21 23:30:08  boxis.net  +48514151563  1      1       sent  failed",
    ]
    table = gateway(
        "history", USERNAME, "--from", "2026-11-21 23:30:05", "--to", "2026-11-21 23:30:06"
    )
    assert len(table.stdout.splitlines()) == 2


def test_accounts_are_shown_without_their_key(gateway: Gateway) -> None:
    gateway("init")
    options = ("--timezone", "Asia/Tokyo", "--sender-name", "A", "--sender-name", "B")
    gateway(
        "account", "add", USERNAME, "--user-key", "SECRET", *options, "--set", "history_key=both"
    )
    shown = gateway("account", "show", USERNAME).stdout
    assert shown.splitlines() == [
        f"username: {USERNAME}",
        "enabled: yes",
        f"customer: {USERNAME}",
        "sender_names: A, B",
        "timezone: Asia/Tokyo",
        "timestamp_window_seconds: (server setting)",
        "history_key: both",
        "history_status_fields: (server setting)",
        "keep_texts_days: (server setting)",
        "keep_messages_days: (server setting)",
        "networks: (server setting)",
        "account_rate: (server setting)",
        "replay: (server setting)",
        "max_streams: (server setting)",
    ]
    gateway("account", "set", USERNAME, "history_key=", "--sender-name", "C", "--timezone", "UTC")
    gateway("account", "disable", USERNAME)
    shown = gateway("account", "show", USERNAME).stdout
    for line in (
        "enabled: no",
        "sender_names: C",
        "timezone: UTC",
        "history_key: (server setting)",
    ):
        assert line in shown
    assert gateway("account", "list").stdout == f"{USERNAME}\tdisabled\n"
    gateway("account", "enable", USERNAME)
    assert gateway("account", "list").stdout == f"{USERNAME}\tenabled\n"
    assert "SECRET" not in shown


def test_a_rotated_key_is_shown_once(stores: Stores, gateway: Gateway, tmp_path: Path) -> None:
    gateway("init")
    first = gateway("account", "add", USERNAME).stdout
    second = gateway("account", "rotate-key", USERNAME).stdout
    assert first.split("user_key: ")[1] != second.split("user_key: ")[1]
    store = stores.open(tmp_path / "store.db")
    assert (
        store.user_keys.get(store.accounts.get(USERNAME)) == second.split("user_key: ")[1].strip()
    )
    store.close()
    assert "user_key" not in gateway("account", "rotate-key", USERNAME, "--user-key", "x").stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("account", "list"), 1, "Run 'boxis-gateway init'", marks=NO_FILE),
        pytest.param(("serve",), 1, "Run 'boxis-gateway init'", marks=NO_FILE),
        pytest.param(("migrate",), 1, "Run 'boxis-gateway init'", marks=NO_FILE),
        (
            ("serve", "--port", "eighty"),
            1,
            "--port is not valid ('eighty'): expected a whole number",
        ),
        (("serve", "--workers", "0"), 1, "--workers is not valid ('0')"),
        (("serve", "--watch-port", "on"), 1, "--watch-port is not valid ('on'): expected a whole"),
        (("serve", "--timezone", "Mars"), 1, "a time zone name such as"),
        (("init", "--database-url", "mysql://x"), 1, "'mysql' is not supported"),
        (("init", "--database-url", "sqlite:////proc/none/x.db"), 1, "cannot be made"),
        (("nothing",), 2, "No such command 'nothing'"),
        (("account", "add"), 2, "Missing argument 'USERNAME'. See 'boxis-gateway account add"),
        (("history", USERNAME, "--limit", "0"), 2, "See 'boxis-gateway history --help'"),
        (("import", "x.csv"), 2, "give --account or --account-field"),
        (("call", "http://127.0.0.1:9/", *SIGNED, "sms", "x"), 1, "Check the address"),
        (("call", "file:///etc/passwd", *SIGNED, "sms", "x"), 1, "only http"),
        (("call", "u", *SIGNED, "sms", "x", "y"), 2, "NAME=VALUE"),
    ],
)
def test_errors_are_one_line(
    words: tuple[str, ...], code: int, said: str, gateway: Gateway
) -> None:
    result = gateway(*words)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith("boxis-gateway: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("account", "show", "nobody"), "There is no account 'nobody'"),
        (("account", "add", USERNAME), "exists already"),
        (("account", "add", "a b"), "A user name needs"),
        (("account", "add", "x", "--timezone", "Mars"), "timezone is not valid ('Mars')"),
        (("account", "add", "x", "--set", "colour=red"), "Unknown account option 'colour'"),
        (("account", "add", "x", "--set", "history_key=none"), "one of senders, history, both"),
        (("account", "add", "x", "--user-key", ""), "A user key needs"),
        (("account", "add", "x", "--sender-name", "n" * 21), "A sender name needs"),
        (("account", "set", USERNAME), "Nothing to set"),
        (("history", "nobody"), "There is no account"),
        (("import", "none.csv", "--account", USERNAME), "none.csv cannot be read: No such file"),
        (("import", SAMPLE, "--account", "nobody"), "There is no account"),
        (("import", SAMPLE, "--account-field", "ACT", "--map", "a=nobody"), "There is no account"),
        (("import", __file__, "--account", USERNAME), "not recognised"),
    ],
)
def test_an_error_over_a_store_is_one_line_too(
    stores: Stores, words: tuple[str, ...], said: str, gateway: Gateway, tmp_path: Path
) -> None:
    store = stores.make(tmp_path / "store.db")
    store.accounts.add(USERNAME, "k", NOW)
    store.close()
    result = gateway(*words)
    assert result.returncode in (1, 2)
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_bad_lines_are_listed_beside_the_file(gateway: Gateway, tmp_path: Path) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    path = tmp_path / "m.csv"
    path.write_text("recipient,sender,date\nnobody,s,2012-05-09 10:00\n")
    result = gateway("import", path, "--account", USERNAME)
    assert result.returncode == 0
    assert "0 added, 0 already there, 1 rejected lines" in result.stdout
    assert f"Rejected lines: {path}.rejects.csv" in result.stderr
    assert "2,recipient is not" in Path(f"{path}.rejects.csv").read_text()
    dry = gateway("import", path, "--account", USERNAME, "--dry-run")
    assert "0 would be added" in dry.stdout


def test_a_terminal_shows_the_progress(stores: Stores, gateway: Gateway, tmp_path: Path) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GATEWAY, "import", str(SAMPLE), "--account", USERNAME],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": stores.url(tmp_path / "store.db")},
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # when nobody holds the other side any more
        while piece := os.read(ours, 4096):
            shown += piece
    process.wait(LIMIT_SECONDS)
    os.close(ours)
    assert b"Importing" in shown
    assert b"100%" in shown


def test_the_version_is_printed(gateway: Gateway) -> None:
    assert re.fullmatch(r"boxis-gateway \d+\.\d+\.\d+\n", gateway("--version").stdout)


def test_doctor_is_content_with_a_good_installation(gateway: Gateway) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    result = gateway("doctor")
    assert result.returncode == 0, result.stdout
    assert "set   timezone = UTC (default)" in result.stdout
    assert "(BOXIS_GATEWAY_DATABASE_URL)" in result.stdout
    assert "FAIL" not in result.stdout


@pytest.mark.sqlite_only("a file is looked for")
def test_doctor_names_problem_and_remedy(gateway: Gateway, tmp_path: Path) -> None:
    result = gateway("doctor")
    assert result.returncode == 1
    assert "FAIL  There is no store" in result.stdout
    gateway("init")
    (tmp_path / "store.db").chmod(0o644)
    open_to_all = {"BOXIS_GATEWAY_HOST": "0.0.0.0", "BOXIS_GATEWAY_WATCH_HOST": "0.0.0.0"}
    result = gateway("doctor", BOXIS_GATEWAY_WORKERS="200", **open_to_all)
    assert result.returncode == 0
    for remedy in ("chmod 600", "account add", "nginx", "--workers", "--watch-host 127.0.0.1"):
        assert remedy in result.stdout
    with open(tmp_path / "store.db", "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    result = gateway("doctor")
    assert result.returncode == 1
    assert "FAIL" in result.stdout


def test_the_group_lists_every_command() -> None:
    assert all(loaded(name).name == name for name in COMMANDS)


def test_no_arguments_show_the_help(gateway: Gateway) -> None:
    for words in ((), ("account",)):
        result = gateway(*words)
        assert result.returncode == 2
        assert "Usage:" in result.stderr
        assert result.stderr.count("\n") > 10


@pytest.mark.parametrize(
    "words",
    [
        ("history", "\udcff"),
        ("account", "show", "\udcff"),
        ("account", "add", "b", "--sender-name", "\udcff"),
        ("account", "add", "b", "--customer", "\udcff"),
        ("import", str(SAMPLE), "--account", "\udcff"),
        ("import", ".", "--account", USERNAME),
        ("import", "/dev/stdin", "--account", USERNAME),
        ("import", str(SAMPLE), "--account", USERNAME, "--rejects", str(SAMPLE)),
        ("history", USERNAME, "--to", "yesterday"),
        ("call", "http://127.0.0.1:abc/", *SIGNED, "sms", "x"),
        ("call", "http://127.0.0.1:9/", "--username", "\udcff", "--user-key", "k", "sms", "x"),
    ],
)
def test_odd_words_get_one_line(words: tuple[str, ...], gateway: Gateway) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    result = gateway(*words)
    assert result.returncode in (1, 2)
    assert result.stderr.startswith("boxis-gateway: ")
    assert result.stderr.count("\n") == 1, result.stderr


@pytest.mark.sqlite_only("one writer has the whole file")
def test_a_locked_store_is_reported(stores: Stores, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "store.db")
    store.database.begin("EXCLUSIVE")
    other = store_at(store.url, lock_seconds=0.1)
    with pytest.raises((StoreError, *DATABASE_ERRORS)) as failure:
        other.accounts.add(USERNAME, "k", NOW)
    assert "in use by another process" in describe_error(failure.value)
    other.close()
    store.database.rollback()
    store.close()


@pytest.mark.sqlite_only("a file is looked for")
def test_somebody_else_s_database_is_left_alone(gateway: Gateway, tmp_path: Path) -> None:
    with apsw.Connection(str(tmp_path / "store.db")) as theirs:
        theirs.execute("CREATE TABLE outbox (x)")
    theirs.close()
    before = (tmp_path / "store.db").read_bytes()
    for words in (("doctor",), ("migrate",), ("init",), ("serve",), ("account", "list")):
        result = gateway(*words)
        assert result.returncode == 1
        assert "is not a store of boxis-gateway" in result.stdout + result.stderr
    assert (tmp_path / "store.db").read_bytes() == before


@pytest.mark.sqlite_only("a file is looked for")
def test_a_path_may_have_any_characters(stores: Stores, gateway: Gateway, tmp_path: Path) -> None:
    url = stores.url(tmp_path / "a b#c?d%20.db")
    assert gateway("init", "--database-url", url).returncode == 0
    assert (tmp_path / "a b#c?d%20.db").exists()


def test_a_key_can_be_read_from_stdin(stores: Stores, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "store.db")
    words = ["account", "add", USERNAME, "--user-key", "-", "--database-url", store.url]
    subprocess.run([*GATEWAY, *words], input="SECRET\n", text=True, check=True)
    assert store.user_keys.get(store.accounts.get(USERNAME)) == "SECRET"
    store.close()


def test_a_zone_that_differs_is_warned_of(gateway: Gateway) -> None:
    gateway("init")
    gateway("account", "add", USERNAME, "--timezone", "Europe/Warsaw")
    words = ("import", SAMPLE, "--account", USERNAME, "--dry-run")
    assert "the account's zone is Europe/Warsaw" in gateway(*words).stderr
    assert gateway(*words, "--timezone", "UTC").stderr == ""


def test_history_takes_days_and_minutes_to_their_end(gateway: Gateway) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    gateway("import", SAMPLE, "--account", USERNAME, "--timezone", "UTC")
    for last, count in (("2026-11-21", 13), ("2026-11-21 23:30", 13), ("2026-11-21 23:30:02", 1)):
        assert len(gateway("history", USERNAME, "--to", last).stdout.splitlines()) == count + 1


def test_history_moves_no_cursor(gateway: Gateway, tmp_path: Path) -> None:
    gateway("init")
    gateway("account", "add", USERNAME)
    path = tmp_path / "m.jsonl"
    path.write_text(
        '{"recipient": "48514151563", "sender": "a\\u001b[2J\\nż", "date": "2012-05-09 10:00"}\n'
    )
    gateway("import", path, "--account", USERNAME)
    assert "a\\x1b[2J\\x0aż" in gateway("history", USERNAME).stdout


def test_doctor_names_invalid_accounts(stores: Stores, gateway: Gateway, tmp_path: Path) -> None:
    store = stores.make(tmp_path / "store.db")
    store.accounts.add(USERNAME, "k", NOW, options={"timezone": "Gone/Zone"})
    store.close()
    result = gateway("doctor")
    assert result.returncode == 1
    assert f"FAIL  Account {USERNAME}: timezone is not valid" in result.stdout
    assert gateway("account", "set", USERNAME, "timezone=").returncode == 0
    assert gateway("doctor").returncode == 0
